//! A local account becomes an imported person's, with everything that is hers; and a local one again, to the
//! byte, if that was a mistake.

use harness::people::{ALICE, LARS};
use harness::{Host, Trouble};

use crate::ready;

/// Alice's password on this host, from before.
const LOCAL_PASSWORD: &str = "Local-Alice-1";

/// A host with an alice of its own, who has files, a crontab and a group; Entra's Alice is a failed row.
fn with_a_local_alice() -> Result<Host, Trouble> {
    let host = Host::boot()?;
    host.run(&format!(
        "groupadd --gid 2000 builders && \
         useradd --create-home --shell /bin/bash --uid 1001 --groups builders --comment 'Old Alice' alice && \
         useradd --create-home --uid 1002 after && \
         echo 'alice:{LOCAL_PASSWORD}' | chpasswd && \
         runuser -u alice -- sh -c 'echo mine > ~/file && chmod 600 ~/file' && \
         mkdir -p /var/spool/cron/crontabs && \
         echo '0 0 1 1 * true' > /var/spool/cron/crontabs/alice && \
         chown alice /var/spool/cron/crontabs/alice"
    ))?
    .stdout()?;
    let import = host.import("")?;
    let said = import.text();
    assert!(
        said.contains("the name \"alice\" is in /etc/passwd"),
        "{said}"
    );
    assert!(
        said.contains("entractl users adopt alice"),
        "no cure:\n{said}"
    );
    ready::enable(&host)?;
    Ok(host)
}

/// The four files, to the byte, with owners and modes.
fn account_files(host: &Host) -> Result<String, Trouble> {
    let files = "/etc/passwd /etc/shadow /etc/group /etc/gshadow";
    let seen = host.run(&format!(
        "stat -c '%a %U %G %n' {files} && sha256sum {files} && cat {files}"
    ))?;
    Ok(seen.stdout()?.to_owned())
}

#[test]
fn an_account_becomes_a_person_and_an_account_again() -> Result<(), Trouble> {
    let host = with_a_local_alice()?;
    let before = account_files(&host)?;
    let local = host.ssh_password(ALICE.name, LOCAL_PASSWORD, "id -u")?;
    assert_eq!(local.stdout()?, "1001");

    let preview = host.run("entractl users adopt alice --dry-run")?;
    let said = preview.stdout()?;
    for part in [
        ALICE.upn,
        "1001",
        "/home/alice",
        "builders",
        "/etc/gshadow",
        "crontab",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    assert_eq!(account_files(&host)?, before, "a dry run");

    host.run("entractl users adopt alice")?.stdout()?;
    host.run("grep -l ^alice: /etc/passwd /etc/shadow /etc/group /etc/gshadow")?
        .refusal()?;
    let id = host.run("id alice")?.stdout()?.to_owned();
    assert!(
        id.starts_with("uid=1001(alice) gid=1001(alice) groups="),
        "{id}"
    );
    assert!(id.contains("2000(builders)"), "{id}");
    assert!(id.contains("(entra-users)"), "{id}");
    let line = host.run("getent passwd alice")?.stdout()?.to_owned();
    assert!(line.starts_with("alice:*:1001:1001:Alice"), "{line}");
    assert!(line.ends_with(":/home/alice:/bin/bash"), "{line}");
    assert_eq!(
        host.run("stat -c '%U %G' /home/alice/file /var/spool/cron/crontabs/alice | head -1")?
            .stdout()?,
        "alice alice"
    );
    let inside = host.ssh_password(ALICE.name, ALICE.password, "cat ~/file && crontab -l")?;
    assert_eq!(inside.stdout()?, "mine\n0 0 1 1 * true");
    host.ssh_password(ALICE.name, LOCAL_PASSWORD, "true")?
        .refusal()?;

    // The next import and a restart know it, too.
    let import = host.import("")?;
    assert!(!import.text().contains("\"alice\""), "{import}");
    host.restart_agent()?;
    assert_eq!(host.run("id -u alice")?.stdout()?, "1001");
    let kept =
        host.run("stat -c '%a %U' /etc/entra-login/adopted /etc/entra-login/adopted/alice")?;
    assert_eq!(kept.stdout()?, "700 root\n600 root");
    let shown = host.run("entractl ids show alice")?;
    assert!(shown.stdout()?.contains("pinned"), "{shown}");

    host.run("entractl users adopt alice --undo")?.stdout()?;
    assert_eq!(account_files(&host)?, before);
    let local = host.ssh_password(ALICE.name, LOCAL_PASSWORD, "id -u && cat ~/file")?;
    assert_eq!(local.stdout()?, "1001\nmine");
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .refusal()?;
    host.run("ls /etc/entra-login/adopted/alice")?.refusal()?;
    let import = host.import("")?;
    assert!(
        import
            .text()
            .contains("the name \"alice\" is in /etc/passwd"),
        "{import}"
    );
    // She has the id again that she was given at first.
    let shown = host.run("entractl ids show alice@contoso.example")?;
    assert!(shown.stdout()?.contains("first"), "{shown}");
    Ok(())
}

#[test]
fn an_account_that_nobody_takes_over_is_put_back() -> Result<(), Trouble> {
    let host = with_a_local_alice()?;
    // NSS does not ask entra: nobody would find her.
    host.run("sed -i -e 's/^\\(passwd:.*\\) entra/\\1/' /etc/nsswitch.conf")?
        .stdout()?;
    let before = account_files(&host)?;
    let adopt = host.run("entractl users adopt alice")?;
    let said = adopt.refusal()?;
    assert!(said.contains("is not found with the uid 1001"), "{said}");
    assert_eq!(account_files(&host)?, before);
    let local = host.ssh_password(ALICE.name, LOCAL_PASSWORD, "id -u")?;
    assert_eq!(local.stdout()?, "1001");
    host.run("ls /etc/entra-login/adopted/alice")?.refusal()?;
    Ok(())
}

#[test]
fn root_alone_adopts_and_root_is_not_adopted() -> Result<(), Trouble> {
    let host = with_a_local_alice()?;
    let by_lars = host.run_as(LARS.name, "entractl users adopt alice")?;
    assert!(by_lars.refusal()?.contains("takes root"), "{by_lars}");
    for (name, part) in [
        ("root", "is root (uid 0)"),
        ("daemon", "reserved for the system"),
        ("nobody-here", "no account"),
        ("lars", "no person whose name here would be \"lars\""),
    ] {
        let adopt = host.run(&format!("entractl users adopt {name}"))?;
        assert!(adopt.refusal()?.contains(part), "{adopt}");
    }
    Ok(())
}
