//! `PAM_AUTHTOK`: modules behind `pam_entra.so` (keyrings, pam_mount) get the password
//! that was right, and nothing else.
//!
//! What stands for them is pam_exec, which hands the password to a program. Where there is
//! none it asks for one itself, which is how a test sees that there was none.

use harness::people::{ALICE, BOB, ERIN};
use harness::{Host, Terminal, Trouble};

use crate::ready::{self, SOON};

#[test]
fn the_modules_behind_get_the_password_that_was_right() -> Result<(), Trouble> {
    let host = ready_with_a_module_behind()?;
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .stdout()?;
    handed_on(&host, ALICE.password)?;
    let sshds_own = format!(
        "sshpass -p '{}' ssh -o PreferredAuthentications=password -l alice localhost true",
        ALICE.password
    );
    host.run(&sshds_own)?.stdout()?;
    handed_on(&host, ALICE.password)?;
    let mut su = su(&host, ALICE.name)?;
    su.send_line(ALICE.password)?;
    su.finish(SOON)?.stdout()?;
    handed_on(&host, ALICE.password)?;
    assert_eq!(host.tenant().token_requests("password")?, 3);

    host.ssh_password(ALICE.name, "Not-Her-Password-1", "true")?
        .refusal()?;
    let mut su = self::su(&host, ALICE.name)?;
    su.send_line("Not-Her-Password-1")?;
    su.finish(SOON)?.refusal()?;
    nothing_is_handed_on(&host)
}

/// Bob's password is right, Erin has none and types something all the same: neither is
/// proven by the code, and the sign-in that succeeded was another one.
#[test]
fn they_get_nothing_after_a_device_code() -> Result<(), Trouble> {
    let host = ready_with_a_module_behind()?;
    for (person, typed) in [(BOB, BOB.password), (ERIN, "No-Password-Of-Hers")] {
        let mut su = su(&host, person.name)?;
        su.send_line(typed)?;
        let (code, _) = host.device_code(&mut su)?;
        host.tenant().approve(&code, person.upn)?;
        su.send_line("")?;
        // That of pam_exec, for want of PAM_AUTHTOK.
        su.expect("Password: ", SOON)?;
        su.send_line("")?;
        su.finish(SOON)?.stdout()?;
        handed_on(&host, "")?;
    }
    Ok(())
}

/// In a block of the kind that pam_gnome_keyring and others come in.
const PROFILE: &str = "Name: a module that uses the password\nDefault: no\nPriority: 0\n\
    Auth-Type: Additional\nAuth:\n\
    \toptional pam_exec.so expose_authtok seteuid quiet /usr/local/bin/keep\n";

/// pam_exec ends what it hands over with a NUL byte.
const KEEP: &str = "#!/bin/sh\ntr -d '\\000' > /run/handed-on\n";

fn ready_with_a_module_behind() -> Result<Host, Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.write("/usr/share/pam-configs/behind", PROFILE)?;
    host.write("/usr/local/bin/keep", KEEP)?;
    host.run("chmod 0755 /usr/local/bin/keep && pam-auth-update --package --enable behind")?
        .stdout()?;
    Ok(host)
}

fn su(host: &Host, name: &str) -> Result<Terminal, Trouble> {
    let mut su = host.terminal(&format!("runuser -u lars -- su {name} -c true"))?;
    su.expect("Password: ", SOON)?;
    Ok(su)
}

/// Exactly this was handed on since the last look.
fn handed_on(host: &Host, password: &str) -> Result<(), Trouble> {
    let handed = host.read("/run/handed-on")?;
    assert_eq!(String::from_utf8_lossy(&handed), password);
    host.run("rm /run/handed-on")?.stdout().map(drop)
}

fn nothing_is_handed_on(host: &Host) -> Result<(), Trouble> {
    host.run("cat /run/handed-on")?.refusal().map(drop)
}
