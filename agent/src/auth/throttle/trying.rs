//! Who tries a password, and why they may not at the moment.

use std::time::Duration;

use super::limits::{self, Rule, TURN_LIMIT};
use super::remote_host::RemoteHost;
use crate::auth::Asked;
use crate::store::{Person, ThrottleSubject};

/// Who tries a password, from where, and what they are allowed.
#[derive(Debug, Clone)]
pub(in crate::auth) struct Trying {
    pub(super) person: ThrottleSubject,
    /// The person's name, for the journal.
    pub(super) name: String,
    pub(super) rule: Rule,
    /// None for somebody who sits at this host.
    pub(super) remote: Option<RemoteHost>,
}

/// Why no password is asked for or sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::auth) enum Held {
    /// Too many failed for this person; for so long.
    Person(Duration),
    /// Too many failed from this remote host; for so long.
    RemoteHost(RemoteHost, Duration),
    /// Too many are under way, and none ended in time.
    NoTurn,
}

impl Trying {
    pub(in crate::auth) fn new(asked: &Asked, person: &Person, rule: Rule) -> Self {
        Self {
            person: ThrottleSubject::Person(person.key),
            name: person.name.clone(),
            rule,
            remote: RemoteHost::read(&asked.remote_host),
        }
    }

    /// What is counted of them, and how.
    pub(super) fn subjects(&self) -> Vec<(ThrottleSubject, Rule)> {
        let remote = self.remote.as_ref();
        std::iter::once((self.person.clone(), self.rule))
            .chain(remote.map(|remote| (remote.subject(), limits::REMOTE_HOST)))
            .collect()
    }
}

impl Held {
    /// What the person is told. Without the word that sshpass and expect wait for: what comes next may be a
    /// prompt that shows what is typed.
    pub(in crate::auth) fn sentence(&self) -> String {
        match self {
            Self::Person(wait) => format!(
                "Too many failed tries: what is typed here does not count for {}.",
                minutes(*wait)
            ),
            Self::RemoteHost(_, wait) => format!(
                "Too many failed tries from your address: what is typed here does not count for {}.",
                minutes(*wait)
            ),
            Self::NoTurn => {
                "Too many sign-ins are under way at the moment. Please try again.".to_owned()
            }
        }
    }

    /// What the journal is told.
    pub(in crate::auth) fn fact(&self) -> String {
        match self {
            Self::Person(wait) => format!(
                "password: not asked for: too many failed tries as this person, {} s left",
                wait.as_secs()
            ),
            Self::RemoteHost(host, wait) => format!(
                "password: not asked for: too many failed tries from {:?}, {} s left",
                host.as_str(),
                wait.as_secs()
            ),
            Self::NoTurn => format!(
                "password: not sent: no turn within {} s",
                TURN_LIMIT.as_secs()
            ),
        }
    }
}

/// Whole minutes, a begun one counted.
pub(in crate::auth) fn minutes(wait: Duration) -> String {
    match wait.as_secs().div_ceil(60) {
        0 | 1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}
