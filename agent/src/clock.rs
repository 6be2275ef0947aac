//! The time of day, as a parameter.
//!
//! Whatever compares instants (token lifetimes, sign-in records, publish times) takes a [`Clock`], so
//! that tests decide what time it is. Durations inside one process (time limits, polling) are tokio's
//! business and not measured here: the wall clock may jump.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Whole seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// This many seconds after the epoch.
    #[must_use]
    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds after the epoch.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }

    /// Seconds from `earlier` to this instant; 0 if the clock went backwards between them.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This instant moved on by whole seconds.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

/// As RFC 3339 in UTC.
impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339(*self))
    }
}

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// The time of day.
    fn now(&self) -> UnixSeconds;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the time of day enters; everything else takes a Clock"
    )]
    fn now(&self) -> UnixSeconds {
        // A clock before 1970 is a host without a battery: the epoch keeps every age test closed.
        UnixSeconds(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| elapsed.as_secs()),
        )
    }
}

/// The instant as an RFC 3339 text in UTC; instants past the year 9999 read as the epoch.
#[must_use]
pub fn rfc3339(instant: UnixSeconds) -> String {
    i64::try_from(instant.0)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(&Rfc3339)
        .unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

/// Reads an RFC 3339 text with any offset; fractions of a second are dropped. `None` for anything else
/// and for instants before 1970.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<UnixSeconds> {
    let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(instant.unix_timestamp())
        .ok()
        .map(UnixSeconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_travel_as_rfc_3339() {
        let instant = UnixSeconds::new(1_767_555_858);
        assert_eq!(rfc3339(instant), "2026-01-04T19:44:18Z");
        assert_eq!(parse_rfc3339("2026-01-04T19:44:18Z"), Some(instant));
        assert_eq!(
            parse_rfc3339("2026-01-04T20:44:18.999+01:00"),
            Some(instant)
        );
        assert_eq!(parse_rfc3339("2026-01-04 19:44"), None);
        assert_eq!(parse_rfc3339("1969-12-31T23:59:59Z"), None);
    }

    #[test]
    fn a_clock_that_went_backwards_gives_no_age() {
        assert_eq!(UnixSeconds::new(5).since(UnixSeconds::new(9)), 0);
        assert_eq!(UnixSeconds::new(9).since(UnixSeconds::new(5)), 4);
    }
}
