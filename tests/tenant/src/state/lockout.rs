//! Smart lockout of one account.
//!
//! Ten different wrong passwords lock the account for a minute; each lock after
//! that, until a success, lasts twice as long. One of the last three wrong
//! passwords tried again is answered but not counted.
//! Source: Microsoft, "Protect user accounts from attacks with smart lockout";
//! the growth of the lock is not documented and doubling is this tenant's guess.

use std::collections::VecDeque;

use aws_lc_rs::digest;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

/// Wrong tries before the account locks (public cloud).
const THRESHOLD: u32 = 10;
/// Seconds of the first lock.
const FIRST_LOCK: i64 = 60;
/// Wrong passwords remembered, so that repeating one does not count.
const REMEMBERED: usize = 3;
/// Doublings after which the lock grows no more (60 s · 2⁸ is about four hours).
const MOST_DOUBLINGS: u32 = 8;

/// The state of one account.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Lockout {
    wrong: u32,
    locks: u32,
    #[serde(skip)]
    until: Option<OffsetDateTime>,
    #[serde(skip)]
    remembered: VecDeque<Vec<u8>>,
}

impl Lockout {
    /// Whether the account is locked at this instant.
    pub(crate) fn is_locked(&self, now: OffsetDateTime) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Counts a wrong password.
    pub(crate) fn wrong(&mut self, password: &str, now: OffsetDateTime) {
        let digest = digest::digest(&digest::SHA256, password.as_bytes())
            .as_ref()
            .to_vec();
        if self.remembered.contains(&digest) {
            return;
        }
        if self.remembered.len() >= REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back(digest);
        self.wrong += 1;
        // Once it has locked, one more wrong try locks it again.
        if self.wrong >= THRESHOLD || self.locks > 0 {
            let seconds = FIRST_LOCK << self.locks.min(MOST_DOUBLINGS);
            self.until = now.checked_add(Duration::seconds(seconds));
            self.locks += 1;
        }
    }

    /// A right password forgets everything.
    pub(crate) fn right(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_700_000_000 + seconds).unwrap()
    }

    fn locked() -> Lockout {
        let mut lockout = Lockout::default();
        for number in 0..10 {
            assert!(!lockout.is_locked(at(0)), "locked after {number}");
            lockout.wrong(&format!("wrong {number}"), at(0));
        }
        lockout
    }

    #[test]
    fn the_tenth_different_wrong_password_locks_for_a_minute() {
        let lockout = locked();
        assert!(lockout.is_locked(at(59)));
        assert!(!lockout.is_locked(at(60)));
    }

    #[test]
    fn repeating_a_recent_wrong_password_does_not_count() {
        let mut lockout = Lockout::default();
        for number in 0..60 {
            lockout.wrong(["a", "b", "c"][number % 3], at(0));
        }
        assert!(!lockout.is_locked(at(0)));
    }

    #[test]
    fn the_second_lock_comes_at_once_and_lasts_twice_as_long() {
        let mut lockout = locked();
        lockout.wrong("another", at(60));
        assert!(lockout.is_locked(at(179)));
        assert!(!lockout.is_locked(at(180)));
    }

    #[test]
    fn a_right_password_forgets() {
        let mut lockout = locked();
        lockout.right();
        lockout.wrong("another", at(61));
        assert!(!lockout.is_locked(at(61)));
    }
}
