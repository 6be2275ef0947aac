//! How often a kept secret may be tried in vain: arithmetic, and nothing else.
//!
//! Nobody but this host counts these tries, and no time passes that would forgive them: a success does, a
//! sign-in with Entra ID, or `entractl users unlock`. The local throttle (`auth::throttle`) counts them as
//! well, and by its own rules.

use std::time::Duration;

use crate::clock::UnixSeconds;

/// Wrong tries that cost no wait: as many as the throttle has.
const FREE: u32 = 5;

/// The wait after the last free one; each further doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// The longest wait: somebody who is guessed at gets in within the hour, and a guesser has 24 tries a day.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Wrong tries in a row after which the kept secret is worth nothing any more (NIST SP 800-63B §5.2.2 allows
/// no more than this): it takes a guesser four days to get there.
pub(super) const MOST: u32 = 100;

/// How long nothing may be tried, after so many wrong tries of which the last was then. A clock that was set
/// back makes a wait no longer than it was.
pub(crate) fn left(tries: u32, tried_at: Option<UnixSeconds>, now: UnixSeconds) -> Duration {
    let (Some(beyond), Some(tried_at)) = (tries.checked_sub(FREE), tried_at) else {
        return Duration::ZERO;
    };
    let wait = FIRST_WAIT
        .saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX))
        .min(LONGEST_WAIT);
    wait.saturating_sub(Duration::from_secs(now.since(tried_at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_hour_and_stay_there() {
        let at = Some(UnixSeconds::new(1_000_000));
        let now = UnixSeconds::new(1_000_000);
        let waits: Vec<u64> = (0..13)
            .map(|tries| left(tries, at, now).as_secs() / 60)
            .collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(left(u32::MAX, at, now), LONGEST_WAIT);
        // All hundred, as fast as they may.
        let all: u64 = (0..MOST).map(|tries| left(tries, at, now).as_secs()).sum();
        assert!((3 * 24 * 3_600..5 * 24 * 3_600).contains(&all), "{all}");
    }

    #[test]
    fn time_ends_a_wait_and_a_clock_set_back_makes_it_no_longer() {
        let at = UnixSeconds::new(1_000_000);
        assert_eq!(left(5, Some(at), at.plus(59)), Duration::from_secs(1));
        assert_eq!(left(5, Some(at), at.plus(60)), Duration::ZERO);
        assert_eq!(left(5, Some(at), UnixSeconds::new(5)), FIRST_WAIT);
        assert_eq!(left(5, None, at), Duration::ZERO);
    }
}
