//! How the host proves itself to the tenant, other than by a client secret.

use harness::{Host, Trouble};
use serde_json::json;

use crate::configured::{SYNC, import_fails, prove_by, unit, write_secret, write_sync};

#[test]
fn a_certificate_takes_the_secrets_place() -> Result<(), Trouble> {
    let host = Host::boot()?;
    make_pair(&host, "sync")?;
    make_pair(&host, "other")?;
    register(&host, "sync")?;
    prove_by(
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
    import_fails(&host, "AADSTS700027")?;
    // Replaced by what the tenant knows, it counts without a restart of the agent.
    register(&host, "other")?;
    host.import("")?.stdout()?;

    // A key of somebody else's certificate, and one that everybody may read.
    make_pair(&host, "third")?;
    host.run("cp /etc/entra-login/third.key /etc/entra-login/sync.key")?
        .stdout()?;
    import_fails(
        &host,
        "/etc/entra-login/sync.key: the key is not the certificate's",
    )?;
    host.run("cp /etc/entra-login/other.key /etc/entra-login/sync.key; chmod 0644 /etc/entra-login/sync.key")?
        .stdout()?;
    import_fails(
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
    prove_by(&host, "federated_token_file = \"/etc/entra-login/token\"")?;
    import_fails(&host, "AADSTS700213")?;
    write_token(&host, "host-1")?;
    host.import("")?.stdout()?;
    assert!(host.run("id alice")?.success());
    host.run("cp /etc/entra-login/issuer.key /etc/entra-login/token")?
        .stdout()?;
    import_fails(&host, "/etc/entra-login/token: there is no signed token")?;
    // As Kubernetes has it: everyone may read it, root alone writes it (docs/decisions/0009).
    write_token(&host, "host-1")?;
    host.run("chown root: /etc/entra-login/token && chmod 0644 /etc/entra-login/token")?
        .stdout()?;
    host.restart_agent()?;
    host.import("")?.stdout()?;
    host.run("chown lars: /etc/entra-login/token")?.stdout()?;
    import_fails(&host, "may be read by everyone (mode 0644, owner uid 1000)")?;
    Ok(())
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
    write_sync(&host, "client_id = \"x\"")?;
    let none = check(&host)?;
    assert!(
        none.contains("`client_secret_file`, `certificate_file`"),
        "{none}"
    );
    assert!(none.contains("none is"), "{none}");
    write_sync(
        &host,
        "client_id = \"x\"\nclient_secret_file = \"/etc/entra-login/sync.secret\"\ncertificate_file = \"/x\"",
    )?;
    let two = check(&host)?;
    assert!(
        two.contains("not 2 of them: `client_secret_file`, `certificate_file`"),
        "{two}"
    );
    Ok(())
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

#[test]
fn a_secret_comes_from_systemd_or_from_a_program_and_is_read_anew() -> Result<(), Trouble> {
    let host = Host::boot()?;
    // LoadCredential=: the file itself is root's alone.
    host.write("/srv/sync-secret", "sync-secret-value-1\n")?;
    host.run("chmod 0600 /srv/sync-secret && rm /etc/entra-login/sync.secret")?
        .stdout()?;
    prove_by(&host, "client_secret_credential = \"sync-secret\"")?;
    import_fails(
        &host,
        "entra-agent.service needs LoadCredential=sync-secret",
    )?;
    unit(&host, "LoadCredential=sync-secret:/srv/sync-secret")?;
    host.import("--users alice")?.stdout()?;

    // A program, inside the agent's sandbox, as the agent.
    host.write(
        "/usr/local/bin/vault",
        "#!/bin/sh\n\
         cat /run/vault-says\n\
         id -un >&2; grep -q . /etc/shadow && echo 'shadow is readable' >&2\n\
         echo \"asked for $1 of $HOME with $(cat /run/vault-says)\" >&2\n\
         exit \"$(cat /run/vault-ends)\"\n",
    )?;
    host.write("/run/vault-says", "sync-secret-value-1\n")?;
    host.write("/run/vault-ends", "0")?;
    host.run("chmod 0755 /usr/local/bin/vault")?.stdout()?;
    prove_by(
        &host,
        "client_secret_command = [\"/usr/local/bin/vault\", \"$(id)\"]",
    )?;
    host.run("runuser -u entra-agent -- entra-agent --check")?
        .stdout()?;
    host.import("--users alice")?.stdout()?;
    let journal = host.journal("entra-agent.service")?;
    assert!(
        journal.contains("/usr/local/bin/vault: entra-agent"),
        "{journal}"
    );
    assert!(
        journal.contains("/usr/local/bin/vault: asked for $(id) of  with [redacted]"),
        "{journal}"
    );
    assert!(!journal.contains("shadow is readable"), "{journal}");
    assert!(!journal.contains("sync-secret-value-1"), "{journal}");

    // Another secret counts at the next token; what is no secret any more is the tenant's to refuse.
    host.write("/run/vault-says", "sync-secret-value-expired\n")?;
    import_fails(&host, "AADSTS7000222")?;
    host.write("/run/vault-ends", "3")?;
    let text = import_fails(&host, "/usr/local/bin/vault failed (exit status: 3)")?;
    assert!(!text.contains("sync-secret-value"), "{text}");
    Ok(())
}

#[test]
fn status_and_journal_say_in_time_what_ends() -> Result<(), Trouble> {
    let host = Host::boot()?;
    let status = |host: &Host| -> Result<String, Trouble> {
        Ok(host.run("entractl status")?.stdout()?.to_owned())
    };
    assert!(status(&host)?.contains("Credential:        secret\n"));
    let day = |days: u32| -> Result<String, Trouble> {
        Ok(host
            .run(&format!("date -u -d '+{days} days' +%F"))?
            .stdout()?
            .to_owned())
    };
    let secret = |day: &str| {
        format!(
            "client_secret_file = \"/etc/entra-login/sync.secret\"\n\
             client_secret_expires = \"{day}\""
        )
    };
    let far = day(40)?;
    prove_by(&host, &secret(&far))?;
    let text = status(&host)?;
    assert!(
        text.contains(&format!("secret, ends {far}T00:00:00Z")),
        "{text}"
    );
    assert!(!text.contains("Warning:"), "{text}");
    prove_by(&host, &secret(&day(20)?))?;
    let text = status(&host)?;
    assert!(
        text.contains("Warning:           the client secret ends in 19 days"),
        "{text}"
    );
    let journal = host.journal("entra-agent.service")?;
    assert!(
        journal.contains("tenant contoso.example: the client secret ends in 19 days"),
        "{journal}"
    );
    // Local users see that there is a tenant, and no more.
    let theirs = host.run_as("lars", "entractl status")?;
    assert!(!theirs.stdout()?.contains("Credential:"), "{theirs}");

    // A certificate knows its end; a new one is seen without a restart.
    make_pair(&host, "sync")?;
    prove_by(
        &host,
        "certificate_file = \"/etc/entra-login/sync.crt\"\n\
         private_key_file = \"/etc/entra-login/sync.key\"",
    )?;
    let text = status(&host)?;
    assert!(
        text.contains("Credential:        certificate, ends 2"),
        "{text}"
    );
    assert!(
        text.contains("the certificate /etc/entra-login/sync.crt ends in"),
        "{text}"
    );
    host.run(
        "cd /etc/entra-login && openssl req -x509 -key sync.key -days 60 -subj /CN=sync -out sync.crt",
    )?
    .stdout()?;
    let text = status(&host)?;
    assert!(!text.contains("Warning:"), "{text}");
    Ok(())
}

#[test]
fn no_secret_that_everyone_may_read_is_used() -> Result<(), Trouble> {
    let host = Host::boot()?;
    write_secret(&host, "/etc/entra-login/proxy.secret", "x")?;
    let proxy = "[proxy]\nurl = \"http://127.0.0.1:9\"\nusername = \"x\"\n\
                 password_file = \"/etc/entra-login/proxy.secret\"";
    crate::configured::append(&host, proxy)?;
    for file in ["sync.secret", "proxy.secret"] {
        host.run("entra-agent --check")?.stdout()?;
        host.run(&format!("chmod 0644 /etc/entra-login/{file}"))?
            .stdout()?;
        let checked = host.run("entra-agent --check")?;
        assert!(!checked.success(), "{checked}");
        let says = format!("/etc/entra-login/{file} holds a secret and everyone may read it");
        assert!(checked.stderr.contains(&says), "{checked}");
        import_fails(&host, &says)?;
        host.run(&format!("chmod 0640 /etc/entra-login/{file}"))?
            .stdout()?;
    }
    Ok(())
}
