//! The right to ask the tenant once, and what its end does to the count.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::limits::REMOTE_HOSTS;
use super::tally::Tally;
use super::trying::Trying;
use super::{Counted, Throttle, entry};
use crate::auth::conversation::away;
use crate::store::ThrottleSubject;

/// The right to ask the tenant about one password, once.
pub(in crate::auth) struct Turn {
    pub(super) throttle: Throttle,
    /// None once it is over.
    pub(super) trying: Option<Trying>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::auth) enum End {
    /// The tenant refused, or somebody else's token came.
    Failed,
    /// The password may well be right and does not suffice. Counts for the person alone: behind one
    /// address whole offices need a second factor, and a guesser seldom gets here.
    NotEnough,
    /// The person is proven.
    Proven,
    /// The tenant said nothing about the password.
    NoVerdict,
}

impl Turn {
    /// Ends it; what has to outlive this process is written when this returns.
    pub(in crate::auth) async fn end(mut self, end: End) {
        let changed = self.give_back(end);
        if !changed.is_empty() {
            let shared = Arc::clone(&self.throttle.shared);
            away(move || shared.keep(&changed)).await;
        }
    }

    /// Counts at once, for everybody who waits; gives those whose row has changed.
    fn give_back(&mut self, end: End) -> Vec<ThrottleSubject> {
        let Some(trying) = self.trying.take() else {
            return Vec::new();
        };
        let now = Instant::now();
        let mut changed = Vec::new();
        let mut begun = Vec::new();
        let mut counted = self.throttle.counted();
        for (subject, rule) in trying.subjects() {
            let one = entry(&mut counted, subject.clone(), now);
            one.turns = one.turns.saturating_sub(1);
            let is_person = matches!(subject, ThrottleSubject::Person(_));
            match end {
                End::Failed => {}
                End::NotEnough if is_person => {}
                End::Proven if is_person && !one.tally.owed(now).is_zero() => {
                    one.tally = Tally::clean(now);
                    changed.push(subject);
                    continue;
                }
                End::NotEnough | End::Proven | End::NoVerdict => continue,
            }
            if let Some(wait) = one.tally.fail(now, rule) {
                begun.push((is_person, wait, one.tally.failures(now, rule)));
            }
            changed.push(subject);
        }
        changed.extend(tidy(&mut counted, now));
        drop(counted);
        self.throttle.shared.turn_over.notify_waiters();
        for (is_person, wait, failures) in begun {
            let (name, wait) = (&trying.name, wait.as_secs());
            let from = match &trying.remote {
                Some(remote) => format!("{:?}", remote.as_str()),
                None => "this host itself".to_owned(),
            };
            if is_person {
                tracing::warn!(
                    "passwords of {name} are refused for {wait} s: {failures} failed tries count, \
                     the last from {from}"
                );
            } else {
                tracing::warn!(
                    "passwords from {from} are refused for {wait} s: {failures} failed tries count, \
                     the last as {name}"
                );
            }
        }
        changed
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.trying.is_none() {
            return;
        }
        let changed = self.give_back(End::Failed);
        let shared = Arc::clone(&self.throttle.shared);
        // Outside a runtime there is nobody who could have been asked for a password.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || shared.keep(&changed));
        }
    }
}

/// Forgets whom nothing is held against, and remote hosts beyond their number: those whose failures
/// would be forgiven first. Gives the latter.
fn tidy(counted: &mut HashMap<ThrottleSubject, Counted>, now: Instant) -> Vec<ThrottleSubject> {
    counted.retain(|_, one| one.turns > 0 || !one.tally.owed(now).is_zero());
    if counted.len() <= REMOTE_HOSTS {
        return Vec::new();
    }
    let mut hosts: Vec<(Duration, &ThrottleSubject)> = counted
        .iter()
        .filter(|(subject, one)| {
            matches!(subject, ThrottleSubject::RemoteHost(_)) && one.turns == 0
        })
        .map(|(subject, one)| (one.tally.owed(now), subject))
        .collect();
    let surplus = hosts.len().saturating_sub(REMOTE_HOSTS);
    hosts.sort_by_key(|(owed, _)| *owed);
    let gone: Vec<ThrottleSubject> = hosts
        .into_iter()
        .take(surplus)
        .map(|(_, subject)| subject.clone())
        .collect();
    for subject in &gone {
        counted.remove(subject);
    }
    gone
}
