//! Whether a tenant's login service answers: remembered, so that a dead network costs one person some
//! seconds and the next ones almost none.
//!
//! The memory changes by two things only. Any HTTP answer, a refusal and a 503 too, says that the service
//! is there. A request without an answer only *raises a doubt*: the [`Prober`] then asks on a connection of
//! its own, and its failure is what makes the service count as unreachable. One slow or cut-off request
//! therefore condemns nobody, and a connection that died in the pool is not taken for a dead network.
//!
//! While the service is unreachable it is probed with growing pauses, and at once for a sign-in that comes.
//! Invariant: beside a service that is known to be away no request waits longer than [`AWAY_PATIENCE`], and
//! none is refused without a probe that ended in the last [`PROBE_GAP`] or was given that long. A memory
//! whose prober is gone refuses nothing. While the service answers, nothing is probed.

mod hurried;
mod prober;
mod remembered;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::{EntraError, Obstacle};
use crate::clock::{Clock, UnixSeconds, rfc3339};

pub(crate) use hurried::Hurried;
pub use prober::{Probe, Prober};
pub use remembered::Remembered;

/// How long a request may be silent before a probe has to say whether the service is there at all. Shorter
/// than connecting may take, so that a dead network is known by the time the first request gives up.
const DOUBT_AFTER: Duration = Duration::from_secs(3);

/// The least time between the end of one probe and another for the sake of a sign-in: a burst of sign-ins
/// must not hammer a service that is in trouble.
const PROBE_GAP: Duration = Duration::from_secs(1);

/// How long a request waits beside a service that is known to be away.
const AWAY_PATIENCE: Duration = Duration::from_secs(2);

/// How old an answer may be for the gate on local accounts: an idle host has not heard of an outage.
const FRESH: Duration = Duration::from_secs(30);

/// How long the service must have answered after an outage before the gate counts on it. A local sign-in that
/// began in the outage gets through its later phases, and a network that comes and goes does not shut people
/// out and in by turns.
const STEADY: Duration = Duration::from_secs(60);

/// Whether the service answers, as far as this host knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Nothing was asked yet since the agent began.
    NotAsked,
    /// The last request was answered.
    Reachable {
        /// The first answer after the start, or after an outage.
        since: UnixSeconds,
    },
    /// A probe failed, and nothing was answered since.
    Unreachable(Outage),
}

/// A time without answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// When the first request failed.
    pub since: UnixSeconds,
    /// When the last probe failed.
    pub last_tried: UnixSeconds,
    /// Why it did; for the journal and for auditors.
    pub reason: String,
    /// The pause before the next probe that nobody asks for.
    pub pause: Duration,
}

/// The memory of one tenant; a clone is the same memory.
#[derive(Clone)]
pub struct Reachability(Arc<Memory>);

struct Memory {
    /// The tenant's domain, for the journal.
    tenant: String,
    clock: Arc<dyn Clock>,
    /// Everybody who waits hears of every change.
    known: watch::Sender<Known>,
    /// Asks the prober for a probe; one question waiting is enough.
    questions: mpsc::Sender<()>,
}

#[derive(Clone)]
struct Known {
    reach: Reach,
    /// When anything was last answered: a probe that began before it and fails is out of date.
    answered: Option<Instant>,
    /// Since when there is a doubt that no probe has settled.
    doubted: Option<UnixSeconds>,
    /// When the last outage ended.
    recovered: Option<Instant>,
    /// Since when a probe is under way.
    probing: Option<Instant>,
    /// How many probes have ended.
    probes: u64,
    /// When the last of them did.
    probed: Option<Instant>,
}

impl Known {
    fn is_fresh(&self) -> bool {
        matches!(self.reach, Reach::Reachable { .. })
            && self
                .answered
                .is_some_and(|answered| answered.elapsed() < FRESH)
    }

    fn is_steady(&self) -> bool {
        self.recovered
            .is_none_or(|recovered| recovered.elapsed() >= STEADY)
    }
}

impl Reachability {
    /// The memory for the tenant of this domain, and what keeps it true: without a running [`Prober`]
    /// nothing ever counts as unreachable.
    #[must_use]
    pub fn new<P: Probe>(
        tenant: &str,
        probe: P,
        clock: Arc<dyn Clock>,
        random: fn() -> [u8; 16],
    ) -> (Self, Prober<P>) {
        let (questions, asked) = mpsc::channel(1);
        let memory = Self(Arc::new(Memory {
            tenant: tenant.to_owned(),
            clock,
            known: watch::Sender::new(Known {
                reach: Reach::NotAsked,
                answered: None,
                doubted: None,
                recovered: None,
                probing: None,
                probes: 0,
                probed: None,
            }),
            questions,
        }));
        let prober = Prober {
            memory: memory.clone(),
            probe,
            asked,
            random,
        };
        (memory, prober)
    }

    /// What is known now.
    #[must_use]
    pub fn now(&self) -> Reach {
        self.0.known.borrow().reach.clone()
    }

    /// Whether the gate on local accounts may count on this service: it answered just now, or answers a probe
    /// within `limit`, and no outage has just ended. Every doubt is a no.
    pub async fn is_surely_there(&self, limit: Duration) -> bool {
        let mut known = self.0.known.subscribe();
        let probes = {
            let now = known.borrow_and_update();
            match now.reach {
                // A probe that finds the end of the outage helps the next one who asks.
                Reach::Unreachable(_) => {
                    drop(now);
                    self.ask();
                    return false;
                }
                Reach::Reachable { .. } if now.is_fresh() => return now.is_steady(),
                Reach::Reachable { .. } | Reach::NotAsked => now.probes,
            }
        };
        if !self.ask() {
            return false;
        }
        let settled = known.wait_for(|known| known.probes > probes || known.is_fresh());
        match timeout(limit, settled).await {
            Ok(Ok(known)) => known.is_fresh() && known.is_steady(),
            // No answer yet, or nobody probes any more.
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Lets a request begin: at once, unless the service is known to be away; then only after a probe
    /// has found it.
    async fn admit(&self) -> Result<(), EntraError> {
        let mut known = self.0.known.subscribe();
        let probes = {
            let now = known.borrow_and_update();
            let Reach::Unreachable(outage) = &now.reach else {
                return Ok(());
            };
            if now.probed.is_some_and(|end| end.elapsed() < PROBE_GAP) {
                return Err(self.refusal(outage));
            }
            now.probes
        };
        if !self.ask() {
            return Ok(());
        }
        let settled = known.wait_for(|known| {
            known.probes > probes || !matches!(known.reach, Reach::Unreachable(_))
        });
        // If the time is over, what was known still is.
        let _ = timeout(AWAY_PATIENCE, settled).await;
        match self.now() {
            Reach::Unreachable(outage) => Err(self.refusal(&outage)),
            Reach::NotAsked | Reach::Reachable { .. } => Ok(()),
        }
    }

    /// Ends when a request that has just begun should be given up; raises doubts until then.
    async fn given_up(&self) -> Outage {
        let mut known = self.0.known.subscribe();
        let patient_until = Instant::now() + AWAY_PATIENCE;
        let mut doubts = interval_at(Instant::now() + DOUBT_AFTER, DOUBT_AFTER);
        doubts.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let patient = Instant::now() < patient_until;
            if !patient
                && !self.0.questions.is_closed()
                && let Reach::Unreachable(outage) = self.now()
            {
                return outage;
            }
            tokio::select! {
                _ = known.changed() => {}
                () = sleep_until(patient_until), if patient => {}
                _ = doubts.tick() => self.doubt(),
            }
        }
    }

    /// Something was answered.
    fn answered(&self) {
        let now = self.0.clock.now();
        self.0.known.send_if_modified(|known| {
            known.answered = Some(Instant::now());
            known.doubted = None;
            let since = match &known.reach {
                Reach::Reachable { .. } => return false,
                Reach::NotAsked => now,
                Reach::Unreachable(outage) => {
                    tracing::info!(
                        "tenant {}: the login service answers again, after {} s",
                        self.0.tenant,
                        now.since(outage.since)
                    );
                    known.recovered = Some(Instant::now());
                    now
                }
            };
            known.reach = Reach::Reachable { since };
            true
        });
    }

    /// A request has no answer, or none yet.
    fn doubt(&self) {
        let now = self.0.clock.now();
        self.0.known.send_if_modified(|known| {
            known.doubted.get_or_insert(now);
            false
        });
        self.ask();
    }

    /// A probe that began then was not answered.
    fn probe_failed(&self, began: Instant, reason: String, pause: Duration) {
        let now = self.0.clock.now();
        self.0.known.send_modify(|known| {
            known.probing = None;
            known.probes += 1;
            known.probed = Some(Instant::now());
            if known.answered.is_some_and(|answered| answered >= began) {
                return;
            }
            let doubted = known.doubted.take();
            let since = match &known.reach {
                Reach::Unreachable(outage) => outage.since,
                Reach::NotAsked | Reach::Reachable { .. } => {
                    let since = doubted.unwrap_or(now);
                    tracing::warn!(
                        "tenant {}: the login service is not reachable since {}: {reason}",
                        self.0.tenant,
                        rfc3339(since)
                    );
                    since
                }
            };
            known.reach = Reach::Unreachable(Outage {
                since,
                last_tried: now,
                reason,
                pause,
            });
        });
    }

    /// False if nobody probes any more.
    fn ask(&self) -> bool {
        !matches!(
            self.0.questions.try_send(()),
            Err(mpsc::error::TrySendError::Closed(()))
        )
    }

    fn refusal(&self, outage: &Outage) -> EntraError {
        EntraError::NoAnswer {
            place: format!("login service of {}", self.0.tenant),
            obstacle: Obstacle::Unknown,
            reason: format!(
                "not reachable since {}, last tried {}: {}",
                rfc3339(outage.since),
                rfc3339(outage.last_tried),
                outage.reason
            ),
        }
    }
}

#[cfg(test)]
mod tests;
