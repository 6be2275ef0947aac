//! `entractl auth enable` looks first at what it takes, names each thing that is missing with its cure, and changes
//! nothing then.

use harness::people::CAROL;
use harness::{Host, Output, Trouble};

#[test]
fn nothing_is_enabled_before_people_names_and_pam_are_there() -> Result<(), Trouble> {
    let host = Host::boot()?;
    refused(&host, "imported", "entractl import")?;
    host.import("")?.stdout()?;
    refused(&host, "administrator", "role set administrator")?;
    host.run(&format!("entractl role set administrator {}", CAROL.upn))?
        .stdout()?;

    let nsswitch = host.read("/etc/nsswitch.conf")?;
    host.run("sed -i 's/ entra / /; s/ entra$//' /etc/nsswitch.conf")?
        .stdout()?;
    refused(&host, "nsswitch", "entractl pam enable")?;
    host.write("/etc/nsswitch.conf", nsswitch)?;

    let auth = host.read("/etc/pam.d/common-auth")?;
    host.run("sed -i '/pam_entra/d' /etc/pam.d/common-auth")?
        .stdout()?;
    refused(&host, "pam-auth", "entractl pam enable")?;
    let ours = String::from_utf8_lossy(&auth).into_owned();
    host.write(
        "/etc/pam.d/common-auth",
        format!("{ours}auth optional pam_winbind.so\n"),
    )?;
    refused(&host, "other-software", "take the other one out")?;
    host.write("/etc/pam.d/common-auth", auth)?;

    // Nobody can have signed in yet: that is said, and is no reason to refuse.
    let enabled = host.run("entractl auth enable")?;
    enabled.stdout()?;
    assert!(
        enabled.stdout.contains("warning administrator"),
        "{enabled}"
    );
    assert!(enabled.stdout.contains("ok      break-glass"), "{enabled}");
    assert!(
        enabled.stdout.contains("Entra ID sign-in:  enabled"),
        "{enabled}"
    );
    host.ssh_password(CAROL.name, CAROL.password, "true")?
        .stdout()?;
    let again = host.run("entractl auth enable")?;
    assert!(!again.stdout.contains("warning"), "{again}");
    Ok(())
}

/// Refused, with that check and its cure, and sign-in is off.
fn refused(host: &Host, check: &str, cure: &str) -> Result<(), Trouble> {
    let refused: Output = host.run("entractl auth enable")?;
    assert_eq!(refused.code, 1, "{refused}");
    assert!(
        refused.stdout.contains(&format!("BAD     {check}")),
        "{refused}"
    );
    assert!(refused.stdout.contains(cure), "{refused}");
    let status = host.run("entractl auth status --json")?;
    assert!(status.stdout()?.contains("\"enabled\": false"), "{status}");
    Ok(())
}
