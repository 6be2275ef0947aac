//! The local throttle: how often a password may fail here before the tenant is asked no more.
//!
//! It stands before the tenant's own smart lock-out, which locks a person everywhere, and before whoever
//! guesses at many people from one place. It is about passwords only: no other method is refused because of
//! it, so nobody can be kept out by somebody else's guesses (docs/threat-model.md says what they can do).
//!
//! Two are counted: the person, by tenant and object id, and the remote host. Invariants:
//! - A password leaves this host only with a [`Turn`] in hand, and there are never more turns than tries
//!   that may still fail, for both. So two hundred connections at once have no more guesses than one.
//! - A turn that was given and not ended (its conversation hung up) counts as a failure: the tenant may
//!   have counted it.
//! - What counts is in memory, by the clock that never jumps, and in the database as soon as it happens.
//!   The first is for a full disk, the second for a restart.
//! - Only the person's own right password takes the person's failures away (a password that was right and
//!   not enough is no failure once the same conversation proves the person otherwise); nothing but time the remote
//!   host's, or one good account would buy any number of guesses at others.

mod limits;
mod remote_host;
mod tally;
#[cfg(test)]
mod tests;
mod trying;
mod turn;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OnceCell};
use tokio::time::{Instant, timeout};

use super::conversation::{away, in_store};
use crate::identity::ObjectKey;
use crate::offline::wait_left;
use crate::store::{Actor, Store, StoreError, ThrottleLeft, ThrottleSubject, Unlocking};

use tally::Tally;

#[cfg(test)]
pub(super) use limits::PERSON;
pub(crate) use limits::{Rule, TURN_LIMIT};
pub(crate) use remote_host::RemoteHost;
pub(super) use trying::{Held, Trying, minutes};
pub(super) use turn::{End, Turn};

/// Counts failed tries with a password; clones share the count.
#[derive(Clone)]
pub struct Throttle {
    shared: Arc<Shared>,
}

struct Shared {
    /// For what outlives this process.
    store: Store,
    /// What counts now. Never held while the store is asked, nor across a wait.
    counted: Mutex<HashMap<ThrottleSubject, Counted>>,
    /// Set once what the database had is in `counted`.
    taken_up: OnceCell<()>,
    /// Wakes those who wait for their turn.
    turn_over: Notify,
}

/// One person or remote host.
struct Counted {
    tally: Tally,
    /// Requests that are under way.
    turns: u32,
}

/// What administrators are shown of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Failures that are not forgiven yet.
    pub(crate) failures: u32,
    /// For how long passwords are refused; zero if they are not.
    pub(crate) refused: Duration,
}

impl Throttle {
    /// Of this host; what was counted before comes with [`Throttle::take_up`], at the latest when it is first
    /// needed.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            shared: Arc::new(Shared {
                store,
                counted: Mutex::default(),
                taken_up: OnceCell::new(),
                turn_over: Notify::new(),
            }),
        }
    }

    /// Whether a password may be asked for; a turn is not taken yet, since people type slowly.
    pub(super) async fn may_ask(&self, trying: &Trying) -> Result<(), Held> {
        self.take_up().await;
        let counted = self.counted();
        held(&counted, trying, Instant::now()).map_or(Ok(()), Err)
    }

    /// The right to ask the tenant once, if there is one at this moment.
    pub(super) fn turn(&self, trying: &Trying) -> Result<Turn, Held> {
        let mut counted = self.counted();
        let now = Instant::now();
        if let Some(held) = held(&counted, trying, now) {
            return Err(held);
        }
        let free = |(subject, rule): &(ThrottleSubject, Rule)| {
            counted
                .get(subject)
                .is_none_or(|one| one.turns < one.tally.places(now, *rule))
        };
        let subjects = trying.subjects();
        if !subjects.iter().all(free) {
            return Err(Held::NoTurn);
        }
        for (subject, _) in subjects {
            entry(&mut counted, subject, now).turns += 1;
        }
        Ok(Turn {
            throttle: self.clone(),
            trying: Some(trying.clone()),
        })
    }

    /// The same, waiting for it.
    pub(super) async fn next_turn(&self, trying: &Trying) -> Result<Turn, Held> {
        let waiting = async {
            loop {
                let turn_over = self.shared.turn_over.notified();
                tokio::pin!(turn_over);
                // From here on no end of a turn is missed.
                turn_over.as_mut().enable();
                match self.turn(trying) {
                    Err(Held::NoTurn) => turn_over.await,
                    decided => return decided,
                }
            }
        };
        timeout(TURN_LIMIT, waiting)
            .await
            .unwrap_or(Err(Held::NoTurn))
    }

    /// The person's last try was not enough, and in the same conversation they have proven otherwise that
    /// they are who they say: it was no guess.
    pub(super) async fn take_back(&self, trying: &Trying) {
        {
            let mut counted = self.counted();
            let now = Instant::now();
            let Some(one) = counted.get_mut(&trying.person) else {
                return;
            };
            one.tally.take_back(now, trying.rule);
        }
        self.shared.turn_over.notify_waiters();
        let (shared, person) = (Arc::clone(&self.shared), trying.person.clone());
        away(move || shared.keep(&[person])).await;
    }

    /// What somebody has run up.
    pub(crate) async fn standing(&self, subject: &ThrottleSubject) -> Standing {
        self.take_up().await;
        let offline = match subject {
            ThrottleSubject::Person(key) => {
                let key = *key;
                let read = in_store(&self.shared.store, move |store| offline(store, &key)).await;
                read.unwrap_or_else(|error| {
                    tracing::error!("can't read the tries of {key} without Entra ID: {error}");
                    CLEAN
                })
            }
            ThrottleSubject::RemoteHost(_) => CLEAN,
        };
        let now = Instant::now();
        let counted = self.counted();
        counted
            .get(subject)
            .map_or(CLEAN, |one| standing(subject, one, now))
            .or(offline)
    }

    /// How many people and how many remote hosts get no password prompt at the moment.
    pub(crate) async fn refused(&self) -> (u64, u64) {
        self.take_up().await;
        let now = Instant::now();
        let counted = self.counted();
        let refused = |people| {
            counted
                .iter()
                .filter(|(subject, one)| {
                    matches!(subject, ThrottleSubject::Person(_)) == people
                        && !one.tally.refused(now).is_zero()
                })
                .count()
        };
        let count = |people| u64::try_from(refused(people)).unwrap_or(u64::MAX);
        (count(true), count(false))
    }

    /// Takes the failures of these away, with an audit row for each who had some; says what each had.
    /// Blocking.
    ///
    /// # Errors
    /// What the database said; then nothing has changed.
    pub(crate) fn unlock(
        &self,
        subjects: Vec<(ThrottleSubject, String)>,
        actor: &Actor,
    ) -> Result<Vec<Standing>, StoreError> {
        let now = Instant::now();
        let offline = subjects
            .iter()
            .map(|(subject, _)| match subject {
                ThrottleSubject::Person(key) => offline(&self.shared.store, key),
                ThrottleSubject::RemoteHost(_) => Ok(CLEAN),
            })
            .collect::<Result<Vec<Standing>, StoreError>>()?;
        let had: Vec<Standing> = {
            let counted = self.counted();
            subjects
                .iter()
                .zip(offline)
                .map(|((subject, _), offline)| {
                    counted
                        .get(subject)
                        .map_or(CLEAN, |one| standing(subject, one, now))
                        .or(offline)
                })
                .collect()
        };
        let unlocking: Vec<Unlocking> = subjects
            .into_iter()
            .zip(&had)
            .filter(|(_, had)| had.failures > 0)
            .map(|((subject, label), had)| Unlocking {
                subject,
                label,
                before: had.to_string(),
            })
            .collect();
        if unlocking.is_empty() {
            return Ok(had);
        }
        self.shared.store.unlock(&unlocking, actor)?;
        let subjects: Vec<ThrottleSubject> = unlocking.into_iter().map(|one| one.subject).collect();
        {
            let mut counted = self.counted();
            for subject in &subjects {
                if let Some(one) = counted.get_mut(subject) {
                    one.tally = Tally::clean(now);
                }
            }
        }
        self.shared.turn_over.notify_waiters();
        // Who failed between the two has a row again.
        self.shared.keep(&subjects);
        Ok(had)
    }

    /// Reads what the database has, once. Where it can't be read, the next sign-in tries again.
    pub(crate) async fn take_up(&self) {
        let read = self.shared.taken_up.get_or_try_init(|| async {
            let rows = in_store(&self.shared.store, Store::throttle).await?;
            let now = Instant::now();
            let mut counted = self.counted();
            for (subject, left) in rows {
                let rule = rule_of(&subject);
                let tally = Tally::left(now, left.owed, left.refused, rule);
                counted
                    .entry(subject)
                    .or_insert(Counted { tally, turns: 0 });
            }
            Ok::<(), StoreError>(())
        });
        if let Err(error) = read.await {
            tracing::error!("can't read which tries with a password failed before: {error}");
        }
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<ThrottleSubject, Counted>> {
        self.shared.counted()
    }
}

impl Shared {
    fn counted(&self) -> MutexGuard<'_, HashMap<ThrottleSubject, Counted>> {
        // Nothing in here panics between two changes that belong together.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down how these stand. A disk that takes nothing is no reason to refuse anybody.
    fn keep(&self, subjects: &[ThrottleSubject]) {
        let kept = self.store.keep_throttle(|| {
            let now = Instant::now();
            let counted = self.counted();
            subjects
                .iter()
                .map(|subject| {
                    let left = counted.get(subject).map(|one| ThrottleLeft {
                        owed: one.tally.owed(now),
                        refused: one.tally.refused(now),
                    });
                    (subject.clone(), left.filter(|left| !left.owed.is_zero()))
                })
                .collect()
        });
        if let Err(error) = kept {
            tracing::error!(
                "a failed try with a password counts until the agent ends, and can't be kept longer: {error}"
            );
        }
    }
}

impl Standing {
    /// The worse of two counts of the same tries.
    fn or(self, other: Self) -> Self {
        Self {
            failures: self.failures.max(other.failures),
            refused: self.refused.max(other.refused),
        }
    }
}

/// For the audit log.
impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} failed tries", self.failures)?;
        match self.refused.as_secs() {
            0 => Ok(()),
            seconds => write!(f, ", passwords refused for {seconds} s more"),
        }
    }
}

fn held(
    counted: &HashMap<ThrottleSubject, Counted>,
    trying: &Trying,
    now: Instant,
) -> Option<Held> {
    let refused = |subject: &ThrottleSubject| {
        let wait = counted.get(subject)?.tally.refused(now);
        (!wait.is_zero()).then_some(wait)
    };
    if let Some(wait) = refused(&trying.person) {
        return Some(Held::Person(wait));
    }
    let remote = trying.remote.as_ref()?;
    refused(&remote.subject()).map(|wait| Held::RemoteHost(remote.clone(), wait))
}

/// What a person's tries without Entra ID have come to (`offline`).
fn offline(store: &Store, key: &ObjectKey) -> Result<Standing, StoreError> {
    let Some((failures, last)) = store.offline_tries(key)? else {
        return Ok(CLEAN);
    };
    Ok(Standing {
        failures,
        refused: wait_left(failures, last, store.now()),
    })
}

fn standing(subject: &ThrottleSubject, one: &Counted, now: Instant) -> Standing {
    Standing {
        failures: one.tally.failures(now, rule_of(subject)),
        refused: one.tally.refused(now),
    }
}

/// By what failures are counted; how many are free matters only to whoever tries.
fn rule_of(subject: &ThrottleSubject) -> Rule {
    match subject {
        ThrottleSubject::Person(_) => limits::PERSON,
        ThrottleSubject::RemoteHost(_) => limits::REMOTE_HOST,
    }
}

fn entry(
    counted: &mut HashMap<ThrottleSubject, Counted>,
    subject: ThrottleSubject,
    now: Instant,
) -> &mut Counted {
    counted.entry(subject).or_insert_with(|| Counted {
        tally: Tally::clean(now),
        turns: 0,
    })
}

const CLEAN: Standing = Standing {
    failures: 0,
    refused: Duration::ZERO,
};
