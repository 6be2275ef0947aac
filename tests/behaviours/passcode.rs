//! The passcode: set with passwd(1) by a device code, asked for by sudo and su, worth what the tenant says.

use harness::people::{ALICE, BOB, Person};
use harness::{Host, Terminal, Trouble};
use serde_json::json;

use crate::configured::append;
use crate::ready::{self, SOON};
use crate::slow_networks::{front, swallow_everything};

const PASSCODE: &str = "4815-1623";
const OTHER: &str = "quiet-river";
/// Of the login registration's.
const REFRESH: &str = "refresh_token";

/// Everybody imported, and passcodes switched on.
fn with_passcodes() -> Result<Host, Trouble> {
    let host = ready::everybody_may_sign_in()?;
    append(&host, "[passcode]\nenabled = true")?;
    Ok(host)
}

/// passwd(1) as this person, up to the prompt for the new passcode, by a device code.
fn passwd(host: &Host, person: Person) -> Result<Terminal, Trouble> {
    let mut passwd = host.terminal(&format!("runuser -u {} -- passwd", person.name))?;
    let (code, screen) = host.device_code(&mut passwd)?;
    assert!(
        screen.contains("This sets your passcode for this host"),
        "{screen}"
    );
    host.tenant().approve(&code, person.upn)?;
    passwd.send_line("")?;
    passwd.expect("New passcode: ", SOON)?;
    Ok(passwd)
}

fn set(mut passwd: Terminal, passcode: &str) -> Result<(), Trouble> {
    passwd.send_line(passcode)?;
    passwd.expect("New passcode again: ", SOON)?;
    passwd.send_line(passcode)?;
    passwd.expect("Your passcode for this host is set.", SOON)?;
    passwd.finish(SOON)?.stdout().map(drop)
}

/// su to this person from a local account, up to a prompt.
fn su(host: &Host, person: Person) -> Result<Terminal, Trouble> {
    host.terminal(&format!(
        "runuser -u lars -- su {} -c 'id -un'",
        person.name
    ))
}

fn su_succeeds(host: &Host, person: Person, passcode: &str) -> Result<String, Trouble> {
    let mut su = su(host, person)?;
    su.expect("Passcode", SOON)?;
    su.send_line(passcode)?;
    su.expect(&format!("\n{}", person.name), SOON)?;
    let told = su.finish(SOON)?;
    told.stdout().map(str::to_owned)
}

#[test]
fn it_is_set_with_passwd_changed_and_serves_su_and_sudo() -> Result<(), Trouble> {
    let host = with_passcodes()?;
    host.run("entractl role set administrator bob@contoso.example")?
        .stdout()?;
    // Nobody has a refresh token who has no passcode.
    let session = host.ssh_password(ALICE.name, ALICE.password, "id -un")?;
    assert_eq!(session.stdout()?, "alice");
    let mut first = passwd(&host, BOB)?;
    first.send_line("123456")?;
    first.expect("a sequence of neighbours", SOON)?;
    first.expect("New passcode: ", SOON)?;
    set(first, PASSCODE)?;
    assert_eq!(count(&host, "refresh_tokens")?, 1);
    assert_eq!(host.tenant().token_requests(REFRESH)?, 0);

    su_succeeds(&host, BOB, PASSCODE)?;
    assert_eq!(host.tenant().token_requests(REFRESH)?, 1);
    let mut wrong = su(&host, BOB)?;
    wrong.expect("Passcode", SOON)?;
    wrong.send_line(OTHER)?;
    wrong.expect("That is not your passcode.", SOON)?;
    wrong.finish(SOON)?;
    assert_eq!(
        host.tenant().token_requests(REFRESH)?,
        1,
        "the tenant was asked"
    );

    // A session over ssh takes the key, or a device code: no passcode.
    let mut ssh = host.ssh_terminal(BOB.name)?;
    let (which, screen) = ssh.expect_any(&["Passcode", "Password: "], SOON)?;
    assert_eq!(which, 1, "{screen}");
    drop(ssh);

    let mut sudo = host.terminal("ssh -tt -l bob localhost")?;
    sudo.expect("$ ", SOON)?;
    sudo.send_line("sudo id -un; exit")?;
    sudo.expect("Passcode", SOON)?;
    sudo.send_line(PASSCODE)?;
    sudo.expect("root", SOON)?;
    sudo.finish(SOON)?.stdout()?;

    // Changed by itself.
    let mut change = host.terminal("runuser -u bob -- passwd")?;
    change.expect("Current passcode", SOON)?;
    change.send_line(PASSCODE)?;
    change.expect("New passcode: ", SOON)?;
    set(change, OTHER)?;
    su_succeeds(&host, BOB, OTHER)?;
    let journal = host.journal("entra-agent")?;
    for secret in [PASSCODE, OTHER] {
        assert!(!journal.contains(secret), "{journal}");
    }
    assert!(journal.contains("passcode set: user=\"bob\""), "{journal}");
    assert!(journal.contains("method=passcode"), "{journal}");
    // Nothing of it is in the databases in the clear.
    for what in [PASSCODE, OTHER] {
        let found = host.run(&format!("grep -rlaF -e '{what}' /var/lib/entra-login"))?;
        assert!(!found.success(), "{found}");
    }
    Ok(())
}

#[test]
fn somebody_elses_device_code_sets_nothing() -> Result<(), Trouble> {
    let host = with_passcodes()?;
    let mut passwd = host.terminal("runuser -u bob -- passwd")?;
    let (code, _) = host.device_code(&mut passwd)?;
    host.tenant().approve(&code, ALICE.upn)?;
    passwd.send_line("")?;
    passwd.expect("as another person than bob", SOON)?;
    let told = passwd.finish(SOON)?;
    assert!(!told.success(), "{told}");
    assert_eq!(
        count(&host, "verifiers")? + count(&host, "refresh_tokens")?,
        0
    );
    // Nobody sets another's, local or not.
    for person in ["lars", "alice"] {
        let told = host.run_as(person, "passwd bob")?;
        assert!(!told.success(), "{told}");
    }
    Ok(())
}

#[test]
fn whom_the_tenant_has_ended_has_no_passcode_and_loses_it() -> Result<(), Trouble> {
    let host = with_passcodes()?;
    for person in [ALICE, BOB] {
        set(passwd(&host, person)?, PASSCODE)?;
        su_succeeds(&host, person, PASSCODE)?;
    }
    assert_eq!(count(&host, "refresh_tokens")?, 2);
    host.tenant()
        .change_user(ALICE.upn, &json!({"accountEnabled": false}))?;
    let mut alice = su(&host, ALICE)?;
    alice.expect("Passcode", SOON)?;
    alice.send_line(PASSCODE)?;
    alice.expect("disabled", SOON)?;
    assert!(!alice.finish(SOON)?.success());

    host.tenant()
        .call("POST", &format!("/users/{}/revoke", BOB.upn), None)?;
    let mut bob = su(&host, BOB)?;
    bob.expect("Passcode", SOON)?;
    bob.send_line(PASSCODE)?;
    bob.expect("sign in anew", SOON)?;
    // Another way is open.
    bob.expect("Password: ", SOON)?;
    drop(bob);
    assert_eq!(count(&host, "refresh_tokens")?, 0);
    assert_eq!(count(&host, "verifiers")?, 0);
    // Not by way of a cut cable either.
    front(&host)?;
    swallow_everything(&host)?;
    for person in [ALICE, BOB] {
        let told = host.run_fed(
            SOON,
            &format!("pamtester front {} authenticate", person.name),
            &format!("{PASSCODE}\n{PASSCODE}\n"),
        )?;
        told.refusal()?;
    }
    Ok(())
}

#[test]
fn without_the_tenant_it_serves_like_the_password() -> Result<(), Trouble> {
    let host = with_passcodes()?;
    set(passwd(&host, BOB)?, PASSCODE)?;
    swallow_everything(&host)?;
    let screen = su_succeeds(&host, BOB, PASSCODE)?;
    assert!(
        screen.contains("Microsoft Entra ID can't be reached"),
        "{screen}"
    );
    let mut console = host.terminal("login")?;
    console.expect("login: ", SOON)?;
    console.send_line("bob")?;
    console.expect("Password: ", SOON)?;
    console.send_line(PASSCODE)?;
    console.expect("Microsoft Entra ID can't be reached", SOON)?;
    console.expect("$ ", SOON)?;
    console.send_line("exit")?;
    console.finish(SOON)?.stdout()?;
    // Over the network it is worth nothing.
    host.ssh_password(BOB.name, PASSCODE, "true")?.refusal()?;
    let metrics = host.run("entractl metrics")?;
    let line = r#"method="offline-passcode",verdict="success"} 2"#;
    assert!(metrics.stdout()?.contains(line), "{metrics}");
    Ok(())
}

#[test]
fn it_is_off_unless_switched_on_and_never_for_sshd() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let asked = host.run_as(ALICE.name, "passwd")?;
    assert!(asked.refusal()?.contains("https://aka.ms/sspr"), "{asked}");
    host.run(
        "printf '\\n[passcode]\\nenabled = true\\nservices = [\"sudo\", \"sshd\"]\\n' >> /etc/entra-login/agent.toml",
    )?
    .stdout()?;
    let check = host.run("entra-agent --check")?;
    assert!(
        check
            .refusal()?
            .contains("[passcode]: `services` takes services that nobody reaches over the network"),
        "{check}"
    );
    Ok(())
}

fn count(host: &Host, table: &str) -> Result<u32, Trouble> {
    let told = host.run(&format!(
        "python3 -c \"import sqlite3; c = sqlite3.connect('/var/lib/entra-login/state.db'); \
         print(c.execute('SELECT count(*) FROM {table}').fetchone()[0])\""
    ))?;
    let number = told.stdout()?.trim().parse();
    number.map_err(|_| Trouble::new(told.to_string()))
}
