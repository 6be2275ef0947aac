//! Accounts that an operator closed on this host: at once, on every way in, with the agent stopped too, and
//! until it is taken back.

use harness::people::{ALICE, BOB, CAROL};
use harness::{Host, Trouble};

use crate::ready::{self, SOON};

#[test]
fn who_is_blocked_gets_in_by_nothing_until_unblocked() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.ssh_key(ALICE.name, "true")?.stdout()?;
    host.run("entractl users block alice")?.stdout()?;

    host.ssh_key(ALICE.name, "true")?.refusal()?;
    let mut shell = host.ssh_terminal(ALICE.name)?;
    let screen = shell.expect("Permission denied", SOON)?;
    assert!(screen.contains("blocked on this host"), "{screen}");
    assert!(!screen.contains("assword"), "asked for one:\n{screen}");
    let refused = host.run("su alice -c true")?;
    assert!(
        refused.refusal()?.contains("blocked on this host"),
        "{refused}"
    );
    assert_eq!(host.tenant().token_requests("password")?, 0);
    let shown = host.run("entractl users show alice")?;
    assert!(
        shown.stdout()?.contains("State:         blocked"),
        "{shown}"
    );

    host.stop_agent()?;
    host.ssh_key(ALICE.name, "true")?.refusal()?;
    host.ssh_key(BOB.name, "true")?.stdout()?;
    host.start_agent()?;
    // Neither does an import forget it.
    host.import("")?.stdout()?;
    host.ssh_key(ALICE.name, "true")?.refusal()?;

    host.run("entractl users unblock alice")?.stdout()?;
    host.ssh_key(ALICE.name, "true")?.stdout()?;
    Ok(())
}

/// Her shell runs on, and is worth nothing any more.
#[test]
fn a_blocked_administrator_has_neither_sudo_nor_a_role() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("entractl role set administrator bob")?.stdout()?;
    host.write(
        "/etc/sudoers.d/rule",
        "carol ALL = (root) NOPASSWD: /usr/bin/id\n",
    )?;
    let sudo = "sudo -n id -un";
    assert_eq!(host.run_as(CAROL.name, sudo)?.stdout()?, "root");
    host.run_as(BOB.name, "entractl users block carol")?
        .stdout()?;
    for agent in ["running", "stopped"] {
        let refused = host.run_as(CAROL.name, sudo)?;
        assert!(!refused.success(), "agent {agent}: {refused}");
        host.stop_agent()?;
    }
    host.start_agent()?;
    let refused = host.run_as(CAROL.name, "entractl users unblock carol")?;
    assert!(refused.refusal()?.contains("blocked"), "{refused}");
    Ok(())
}

#[test]
fn the_last_day_is_kept_by_an_import_and_taken_back() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let expired = "entractl --json users show alice | grep -o '\"expires\":[^,]*'";
    host.run("entractl users expire alice --until 2099-12-31")?
        .stdout()?;
    host.import("")?.stdout()?;
    let end = host.run(expired)?;
    assert!(end.stdout()?.contains("2100-01-01T00:00:00Z"), "{end}");
    host.ssh_key(ALICE.name, "true")?.stdout()?;
    let past = host.run("entractl users expire alice --until 2020-01-31")?;
    assert!(past.refusal()?.contains("is over"), "{past}");
    host.run("entractl users expire alice --never")?.stdout()?;
    let end = host.run(expired)?;
    assert!(end.stdout()?.contains("null"), "{end}");
    let last = host.run("entractl users block carol")?;
    assert!(last.refusal()?.contains("administrator"), "{last}");
    still_in(&host)
}

fn still_in(host: &Host) -> Result<(), Trouble> {
    host.ssh_key(CAROL.name, "true")?.stdout().map(drop)
}
