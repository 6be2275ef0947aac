//! `entractl doctor` names the one thing that is broken, on the host or in the tenant, with its cure.

use harness::people::{CAROL, ERIN};
use harness::{Host, Output, Trouble};
use serde_json::{Value, json};

use crate::configured::{SYNC, write_secret};
use crate::ready::{self, SOON};

const LOGIN: &str = "9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003";
const CONFIGURATION: &str = "/etc/entra-login/agent.toml";

#[test]
fn a_host_that_is_well_is_called_so() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let told = host.run("entractl doctor")?;
    assert_eq!(told.code, 0, "{told}");
    assert!(told.stderr.contains("is well"), "{told}");
    assert!(!told.stdout.contains("skipped"), "{told}");
    // An administrator needs no sudo; sshd's settings are root's.
    let told = host.run_as(CAROL.name, "entractl doctor")?;
    assert_eq!(told.code, 0, "{told}");
    assert!(told.stdout.contains("skipped sshd: only root"), "{told}");
    // A local user may not ask.
    host.run_as("lars", "entractl doctor")?.refusal()?;
    Ok(())
}

#[test]
fn whatever_is_wrong_with_the_tenant_is_named() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let original = String::from_utf8_lossy(&host.read(CONFIGURATION)?).into_owned();
    let unknown = "00000000-1111-4222-8333-444444444444";
    let tenant = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001";
    for (from, to, name, expected) in [
        (
            tenant,
            unknown,
            "login-service",
            "AADSTS90002: tenant not found",
        ),
        (
            "domain = \"contoso.example\"",
            "domain = \"fabrikam.example\"",
            "domain",
            "fabrikam.example belongs to",
        ),
        (
            "domain = \"contoso.example\"",
            "domain = \"nobody.example\"",
            "domain",
            "AADSTS90002",
        ),
        (
            "domain = \"contoso.example\"",
            "domain = \"contoso.example\"\ncloud = \"us-gov\"",
            "login-service",
            "login.microsoftonline.us",
        ),
        (
            "domain = \"contoso.example\"",
            "domain = \"contoso.example\"\ngraph_url = \"https://graph.microsoft.us\"",
            "cloud",
            "this tenant's Graph is graph.microsoft.com, agent.toml asks graph.microsoft.us",
        ),
        (SYNC, unknown, "sync-credential", "AADSTS700016"),
        (LOGIN, unknown, "login-registration", "AADSTS700016"),
    ] {
        host.write(CONFIGURATION, original.replace(from, to))?;
        host.restart_agent()?;
        is_named(&host, name, "bad", expected)?;
    }
    host.write(CONFIGURATION, &original)?;
    host.restart_agent()?;

    let secret = "/etc/entra-login/sync.secret";
    write_secret(&host, secret, "1f0e9d8c-0000-4000-8000-00000000abcd\n")?;
    let told = is_named(&host, "sync-credential", "bad", "AADSTS7000215")?;
    assert!(told.contains("has the form of a secret's id"), "{told}");
    write_secret(&host, secret, "sync-secret-value-1\n")?;

    let granted = json!(["User.Read.All", "GroupMember.Read.All"]);
    for (app, change, name, state, expected) in [
        (
            SYNC,
            json!({"roles": ["User.Read.All"]}),
            "sync-permissions",
            "bad",
            "missing: GroupMember.Read.All",
        ),
        (
            SYNC,
            json!({"roles": []}),
            "reads-users",
            "bad",
            "lacks the application permission User.Read.All",
        ),
        (
            SYNC,
            json!({"roles": ["User.Read.All", "GroupMember.Read.All", "User.ReadWrite.All"]}),
            "sync-permissions",
            "warning",
            "more than an import needs: User.ReadWrite.All",
        ),
        (
            SYNC,
            json!({"roles": granted, "secrets": [
                {"id": "x", "value": "sync-secret-value-1", "expires": "2020-01-01T00:00:00Z"}]}),
            "sync-credential",
            "bad",
            "AADSTS7000222",
        ),
        (
            LOGIN,
            json!({"publicClientFlows": false}),
            "device-code",
            "bad",
            "\"Allow public client flows\" is off",
        ),
    ] {
        host.tenant()
            .call("PATCH", &format!("/apps/{app}"), Some(&change))?;
        is_named(&host, name, state, expected)?;
    }
    Ok(())
}

#[test]
fn policies_that_refused_people_lately_are_named() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.tenant()
        .change_user(ERIN.upn, &json!({"deviceCodeBlocked": true}))?;
    let mut terminal = host.ssh_answering(ERIN.name, "anything")?;
    let (code, _) = host.device_code(&mut terminal)?;
    host.tenant().approve(&code, ERIN.upn)?;
    terminal.send_line("")?;
    terminal.expect("Permission denied", SOON)?;
    is_named(
        &host,
        "device-code-policy",
        "warning",
        "1 person was last refused: blocked by Conditional Access (AADSTS53003)",
    )?;
    Ok(())
}

#[test]
fn whatever_is_wrong_with_the_host_is_named() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for (break_it, mend_it, name, expected) in [
        (
            "sed -i.kept 's/^passwd:.*/passwd: files systemd/' /etc/nsswitch.conf",
            "mv /etc/nsswitch.conf.kept /etc/nsswitch.conf",
            "nsswitch",
            "`passwd:` has no entra",
        ),
        (
            "sed -i.kept '/pam_entra/d' /etc/pam.d/common-account",
            "mv /etc/pam.d/common-account.kept /etc/pam.d/common-account",
            "pam-account",
            "common-account has no account line",
        ),
        (
            "echo 'UsePAM no' > /etc/ssh/sshd_config.d/01-broken.conf",
            "rm /etc/ssh/sshd_config.d/01-broken.conf",
            "sshd",
            "UsePAM is off",
        ),
        (
            "echo nonsense > /etc/ssh/sshd_config.d/01-broken.conf",
            "rm /etc/ssh/sshd_config.d/01-broken.conf",
            "sshd",
            "sshd -T: ",
        ),
        (
            "sed -i.kept 's/^passwd:.*/passwd: files entra sss/' /etc/nsswitch.conf",
            "mv /etc/nsswitch.conf.kept /etc/nsswitch.conf",
            "other-software",
            "also wired here: SSSD",
        ),
        (
            "systemctl stop entra-agent.service entra-agent-admin.socket entra-agent-login.socket",
            "systemctl start entra-agent-admin.socket entra-agent-login.socket entra-agent.service",
            "agent",
            "admin.sock",
        ),
    ] {
        host.run(break_it)?.stdout()?;
        is_named(&host, name, "bad", expected)?;
        host.run(mend_it)?.stdout()?;
    }
    let told = host.run("entractl doctor")?;
    assert_eq!(told.code, 0, "after mending:\n{told}");
    Ok(())
}

/// The check stands in both forms of the answer, and the exit code says whether something must be mended.
fn is_named(host: &Host, name: &str, state: &str, expected: &str) -> Result<String, Trouble> {
    let told: Output = host.run("entractl doctor --json")?;
    let document: Value = serde_json::from_str(&told.stdout)
        .map_err(|error| Trouble::new(format!("{error}:\n{told}")))?;
    let check = document
        .get("checks")
        .and_then(Value::as_array)
        .and_then(|checks| checks.iter().find(|check| check["name"] == name))
        .ok_or_else(|| Trouble::new(format!("no check {name}:\n{told}")))?;
    assert_eq!(check["state"], state, "{name}:\n{told}");
    let found = check["found"].as_str().unwrap_or_default();
    assert!(found.contains(expected), "{name}: {found}");
    assert!(check["cure"].is_string(), "{name} without a cure:\n{told}");
    assert_eq!(told.code, i32::from(state == "bad"), "{told}");
    Ok(format!("{found}; {}", check["cure"]))
}
