//! `entractl setup`: an empty host gets to its first import by answering, each answer tested as it is given.

use harness::people::CAROL;
use harness::{Host, Trouble};
use serde_json::{Value, json};

use crate::configured::{SYNC, write_secret};
use crate::ready::SOON;

const TENANT: &str = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001";
const LOGIN: &str = "9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003";
const CONFIGURATION: &str = "/etc/entra-login/agent.toml";
const SECRET: &str = "sync-secret-value-1";

/// A host that has the programs and knows no tenant.
pub(crate) fn empty_host() -> Result<Host, Trouble> {
    let host = Host::boot()?;
    host.run(
        "systemctl disable --now entra-agent.service entra-agent-login.socket entra-agent-admin.socket && \
         rm -r /etc/entra-login/agent.toml /etc/entra-login/sync.secret",
    )?
    .stdout()?;
    host.write("/srv/secret", format!("{SECRET}\n"))?;
    Ok(host)
}

fn flags(rest: &str) -> String {
    format!(
        "entractl setup --non-interactive --tenant contoso.example --sync-client-id {SYNC} \
         --login-client-id {LOGIN} {rest}"
    )
}

#[test]
fn a_person_at_a_terminal_is_led_to_the_first_import() -> Result<(), Trouble> {
    let host = empty_host()?;
    let mut terminal = host.terminal("entractl setup")?;
    terminal.expect("Tenant:", SOON)?;
    // A wrong answer is told at once, with what to do, and asked again.
    terminal.send("nobody.example\r")?;
    terminal.expect("AADSTS90002", SOON)?;
    terminal.expect("Proxy:", SOON)?;
    terminal.send("\r")?;
    terminal.expect("Tenant:", SOON)?;
    terminal.send("contoso.example\r")?;
    terminal.expect(&format!("contoso.example is {TENANT}"), SOON)?;

    terminal.expect("How does this host prove", SOON)?;
    terminal.send("\r")?;
    terminal.expect("Client id of the registration that reads", SOON)?;
    terminal.send(&format!("{SYNC}\r"))?;
    terminal.expect("Client secret:", SOON)?;
    // The secret's id, pasted for its value: a mistake that nearly everybody makes.
    terminal.send("1f0e9d8c-0000-4000-8000-00000000abcd\r")?;
    terminal.expect("Day on which the secret ends", SOON)?;
    terminal.send("2027-01-31\r")?;
    terminal.expect("has the form of a secret's id", SOON)?;
    terminal.expect("That is not right yet", SOON)?;
    terminal.send("\r")?;
    terminal.expect("How does this host prove", SOON)?;
    terminal.send("\r")?;
    terminal.expect("Client id of the registration that reads", SOON)?;
    terminal.send("\r")?;
    terminal.expect("Client secret:", SOON)?;
    terminal.send(&format!("{SECRET}\r"))?;
    terminal.expect("Day on which the secret ends", SOON)?;
    terminal.send("2027-01-31\r")?;
    terminal.expect("reads-groups: Graph shows groups", SOON)?;

    terminal.expect("Client id of the registration that people sign in", SOON)?;
    terminal.send(&format!("{LOGIN}\r"))?;
    terminal.expect("public client flows are allowed", SOON)?;
    terminal.expect("Sign-in over the network", SOON)?;
    terminal.send("\r")?;
    terminal.expect("Sign-in on the machine itself", SOON)?;
    terminal.send("\r")?;
    terminal.expect("Time between two imports", SOON)?;
    terminal.send("2h\r")?;
    // Nothing stands there before the last word.
    host.run(&format!("test -e {CONFIGURATION}"))?.refusal()?;
    terminal.expect("Write /etc/entra-login/agent.toml?", SOON)?;
    terminal.send("\r")?;
    terminal.expect("Who is imported?", SOON)?;
    terminal.send("users and\r")?;
    terminal.expect("Users (", SOON)?;
    terminal.send("carol\r")?;
    terminal.expect("Groups (", SOON)?;
    terminal.send("Finance\r")?;
    terminal.expect("entractl auth enable", SOON)?;
    let told = terminal.finish(SOON)?;
    assert!(told.success(), "{told}");
    assert!(!told.text().contains(SECRET), "{told}");

    host.run(&format!("id {} && getent group finance", CAROL.name))?
        .stdout()?;
    let modes =
        host.run("stat -c '%a %U %G' /etc/entra-login/agent.toml /etc/entra-login/sync.secret")?;
    assert_eq!(
        modes.stdout()?,
        "640 root entra-agent\n640 root entra-agent"
    );
    let schedule = host.run("entractl schedule")?;
    assert!(schedule.text().contains("every 2 h"), "{schedule}");
    host.run("entractl auth enable --json && entractl doctor")?;
    Ok(())
}

#[test]
fn flags_and_an_answers_file_do_the_same_and_changes_stay_small() -> Result<(), Trouble> {
    let host = empty_host()?;
    let told = host.run(&flags(
        "--client-secret-stdin --groups Finance --json < /srv/secret",
    ))?;
    let document: Value = serde_json::from_str(told.stdout()?)
        .map_err(|error| Trouble::new(format!("{error}:\n{told}")))?;
    assert_eq!(document["setup"]["tenant_id"], TENANT, "{told}");
    assert_eq!(document["setup"]["tested"], true, "{told}");
    assert_eq!(document["import"]["import"]["groups"]["added"], 1, "{told}");
    let first = host.read(CONFIGURATION)?;
    let first = String::from_utf8_lossy(&first).into_owned();
    assert!(first.contains("# Directory (tenant) ID"), "{first}");

    // Only what is given changes.
    host.run("entractl setup --non-interactive --remote-methods device-code,password")?
        .stdout()?;
    let second = String::from_utf8_lossy(&host.read(CONFIGURATION)?).into_owned();
    let line = "remote = [\"device-code\", \"password\"]\n";
    assert_eq!(second.replacen(line, "", 1), first);
    // What stands already is not written again.
    let told =
        host.run("entractl setup --non-interactive --remote-methods device-code,password --json")?;
    assert!(
        told.stdout()?.contains("\"files\":[]") || told.stdout()?.contains("\"files\": []"),
        "{told}"
    );

    // Another secret alone; the same from a file, with the lists as lists.
    host.write(
        "/srv/answers.toml",
        "local_methods = [\"device-code\"]\nusers = [\"carol\"]\ninterval = \"30m\"\n",
    )?;
    host.run(
        "entractl setup --non-interactive --answers /srv/answers.toml --client-secret-stdin < /srv/secret",
    )?
    .stdout()?;
    assert!(
        host.run("entractl schedule")?
            .text()
            .contains("every 30 min")
    );
    host.run("id carol")?.stdout()?;
    host.write("/srv/answers.toml", "tennant = \"contoso.example\"\n")?;
    let told = host
        .run("entractl setup --non-interactive --answers /srv/answers.toml")?
        .refusal()?;
    assert!(told.contains("unknown field `tennant`"), "{told}");
    Ok(())
}

#[test]
fn a_wrong_answer_is_named_and_leaves_everything_as_it_was() -> Result<(), Trouble> {
    let host = empty_host()?;
    let refused = |command: &str, expected: &str| -> Result<(), Trouble> {
        let told = host.run(command)?.refusal()?;
        assert!(told.contains(expected), "{expected}:\n{told}");
        assert!(told.contains("hint: "), "{told}");
        assert!(!told.contains(SECRET), "{told}");
        host.run("ls -A /etc/entra-login | grep .")?.refusal()?;
        Ok(())
    };
    refused(
        "entractl setup --non-interactive",
        "not given: --tenant, --sync-client-id",
    )?;
    let with_secret = "--client-secret-stdin --no-import < /srv/secret";
    refused(
        &flags(with_secret).replace("contoso", "nobody"),
        "AADSTS90002",
    )?;
    refused(
        &flags(with_secret).replace(SYNC, LOGIN),
        "sync-credential: ",
    )?;
    refused(
        &flags(&format!("--domain fabrikam.example {with_secret}")),
        "belongs to another tenant",
    )?;
    refused(
        &flags(&format!("--cloud us-gov {with_secret}")),
        "login.microsoftonline.us",
    )?;
    refused(
        &flags(&format!("--remote-methods smoke {with_secret}")),
        "no way to sign in",
    )?;
    refused(
        &flags(&format!("--managed-identity system {with_secret}")),
        "several ways",
    )?;
    refused(
        &flags("--client-secret-stdin < /dev/null"),
        "stdin holds no client secret",
    )?;
    refused(&flags("--certificate-file /nowhere.pem"), "/nowhere.pem")?;
    host.tenant().call(
        "PATCH",
        &format!("/apps/{LOGIN}"),
        Some(&json!({"publicClientFlows": false})),
    )?;
    refused(&flags(with_secret), "Allow public client flows")?;
    // Nobody but root.
    let told = host
        .run_as("lars", "entractl setup --non-interactive")?
        .refusal()?;
    assert!(told.contains("takes root"), "{told}");
    // Nothing of a disk that is full is half there.
    host.tenant().call(
        "PATCH",
        &format!("/apps/{LOGIN}"),
        Some(&json!({"publicClientFlows": true})),
    )?;
    host.run("mount -t tmpfs -o size=4k,mode=755 none /etc/entra-login && head -c 4096 /dev/zero > /etc/entra-login/filler || true")?;
    let told = host.run(&flags(with_secret))?.refusal()?;
    assert!(told.contains("No space left on device"), "{told}");
    let left = host.run("ls -A /etc/entra-login")?;
    assert_eq!(left.stdout()?, "filler");
    Ok(())
}

#[test]
fn a_second_tenant_and_other_credentials_are_set_up_as_well() -> Result<(), Trouble> {
    let host = empty_host()?;
    write_secret(&host, "/etc/entra-login/kept.secret", SECRET)?;
    host.run(&flags(
        "--client-secret-file /etc/entra-login/kept.secret --no-import",
    ))?
    .stdout()?;
    let text = String::from_utf8_lossy(&host.read(CONFIGURATION)?).into_owned();
    assert!(
        text.contains("client_secret_file = \"/etc/entra-login/kept.secret\""),
        "{text}"
    );
    // A program that prints it, in the place of the file.
    host.run(&format!(
        "entractl setup --non-interactive --sync-client-id {SYNC} --client-secret-command /bin/echo {SECRET}"
    ))?
    .stdout()?;
    let text = String::from_utf8_lossy(&host.read(CONFIGURATION)?).into_owned();
    assert!(text.contains("client_secret_command = ["), "{text}");
    assert!(!text.contains("\nclient_secret_file"), "{text}");
    host.run("entractl doctor --json | grep -q '\"sync-credential\"'")?
        .stdout()?;
    // Written for a host that can't reach its tenant yet.
    host.run(&format!(
        "entractl setup --non-interactive --untested --tenant 2d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001 \
         --domain fabrikam.example --sync-client-id {SYNC} --client-secret-stdin --login-client-id {LOGIN} < /srv/secret"
    ))?
    .stdout()?;
    host.run("entra-agent --check")?.stdout()?;
    host.run("stat /etc/entra-login/sync-fabrikam.example.secret")?
        .stdout()?;
    Ok(())
}
