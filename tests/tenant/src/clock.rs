//! The tenant's own clock.
//!
//! Everything that expires (tokens, codes, lockouts, delta links) is measured by
//! it, so that a test moves two weeks ahead in one call. It only ever goes
//! forward. This file is the one place where the machine's time is read.

use time::{Duration, OffsetDateTime};

/// A clock that runs with the machine's, or stands still, plus what was added.
#[derive(Debug)]
pub(crate) struct Clock {
    base: Base,
    ahead: Duration,
}

#[derive(Debug)]
enum Base {
    Wall,
    #[cfg(test)]
    Standing(OffsetDateTime),
}

impl Clock {
    /// Runs with the machine's clock.
    pub(crate) fn wall() -> Self {
        Self {
            base: Base::Wall,
            ahead: Duration::ZERO,
        }
    }

    /// Stands at `instant` until it is advanced.
    #[cfg(test)]
    pub(crate) fn standing(instant: OffsetDateTime) -> Self {
        Self {
            base: Base::Standing(instant),
            ahead: Duration::ZERO,
        }
    }

    /// The tenant's time now, UTC.
    pub(crate) fn now(&self) -> OffsetDateTime {
        let base = match self.base {
            Base::Wall => OffsetDateTime::now_utc(),
            #[cfg(test)]
            Base::Standing(instant) => instant,
        };
        base.checked_add(self.ahead).unwrap_or(base)
    }

    /// Moves the clock forward by `seconds`; negative values are ignored, since
    /// nothing that was recorded may come to lie in the future.
    pub(crate) fn advance(&mut self, seconds: i64) {
        self.ahead = self.ahead.saturating_add(Duration::seconds(seconds.max(0)));
    }
}

/// `2026-01-04T19:44:18Z`, as Graph writes instants.
pub(crate) fn graph_instant(at: OffsetDateTime) -> String {
    format!("{}Z", inner_error_date(at))
}

/// `2026-01-04T19:44:18`, as Graph writes `innerError.date`.
pub(crate) fn inner_error_date(at: OffsetDateTime) -> String {
    format!("{}T{}", day(at), hour(at))
}

/// `2026-01-04 19:44:18Z`, as the login endpoints write instants.
pub(crate) fn login_instant(at: OffsetDateTime) -> String {
    format!("{} {}Z", day(at), hour(at))
}

/// Reads `2026-01-04T19:44:18Z`.
pub(crate) fn parse_instant(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()
}

fn day(at: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}",
        at.year(),
        u8::from(at.month()),
        at.day()
    )
}

fn hour(at: OffsetDateTime) -> String {
    format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_read_as_the_services_write_them() {
        let at = OffsetDateTime::from_unix_timestamp(1_767_555_858).unwrap();
        assert_eq!(graph_instant(at), "2026-01-04T19:44:18Z");
        assert_eq!(login_instant(at), "2026-01-04 19:44:18Z");
        assert_eq!(parse_instant("2026-01-04T19:44:18Z"), Some(at));
    }

    #[test]
    fn the_clock_never_goes_back() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let mut clock = Clock::standing(start);
        clock.advance(90);
        clock.advance(-60);
        assert_eq!((clock.now() - start).whole_seconds(), 90);
    }
}
