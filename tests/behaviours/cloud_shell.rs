//! `entractl setup --cloud-shell`: what it prints, run by the real Azure CLI against the tenant, makes two
//! registrations through which a host imports and people sign in.

use std::time::Duration;

use harness::people::ALICE;
use harness::{Host, Output, Trouble};
use serde_json::json;

use crate::setup::empty_host;

const TENANT: &str = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001";
/// Whoever signs in to the Azure CLI: the registration of an administrator.
const ADMINISTRATOR: &str = "2b9d7e51-6c3a-4e8f-a1d4-7f0e5c9b0013";

/// Some twenty calls, each a Python that reads a large library.
const LIMIT: Duration = Duration::from_secs(300);

const ENVIRONMENT: &str = "export PYTHONPATH=/opt/azure-cli PYTHONPYCACHEPREFIX=/var/tmp/pyc \
     REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt AZURE_CORE_COLLECT_TELEMETRY=no; cd /srv;";

/// A host without configuration, with `az` signed in and the script as it is printed.
fn cloud_shell() -> Result<Host, Trouble> {
    let host = empty_host()?;
    host.run("printf '#!/bin/sh\\nexec python3 -m azure.cli \"$@\"\\n' > /usr/local/bin/az && chmod +x /usr/local/bin/az")?
        .stdout()?;
    host.run("entractl setup --cloud-shell > /srv/register.sh")?
        .stdout()?;
    sign_in(&host)?;
    Ok(host)
}

fn sign_in(host: &Host) -> Result<(), Trouble> {
    let login = host.run_within(
        LIMIT,
        &format!(
            "{ENVIRONMENT} az login --service-principal --username {ADMINISTRATOR} \
             --password administration-secret-value-1 --tenant {TENANT} --allow-no-subscriptions"
        ),
    )?;
    login.stdout().map(drop)
}

fn register(host: &Host, options: &str) -> Result<Output, Trouble> {
    host.run_within(LIMIT, &format!("{ENVIRONMENT} bash register.sh {options}"))
}

/// The line that the script ends with, to be run on the host.
fn ready_line(output: &Output) -> Result<&str, Trouble> {
    let mut lines = output.stdout()?.lines();
    let line = lines.find_map(|line| line.strip_prefix("sudo "));
    line.ok_or_else(|| Trouble::new(format!("no line to run on the host:\n{output}")))
}

fn value<'a>(output: &'a Output, name: &str) -> Option<&'a str> {
    let mut lines = output.stdout.lines();
    lines
        .find_map(|line| line.strip_prefix(name))
        .map(str::trim)
}

#[test]
#[ignore = "the Azure CLI is 700 MB: cargo xtask test --all"]
fn the_script_registers_what_a_host_needs() -> Result<(), Trouble> {
    let host = cloud_shell()?;
    host.run("/opt/azure-cli/bin/shellcheck /srv/register.sh")?
        .stdout()?;
    // Nobody says yes: nothing is made.
    let silent = register(&host, "</dev/null")?;
    assert!(
        silent.refusal()?.contains("Nothing was changed"),
        "{silent}"
    );
    assert!(
        host.tenant()
            .requests("/v1.0/")?
            .iter()
            .all(|one| one.method == "GET")
    );

    let names = "--yes --sync-name hosts-read --login-name hosts-sign-in";
    // A directory that has not heard of the registration yet.
    host.tenant().fault(&json!({
        "path_prefix": "/v1.0/servicePrincipals", "method": "POST", "status": 400,
        "body": {"error": {"code": "Request_BadRequest", "message": "no valid application object"}},
    }))?;
    let first = register(&host, names)?;
    let secret = value(&first, "Client secret (shown once):").map(str::to_owned);
    let secret = secret.ok_or_else(|| Trouble::new(format!("no secret:\n{first}")))?;
    assert!(!ready_line(&first)?.contains(&secret), "{first}");
    let line = ready_line(&first)?.replace("--no-import", "--everyone");
    let setup = host.run_fed(LIMIT, &line, &format!("{secret}\n"))?;
    setup.stdout()?;
    let doctor = host.run("entractl doctor --json")?;
    for check in ["sync-permissions", "device-code"] {
        assert!(doctor.stdout.contains(check), "{doctor}");
    }
    assert!(
        !doctor.stdout.contains("more than an import needs"),
        "{doctor}"
    );
    host.run("entractl role set administrator carol && entractl auth enable")?
        .stdout()?;
    host.run_fed(
        LIMIT,
        "pamtester login alice authenticate",
        &format!("{}\n", ALICE.password),
    )?
    .stdout()?;

    // Again: everything is found, nothing is changed, and no second secret.
    host.tenant().forget_requests()?;
    let second = register(&host, names)?;
    second.stdout()?;
    assert_eq!(
        value(&second, "Client secret (shown once):"),
        None,
        "{second}"
    );
    assert_eq!(
        value(&second, "Client ID, login:"),
        value(&first, "Client ID, login:")
    );
    let asked = host.tenant().requests("/v1.0/")?;
    assert!(asked.iter().all(|one| one.method == "GET"), "{asked:?}");
    Ok(())
}

#[test]
#[ignore = "the Azure CLI is 700 MB: cargo xtask test --all"]
fn certificates_assignment_and_refusals_are_as_they_should() -> Result<(), Trouble> {
    let host = cloud_shell()?;
    let found = host.tenant().truth()?;
    let groups = found["groups"].as_array().cloned().unwrap_or_default();
    let group = groups
        .iter()
        .find(|group| group.to_string().contains("\"Linux Administrators\""))
        .and_then(|group| group["id"].as_str())
        .unwrap_or_default();
    host.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=host -keyout /etc/entra-login/sync.key \
         -out /etc/entra-login/sync.crt && chown root:entra-agent /etc/entra-login/sync.* && \
         chmod 0640 /etc/entra-login/sync.*",
    )?
    .stdout()?;
    let options =
        format!("--yes --login-name x --certificate /etc/entra-login/sync.crt --assign {group}");
    let first = register(&host, &options)?;
    // The registration of the seed is found by its name.
    assert_eq!(
        value(&first, "Client ID, sync:"),
        Some(crate::configured::SYNC),
        "{first}"
    );
    host.run(ready_line(&first)?)?.stdout()?;
    let again = register(&host, &options)?;
    assert!(
        again.stderr.contains("found       the certificate"),
        "{again}"
    );
    assert!(
        again.stderr.contains("found       the assignment"),
        "{again}"
    );

    // An administrator who may register but not grant is told which role is missing.
    host.tenant().call(
        "PATCH",
        &format!("/apps/{ADMINISTRATOR}"),
        Some(&json!({"roles": ["Application.ReadWrite.All", "Organization.Read.All"]})),
    )?;
    host.run_within(LIMIT, &format!("{ENVIRONMENT} az account clear"))?
        .stdout()?;
    sign_in(&host)?;
    let denied = register(&host, "--yes --sync-name other")?;
    let said = denied.refusal()?;
    assert!(said.contains("Privileged Role Administrator"), "{denied}");
    assert!(
        said.contains("stopped while granting User.Read.All"),
        "{denied}"
    );
    Ok(())
}
