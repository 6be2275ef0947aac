//! Imported people while the agent is stopped or hung: a key gets in by what the
//! snapshot says of the account; a password is refused with a sentence, soon.

use std::time::{Duration, Instant};

use harness::people::{ALICE, DAVE};
use harness::{Host, Trouble};

use crate::ready::{self, SOON};

#[test]
fn keys_work_by_the_snapshots_account_state() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.ssh_key(ALICE.name, "true")?.stdout()?;
    host.freeze_agent()?;
    keys_are_judged(&host, "hung")?;
    host.thaw_agent()?;
    host.stop_agent()?;
    keys_are_judged(&host, "stopped")
}

#[test]
fn a_password_is_refused_with_a_sentence() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.stop_agent()?;
    let mut terminal = host.ssh_terminal(ALICE.name)?;
    let screen = terminal.expect("Permission denied", SOON)?;
    assert!(screen.contains("does not answer"), "no sentence:\n{screen}");
    Ok(())
}

fn keys_are_judged(host: &Host, state: &str) -> Result<(), Trouble> {
    let start = Instant::now();
    assert_eq!(
        host.ssh_key(ALICE.name, "id -un")?.stdout()?,
        "alice",
        "agent {state}"
    );
    let took = start.elapsed();
    assert!(took < PATIENCE, "agent {state}: {took:?}");
    host.ssh_key(DAVE.name, "true")?.refusal()?;
    Ok(())
}

/// The account phase waits a second for the agent, for sshd and again for the user's
/// systemd; the report of the session half a second each.
const PATIENCE: Duration = Duration::from_secs(8);
