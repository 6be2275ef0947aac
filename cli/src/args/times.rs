//! Durations and dates as people type them: one form of each for every flag, and an error that shows it.

use std::fmt;
use std::time::Duration;

/// Reads `90m`, `1h30m` or `2d`: whole numbers, each with its unit, the larger first.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let form = || FORM_OF_DURATION.to_owned();
    let mut rest = text.trim();
    let mut seconds = 0_u64;
    let mut before = u64::MAX;
    if rest.is_empty() {
        return Err(form());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|character: char| !character.is_ascii_digit())
            .ok_or_else(form)?;
        let (count, after) = rest.split_at(digits);
        let mut units = after.chars();
        let unit = match units.next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 60 * 60,
            Some('d') => 24 * 60 * 60,
            _ => return Err(form()),
        };
        if unit >= before {
            return Err(form());
        }
        before = unit;
        rest = units.as_str();
        seconds = count
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(unit))
            .and_then(|more| seconds.checked_add(more))
            .ok_or_else(form)?;
    }
    Ok(Duration::from_secs(seconds))
}

/// A day, in UTC as all instants here are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// Reads `2026-12-31`.
pub(crate) fn date(text: &str) -> Result<Date, String> {
    let form = || FORM_OF_DATE.to_owned();
    let fields: Vec<&str> = text.trim().split('-').collect();
    let &[year, month, day] = fields.as_slice() else {
        return Err(form());
    };
    let number = |field: &str, digits: usize| {
        let all = field.len() == digits && field.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| field.parse::<u16>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2))
    else {
        return Err(form());
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return Err(format!("there is no month {month}")),
    };
    if !(1..=days).contains(&day) {
        return Err(format!("that month has {days} days"));
    }
    let short = |number: u16| u8::try_from(number).map_err(|_| form());
    Ok(Date {
        year,
        month: short(month)?,
        day: short(day)?,
    })
}

impl Date {
    /// True if an instant (RFC 3339, UTC) lies on this day or later.
    pub(crate) fn is_reached_by(self, instant: &str) -> bool {
        // Both begin with the date, written alike.
        instant >= self.to_string().as_str()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A day, or the time since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Day(Date),
    Ago(Duration),
}

/// Reads `2026-12-31`, or `90m` for what was ninety minutes ago.
pub(crate) fn when(text: &str) -> Result<When, String> {
    if text.contains('-') {
        return date(text).map(When::Day);
    }
    duration(text).map(When::Ago).map_err(|_| {
        "it is a day, as in 2026-12-31, or the time since then, as in 90m or 7d".to_owned()
    })
}

// What was typed is named by clap, before these.
const FORM_OF_DURATION: &str = "a duration is said as in 90m, 1h30m or 2d (units: s, m, h, d)";
const FORM_OF_DATE: &str = "a date is said as year, month and day, as in 2026-12-31";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units_the_larger_first() {
        for (text, expected) in [
            ("45s", 45),
            ("90m", 5_400),
            (" 1h30m", 5_400),
            ("2d", 172_800),
            ("1d12h5m1s", 129_901),
            ("0m", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(expected)), "{text}");
        }
        for text in [
            "",
            " ",
            "m",
            "30",
            "1h30",
            "-5m",
            "1.5h",
            "30m1h",
            "5m5m",
            "5 m",
            "5µ",
            "soon",
            "99999999999999999999d",
            "9999999999999999d",
        ] {
            let said = duration(text).unwrap_err();
            assert!(said.contains("as in 90m, 1h30m or 2d"), "{text}: {said}");
        }
    }

    #[test]
    fn dates_are_days_that_exist() {
        for text in ["2026-12-31", "2028-02-29", "2000-02-29"] {
            assert_eq!(date(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "2026-2-3",
            "31.12.2026",
            "2026-12-31T00:00:00Z",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "2100-02-29",
            "2026-04-31",
            "2026-04-00",
            "+026-01-01",
            "tomorrow",
        ] {
            let said = date(text).unwrap_err();
            assert!(!said.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_moment_is_a_day_or_the_time_since_then() {
        assert_eq!(when("2026-12-31"), date("2026-12-31").map(When::Day));
        assert_eq!(when("90m"), Ok(When::Ago(Duration::from_secs(5_400))));
        for text in ["", "yesterday", "90", "2026-13-01", "2026-1-1"] {
            assert!(when(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_instant_reaches_its_own_day() {
        let day = date("2026-03-02").unwrap();
        for (instant, reached) in [
            ("2026-03-01T23:59:59Z", false),
            ("2026-03-02T00:00:00Z", true),
            ("2027-01-01T00:00:00Z", true),
        ] {
            assert_eq!(day.is_reached_by(instant), reached, "{instant}");
        }
    }
}
