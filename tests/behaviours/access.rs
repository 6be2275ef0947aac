//! `[[access]]`: imported people use what their role or one of their groups grants them on this host, and
//! nothing else, whichever way they come, with the agent stopped too.

use harness::people::{ALICE, BOB, CAROL, MALLORY};
use harness::{Host, Trouble};
use serde_json::json;

use crate::configured;
use crate::ready::{self, SOON};

/// Alice is in it; Bob in two groups within it.
const ENGINEERING: &str = "84379b9d-21a1-5455-b078-5dd807a4e480";
const BOBS_GROUPS: [&str; 2] = [
    "684e5596-ce37-595e-992a-abce40c765ba",
    "77637017-aed6-5625-a5d8-4b6b5551a44c",
];

const BOBS_ID: &str = "39bd543c-83e3-5661-972e-960c0a9da213";

/// Administrators may all, engineers sshd; nobody else anything.
fn granted() -> Result<Host, Trouble> {
    let host = ready::everybody_may_sign_in()?;
    configured::append(
        &host,
        &format!(
            "[[access]]\nrole = \"administrator\"\n\
             [[access]]\ngroups = [\"{ENGINEERING}\"]\nservices = [\"sshd\"]"
        ),
    )?;
    Ok(host)
}

#[test]
fn roles_and_groups_grant_services() -> Result<(), Trouble> {
    let host = granted()?;
    for agent in ["running", "stopped"] {
        for person in [ALICE, BOB, CAROL] {
            let came = host.ssh_key(person.name, "id -un")?;
            assert_eq!(came.stdout()?, person.name, "agent {agent}");
        }
        host.ssh_key(MALLORY.name, "true")?.refusal()?;
        // Root becomes an administrator, and no engineer: su is not granted to those.
        host.run("su carol -c true")?.stdout()?;
        let refused = host.run("su alice -c true")?;
        assert!(
            refused.refusal()?.contains("for this service"),
            "agent {agent}: {refused}"
        );
        host.stop_agent()?;
    }
    Ok(())
}

#[test]
fn who_is_granted_nothing_is_asked_for_nothing() -> Result<(), Trouble> {
    let host = granted()?;
    let mut terminal = host.ssh_terminal(MALLORY.name)?;
    let screen = terminal.expect("Permission denied", SOON)?;
    assert!(screen.contains("for this service"), "{screen}");
    assert!(!screen.contains("assword"), "asked for one:\n{screen}");
    assert_eq!(host.tenant().token_requests("password")?, 0);
    assert!(host.tenant().device_codes()?.is_empty());
    Ok(())
}

/// Who leaves the group in the tenant loses what it granted with the next sync.
#[test]
fn a_grant_ends_with_the_membership() -> Result<(), Trouble> {
    let host = granted()?;
    host.ssh_key(BOB.name, "true")?.stdout()?;
    let changes =
        BOBS_GROUPS.map(|group| json!({"op": "removeMember", "group": group, "member": BOBS_ID}));
    host.tenant().change(&changes)?;
    host.run("entractl sync --accept-removals")?.stdout()?;
    host.ssh_key(BOB.name, "true")?.refusal()?;
    host.ssh_key(ALICE.name, "true")?.stdout()?;
    Ok(())
}
