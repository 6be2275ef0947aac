//! When the next run is due: decisions over instants, without a clock and without waiting.
//!
//! A [`Plan`] says when it was made and when the run is due. From the two the clock's jumps show: a time
//! of day before the plan was made means that the clock was set back, one far past the due instant that
//! this host was off, asleep, or set forward. Invariant: a clock that is set back delays a run by no more
//! than the wait that was planned, and however many runs were missed, one catches up.

use crate::clock::UnixSeconds;
use crate::identity::TenantId;
use crate::store::{Plan, Schedule};

use super::Jitter;

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing for so many seconds.
    Wait(u64),
    /// Keep this plan, and look again.
    Keep(Plan),
    /// A run is due.
    Begin,
}

/// How a run ended, as far as the next one depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It did its work.
    DidItsWork,
    /// It did not.
    Failed {
        /// Seconds that the tenant wants to be left alone, if it named any.
        retry_after: Option<u64>,
        /// True if another run was in its way.
        busy: bool,
        /// True if the schedule had begun it.
        scheduled: bool,
    },
}

/// What the time of day means for a tenant's schedule.
pub(super) fn step(
    now: UnixSeconds,
    tenant: TenantId,
    schedule: &Schedule,
    jitter: &Jitter,
) -> Step {
    let Some(plan) = schedule.plan else {
        return Step::Keep(regular(now, tenant, schedule, jitter));
    };
    if now < plan.made_at {
        return Step::Keep(Plan {
            made_at: now,
            due_at: now.plus(plan.due_at.since(plan.made_at)),
        });
    }
    if now < plan.due_at {
        return Step::Wait(plan.due_at.since(now));
    }
    if now.since(plan.due_at) > MISSED_AFTER {
        let soon = jitter.between(tenant, now, SOON.0, SOON.1);
        return Step::Keep(Plan {
            made_at: now,
            due_at: now.plus(soon),
        });
    }
    Step::Begin
}

/// The plan after a run; `None` if the present one stays.
pub(super) fn after(
    now: UnixSeconds,
    tenant: TenantId,
    schedule: &Schedule,
    ended: Ended,
    jitter: &Jitter,
) -> Option<Plan> {
    let in_seconds = |seconds: u64| Plan {
        made_at: now,
        due_at: now.plus(seconds),
    };
    let Ended::Failed {
        retry_after,
        busy,
        scheduled,
    } = ended
    else {
        return Some(regular(now, tenant, schedule, jitter));
    };
    let spread = jitter.between(tenant, now, 0, RETRY_SPREAD);
    match retry_after {
        Some(seconds) => {
            let again = seconds.max(RETRY_AT_LEAST).saturating_add(spread);
            let stands = schedule
                .plan
                .is_some_and(|plan| !scheduled && plan.due_at >= now.plus(again));
            (!stands).then(|| in_seconds(again))
        }
        None if busy && scheduled => Some(in_seconds(RETRY_AT_LEAST + spread)),
        None if scheduled => Some(regular(now, tenant, schedule, jitter)),
        // What a person ordered in vain changes nothing.
        None => None,
    }
}

/// One interval from now, give or take a fifth.
fn regular(now: UnixSeconds, tenant: TenantId, schedule: &Schedule, jitter: &Jitter) -> Plan {
    let minutes = u64::from(schedule.interval_minutes);
    // A fifth of a minute is 12 s.
    let seconds = jitter.between(tenant, now, minutes * 48, minutes * 72);
    Plan {
        made_at: now,
        due_at: now.plus(seconds),
    }
}

/// Seconds after its due instant from which a run counts as missed: three looks at the clock. Below, the
/// scheduler was only a little late.
const MISSED_AFTER: u64 = 180;

/// Seconds, at least and at most, from the start of the agent or the end of a sleep to the run that
/// catches up: the network is coming up, and a whole fleet may have been off together.
const SOON: (u64, u64) = (10, 120);

/// Seconds between two tries at least, whatever the tenant says.
pub(super) const RETRY_AT_LEAST: u64 = 5 * 60;

/// Seconds by which hosts that were all told the same `Retry-After` come apart.
const RETRY_SPREAD: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId::from_bytes([7; 16]);
    const NOW: UnixSeconds = UnixSeconds::new(1_767_555_858);
    const MINUTE: u64 = 60;

    fn jitter() -> Jitter {
        Jitter::new(b"host")
    }

    fn planned(made_at: UnixSeconds, due_at: UnixSeconds) -> Schedule {
        Schedule {
            plan: Some(Plan { made_at, due_at }),
            ..Schedule::default()
        }
    }

    fn at(now: UnixSeconds, schedule: &Schedule) -> Step {
        step(now, TENANT, schedule, &jitter())
    }

    fn kept(step: Step) -> Plan {
        match step {
            Step::Keep(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_plan_is_an_interval_give_or_take_a_fifth() {
        let mut seen = std::collections::BTreeSet::new();
        for second in 0..200 {
            let now = NOW.plus(second);
            let plan = kept(at(now, &Schedule::default()));
            let wait = plan.due_at.since(plan.made_at);
            assert_eq!(plan.made_at, now);
            assert!((48 * MINUTE..=72 * MINUTE).contains(&wait), "{wait}");
            seen.insert(wait);
        }
        assert!(seen.len() > 100, "spread: {}", seen.len());
    }

    #[test]
    fn a_run_begins_when_it_is_due_and_not_before() {
        let schedule = planned(NOW, NOW.plus(3600));
        assert_eq!(at(NOW.plus(3599), &schedule), Step::Wait(1));
        assert_eq!(at(NOW.plus(3600), &schedule), Step::Begin);
        assert_eq!(at(NOW.plus(3600 + MISSED_AFTER), &schedule), Step::Begin);
    }

    #[test]
    fn missed_runs_are_caught_up_once_and_soon() {
        // A host that was off for a week, or whose clock was set a week ahead.
        let now = NOW.plus(7 * 24 * 3600);
        let plan = kept(at(now, &planned(NOW, NOW.plus(3600))));
        let wait = plan.due_at.since(now);
        assert!((SOON.0..=SOON.1).contains(&wait), "{wait}");
        let schedule = planned(plan.made_at, plan.due_at);
        assert_eq!(at(plan.due_at, &schedule), Step::Begin);
        let next = after(plan.due_at, TENANT, &schedule, Ended::DidItsWork, &jitter()).unwrap();
        assert!(next.due_at.since(plan.due_at) >= 48 * MINUTE);
    }

    #[test]
    fn a_clock_set_back_delays_by_no_more_than_was_planned() {
        let schedule = planned(NOW, NOW.plus(3600));
        for back in [1, 3600, 400 * 24 * 3600] {
            let now = UnixSeconds::new(NOW.value() - back);
            let plan = kept(at(now, &schedule));
            assert_eq!((plan.made_at, plan.due_at), (now, now.plus(3600)), "{back}");
        }
        // Back between the two instants: the plan stands, and is nearer than it was.
        assert_eq!(at(NOW.plus(10), &schedule), Step::Wait(3590));
    }

    #[test]
    fn a_failed_run_is_tried_again_when_the_tenant_says_but_not_too_soon() {
        let schedule = planned(NOW, NOW);
        let failed = |retry_after, busy, scheduled| {
            let ended = Ended::Failed {
                retry_after,
                busy,
                scheduled,
            };
            after(NOW, TENANT, &schedule, ended, &jitter()).map(|plan| plan.due_at.since(NOW))
        };
        let about = |seconds: Option<u64>, least: u64| {
            let seconds = seconds.unwrap();
            assert!(
                (least..=least + RETRY_SPREAD).contains(&seconds),
                "{seconds}"
            );
        };
        about(failed(Some(0), false, true), RETRY_AT_LEAST);
        about(failed(Some(900), false, true), 900);
        about(failed(Some(7200), false, true), 7200);
        about(failed(None, true, true), RETRY_AT_LEAST);
        let usual = failed(None, false, true).unwrap();
        assert!((48 * MINUTE..=72 * MINUTE).contains(&usual), "{usual}");
        // A person's run that failed moves nothing, unless the tenant asks for quiet.
        assert_eq!(failed(None, false, false), None);
        about(failed(Some(900), false, false), 900);
        let ended = Ended::Failed {
            retry_after: Some(900),
            busy: false,
            scheduled: false,
        };
        let later = planned(NOW, NOW.plus(3600));
        assert_eq!(after(NOW, TENANT, &later, ended, &jitter()), None);
    }
}
