//! `entractl doctor` names the one thing that is broken, on the host or in the tenant, with its cure.

use harness::people::{CAROL, ERIN};
use harness::{Host, Output, Trouble};
use serde_json::{Value, json};

use crate::configured::{SYNC, append, prove_by, write_secret};
use crate::crash_safety::disk::on_a_disk_of;
use crate::proxy::start_proxy;
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
    // Debian 12's sshd has no penalties.
    let penalties = "ok      sshd-penalties      this sshd penalises no address";
    assert!(told.stdout.contains(penalties), "{told}");
    // An administrator needs no sudo; sshd's settings are root's.
    let told = host.run_as(CAROL.name, "entractl doctor")?;
    assert_eq!(told.code, 0, "{told}");
    assert!(
        told.stdout
            .contains("skipped sshd                only root"),
        "{told}"
    );
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
            "mkdir /etc/sssd; echo '[sssd]' > /etc/sssd/sssd.conf; \
             sed -i.kept 's/^passwd:.*/passwd: files entra sss/' /etc/nsswitch.conf",
            "rm -r /etc/sssd; mv /etc/nsswitch.conf.kept /etc/nsswitch.conf",
            "other-software",
            "also wired here: SSSD",
        ),
        (
            "chmod o+w /run/entra-login",
            "chmod o-w /run/entra-login",
            "sockets",
            "/run/entra-login can be written by others than root",
        ),
        (
            "chown entra-agent /run/entra-login/login.sock",
            "chown root /run/entra-login/login.sock",
            "sockets",
            "login.sock belongs to uid",
        ),
        (
            "mv /run/entra-login/login.sock /run/entra-login/kept",
            "mv /run/entra-login/kept /run/entra-login/login.sock",
            "sockets",
            "login.sock: No such file",
        ),
        (
            "chmod 0644 /etc/entra-login/agent.toml",
            "chmod 0640 /etc/entra-login/agent.toml",
            "configuration",
            "agent.toml can be read by everybody",
        ),
        (
            "chmod 0660 /etc/entra-login/sync.secret",
            "chmod 0640 /etc/entra-login/sync.secret",
            "configuration",
            "sync.secret can be written by others than root",
        ),
        (
            "printf x | dd of=/var/lib/entra-login/public/directory.snapshot bs=1 seek=4200 conv=notrunc",
            "systemctl restart entra-agent",
            "snapshot",
            "the directory is damaged: ",
        ),
        (
            "cd /var/lib/entra-login/public; cp -p directory.snapshot /srv/older; entractl auth disable; \
             entractl auth enable; cat /srv/older > directory.snapshot",
            "systemctl restart entra-agent",
            "directory",
            "the agent published generation",
        ),
        (
            "cp /etc/subuid /srv/subuid; echo eve:2013265920:65536 >> /etc/subuid",
            "cp /srv/subuid /etc/subuid",
            "id-range",
            "eve of /etc/subuid (2013265920 to 2013331455)",
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

#[test]
fn what_works_and_should_be_looked_at_is_a_warning() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for (break_it, mend_it, name, expected) in [
        (
            "sed -i.kept 's/^group:.*/group: files systemd entra/' /etc/nsswitch.conf",
            "mv /etc/nsswitch.conf.kept /etc/nsswitch.conf",
            "nsswitch",
            "`group:`: entra stands behind systemd",
        ),
        (
            "cd /etc/ssh/sshd_config.d; sed -i.kept 's/^MaxStartups.*/MaxStartups 5:30:10/' 10-tests.conf",
            "cd /etc/ssh/sshd_config.d; mv 10-tests.conf.kept 10-tests.conf",
            "sshd-bursts",
            "MaxStartups lets 5 wait",
        ),
        (
            "echo 'MaxAuthTries 1' > /etc/ssh/sshd_config.d/01-broken.conf",
            "rm /etc/ssh/sshd_config.d/01-broken.conf",
            "sshd",
            "MaxAuthTries is 1",
        ),
        (
            "touch /usr/sbin/winbindd",
            "rm /usr/sbin/winbindd",
            "other-software",
            "winbind is installed, not wired",
        ),
        (
            "sed -i.kept 's/^UID_MAX.*/UID_MAX 2100000000/' /etc/login.defs",
            "mv /etc/login.defs.kept /etc/login.defs",
            "id-range",
            "UID_MIN and UID_MAX of /etc/login.defs",
        ),
    ] {
        host.run(break_it)?.stdout()?;
        is_named(&host, name, "warning", expected)?;
        host.run(mend_it)?.stdout()?;
    }
    // What is on for those who are imported alone counts.
    host.write(
        "/etc/ssh/sshd_config.d/01-broken.conf",
        "KbdInteractiveAuthentication no\nMatch Group entra-users\nKbdInteractiveAuthentication yes\n",
    )?;
    let told = host.run("entractl doctor")?;
    assert!(
        told.stdout()?
            .contains("PAM and keyboard-interactive are on"),
        "{told}"
    );
    let day = host.run("date -u -d '+20 days' +%F")?.stdout()?.to_owned();
    prove_by(
        &host,
        &format!(
            "client_secret_file = \"/etc/entra-login/sync.secret\"\nclient_secret_expires = \"{day}\""
        ),
    )?;
    is_named(
        &host,
        "sync-credential",
        "warning",
        "the client secret ends in 19 days",
    )?;
    Ok(())
}

#[test]
fn without_room_on_the_disk_it_says_so() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    on_a_disk_of(&host, "16m")?;
    is_named(
        &host,
        "disk",
        "warning",
        "MiB free, an import may take 32 MiB",
    )?;
    host.run("head -c 1G /dev/zero > /var/lib/entra-login/filler 2> /dev/null; true")?
        .stdout()?;
    is_named(&host, "disk", "bad", "nothing new can be published")?;
    Ok(())
}

#[test]
fn a_host_whose_agent_is_dead_is_looked_at_all_the_same() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.stop_agent()?;
    let told = host.run("entractl doctor")?;
    assert_eq!(told.code, 1, "{told}");
    for expected in [
        "ok      nsswitch",
        "ok      snapshot",
        "BAD     sockets",
        "BAD     agent",
    ] {
        assert!(told.stdout.contains(expected), "{expected}:\n{told}");
    }
    Ok(())
}

#[test]
fn each_trouble_on_the_way_to_the_tenant_has_its_own_line() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let original = host.read(CONFIGURATION)?;
    host.run("cp /etc/hosts /srv/hosts; echo '127.0.0.1 localhost' > /etc/hosts")?
        .stdout()?;
    is_named(&host, "dns", "bad", "login.microsoftonline.com: ")?;
    is(&host, "tls", "skipped")?;

    host.run("cp /srv/hosts /etc/hosts")?.stdout()?;
    host.run("rm /usr/local/share/ca-certificates/*; update-ca-certificates --fresh")?
        .stdout()?;
    host.restart_agent()?;
    let told = is_named(&host, "tls", "bad", "login.microsoftonline.com")?;
    assert!(told.contains("breaks TLS open"), "{told}");
    is(&host, "dns", "good")?;

    // Somebody else under the same name: nobody listens there.
    host.run(
        "sed -i s/127.0.0.1.login/127.9.9.9\\ login/ /etc/hosts; systemctl stop entra-tenant",
    )?
    .stdout()?;
    let told = is_named(&host, "login-service", "bad", "no answer")?;
    assert!(told.contains("open the firewall"), "{told}");

    append(&host, "[proxy]\nurl = \"http://127.0.0.1:3128\"")?;
    let told = is_named(&host, "proxy", "bad", "through the proxy 127.0.0.1:3128")?;
    assert!(told.contains("must be an HTTP proxy"), "{told}");
    start_proxy(&host)?;
    let told = is_named(&host, "proxy", "bad", "(407)")?;
    assert!(
        told.contains("set `username` and `password_file`"),
        "{told}"
    );
    host.write(CONFIGURATION, original)?;
    Ok(())
}

#[test]
fn consent_that_was_found_missing_lately_is_named() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut terminal = host.ssh_answering(ERIN.name, "anything")?;
    host.device_code(&mut terminal)?;
    host.tenant().fault(&json!({
        "path_prefix": "/7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001/oauth2/v2.0/token",
        "times": 9,
        "status": 400,
        "body": {"error": "invalid_grant", "error_codes": [65001], "error_description": "AADSTS65001: x"},
    }))?;
    terminal.send_line("")?;
    terminal.expect("Permission denied", SOON)?;
    host.tenant().call("DELETE", "/faults", None)?;
    let expected = "1 person was last refused: the application lacks consent (AADSTS65001)";
    is_named(&host, "consent", "warning", expected)?;

    host.tenant()
        .change_user(CAROL.upn, &json!({"caBlocked": true}))?;
    host.ssh_password(CAROL.name, CAROL.password, "true")?
        .refusal()?;
    is_named(&host, "password-policy", "warning", "(AADSTS53003)")?;
    Ok(())
}

/// The check has this state.
fn is(host: &Host, name: &str, state: &str) -> Result<(), Trouble> {
    let told = host.run("entractl doctor --json")?;
    let document: Value = serde_json::from_str(&told.stdout)?;
    let check = document
        .get("checks")
        .and_then(Value::as_array)
        .and_then(|checks| checks.iter().find(|check| check["name"] == name));
    assert_eq!(
        check.map(|check| &check["state"]),
        Some(&state.into()),
        "{told}"
    );
    Ok(())
}

/// The check stands in both forms of the answer, and the exit code says whether something must be mended.
fn is_named(host: &Host, name: &str, state: &str, expected: &str) -> Result<String, Trouble> {
    let told: Output = host.run("entractl doctor --json")?;
    let document: Value = serde_json::from_str(&told.stdout)
        .map_err(|error| Trouble::new(format!("{error}:\n{told}")))?;
    // Nothing that the manual does not explain.
    let manual = include_str!("../../docs/doctor.md");
    let checks = document.get("checks").and_then(Value::as_array);
    for check in checks.into_iter().flatten() {
        let name = check["name"].as_str().unwrap_or_default();
        assert!(
            manual.contains(&format!("\n| `{name}` |")),
            "{name} is not in docs/doctor.md"
        );
    }
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
