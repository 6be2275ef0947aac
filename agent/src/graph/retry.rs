//! Whether and how long to wait before a request is sent again.
//!
//! `Retry-After` is obeyed exactly (rejected requests count against the quota, too); without it the wait
//! doubles from one second, half of it by chance, so that a fleet of hosts does not come back as one.
//! A wait longer than [`WAIT_MAX`] is not waited: the run fails and says when to try again.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::clock::UnixSeconds;

/// Tries of one request.
pub(super) const TRIES_MAX: u32 = 5;

/// The longest wait between two tries: longer than the throttling that Graph was seen to ask for (some
/// 10 s to 150 s), short enough for a person who watches an import.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(300);

/// All waiting of one run together: beyond it the tenant is not usable now.
pub(super) const WAITING_MAX: Duration = Duration::from_secs(20 * 60);

const FIRST: Duration = Duration::from_secs(1);

/// Seconds of a `Retry-After` header: a number, or an HTTP date (RFC 9110 §10.2.3). `None` for anything
/// else. A date that has passed means now.
pub(super) fn retry_after(header: &str, now: UnixSeconds) -> Option<u64> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(seconds);
    }
    let date = OffsetDateTime::parse(header, &Rfc2822).ok()?;
    let date = u64::try_from(date.unix_timestamp()).ok()?;
    Some(UnixSeconds::new(date).since(now))
}

/// The wait after try number `tries` (1 is the first) if the server named none.
pub(super) fn backoff(tries: u32, random: [u8; 16]) -> Duration {
    let doubled = FIRST * 2_u32.saturating_pow(tries.saturating_sub(1).min(6));
    // The last eight bytes: in a v4 UUID's all but two bits are random.
    let chance = random
        .iter()
        .skip(8)
        .fold(0_u32, |sum, byte| (sum << 4) ^ u32::from(*byte));
    let half = doubled / 2;
    half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_obeyed() {
        let now = UnixSeconds::new(1_767_555_858); // Sun, 04 Jan 2026 19:44:18 GMT
        assert_eq!(retry_after("17", now), Some(17));
        assert_eq!(retry_after("Sun, 04 Jan 2026 19:44:48 GMT", now), Some(30));
        assert_eq!(retry_after("Sun, 04 Jan 2026 19:40:00 GMT", now), Some(0));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-5", now), None);
    }

    #[test]
    fn waits_double_within_their_bounds() {
        for (tries, least, most) in [(1, 500, 1000), (2, 1000, 2000), (4, 4000, 8000)] {
            for random in [[0; 16], [255; 16], [0x5A; 16]] {
                let wait = backoff(tries, random).as_millis();
                assert!((least..=most).contains(&wait), "{tries}: {wait}");
            }
        }
        assert!(backoff(u32::MAX, [255; 16]) <= WAIT_MAX);
    }
}
