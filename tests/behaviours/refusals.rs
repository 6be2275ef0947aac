//! Disabled, deleted and not-imported people are refused with a plain sentence,
//! and by key too: a key reaches no password check, only the account phase.

use harness::people::Person;
use harness::people::{ALICE, BOB, DAVE, FRANK};
use harness::{Host, Trouble};
use serde_json::json;

use crate::ready::{self, SOON};

#[test]
fn a_disabled_person_is_refused() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let screen = refused_at_a_terminal(&host, &DAVE)?;
    assert!(screen.contains("disabled"), "no sentence:\n{screen}");
    assert_eq!(
        host.tenant().token_requests("password")?,
        0,
        "the tenant was asked about somebody whom this host knows to be disabled"
    );
    refused_by_key(&host, &DAVE)
}

#[test]
fn a_key_suffices_for_somebody_in_good_standing() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    assert_eq!(
        host.ssh_key(ALICE.name, "id -un; pwd")?.stdout()?,
        "alice\n/home/alice"
    );
    Ok(())
}

/// An online sign-in that hears "disabled" cuts off keys as well, before any sync.
#[test]
fn somebody_disabled_since_the_import_is_cut_off_by_the_first_try() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.tenant()
        .change_user(ALICE.upn, &json!({ "accountEnabled": false }))?;
    let screen = refused_at_a_terminal(&host, &ALICE)?;
    assert!(screen.contains("disabled"), "no sentence:\n{screen}");
    refused_by_key(&host, &ALICE)
}

#[test]
fn somebody_disabled_is_refused_by_key_after_the_next_import() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.tenant()
        .change_user(ALICE.upn, &json!({ "accountEnabled": false }))?;
    host.import("")?.stdout()?;
    refused_by_key(&host, &ALICE)?;
    host.stop_agent()?;
    refused_by_key(&host, &ALICE)?;
    assert!(
        host.run("id alice")?.success(),
        "files of hers still have a name"
    );
    Ok(())
}

/// A full disk: the import is in the databases, the snapshot is the old one, in which
/// Alice still stands. The agent knows better and is asked.
#[test]
fn somebody_disabled_is_refused_by_key_though_nothing_could_be_published() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("chown root: /var/lib/entra-login/public")?
        .stdout()?;
    host.tenant()
        .change_user(ALICE.upn, &json!({ "accountEnabled": false }))?;
    let import = host.import("")?.refusal()?;
    assert!(import.contains("not published"), "{import}");
    refused_by_key(&host, &ALICE)
}

#[test]
fn a_deleted_person_is_refused_before_and_after_the_next_import() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.tenant().delete_user(ALICE.upn)?;
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .refusal()?;
    host.import("")?.stdout()?;
    host.run("getent passwd alice")?.refusal()?;
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .refusal()?;
    refused_by_key(&host, &ALICE)
}

#[test]
fn somebody_outside_the_scope_is_refused() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.import("--users alice@contoso.example,bob@contoso.example,carol@contoso.example")?
        .stdout()?;
    ready::enable(&host)?;
    host.tenant().forget_requests()?;
    assert!(host.run(&format!("id {}", BOB.name))?.success());
    let screen = refused_at_a_terminal(&host, &FRANK)?;
    assert!(screen.contains("import"), "no sentence:\n{screen}");
    assert_eq!(
        host.tenant().token_requests("password")?,
        0,
        "an unknown name reached the tenant"
    );
    refused_by_key(&host, &FRANK)
}

/// All that ssh shows to somebody whose password is right and who may not enter.
fn refused_at_a_terminal(host: &Host, person: &Person) -> Result<String, Trouble> {
    let mut terminal = host.ssh_terminal(person.name)?;
    // Who is known to be refused may hear so without being asked for a password.
    let (which, _) = terminal.expect_any(&["Password: ", "Permission denied"], SOON)?;
    if which == 0 {
        terminal.send_line(person.password)?;
        terminal.expect("Permission denied", SOON)?;
    }
    terminal.finish(SOON)?.refusal()
}

fn refused_by_key(host: &Host, person: &Person) -> Result<(), Trouble> {
    let refused = host.ssh_key(person.name, "echo inside")?;
    assert!(
        !refused.success() && !refused.stdout.contains("inside"),
        "in by key:\n{refused}"
    );
    Ok(())
}
