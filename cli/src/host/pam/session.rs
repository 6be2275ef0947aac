//! Which session this process belongs to, and whether it began after another one's `enable`.
//!
//! Only a session that signed in through the changed files proves that one can. Three things tell sessions
//! apart: logind's scope, which no process leaves (not by setsid, tmux, sudo or su); the kernel's audit
//! session; the session leader. The first that is known decides. Invariant: what is not known proves nothing.

use std::fs;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, getsid};
use serde::{Deserialize, Serialize};

use super::command;

/// A session, and an instant in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Began {
    /// logind's name of the session.
    logind: Option<String>,
    /// The audit session (proc_pid_sessionid(5)).
    audit: Option<u32>,
    /// The session leader: pid and start, in clock ticks since boot (proc_pid_stat(5)).
    leader: Option<(i32, u64)>,
    /// Now, on the clock that logind uses, in microseconds.
    monotonic: u64,
    /// Now, in clock ticks since boot.
    ticks: u64,
}

/// The session of this process, now.
pub(crate) fn current() -> Began {
    let logind = fs::read_to_string("/proc/self/cgroup")
        .ok()
        .and_then(|text| logind_of(&text));
    let audit = fs::read_to_string("/proc/self/sessionid")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .filter(|id| *id != u32::MAX);
    let leader = getsid(Some(Pid::from_raw(0)))
        .ok()
        .map(Pid::as_raw)
        .and_then(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, started(&stat)?))
        });
    let clock = |id| {
        clock_gettime(id).map_or(0, |now| {
            let seconds = u64::try_from(now.tv_sec()).unwrap_or_default();
            seconds
                .saturating_mul(1_000_000)
                .saturating_add(u64::try_from(now.tv_nsec()).unwrap_or_default() / 1000)
        })
    };
    Began {
        logind,
        audit,
        leader,
        monotonic: clock(ClockId::CLOCK_MONOTONIC),
        // USER_HZ is 100 on every platform that this is built for.
        ticks: clock(ClockId::CLOCK_BOOTTIME) / 10_000,
    }
}

/// Whether a session began after `enable` was run, in another one.
///
/// # Errors
/// A clause that says why not.
pub(crate) fn is_fresh(enabled: &Began, now: &Began) -> Result<(), String> {
    decide(enabled, now, now.logind.as_deref().and_then(logind_began))
}

fn decide(enabled: &Began, now: &Began, logind_began: Option<u64>) -> Result<(), String> {
    let same = "this is the session that ran `entractl pam enable`, which was signed in before";
    let older = "this session began before `entractl pam enable`";
    if now.logind.is_some() && now.logind == enabled.logind {
        return Err(same.to_owned());
    }
    if let (Some(_), Some(began)) = (&now.logind, logind_began) {
        return if began > enabled.monotonic {
            Ok(())
        } else {
            Err(older.to_owned())
        };
    }
    if let (Some(mine), Some(theirs)) = (now.audit, enabled.audit) {
        return match mine.cmp(&theirs) {
            std::cmp::Ordering::Equal => Err(same.to_owned()),
            std::cmp::Ordering::Less => Err(older.to_owned()),
            std::cmp::Ordering::Greater => Ok(()),
        };
    }
    match now.leader {
        Some(_) if now.leader == enabled.leader => Err(same.to_owned()),
        Some((_, started)) if started > enabled.ticks => Ok(()),
        Some(_) => Err(older.to_owned()),
        None => Err("this process belongs to no session that somebody signed in to".to_owned()),
    }
}

/// The session in a cgroup path, `.../session-c2.scope`, or one below it.
fn logind_of(cgroups: &str) -> Option<String> {
    cgroups
        .lines()
        .flat_map(|line| line.split('/'))
        .find_map(|part| part.strip_prefix("session-")?.strip_suffix(".scope"))
        .map(str::to_owned)
}

/// When logind saw it begin, in microseconds of the monotonic clock.
fn logind_began(session: &str) -> Option<u64> {
    let said = command::run(
        &[
            "loginctl",
            "show-session",
            session,
            "--property=TimestampMonotonic",
        ],
        &[],
    )
    .ok()?;
    said.stdout
        .trim()
        .strip_prefix("TimestampMonotonic=")?
        .parse()
        .ok()
}

/// Field 22 of a `stat` file; the second may hold blanks and parentheses.
fn started(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(logind: Option<&str>, audit: Option<u32>, leader: Option<(i32, u64)>) -> Began {
        Began {
            logind: logind.map(str::to_owned),
            audit,
            leader,
            monotonic: 5_000_000,
            ticks: 500,
        }
    }

    #[test]
    fn the_session_of_enable_and_those_before_it_prove_nothing() {
        let enabled = session(Some("4"), Some(4), Some((100, 400)));
        let refused = |now: &Began, began, part: &str| {
            let said = decide(&enabled, now, began).unwrap_err();
            assert!(said.contains(part), "{said}");
        };
        refused(&enabled, Some(4_000_000), "that ran");
        // tmux or setsid in the same session: another leader, a later start.
        refused(
            &session(Some("4"), Some(4), Some((200, 900))),
            Some(4_000_000),
            "that ran",
        );
        refused(&session(None, Some(4), Some((200, 900))), None, "that ran");
        refused(
            &session(Some("3"), Some(3), Some((90, 300))),
            Some(3_000_000),
            "before",
        );
        refused(&session(None, Some(3), Some((90, 300))), None, "before");
        refused(&session(None, None, Some((90, 300))), None, "before");
        refused(&session(None, None, Some((100, 400))), None, "that ran");
        refused(&session(None, None, None), None, "no session");
    }

    #[test]
    fn a_session_that_began_later_proves_that_one_can_sign_in() {
        let enabled = session(Some("4"), Some(4), Some((100, 400)));
        decide(
            &enabled,
            &session(Some("5"), Some(5), Some((200, 900))),
            Some(6_000_000),
        )
        .unwrap();
        decide(&enabled, &session(None, Some(5), Some((200, 900))), None).unwrap();
        decide(
            &session(None, None, None),
            &session(None, Some(5), Some((200, 900))),
            None,
        )
        .unwrap();
    }

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(
            logind_of("1:name=systemd:/user.slice/user-0.slice/session-c1.scope\n0::/\n")
                .as_deref(),
            Some("c1")
        );
        assert_eq!(
            logind_of("0::/user.slice/user-0.slice/user@0.service/app.slice\n"),
            None
        );
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2";
        assert_eq!(started(stat), Some(4242));
    }
}
