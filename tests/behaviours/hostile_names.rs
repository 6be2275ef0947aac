//! Names from the tenant that would do harm on a host shadow nothing: they become
//! failed rows with a reason, and a local account made later wins.

use harness::people::ALICE;
use harness::{Host, Trouble, until};
use serde_json::Value;

use crate::ready::{self, SOON};

#[test]
fn names_of_the_system_are_failed_rows_and_shadow_nothing() -> Result<(), Trouble> {
    let host = Host::boot()?;
    let asked = "getent passwd root daemon lars; getent group sudo docker root; id root; id lars";
    let before = host.run(asked)?.text();
    let import = host.import("--json")?;
    let report = import.stdout()?;
    for name in [
        "root@",
        "sudo@",
        "daemon@",
        "sam.lee@",
        "12345@",
        "\"docker\"",
        "\"sudo\"",
    ] {
        assert!(
            failures(report)?.iter().any(|row| row.contains(name)),
            "{name} did not fail:\n{report}"
        );
    }
    assert_eq!(host.run(asked)?.text(), before);
    Ok(())
}

#[test]
fn one_of_two_with_the_same_name_is_imported() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let users = host.run("entractl users list --json")?;
    let users = users.stdout()?;
    assert_eq!(users.matches("\"sam.lee\"").count(), 1, "{users}");
    Ok(())
}

#[test]
fn colons_and_newlines_in_names_make_no_second_line() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let users = host.run("entractl users list --json")?;
    let users: Value = serde_json::from_str(users.stdout()?)?;
    let users = users
        .get("users")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    assert!(users.len() > 20, "only {} people", users.len());
    for user in users {
        let name = user.get("name").and_then(Value::as_str).unwrap_or_default();
        let line = host
            .run(&format!("getent passwd '{name}'"))?
            .stdout()?
            .to_owned();
        assert_eq!(line.lines().count(), 1, "{line}");
        assert_eq!(line.split(':').count(), 7, "{line}");
    }
    Ok(())
}

#[test]
fn a_later_useradd_wins() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    assert!(
        host.ssh_password(ALICE.name, ALICE.password, "true")?
            .success()
    );
    add_local_alice(&host)?;

    // At once: files come first, and pam_entra.so looks there too.
    assert_eq!(host.run("id -u alice")?.stdout()?, "1234");
    let local = host.ssh_password(ALICE.name, "Local-Alice-1", "id -u")?;
    assert_eq!(local.stdout()?, "1234");
    host.tenant().forget_requests()?;
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .refusal()?;
    assert_eq!(
        host.tenant().token_requests("password")?,
        0,
        "a local password reached the tenant"
    );

    // Soon: the agent notices and takes the name out, groups and all.
    until("the imported alice's groups to go", SOON, || {
        let groups = host.run("id -G alice").ok()?;
        (groups.stdout.trim() == "1234").then_some(())
    })
}

#[test]
fn an_account_that_was_there_before_the_import_stays_alone() -> Result<(), Trouble> {
    let host = Host::boot()?;
    add_local_alice(&host)?;
    let import = host.import("--json")?;
    let report = import.stdout()?;
    assert!(
        failures(report)?.iter().any(|row| row.contains("alice@")),
        "{report}"
    );
    assert_eq!(
        host.run("id alice")?.stdout()?,
        "uid=1234(alice) gid=1234(alice) groups=1234(alice)"
    );
    Ok(())
}

/// useradd refuses a name that NSS answers, so it runs where the snapshot can't be
/// seen. Tools that only read /etc/passwd (vipw, those that build images) need no
/// such thing, nor does a useradd before the first import.
fn add_local_alice(host: &Host) -> Result<(), Trouble> {
    host.run(
        "unshare --mount sh -c 'mount -t tmpfs none /var/lib/entra-login/public && \
         useradd --no-create-home --home-dir /tmp --uid 1234 --shell /bin/bash alice'",
    )?
    .stdout()?;
    host.run("echo alice:Local-Alice-1 | chpasswd")?.stdout()?;
    Ok(())
}

/// The failed rows of an import, each as JSON text.
fn failures(report: &str) -> Result<Vec<String>, Trouble> {
    let report: Value = serde_json::from_str(report)?;
    let rows = report.get("failures").and_then(Value::as_array);
    Ok(rows.into_iter().flatten().map(Value::to_string).collect())
}
