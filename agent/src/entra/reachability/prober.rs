//! Settles doubts about a login service and looks for the end of outages.
//!
//! Invariant: one probe at a time, and none while the service answers.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::{PROBE_GAP, Reach, Reachability};
use crate::entra::EntraError;
use crate::entra::login_service::Answering;

/// One probe, connecting included: name, TCP, TLS and one answer over a satellite take two.
const PROBE_LIMIT: Duration = Duration::from_secs(3);

/// The pause after the first failed probe; doubled after each that follows.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause: what a host takes at most to notice by itself that the network is back.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The cheapest question that only the login service itself can answer.
pub trait Probe: Send + Sync + 'static {
    /// Asks on a connection of its own. [`EntraError::NoAnswer`] means that there is none; everything else
    /// is an answer.
    fn probe(&self) -> Answering<'_, ()>;
}

/// Settles doubts and looks for the end of outages, one probe at a time.
pub struct Prober<P> {
    pub(super) memory: Reachability,
    pub(super) probe: P,
    pub(super) asked: mpsc::Receiver<()>,
    pub(super) random: fn() -> [u8; 16],
}

impl<P: Probe> Prober<P> {
    /// Goes on for ever.
    pub async fn keep(mut self) {
        let mut pause = FIRST_PAUSE;
        let mut next = Instant::now();
        loop {
            let away = matches!(self.memory.now(), Reach::Unreachable(_));
            let by_itself = tokio::select! {
                asked = self.asked.recv() => {
                    if asked.is_none() {
                        return;
                    }
                    false
                }
                () = sleep_until(next), if away => true,
            };
            let probed = self.memory.0.known.borrow().probed;
            if !by_itself && probed.is_some_and(|end| end.elapsed() < PROBE_GAP) {
                continue;
            }
            // Others' questions do not make the pauses longer.
            pause = match (away, by_itself) {
                (false, _) => FIRST_PAUSE,
                (true, true) => pause.saturating_mul(2).min(LONGEST_PAUSE),
                (true, false) => pause,
            };
            let began = Instant::now();
            self.memory
                .0
                .known
                .send_modify(|known| known.probing = Some(began));
            match timeout(PROBE_LIMIT, self.probe.probe()).await {
                Ok(Err(EntraError::NoAnswer { reason, .. })) => self.failed(began, reason, pause),
                Err(_) => {
                    let reason = format!("no answer within {} s", PROBE_LIMIT.as_secs());
                    self.failed(began, reason, pause);
                }
                Ok(_) => {
                    self.memory.0.known.send_modify(|known| {
                        known.probing = None;
                        known.probes += 1;
                        known.probed = Some(Instant::now());
                    });
                    self.memory.answered();
                }
            }
            if !away || by_itself {
                next = Instant::now() + self.spread(pause);
            }
            // Whoever asked during the probe has its answer.
            while self.asked.try_recv().is_ok() {}
        }
    }

    fn failed(&self, began: Instant, reason: String, pause: Duration) {
        self.memory.probe_failed(began, reason, pause);
    }

    /// Up to a fifth less, so that a fleet which lost its network at one instant does not come back at one.
    fn spread(&self, pause: Duration) -> Duration {
        let [drawn, ..] = (self.random)();
        pause - pause / 5 * u32::from(drawn) / 256
    }
}
