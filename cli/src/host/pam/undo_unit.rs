//! What takes a change back that nobody confirms: a transient timer while the host runs, a unit at boot.
//!
//! A transient timer is gone after a reboot, and who has locked themselves out reboots: so the boot takes an
//! unconfirmed change back, before anybody can sign in. Both run `entractl pam undo`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use super::command::{self, ask, run, trouble};
use super::{Host, replace};
use crate::trouble::HostTrouble;

/// The timer's name, and that of the service that it starts.
pub(crate) const TIMER: &str = "entra-login-pam-undo";

/// The unit of the boot, and the link that makes it one.
const AT_BOOT: &str = "/etc/systemd/system/entra-login-pam-undo-at-boot.service";
const WANTS: &str = "/etc/systemd/system/multi-user.target.wants";

/// Whether this host can be trusted to take a change back.
///
/// # Errors
/// [`HostTrouble`] if systemd does not run it.
pub(super) fn is_possible(host: &Host) -> Result<(), HostTrouble> {
    // sd_booted(3)
    if host.path("/run/systemd/system").is_dir() && command::is_there(host, "systemd-run") {
        return Ok(());
    }
    Err(HostTrouble {
        message: "systemd does not run this host: nothing could take the change back if it locks people out".to_owned(),
        hint: Some("--without-confirmation goes without that".to_owned()),
    })
}

/// Starts the timer and puts the unit of the boot in place.
///
/// # Errors
/// [`HostTrouble`]; neither is there then.
pub(super) fn arm(host: &Host, after: Duration) -> Result<(), HostTrouble> {
    let armed = at_boot(host).and_then(|()| timer(after));
    if armed.is_err() {
        disarm(host);
    }
    armed
}

fn at_boot(host: &Host) -> Result<(), HostTrouble> {
    let unit = format!(
        "# Made by `entractl pam enable`, gone when that was confirmed or taken back.\n\
         [Unit]\n\
         Description=Take back a change of sign-in that nobody confirmed\n\
         After=local-fs.target\n\
         Before=systemd-user-sessions.service ssh.service sshd.service\n\n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart={} pam undo\n",
        own_program()?.display()
    );
    replace::write(host, AT_BOOT, Some(unit.as_bytes()))?;
    let link = link(host);
    match symlink(AT_BOOT, &link) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(HostTrouble::file("make", &link, &error))
        }
        _ => Ok(()),
    }
}

fn timer(after: Duration) -> Result<(), HostTrouble> {
    stop_timer();
    let (unit, after) = (
        format!("--unit={TIMER}"),
        format!("--on-active={}s", after.as_secs()),
    );
    let own = own_program()?;
    run(
        &[
            "systemd-run",
            "--quiet",
            "--collect",
            &unit,
            &after,
            "--timer-property=AccuracySec=1s",
            "--description=Take back a change of sign-in that nobody confirmed",
            own.to_string_lossy().as_ref(),
            "pam",
            "undo",
        ],
        &[],
    )
    .map(drop)
}

/// Stops the timer and removes the unit of the boot; gone is as good.
pub(super) fn disarm(host: &Host) {
    stop_timer();
    let _ = fs::remove_file(link(host));
    let _ = fs::remove_file(host.path(AT_BOOT));
}

fn stop_timer() {
    // The timer alone: the service may be this very process.
    let timer = format!("{TIMER}.timer");
    let _ = ask(&["systemctl", "--no-block", "stop", &timer], &[]);
}

fn link(host: &Host) -> PathBuf {
    let name = AT_BOOT.rsplit('/').next().unwrap_or(AT_BOOT);
    host.path(WANTS).join(name)
}

fn own_program() -> Result<PathBuf, HostTrouble> {
    std::env::current_exe()
        .map_err(|error| trouble(format!("can't find entractl's own program: {error}")))
}
