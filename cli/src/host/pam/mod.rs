//! Wiring sign-in into this host: the PAM stacks by the distribution's own tool, nsswitch.conf, sshd.
//!
//! A [`Plan`] says what would change, found out without changing anything. [`enable`] carries it out and
//! [`disable`] takes it back. Invariants: before the first file changes, each is kept ([`kept`]) and something
//! stands ready to take all of it back ([`undo_unit`]); nothing stays by which root or a local user passes account
//! management no more where they passed before ([`accounts`]); a failed step takes all back at once; what
//! somebody else put into a file meanwhile is never lost.
//!
//! PAM comes before NSS on the way in, and goes after it: people whom NSS knows and PAM does not ask about would come
//! in with an ssh key.

pub(crate) mod accounts;
mod authselect;
mod command;
mod debian;
mod diff;
pub(crate) mod kept;
pub(crate) mod libpam_ffi;
mod nsswitch;
mod plan;
mod replace;
pub(crate) mod session;
mod sshd;
mod stack;
mod take_back;
mod undo_unit;

use std::fs::OpenOptions;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, Flock, FlockArg, fcntl};

use self::accounts::AccountCheck;
use self::command::trouble;
use self::kept::{Kept, State, Tool};
use self::take_back::Since;
use super::Host;
use crate::trouble::HostTrouble;

use self::plan::{Change, NSSWITCH, Stacks};
pub(crate) use self::plan::{Plan, ShownChange, plan};
pub(crate) use self::take_back::{TakenBack, disable, undo};

/// What `enable` has done.
#[derive(Debug)]
pub(crate) struct Enabled {
    /// Root and a local user in every service.
    pub(crate) checks: Vec<AccountCheck>,
}

/// Carries a plan out. With a time, all of it is taken back after that unless [`confirm`] comes; without, it stays.
///
/// # Errors
/// [`HostTrouble`] says what failed; all is as it was then.
pub(crate) fn enable(
    host: &Host,
    plan: &Plan,
    undo_after: Option<Duration>,
) -> Result<Enabled, HostTrouble> {
    let _lock = lock(host)?;
    if let Some(kept) = Kept::read(host)? {
        return Err(was_enabled(&kept, plan));
    }
    if plan::plan(host)? != *plan {
        return Err(HostTrouble {
            message: "somebody else changed the files meanwhile".to_owned(),
            hint: Some("`entractl pam preview` shows how it would be now".to_owned()),
        });
    }
    match undo_after {
        Some(_) => undo_unit::is_possible(host)?,
        None if undo_unit::is_possible(host).is_ok() => {}
        // An image that is being built: nothing runs that could take anything back.
        None => return carry_out(host, plan, State::Confirmed),
    }
    let before_all = undo_after.unwrap_or(WITHOUT_CONFIRMATION);
    undo_unit::arm(host, before_all)?;
    let state = if undo_after.is_some() {
        State::Waiting
    } else {
        State::Confirmed
    };
    let done = carry_out(host, plan, state);
    if done.is_err() || undo_after.is_none() {
        undo_unit::disarm(host);
    }
    done
}

/// In which an `enable` without confirmation is over; only a killed one meets it.
const WITHOUT_CONFIRMATION: Duration = Duration::from_secs(600);

fn was_enabled(kept: &Kept, plan: &Plan) -> HostTrouble {
    let (message, hint) = match kept.state {
        State::Waiting => (
            "sign-in was wired already, and waits for a confirmation".to_owned(),
            "`entractl pam confirm` from a new session keeps it, `entractl pam disable` takes it back",
        ),
        State::Applying => (
            "an earlier `entractl pam enable` was broken off half way".to_owned(),
            "`entractl pam disable` brings everything back",
        ),
        State::Confirmed => {
            let paths: Vec<&str> = plan
                .changes
                .iter()
                .map(|change| change.path.as_str())
                .collect();
            (
                format!(
                    "sign-in was wired already, and since then somebody changed {}",
                    paths.join(", ")
                ),
                "`entractl pam disable` takes the rest back; then enable it again",
            )
        }
    };
    HostTrouble {
        message,
        hint: Some(hint.to_owned()),
    }
}

fn carry_out(host: &Host, plan: &Plan, state: State) -> Result<Enabled, HostTrouble> {
    let before = accounts::pass(host)?;
    let mut kept = Kept::new(plan.tool.clone(), session::current());
    kept.keep(host, &plan.changes)?;
    journal("sign-in is being wired: entractl pam enable");
    let done = apply(host, plan).and_then(|()| {
        let checks = accounts::compare(&before, &accounts::pass(host)?);
        let lost = accounts::lost(&checks);
        if !lost.is_empty() {
            return Err(HostTrouble {
                message: format!(
                    "account management refuses now who passed before: {}",
                    lost.join("; ")
                ),
                hint: Some(
                    "the journal has what the modules said: journalctl -p warning -t entractl"
                        .to_owned(),
                ),
            });
        }
        kept.state = state;
        kept.write(host)?;
        Ok(Enabled { checks })
    });
    match done {
        Ok(enabled) => {
            journal("sign-in is wired");
            Ok(enabled)
        }
        Err(reason) => match take_back::take_back(host, &kept, Since::Just) {
            Ok(_) => {
                journal(&format!("all is as it was: {}", reason.message));
                Err(HostTrouble {
                    message: format!("{}; all is as it was", reason.message),
                    ..reason
                })
            }
            Err(second) => Err(HostTrouble {
                message: format!("{}; and then: {}", reason.message, second.message),
                hint: Some("`entractl pam disable` brings the rest back; so does the timer, and the next boot".to_owned()),
            }),
        },
    }
}

fn apply(host: &Host, plan: &Plan) -> Result<(), HostTrouble> {
    let by_tool = |change: &&Change| take_back::is_by_tool(&change.path);
    match &plan.tool {
        Tool::PamAuthUpdate { profiles } => {
            if plan.changes.iter().any(|change| by_tool(&change)) {
                debian::enable(profiles)?;
            }
            for change in plan.changes.iter().filter(by_tool) {
                if replace::read(host, &change.path)? != change.after {
                    return Err(trouble(format!(
                        "pam-auth-update made something else of {} than what was shown",
                        change.path
                    )));
                }
            }
        }
        Tool::Authselect { .. } => {
            authselect::enable(host, &plan.commands)?;
            for change in plan.changes.iter().filter(by_tool) {
                let made = replace::read(host, &change.path)?.unwrap_or_default();
                if !String::from_utf8_lossy(&made).contains("entra") {
                    return Err(trouble(format!(
                        "authselect made {} without our lines",
                        change.path
                    )));
                }
            }
        }
    }
    let mut of_sshd = false;
    for change in plan.changes.iter().filter(|change| !by_tool(change)) {
        replace::write(host, &change.path, change.after.as_deref())?;
        of_sshd |= sshd::is_its(&change.path);
    }
    if of_sshd {
        sshd::verify(host)?;
        sshd::reload()?;
    }
    Ok(())
}

/// Keeps what `enable` did.
///
/// # Errors
/// [`HostTrouble`] if nothing waits for it, or if this session proves nothing.
pub(crate) fn confirm(host: &Host) -> Result<(), HostTrouble> {
    let _lock = lock(host)?;
    let Some(mut kept) = Kept::read(host)? else {
        return Err(HostTrouble {
            message: "nothing waits for a confirmation".to_owned(),
            hint: Some(
                "was it taken back already? `entractl pam preview` shows how things stand"
                    .to_owned(),
            ),
        });
    };
    match kept.state {
        State::Confirmed => return Ok(()),
        State::Applying => {
            return Err(HostTrouble {
                message:
                    "`entractl pam enable` was broken off half way: there is nothing whole to keep"
                        .to_owned(),
                hint: Some("`entractl pam disable` brings everything back".to_owned()),
            });
        }
        State::Waiting => {}
    }
    session::is_fresh(&kept.began, &session::current()).map_err(|reason| HostTrouble {
        message: format!("{reason}: it does not prove that anybody can sign in now"),
        hint: Some(
            "keep this session, open a second one by ssh or on a console, and confirm there"
                .to_owned(),
        ),
    })?;
    kept.state = State::Confirmed;
    kept.write(host)?;
    undo_unit::disarm(host);
    journal("the wiring of sign-in was confirmed");
    Ok(())
}

/// What is kept on this host, if anything.
///
/// # Errors
/// [`HostTrouble`] if it can't be read.
pub(crate) fn state(host: &Host) -> Result<Option<State>, HostTrouble> {
    Ok(Kept::read(host)?.map(|kept| kept.state))
}

/// One `entractl pam` at a time: the timer may go off while somebody confirms.
fn lock(host: &Host) -> Result<Flock<std::fs::File>, HostTrouble> {
    let path = host.path(LOCK);
    let began = Instant::now();
    loop {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| HostTrouble::file("lock", &path, &error))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => {
                // Programs that this one starts hold it, too: a pam-auth-update whose entractl was killed ends
                // before anybody takes back what it writes.
                fcntl(&*lock, FcntlArg::F_SETFD(FdFlag::empty()))
                    .map_err(|error| HostTrouble::file("lock", &path, &error.into()))?;
                return Ok(lock);
            }
            Err((_, nix::errno::Errno::EAGAIN)) if began.elapsed() < LOCK_LIMIT => {
                thread::sleep(LOCK_PAUSE)
            }
            Err((_, nix::errno::Errno::EAGAIN)) => {
                return Err(trouble("another `entractl pam` is at work".to_owned()));
            }
            Err((_, error)) => return Err(HostTrouble::file("lock", &path, &error.into())),
        }
    }
}

const LOCK: &str = "/run/entra-login-pam.lock";

/// An `enable` takes some seconds; a timer that waits for one must outlast it.
const LOCK_LIMIT: Duration = Duration::from_secs(120);
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// A line for the journal, by syslog's own socket; nobody listening is no fault.
fn journal(sentence: &str) {
    // LOG_AUTHPRIV, LOG_NOTICE (RFC 5424 section 6.2.1).
    const PRIORITY: u8 = 10 * 8 + 5;
    let line = format!(
        "<{PRIORITY}>entractl[{}]: {}",
        std::process::id(),
        sentence.replace('\n', " ")
    );
    let _ = UnixDatagram::unbound().and_then(|socket| socket.send_to(line.as_bytes(), "/dev/log"));
}
