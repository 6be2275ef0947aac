//! What one person or one remote host has run up: arithmetic, and nothing else.
//!
//! A failure is a debt of [`Rule::forgiven_every`], and time pays it off. Two instants say it all: when
//! everything is forgiven, and until when passwords are refused. Both are of the clock that never jumps.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::{COUNTED_BEYOND, FIRST_WAIT, LONGEST_WAIT, Rule};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    forgiven_at: Instant,
    refused_until: Instant,
}

impl Tally {
    /// Of somebody who never failed.
    pub(super) fn clean(now: Instant) -> Self {
        Self {
            forgiven_at: now,
            refused_until: now,
        }
    }

    /// Of somebody who has this much left to wait for; no more of it than the rule could have led to.
    pub(super) fn left(now: Instant, owed: Duration, refused: Duration, rule: Rule) -> Self {
        Self {
            forgiven_at: now + owed.min(most_owed(rule)),
            refused_until: now + refused.min(LONGEST_WAIT),
        }
    }

    /// Time until all is forgiven.
    pub(super) fn owed(self, now: Instant) -> Duration {
        self.forgiven_at.saturating_duration_since(now)
    }

    /// Time for which passwords are refused; zero if they are not.
    pub(super) fn refused(self, now: Instant) -> Duration {
        self.refused_until.saturating_duration_since(now)
    }

    /// Failures that are not forgiven yet.
    pub(super) fn failures(self, now: Instant, rule: Rule) -> u32 {
        let every = rule.forgiven_every.as_millis().max(1);
        u32::try_from(self.owed(now).as_millis().div_ceil(every)).unwrap_or(u32::MAX)
    }

    /// How many requests may be under way at once: as many as may fail, and one where that is none any
    /// more.
    pub(super) fn places(self, now: Instant, rule: Rule) -> u32 {
        rule.free.saturating_sub(self.failures(now, rule)).max(1)
    }

    /// One more failure; for how long passwords are refused because of it.
    pub(super) fn fail(&mut self, now: Instant, rule: Rule) -> Option<Duration> {
        let owed = self.owed(now) + rule.forgiven_every;
        self.forgiven_at = now + owed.min(most_owed(rule));
        let beyond = self.failures(now, rule).checked_sub(rule.free)?;
        let wait = FIRST_WAIT
            .saturating_mul(1 << beyond.min(COUNTED_BEYOND))
            .min(LONGEST_WAIT);
        self.refused_until = self.refused_until.max(now + wait);
        Some(wait)
    }

    /// The last failure was none after all; the wait ends, too, if it takes the others for one.
    pub(super) fn take_back(&mut self, now: Instant, rule: Rule) {
        self.forgiven_at = now + self.owed(now).saturating_sub(rule.forgiven_every);
        if self.failures(now, rule) < rule.free {
            self.refused_until = now;
        }
    }
}

fn most_owed(rule: Rule) -> Duration {
    rule.forgiven_every
        .saturating_mul(rule.free.saturating_add(COUNTED_BEYOND))
}

#[cfg(test)]
mod tests {
    use super::super::limits::{PERSON, REMOTE_HOST};
    use super::*;

    const MINUTE: u64 = 60;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    /// Seconds after the start at which somebody fails who tries as soon as they may.
    fn fastest(rule: Rule, failures: usize) -> Vec<u64> {
        let start = Instant::now();
        let mut tally = Tally::clean(start);
        let mut now = start;
        let mut at = Vec::new();
        while at.len() < failures {
            at.push((now - start).as_secs());
            tally.fail(now, rule);
            now += tally.refused(now);
        }
        at
    }

    #[tokio::test(start_paused = true)]
    async fn the_sum_of_the_limits_is_as_they_say() {
        let minutes = |at: Vec<u64>| at.iter().map(|at| at / MINUTE).collect::<Vec<u64>>();
        assert_eq!(
            minutes(fastest(PERSON, 12)),
            [0, 0, 0, 0, 0, 1, 3, 7, 15, 30, 45, 60]
        );
        let gov = Rule::of_people_at(&"https://login.microsoftonline.us/".parse().unwrap());
        assert_eq!(minutes(fastest(gov, 4)), [0, 0, 1, 3]);
        let public = Rule::of_people_at(&"https://login.microsoftonline.com/".parse().unwrap());
        assert_eq!(public, PERSON);
        // A day of guesses from one address.
        let day = fastest(REMOTE_HOST, 700);
        let tries = day.iter().filter(|at| **at < 24 * 60 * MINUTE).count();
        assert!((300..=520).contains(&tries), "{tries}");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_forgiven_one_by_one() {
        let start = Instant::now();
        let mut tally = Tally::clean(start);
        for _ in 0..3 {
            assert_eq!(tally.fail(start, PERSON), None);
        }
        let every = PERSON.forgiven_every.as_secs();
        for (seconds, failures) in [
            (0, 3),
            (every - 1, 3),
            (every, 2),
            (2 * every, 1),
            (3 * every, 0),
            (9 * every, 0),
        ] {
            assert_eq!(
                tally.failures(after(start, seconds), PERSON),
                failures,
                "{seconds}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_siege_of_days_is_forgiven_within_hours() {
        let start = Instant::now();
        let mut tally = Tally::clean(start);
        for _ in 0..1000 {
            tally.fail(start, PERSON);
        }
        assert_eq!(tally.refused(start), LONGEST_WAIT);
        assert!(tally.owed(start) <= Duration::from_secs(3 * 60 * MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_may_be_under_way_as_may_fail() {
        let start = Instant::now();
        let mut tally = Tally::clean(start);
        let mut places = Vec::new();
        for _ in 0..7 {
            places.push(tally.places(start, PERSON));
            tally.fail(start, PERSON);
        }
        assert_eq!(places, [5, 4, 3, 2, 1, 1, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_never_more_than_the_rule_could_have_led_to() {
        let start = Instant::now();
        let year = Duration::from_secs(365 * 24 * 60 * MINUTE);
        let tally = Tally::left(start, year, year, PERSON);
        assert_eq!(tally.refused(start), LONGEST_WAIT);
        assert_eq!(tally.failures(start, PERSON), 9);
    }
}
