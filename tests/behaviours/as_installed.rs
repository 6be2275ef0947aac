//! What is installed is as documented: the example configuration is right in every
//! key, the agent is nobody special, and its files can't be read by others.

use harness::people::LARS;
use harness::{Host, Trouble};

use crate::ready;

#[test]
fn every_key_of_the_example_configuration_is_known() -> Result<(), Trouble> {
    let host = Host::boot()?;
    crate::configured::write_secret(&host, "/etc/entra-login/proxy.secret", "x")?;
    host.run(
        "sed -e 's/^#\\([a-z\"]\\)/\\1/' /usr/share/doc/entra-login/agent.toml > /tmp/agent.toml && \
         chmod 0644 /tmp/agent.toml && \
         runuser -u entra-agent -- /usr/sbin/entra-agent --config /tmp/agent.toml --check",
    )?
    .stdout()?;
    host.run("sed -i 's/^members_max/member_max/' /tmp/agent.toml")?
        .stdout()?;
    let wrong = host
        .run("runuser -u entra-agent -- /usr/sbin/entra-agent --config /tmp/agent.toml --check")?;
    assert!(
        wrong.refusal()?.contains("members_max"),
        "no nearest key:\n{wrong}"
    );
    Ok(())
}

#[test]
fn the_profiles_enable_nothing_on_their_own() -> Result<(), Trouble> {
    let host = Host::boot()?;
    let wired = "cat /etc/pam.d/common-*";
    assert!(host.run(wired)?.stdout()?.contains("pam_entra.so"));
    // A host on which the files are installed and nobody has enabled them; then any other package's
    // postinst runs pam-auth-update.
    host.run(
        "pam-auth-update --package --remove entra entra-password && rm -f /var/lib/pam/seen && \
         pam-auth-update --package",
    )?
    .stdout()?;
    assert!(!host.run(wired)?.stdout()?.contains("pam_entra.so"));
    Ok(())
}

#[test]
fn the_agent_is_nobody_special() -> Result<(), Trouble> {
    let host = Host::boot()?;
    let status = host.run("cat /proc/$(systemctl show -P MainPID entra-agent)/status")?;
    let status = status.stdout()?;
    let line = |name: &str| {
        status
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default()
    };
    let own = host.run("id -u entra-agent")?.stdout()?.to_owned();
    assert_eq!(line("Uid:").split_whitespace().nth(1), Some(own.as_str()));
    for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
        assert_eq!(
            line(set).split_whitespace().nth(1),
            Some("0000000000000000"),
            "{set}"
        );
    }
    assert_eq!(line("NoNewPrivs:").split_whitespace().nth(1), Some("1"));
    Ok(())
}

#[test]
fn others_see_the_snapshot_and_nothing_else() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let modes = host.run(
        "cd /var/lib/entra-login && stat -c '%a %U %n' . *.db public public/directory.snapshot && \
         stat -c '%a %U %n' /run/entra-login /run/entra-login/*.sock",
    )?;
    assert_eq!(
        modes.stdout()?,
        "711 entra-agent .\n\
         600 entra-agent directory.db\n\
         600 entra-agent state.db\n\
         755 entra-agent public\n\
         644 entra-agent public/directory.snapshot\n\
         755 root /run/entra-login\n\
         666 root /run/entra-login/admin.sock\n\
         666 root /run/entra-login/login.sock"
    );
    for secret in [
        "/etc/entra-login/agent.toml",
        "/etc/entra-login/sync.secret",
        "/var/lib/entra-login/state.db",
    ] {
        host.run_as(LARS.name, &format!("cat {secret}"))?
            .refusal()?;
    }
    host.run_as(LARS.name, "ls /var/lib/entra-login")?
        .refusal()?;
    Ok(())
}

#[test]
fn units_are_in_order() -> Result<(), Trouble> {
    let host = Host::boot()?;
    let verified = host.run(
        "systemd-analyze verify entra-agent.service entra-agent-login.socket entra-agent-admin.socket 2>&1 \
         | grep -i entra",
    )?;
    assert_eq!(verified.stdout, "", "systemd has something to say");
    Ok(())
}

/// Passwords go through the agent and the modules; none may come out in a log.
#[test]
fn no_secret_is_in_the_journal() -> Result<(), Trouble> {
    use harness::people::{ALICE, BOB};
    let host = ready::everybody_may_sign_in()?;
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .stdout()?;
    host.ssh_password(ALICE.name, "Not-Her-Password-1", "true")?
        .refusal()?;
    drop(host.ssh_answering(BOB.name, BOB.password)?);
    let journal = host.run("journalctl -b --no-pager -o verbose")?;
    let journal = journal.stdout()?;
    assert!(
        journal.contains("entra-agent"),
        "an empty journal proves nothing"
    );
    for secret in [
        ALICE.password,
        BOB.password,
        "Not-Her-Password-1",
        "sync-secret-value-1",
        // How every signed token begins: `{"` in base64.
        "eyJ",
    ] {
        let leaks: Vec<&str> = journal
            .lines()
            .filter(|line| line.contains(secret))
            .collect();
        // The command line of this test's own sshpass is not the product's doing.
        let ours: Vec<&&str> = leaks
            .iter()
            .filter(|line| !line.contains("sshpass"))
            .collect();
        assert!(ours.is_empty(), "{secret} is in the journal: {ours:?}");
    }
    Ok(())
}
