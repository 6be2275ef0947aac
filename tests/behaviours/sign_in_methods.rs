//! Who can't sign in by password alone goes on by device code in the same conversation and is told so; each
//! refusal is a plain sentence, with the id under which the journal and the tenant's sign-in log have it.

use harness::people::{ALICE, BOB, ERIN, LARS};
use harness::{DEVICE_CODE_PROMPT, Host, Terminal, Trouble};
use serde_json::json;

use crate::ready::{self, SOON};

/// In `partners.contoso.example`, whose passwords are judged elsewhere.
const PIA: &str = "pia@partners.contoso.example";
/// Must register a second factor.
const WENDY: &str = "wendy";
const LOGIN_APP: &str = "/apps/9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003";

#[test]
fn whoever_needs_a_browser_is_told_so_and_goes_on() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    // Erin has no password, and what she types is not looked at.
    for (name, upn, typed) in [
        (WENDY, "wendy@contoso.example", "Enrol-Me-First-1"),
        (ERIN.name, ERIN.upn, "anything"),
    ] {
        let mut terminal = host.ssh_answering(name, typed)?;
        let (code, screen) = host.device_code(&mut terminal)?;
        assert!(
            screen.contains("has to be continued in a browser"),
            "{name}:\n{screen}"
        );
        if name == WENDY {
            // Met at the page: she registers one there.
            host.tenant()
                .change_user(upn, &json!({"mfaEnrolmentRequired": false}))?;
        }
        host.tenant().approve(&code, upn)?;
        let screen = greeted(terminal, name)?;
        assert!(!screen.contains("refused"), "{screen}");
    }
    Ok(())
}

/// A password of hers is none of Entra's: she is not even asked.
#[test]
fn federated_people_are_led_to_the_browser_and_asked_for_no_password() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.tenant()
        .add_person(PIA, "Pia Partner", "Not-Judged-Here-1")?;
    host.import("")?.stdout()?;
    host.tenant().forget_requests()?;
    let mut terminal = host.ssh_terminal(PIA)?;
    let (code, screen) = host.device_code(&mut terminal)?;
    assert!(!screen.contains("Password: "), "{screen}");
    assert!(screen.contains("on a page of its own"), "{screen}");
    host.tenant().approve(&code, PIA)?;
    greeted(terminal, "pia")?;
    assert_eq!(host.tenant().token_requests("password")?, 0);
    assert_eq!(host.tenant().requests("/common/userrealm/")?.len(), 1);
    // The next hour needs no second question.
    drop(host.ssh_terminal(PIA)?.expect(DEVICE_CODE_PROMPT, SOON)?);
    assert_eq!(host.tenant().requests("/common/userrealm/")?.len(), 1);
    Ok(())
}

#[test]
fn a_registration_without_public_flows_is_an_administrators_matter_and_shows_no_code()
-> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.tenant().call(
        "PATCH",
        LOGIN_APP,
        Some(&json!({"publicClientFlows": false})),
    )?;
    let mut terminal = host.ssh_answering(ALICE.name, ALICE.password)?;
    terminal.expect("Permission denied", SOON)?;
    let screen = terminal.finish(SOON)?.refusal()?;
    assert!(
        screen.contains("not set up correctly on this host"),
        "{screen}"
    );
    assert!(!screen.contains(DEVICE_CODE_PROMPT), "{screen}");
    let errors = host.run("journalctl -b -u entra-agent -p err -o cat --no-pager")?;
    assert!(
        errors
            .stdout()?
            .contains("AADSTS7000218: \"Allow public client flows\" is off"),
        "{errors}"
    );
    Ok(())
}

#[test]
fn a_policy_against_device_codes_is_said_so() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let erin = ERIN.upn;
    host.tenant()
        .change_user(erin, &json!({"deviceCodeBlocked": true}))?;
    let mut terminal = host.ssh_answering(ERIN.name, "whatever")?;
    let (code, _) = host.device_code(&mut terminal)?;
    host.tenant().approve(&code, erin)?;
    terminal.send_line("")?;
    terminal.expect("Permission denied", SOON)?;
    let screen = terminal.finish(SOON)?.refusal()?;
    assert!(
        screen.contains("does not allow signing in with a code"),
        "{screen}"
    );
    the_journal_has(&host, &reference(&screen)?, "AADSTS53003")
}

/// Expired passwords were a dead end elsewhere (authd #575).
#[test]
fn an_expired_password_comes_with_the_servers_own_link() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.tenant()
        .change_user(ALICE.upn, &json!({"passwordExpired": true}))?;
    let screen = refused_by_su(&host, ALICE.name, ALICE.password)?;
    assert!(
        screen.contains(
            "Your password has expired. Change it at \
             https://portal.microsoftonline.com/ChangePassword.aspx and sign in again."
        ),
        "{screen}"
    );
    the_journal_has(&host, &reference(&screen)?, "AADSTS50055")
}

#[test]
fn a_wrong_password_and_somebody_gone_from_the_tenant_sound_the_same() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let wrong = refused_by_su(&host, ALICE.name, "Wrong-Password-1")?;
    host.tenant().delete_user(ALICE.upn)?;
    let gone = refused_by_su(&host, ALICE.name, ALICE.password)?;
    let (one, other) = (reference(&wrong)?, reference(&gone)?);
    assert!(wrong.contains("Incorrect username or password."), "{wrong}");
    assert_eq!(wrong.replace(&one, "ID"), gone.replace(&other, "ID"));
    the_journal_has(&host, &one, "AADSTS50126")?;
    the_journal_has(&host, &other, "AADSTS50034")
}

/// The tenant signs with a new key, twice: the host has never seen the one that counts now.
#[test]
fn keys_that_the_tenant_rotates_are_fetched() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .stdout()?;
    for _ in 0..2 {
        host.tenant().call("POST", "/keys/rotate", None)?;
    }
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .stdout()?;
    assert_eq!(host.tenant().requests(KEYS)?.len(), 2);
    Ok(())
}

const KEYS: &str = "/7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001/discovery/v2.0/keys";

fn greeted(mut terminal: Terminal, name: &str) -> Result<String, Trouble> {
    terminal.send_line("")?;
    terminal.expect("$ ", SOON)?;
    terminal.send_line("id -un; exit")?;
    let screen = terminal.finish(SOON)?.stdout()?.to_owned();
    assert!(screen.contains(&format!("\n{name}")), "{screen}");
    Ok(screen)
}

/// All that su shows a local user who tries somebody's password.
fn refused_by_su(host: &Host, name: &str, password: &str) -> Result<String, Trouble> {
    let mut su = host.terminal(&format!("runuser -u {} -- su {name} -c true", LARS.name))?;
    su.expect("Password: ", SOON)?;
    su.send_line(password)?;
    su.expect("su: ", SOON)?;
    su.finish(SOON)?.refusal()
}

/// The id that the person was told.
fn reference(screen: &str) -> Result<String, Trouble> {
    screen
        .split_once("(reference: ")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(id, _)| id.to_owned())
        .ok_or_else(|| Trouble::new(format!("no reference on the screen:\n{screen}")))
}

fn the_journal_has(host: &Host, reference: &str, code: &str) -> Result<(), Trouble> {
    let journal = host.journal("entra-agent.service")?;
    let line = journal
        .lines()
        .find(|line| line.contains("sign-in refused") && line.contains(reference));
    assert!(
        line.is_some_and(|line| line.contains(code)),
        "{reference} {code}:\n{journal}"
    );
    Ok(())
}

/// sshd's `password` method answers every hidden prompt with the password and passes no text on before
/// somebody is in: the sentence that it is given stands in the journal, and no code is left to be polled.
#[test]
fn sshds_password_method_ends_at_a_second_factor_and_the_journal_says_what_to_use()
-> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut ssh = host.terminal(
        "ssh -o PubkeyAuthentication=no -o PreferredAuthentications=password -l bob localhost",
    )?;
    ssh.expect("password: ", SOON)?;
    ssh.send_line(BOB.password)?;
    ssh.expect("Permission denied (", SOON)?;
    assert_eq!(host.tenant().token_requests("password")?, 1);
    let journal = host.journal("entra-agent.service")?;
    assert!(
        journal.contains("the application can't show a visible prompt; keyboard-interactive can"),
        "{journal}"
    );
    let codes = host.tenant().call("GET", "/device-codes", None)?;
    assert_eq!(codes[0]["polls"], 1, "{codes}");
    Ok(())
}
