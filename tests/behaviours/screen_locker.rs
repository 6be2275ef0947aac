//! A locker of the screen runs as the person whose screen it is, not as root: it can
//! ask for that person, and for nobody else.
//!
//! pamtester stands for it, with a service of its own, run as Alice.

use harness::people::{ALICE, BOB, LARS, Person, ROOT};
use harness::{Host, Output, Trouble};

use crate::ready::{self, SOON};

#[test]
fn a_locker_authenticates_whose_screen_it_is_and_nobody_else() -> Result<(), Trouble> {
    let host = ready_with_a_locker()?;
    let unlocked = unlock(&host, &ALICE, &ALICE, ALICE.password)?;
    assert!(
        unlocked.stdout()?.contains("account management done"),
        "{unlocked}"
    );
    assert_eq!(host.tenant().token_requests("password")?, 1);
    unlock(&host, &ALICE, &ALICE, "Not-Her-Password-1")?.refusal()?;
    assert_eq!(host.tenant().token_requests("password")?, 2);

    // Nobody else, with what would be right.
    host.tenant().forget_requests()?;
    for other in [BOB, harness::people::CAROL, LARS, ROOT] {
        unlock(&host, &ALICE, &other, other.password)?.refusal()?;
    }
    unlock(&host, &LARS, &ALICE, ALICE.password)?.refusal()?;
    assert!(
        host.tenant().requests("/")?.is_empty(),
        "the tenant was asked"
    );
    let journal = host.journal("entra-agent.service")?;
    assert!(
        journal.contains("may not ask for Auth of \"bob\""),
        "{journal}"
    );

    // pam_unix's own helper decides for local people, as ever.
    unlock(&host, &LARS, &LARS, LARS.password)?.stdout()?;
    Ok(())
}

/// Lockers ask the account phase, too, and the agent may be away.
#[test]
fn a_disabled_persons_screen_stays_locked() -> Result<(), Trouble> {
    let host = ready_with_a_locker()?;
    host.tenant()
        .change_user(ALICE.upn, &serde_json::json!({ "accountEnabled": false }))?;
    let refused = unlock(&host, &ALICE, &ALICE, ALICE.password)?;
    assert!(refused.refusal()?.contains("disabled"), "{refused}");
    Ok(())
}

/// Only root is believed: a program of hers could call itself anything, for the methods of
/// another service, and to have other addresses blamed for wrong passwords.
#[test]
fn what_a_locker_says_of_itself_is_not_believed() -> Result<(), Trouble> {
    let host = ready_with_a_locker()?;
    crate::configured::append(&host, "\"test-locker\" = [\"device-code\"]")?;
    host.restart_agent()?;
    let asked = "-I rhost=192.0.2.7 -I tty=:0 test-locker alice authenticate";
    let mut root = host.terminal(&format!("pamtester {asked}"))?;
    root.expect(harness::DEVICE_CODE_PROMPT, SOON)?;
    drop(root);
    let mut hers = host.terminal(&format!("runuser -u alice -- pamtester {asked}"))?;
    hers.expect("Password: ", SOON)?;
    hers.send_line("Not-Her-Password-1")?;
    hers.finish(SOON)?.refusal()?;
    let journal = host.journal("entra-agent.service")?;
    assert!(
        journal.contains("user=alice")
            && journal.contains("service=\"\" rhost=\"\" method=password"),
        "{journal}"
    );
    Ok(())
}

fn ready_with_a_locker() -> Result<Host, Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.write(
        "/etc/pam.d/test-locker",
        "@include common-auth\n@include common-account\n",
    )?;
    Ok(host)
}

/// A locker of `caller`'s is given a password for `who`.
fn unlock(host: &Host, caller: &Person, who: &Person, password: &str) -> Result<Output, Trouble> {
    let mut locker = host.terminal(&format!(
        "runuser -u {} -- pamtester test-locker {} authenticate acct_mgmt",
        caller.name, who.name
    ))?;
    // Who is refused at once is not asked; pam_unix may ask first.
    let asked = locker.expect("assword: ", SOON);
    if asked.is_ok() {
        locker.send_line(password)?;
    }
    locker.finish(SOON)
}
