//! How the host proves itself to the tenant, other than by a client secret.

use harness::{Host, Trouble};
use serde_json::json;

#[test]
fn a_certificate_takes_the_secrets_place() -> Result<(), Trouble> {
    let host = Host::boot()?;
    make_pair(&host, "sync")?;
    make_pair(&host, "other")?;
    register(&host, "sync")?;
    configure(
        &host,
        "certificate_file = \"/etc/entra-login/sync.crt\"\n\
         private_key_file = \"/etc/entra-login/sync.key\"",
    )?;
    host.run("runuser -u entra-agent -- entra-agent --check")?
        .stdout()?;
    host.import("")?.stdout()?;
    assert!(host.run("id alice")?.success());
    let sent = host.tenant().requests("/")?;
    let sent: Vec<_> = sent
        .iter()
        .filter(|one| one.form.get("client_assertion").is_some())
        .collect();
    assert!(!sent.is_empty());
    assert!(
        sent.iter()
            .all(|one| one.form.get("client_secret").is_none())
    );

    // A pair of its own that nobody uploaded: refused by the tenant, with its number.
    host.run("cp /etc/entra-login/other.crt /etc/entra-login/sync.crt && cp /etc/entra-login/other.key /etc/entra-login/sync.key")?
        .stdout()?;
    fails(&host, "AADSTS700027")?;
    // Replaced by what the tenant knows, it counts without a restart of the agent.
    register(&host, "other")?;
    host.import("")?.stdout()?;

    // A key of somebody else's certificate, and one that everybody may read.
    make_pair(&host, "third")?;
    host.run("cp /etc/entra-login/third.key /etc/entra-login/sync.key")?
        .stdout()?;
    fails(
        &host,
        "/etc/entra-login/sync.key: the key is not the certificate's",
    )?;
    host.run("cp /etc/entra-login/other.key /etc/entra-login/sync.key; chmod 0644 /etc/entra-login/sync.key")?
        .stdout()?;
    fails(
        &host,
        "/etc/entra-login/sync.key holds a secret and everyone may read it",
    )?;
    // The directory of the last good import stays.
    assert!(host.run("id alice")?.success());
    Ok(())
}

#[test]
fn another_providers_token_takes_the_secrets_place_and_is_read_anew() -> Result<(), Trouble> {
    let host = Host::boot()?;
    make_pair(&host, "issuer")?;
    let certificate = host.read("/etc/entra-login/issuer.crt")?;
    let trust = json!({
        "issuer": "https://issuer.example", "subject": "host-1",
        "certificate": String::from_utf8_lossy(&certificate),
    });
    let change = json!({ "secrets": [], "federatedCredentials": [trust] });
    host.tenant()
        .call("PATCH", &format!("/apps/{SYNC}"), Some(&change))?;
    write_token(&host, "host-2")?;
    configure(&host, "federated_token_file = \"/etc/entra-login/token\"")?;
    fails(&host, "AADSTS700213")?;
    write_token(&host, "host-1")?;
    host.import("")?.stdout()?;
    assert!(host.run("id alice")?.success());
    host.run("cp /etc/entra-login/issuer.key /etc/entra-login/token")?
        .stdout()?;
    fails(&host, "/etc/entra-login/token: there is no signed token")
}

/// Has the other identity provider sign a token for this subject.
fn write_token(host: &Host, subject: &str) -> Result<(), Trouble> {
    let script = format!(
        "import jwt, time; print(jwt.encode({{'iss': 'https://issuer.example', 'sub': '{subject}', \
         'aud': 'api://AzureADTokenExchange', 'exp': int(time.time()) + 300}}, \
         open('/etc/entra-login/issuer.key').read(), algorithm='RS256'))"
    );
    host.run(&format!(
        "PYTHONPATH=/opt/python PYTHONDONTWRITEBYTECODE=1 python3 -c \"{script}\" > /etc/entra-login/token \
         && chown root:entra-agent /etc/entra-login/token && chmod 0640 /etc/entra-login/token"
    ))?
    .stdout()
    .map(drop)
}

#[test]
fn two_credentials_or_none_are_an_error_that_names_the_keys() -> Result<(), Trouble> {
    let host = Host::boot()?;
    let check = |host: &Host| -> Result<String, Trouble> {
        let checked = host.run("entra-agent --check")?;
        assert!(!checked.success(), "{checked}");
        Ok(checked.stderr)
    };
    set(&host, "")?;
    let none = check(&host)?;
    assert!(
        none.contains("`client_secret_file`, `certificate_file`"),
        "{none}"
    );
    assert!(none.contains("none is"), "{none}");
    set(
        &host,
        "client_secret_file = \"/etc/entra-login/sync.secret\"\ncertificate_file = \"/x\"",
    )?;
    let two = check(&host)?;
    assert!(
        two.contains("not 2 of them: `client_secret_file`, `certificate_file`"),
        "{two}"
    );
    Ok(())
}

/// Where the tests' configuration names the secret.
const SECRET_LINE: &str = "client_secret_file = \"/etc/entra-login/sync.secret\"";

/// The registration that reads the directory.
const SYNC: &str = "3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002";

/// Writes these lines in place of the secret's.
fn set(host: &Host, lines: &str) -> Result<(), Trouble> {
    let path = "/etc/entra-login/agent.toml";
    let text = String::from_utf8_lossy(&host.read(path)?).into_owned();
    let head = text.split("client_id").next().unwrap_or_default();
    let tail = text.split("[tenant.login]").nth(1).unwrap_or_default();
    host.write(
        path,
        format!("{head}client_id = \"{SYNC}\"\n{lines}\n[tenant.login]{tail}"),
    )
}

/// The same, for an agent that serves.
fn configure(host: &Host, lines: &str) -> Result<(), Trouble> {
    assert!(
        String::from_utf8_lossy(&host.read("/etc/entra-login/agent.toml")?).contains(SECRET_LINE)
    );
    set(host, lines)?;
    host.restart_agent()
}

/// Makes NAME.crt and NAME.key, as an administrator would.
fn make_pair(host: &Host, name: &str) -> Result<(), Trouble> {
    host.run(&format!(
        "cd /etc/entra-login && openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=sync \
         -keyout {name}.key -out {name}.crt && chown root:entra-agent {name}.key && chmod 0640 {name}.key"
    ))?
    .stdout()
    .map(drop)
}

/// Uploads NAME.crt to the registration, which has no secret any more.
fn register(host: &Host, name: &str) -> Result<(), Trouble> {
    let path = format!("/etc/entra-login/{name}.crt");
    let certificate = String::from_utf8_lossy(&host.read(&path)?).into_owned();
    let change = json!({ "secrets": [], "certificates": [certificate] });
    host.tenant()
        .call("PATCH", &format!("/apps/{SYNC}"), Some(&change))
        .map(drop)
}

/// Imports with an agent that keeps no token, and expects this in the error.
fn fails(host: &Host, expected: &str) -> Result<(), Trouble> {
    host.restart_agent()?;
    let import = host.import("")?;
    assert!(!import.success(), "{import}");
    assert!(import.stderr.contains(expected), "{expected}:\n{import}");
    Ok(())
}
