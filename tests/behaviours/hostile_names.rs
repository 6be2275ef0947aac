//! Names from the tenant that would do harm on a host shadow nothing: they become
//! failed rows with a reason, and a local account made later wins.

use harness::people::ALICE;
use harness::{Host, Trouble, until};
use serde_json::{Value, json};

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
fn the_older_of_two_with_the_same_name_is_imported() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let users = people(&host)?;
    let named: Vec<&Value> = users
        .iter()
        .filter(|user| user.get("name") == Some(&json!("sam.lee")))
        .collect();
    let [only] = named.as_slice() else {
        return Err(Trouble::new(format!("{} of them: {named:?}", named.len())));
    };
    assert_eq!(
        only.get("upn"),
        Some(&json!("sam.lee@contoso.example")),
        "the younger took the name: {only}"
    );
    Ok(())
}

#[test]
fn colons_and_newlines_in_names_make_no_second_line() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let users = people(&host)?;
    assert!(users.len() > 20, "only {} people", users.len());
    for user in users {
        let name = user.get("name").and_then(Value::as_str).unwrap_or_default();
        // Not getent: putpwent(3) turns colons and newlines into spaces.
        let fields = host.run(&format!(
            "python3 -c 'import json, pwd; print(json.dumps(pwd.getpwnam(\"{name}\")))'"
        ))?;
        let fields: Vec<Value> = serde_json::from_str(fields.stdout()?)?;
        assert_eq!(fields.len(), 7, "{fields:?}");
        for text in fields.iter().filter_map(Value::as_str) {
            assert!(!text.contains([':', '\n', '\r', '\0']), "{fields:?}");
        }
    }
    Ok(())
}

/// A group's name comes from its display name, which whoever may make groups chooses.
#[test]
fn a_group_with_a_colon_or_a_newline_is_a_failed_row() -> Result<(), Trouble> {
    let host = Host::boot()?;
    for name in ["ops:x:0:lars", "ops\nroot:x:0:lars"] {
        host.tenant().call(
            "POST",
            "/groups",
            Some(&json!({ "displayName": name, "securityEnabled": true })),
        )?;
    }
    let import = host.import("--json")?;
    let report = import.stdout()?;
    let rows = failures(report)?;
    let failed = rows.iter().filter(|row| row.contains("ops")).count();
    assert_eq!(failed, 2, "{report}");
    let groups = host.run("entractl groups list --json")?;
    assert!(!groups.stdout()?.contains("\"name\":\"ops"), "{groups}");
    Ok(())
}

#[test]
fn a_later_useradd_wins() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    assert!(
        host.ssh_password(ALICE.name, ALICE.password, "true")?
            .success()
    );
    let imported = host.run("id -u alice")?.stdout()?.to_owned();
    host.tenant().forget_requests()?;

    // At once, before any agent has noticed: files come first, the imported alice's
    // groups are not the local one's, and pam_entra.so looks there too.
    host.freeze_agent()?;
    add_local_alice(&host)?;
    assert_eq!(host.run("id -u alice")?.stdout()?, "1234");
    assert_eq!(host.run("id -G alice")?.stdout()?, "1234");
    only_the_local_password_counts(&host, "1234")?;

    // Soon: the agent notices and takes the imported alice out, by name and by uid.
    host.thaw_agent()?;
    until("the imported alice to go", SOON, || {
        let gone = host.run(&format!("getent passwd {imported}")).ok()?;
        (!gone.success()).then_some(())
    })?;
    host.run("getent passwd alice@contoso.example")?.refusal()?;
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .refusal()?;
    assert_eq!(
        host.tenant().token_requests("password")?,
        0,
        "a local password reached the tenant"
    );
    Ok(())
}

/// Whoever copies the imported line into /etc/passwd, to change the shell say, has a
/// local alice with the imported one's uid: the line alone makes her local.
#[test]
fn a_local_line_with_the_imported_uid_is_local() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let uid = host.run("id -u alice")?.stdout()?.to_owned();
    host.freeze_agent()?;
    host.run(&format!(
        "echo 'alice:x:{uid}:100::/tmp:/bin/sh' >> /etc/passwd && pwconv && \
         echo alice:Local-Alice-1 | chpasswd"
    ))?
    .stdout()?;
    only_the_local_password_counts(&host, &uid)
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

/// With a hung agent, so that a module which asked it would have no answer.
fn only_the_local_password_counts(host: &Host, uid: &str) -> Result<(), Trouble> {
    let local = host.ssh_password(ALICE.name, "Local-Alice-1", "id -u")?;
    assert_eq!(local.stdout()?, uid);
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .refusal()?;
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

/// Everybody whom the host has imported.
fn people(host: &Host) -> Result<Vec<Value>, Trouble> {
    let users = host.run("entractl users list --json")?;
    let users: Value = serde_json::from_str(users.stdout()?)?;
    let users = users.get("users").and_then(Value::as_array);
    Ok(users.cloned().unwrap_or_default())
}

/// The failed rows of an import, each as JSON text.
fn failures(report: &str) -> Result<Vec<String>, Trouble> {
    let report: Value = serde_json::from_str(report)?;
    let rows = report.get("failures").and_then(Value::as_array);
    Ok(rows.into_iter().flatten().map(Value::to_string).collect())
}
