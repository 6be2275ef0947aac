//! What stands against a kept secret, before anything is compared with it.
//!
//! One function, so that whoever asks whether there is an offline sign-in and whoever lets somebody in decide
//! alike. It reads nothing; instants and rows are given.

use std::fmt;
use std::time::Duration;

use super::{attempts, verifier};
use crate::clock::UnixSeconds;
use crate::store::{Kept, Person, VerifierKind};

/// How far a clock may have gone back without being taken for a wrong one: a host without a battery is put
/// right by NTP in steps of seconds, and Entra itself allows five minutes.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// What is known of the host and its directory.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The id of the key that this host has now.
    pub(super) key: [u8; 16],
    pub(super) now: UnixSeconds,
    /// `[offline] maximum_age_days`.
    pub(super) maximum_age: Duration,
    /// The end of the last import.
    pub(super) directory_as_of: Option<UnixSeconds>,
}

/// Why a kept secret lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Against {
    OtherKey,
    OtherScheme,
    Disabled,
    Withheld,
    PasswordChanged,
    SessionsEnded,
    TooOld,
    DirectoryTooOld,
    ClockWentBack,
    TooManyTries,
    /// For so long.
    Tries(Duration),
}

/// For the journal.
impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherKey => "what is kept was made with another key",
            Self::OtherScheme => "what is kept was made by another version of this program",
            Self::Disabled => "disabled in the tenant",
            Self::Withheld => "the person is here by the shrink guard alone",
            Self::PasswordChanged => "the password was changed in the tenant after it was kept",
            Self::SessionsEnded => "the tenant ended the person's sessions after that",
            Self::TooOld => "the last sign-in with Entra ID is longer ago than [offline] allows",
            Self::DirectoryTooOld => "the last import is longer ago than [offline] allows",
            Self::ClockWentBack => "this host's clock is behind the last sign-in",
            Self::TooManyTries => "too many wrong tries: only a sign-in with Entra ID helps",
            Self::Tries(wait) => {
                return write!(f, "too many wrong tries, {} s left", wait.as_secs());
            }
        })
    }
}

/// What stands against letting this person in by this secret now; `None` if nothing does.
pub(super) fn against(
    kind: VerifierKind,
    kept: &Kept,
    person: &Person,
    known: &Known,
) -> Option<Against> {
    let later = |instant: Option<UnixSeconds>, than| instant.is_some_and(|instant| instant > than);
    let too_old = |instant: UnixSeconds| known.now.since(instant) > known.maximum_age.as_secs();
    let future = |instant: UnixSeconds| instant.since(known.now) > TOLERANCE.as_secs();
    let instants = [
        Some(kept.made_at),
        Some(kept.proven_at),
        kept.tried_at,
        known.directory_as_of,
    ];
    if !person.enabled {
        Some(Against::Disabled)
    } else if person.withheld {
        Some(Against::Withheld)
    } else if kept.key_id != known.key {
        Some(Against::OtherKey)
    } else if kept.scheme != verifier::SCHEME {
        Some(Against::OtherScheme)
    } else if kind == VerifierKind::Password && later(person.password_changed_at, kept.made_at) {
        Some(Against::PasswordChanged)
    } else if later(person.sessions_valid_from, kept.proven_at) {
        Some(Against::SessionsEnded)
    } else if instants.into_iter().flatten().any(future) {
        Some(Against::ClockWentBack)
    } else if too_old(kept.proven_at) {
        Some(Against::TooOld)
    } else if known.directory_as_of.is_none_or(too_old) {
        Some(Against::DirectoryTooOld)
    } else if kept.tries >= attempts::MOST {
        Some(Against::TooManyTries)
    } else {
        let wait = attempts::left(kept.tries, kept.tried_at, known.now);
        (!wait.is_zero()).then_some(Against::Tries(wait))
    }
}
