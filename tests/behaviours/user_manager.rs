//! The systemd of an imported person: in their sessions, lingering, and at boot. Its
//! start goes through PAM (service `systemd-user`, account and session), and at boot that
//! may be before the agent runs: the directory's account state has to do.

use harness::people::ALICE;
use harness::{Host, Trouble, until};

use crate::ready::{self, SOON};

/// A unit of Alice's own, which writes whose it is.
const UNIT: &str = "[Service]\nType=oneshot\nRemainAfterExit=yes\n\
    ExecStart=/bin/sh -c 'id -un > %h/ran; cat /proc/sys/kernel/random/boot_id >> %h/ran'\n\
    [Install]\nWantedBy=default.target\n";

#[test]
fn it_runs_in_sessions_and_lingers() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let session = host.ssh_password(
        ALICE.name,
        ALICE.password,
        "systemctl --user is-system-running --wait; loginctl show-session -p User -p Name -p Service $XDG_SESSION_ID",
    )?;
    let uid = host.run("id -u alice")?.stdout()?.to_owned();
    assert_eq!(
        session.stdout()?,
        format!("running\nUser={uid}\nName=alice\nService=sshd")
    );
    host.run("loginctl enable-linger alice")?.stdout()?;
    until("her lingering systemd", SOON, || {
        her_systemd(&host, &uid).ok()?.then_some(())
    })?;
    unit_of_her_own(&host)?;
    host.ssh_key(
        ALICE.name,
        "systemctl --user daemon-reload; systemctl --user start hers",
    )?
    .stdout()?;
    ran(&host)?;
    until("the end of her session", SOON, || {
        let state = host.run("loginctl show-user -p State --value alice").ok()?;
        (state.stdout.trim() == "lingering").then_some(())
    })?;
    assert!(her_systemd(&host, &uid)?, "gone with the session");
    Ok(())
}

/// At the second boot the agent does not run at all, which is as early as can be.
#[test]
fn lingering_people_are_up_at_boot_without_the_agent() -> Result<(), Trouble> {
    let mut host = ready::everybody_may_sign_in()?;
    host.ssh_key(ALICE.name, "true")?.stdout()?;
    unit_of_her_own(&host)?;
    host.run(
        "loginctl enable-linger alice && \
         systemctl mask entra-agent.service entra-agent-login.socket entra-agent-admin.socket",
    )?
    .stdout()?;
    host.reboot()?;
    assert!(!host.run("pgrep entra-agent")?.success(), "the agent runs");
    ran(&host)?;

    let disabled = host.run("systemctl start user@$(id -u dave).service")?;
    disabled.refusal()?;
    Ok(())
}

/// As `systemctl --user enable` would leave it.
fn unit_of_her_own(host: &Host) -> Result<(), Trouble> {
    let units = "/home/alice/.config/systemd/user";
    host.run_as(
        ALICE.name,
        &format!(
            "mkdir -p {units}/default.target.wants && \
             ln -s {units}/hers.service {units}/default.target.wants/"
        ),
    )?
    .stdout()?;
    host.write(&format!("{units}/hers.service"), UNIT)
}

/// What her unit has written: whose it is, and in which boot.
fn ran(host: &Host) -> Result<(), Trouble> {
    let boot = host.run("cat /proc/sys/kernel/random/boot_id")?;
    let wanted = format!("alice\n{}\n", boot.stdout()?);
    until("what her unit writes", SOON, || {
        (host.read("/home/alice/ran").ok()? == wanted.as_bytes()).then_some(())
    })
}

fn her_systemd(host: &Host, uid: &str) -> Result<bool, Trouble> {
    Ok(host
        .run(&format!("systemctl is-active user@{uid}.service"))?
        .success())
}
