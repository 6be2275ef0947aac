//! `entractl explain` says what really happens: its word on the account phase is held against pam_acct_mgmt(3), its
//! word on the way in against the prompt.

use harness::people::{ALICE, BOB, CAROL, DAVE, LARS, MALLORY};
use harness::{Host, Trouble};

use crate::configured;
use crate::ready::{self, SOON};

/// A field of the JSON document.
fn said(host: &Host, field: &str, arguments: &str) -> Result<String, Trouble> {
    let document = host.run(&format!("entractl --json explain {arguments}"))?;
    let document: serde_json::Value = serde_json::from_str(document.stdout()?)
        .map_err(|error| Trouble::new(format!("no JSON: {error}: {document}")))?;
    document
        .pointer(&format!("/explain/{field}"))
        .and_then(serde_json::Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Trouble::new(format!("no {field}: {document}")))
}

#[test]
fn what_is_said_of_the_account_phase_is_what_libpam_says() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    configured::append(
        &host,
        "[[access]]\nrole = \"administrator\"\n[[access]]\neverybody = true\nservices = [\"sshd\"]",
    )?;
    host.run("entractl users block bob")?.stdout()?;
    for agent in ["running", "stopped"] {
        for person in [ALICE, BOB, CAROL, DAVE, MALLORY] {
            for service in ["sshd", "su", "cron"] {
                let user = person.name;
                let told = said(&host, "account", &format!("{user} --service {service}"))?;
                let real = host.run(&format!("entractl pam account {service} {user}"))?;
                let expected = if real.success() { "passes" } else { "refuses" };
                assert_eq!(told, expected, "{user} {service} agent {agent}: {real}");
            }
        }
        for user in ["root", LARS.name] {
            assert_eq!(said(&host, "account", user)?, "left", "{user}");
        }
        host.stop_agent()?;
    }
    assert_eq!(said(&host, "auth", ALICE.name)?, "refuses");
    Ok(())
}

#[test]
fn what_is_said_of_the_way_in_is_what_the_prompt_shows() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let text = host.run_as(ALICE.name, "entractl explain alice --service su")?;
    assert!(
        text.stdout()?
            .contains("asked for: password, then device-code"),
        "{text}"
    );
    let others = host.run_as(ALICE.name, "entractl explain bob")?;
    assert!(others.stdout()?.contains("can't be told"), "{others}");

    assert_eq!(
        said(&host, "auth", "alice --service su --offline")?,
        "refuses"
    );
    let mut shell = host.terminal("su - lars -c 'su alice -c id'")?;
    shell.expect("assword", SOON)?;
    shell.send_line(ALICE.password)?;
    shell.finish(SOON)?;
    // She is remembered now.
    assert_eq!(said(&host, "auth", "alice --service su --offline")?, "asks");
    let text = host.run("entractl explain alice --service su --offline")?;
    assert!(
        text.stdout()?.contains("asked for: offline-password"),
        "{text}"
    );

    host.run("entractl auth disable")?.stdout()?;
    assert_eq!(said(&host, "auth", "alice --service su")?, "refuses");
    assert_eq!(host.tenant().token_requests("password")?, 1);
    Ok(())
}
