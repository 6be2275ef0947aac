//! A role that a group has: for everybody in it, nested groups included, as long as they are in it.

use harness::people::{ALICE, BOB, CAROL, FRANK, LARS};
use harness::{Host, Terminal, Trouble};
use serde_json::{Value, json};

use crate::ready::{self, SOON};

#[test]
fn a_nested_member_has_sudo_until_the_tenant_takes_them_out() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    // Alice is in Engineering through the Platform Team alone.
    move_alice(&host, "Platform Team", "Engineering")?;
    sync(&host)?;
    let mut before = host.terminal("su - alice")?;
    before.expect("$ ", SOON)?;
    assert!(sudo(&mut before)?.contains(NOT_IN_SUDOERS));

    let given = host.run("entractl role set administrator --group Engineering")?;
    assert!(given.stdout()?.contains("alice"), "{given}");
    assert!(
        given
            .stderr
            .contains("Whoever may change the members of engineering")
    );
    let mut shell = host.terminal("su - alice")?;
    shell.expect("$ ", SOON)?;
    assert!(sudo(&mut shell)?.contains("\nroot\n"));
    // sudo takes the groups of a session from its beginning, as it does for local users...
    assert!(sudo(&mut before)?.contains(NOT_IN_SUDOERS));
    is_administrator(&host, true)?;
    let shown = host.run("entractl users show alice")?;
    assert!(
        shown
            .stdout()?
            .contains("administrator, through the group engineering"),
        "{shown}"
    );
    // What she may ask the agent follows, without sudo.
    host.run_as(ALICE.name, "entractl role set auditor frank")?
        .stdout()?;

    move_alice(&host, "Finance", "Platform Team")?;
    // Until the host has heard of it nothing changes, also not by a publication for another reason.
    is_administrator(&host, true)?;
    sync(&host)?;
    is_administrator(&host, false)?;
    let mut after = host.terminal("su - alice")?;
    after.expect("$ ", SOON)?;
    assert!(sudo(&mut after)?.contains(NOT_IN_SUDOERS));
    // ... unless it is told to ask anew: then open sessions lose it as well.
    assert!(sudo(&mut shell)?.contains("\nroot\n"));
    host.run("echo 'Set group_source dynamic' >> /etc/sudo.conf")?
        .stdout()?;
    assert!(sudo(&mut shell)?.contains(NOT_IN_SUDOERS));
    host.run_as(ALICE.name, "entractl users list")?.refusal()?;
    // Nobody else of the group lost anything.
    assert!(groups_of(&host, BOB.name)?.contains("entra-admins"));
    Ok(())
}

#[test]
fn groups_are_named_and_only_administrators_name_them() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for person in [ALICE, LARS] {
        let refused = host.run_as(
            person.name,
            "entractl role set administrator --group 'Linux Administrators'",
        )?;
        assert!(refused.refusal()?.contains("takes the role"), "{refused}");
        host.run_as(person.name, "entractl role list")?.refusal()?;
    }
    let near = host.run_as(CAROL.name, "entractl role set auditor --group engneering")?;
    assert!(near.refusal()?.contains("did you mean"), "{near}");
    assert!(near.stderr.contains("engineering"), "{near}");
    // Two of the tenant's groups are called so, and one of them has the name here.
    host.run_as(
        CAROL.name,
        "entractl role set auditor --group 1618f959-0d96-5c0d-b4c8-2f9a3e18387b",
    )?
    .stdout()?;
    assert!(groups_of(&host, ALICE.name)?.contains("entra-auditors"));
    assert!(!groups_of(&host, BOB.name)?.contains("entra-auditors"));
    // A group of the tenant that was not imported gives nothing.
    host.run("entractl role set auditor --group docker")?
        .refusal()?;
    Ok(())
}

/// Nobody can keep a tenant from taking its last administrator away; the host says so wherever one looks.
#[test]
fn a_sync_that_takes_the_last_administrator_is_told() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("entractl role set administrator --group Finance")?
        .stdout()?;
    host.run("entractl role clear carol")?.stdout()?;
    for last in [
        "role clear --group Finance",
        "role set operator --group Finance",
    ] {
        let refused = host.run(&format!("entractl {last}"))?;
        assert!(refused.refusal()?.contains("no administrator"), "{refused}");
    }
    host.run("entractl users block trent_99")?.stdout()?;
    let refused = host.run("entractl users block frank")?;
    assert!(refused.refusal()?.contains("no administrator"), "{refused}");

    host.tenant()
        .change(&[member("removeMember", "Finance", FRANK.upn)])?;
    let summary = host.run("entractl sync")?;
    assert!(
        summary
            .text()
            .contains("no administrator who can sign in is left"),
        "{summary}"
    );
    let status = host.run("entractl auth status --json")?;
    let status: Value = serde_json::from_str(status.stdout()?)?;
    assert_eq!(status["auth"]["administrators"], 0);
    let doctor = host.run("entractl doctor")?;
    assert!(
        doctor
            .text()
            .contains("nobody who can sign in is an administrator"),
        "{doctor}"
    );
    let journal = host.journal("entra-agent.service")?;
    assert!(journal.contains("took the last administrator"), "{journal}");
    host.run("entractl role set administrator carol")?
        .stdout()?;
    Ok(())
}

const NOT_IN_SUDOERS: &str = "not in the sudoers file";

/// What sudo says, after her password.
fn sudo(shell: &mut Terminal) -> Result<String, Trouble> {
    shell.send_line("sudo -k; sudo id -un")?;
    shell.expect("assword", SOON)?;
    shell.expect(": ", SOON)?;
    shell.send_line(ALICE.password)?;
    shell.expect("$ ", SOON)
}

fn member(operation: &str, group: &str, member: &str) -> Value {
    json!({"op": operation, "group": group, "member": member})
}

/// Takes Alice out of one group and puts her into another.
fn move_alice(host: &Host, to: &str, from: &str) -> Result<(), Trouble> {
    host.tenant()
        .change(&[
            member("removeMember", from, ALICE.upn),
            member("addMember", to, ALICE.upn),
        ])
        .map(drop)
}

fn sync(host: &Host) -> Result<(), Trouble> {
    host.run("entractl sync")?.stdout().map(drop)
}

fn groups_of(host: &Host, name: &str) -> Result<String, Trouble> {
    Ok(host.run(&format!("id -nG {name}"))?.stdout()?.to_owned())
}

/// By NSS, from both sides.
fn is_administrator(host: &Host, expected: bool) -> Result<(), Trouble> {
    let groups = groups_of(host, ALICE.name)?;
    assert_eq!(groups.contains("entra-admins"), expected, "{groups}");
    let members = host.run("getent group entra-admins")?;
    let members = members.stdout()?;
    assert_eq!(members.contains("alice"), expected, "{members}");
    Ok(())
}
