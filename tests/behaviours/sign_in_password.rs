//! A person signs in over ssh with their Entra ID password and gets a home.

use harness::Trouble;
use harness::people::{ALICE, CAROL};

use crate::ready::{self, SOON};

#[test]
fn the_password_suffices_where_the_tenant_says_so() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut terminal = host.ssh_answering(ALICE.name, ALICE.password)?;
    terminal.expect("$ ", SOON)?;
    terminal.send_line("id -un; pwd; exit")?;
    let session = terminal.finish(SOON)?;
    let screen = session.stdout()?;
    assert!(screen.contains("\nalice\n/home/alice\n"), "{screen}");
    assert_eq!(host.tenant().token_requests("password")?, 1);
    Ok(())
}

#[test]
fn sshds_password_method_works_too() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let session = host.run(&format!(
        "sshpass -p '{}' ssh -o PreferredAuthentications=password -l alice localhost id -un",
        ALICE.password
    ))?;
    assert_eq!(session.stdout()?, "alice");
    Ok(())
}

#[test]
fn the_same_password_serves_su_and_sudo() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut su = host.terminal("runuser -u lars -- su alice -c 'id -un'")?;
    su.expect("Password: ", SOON)?;
    su.send_line(ALICE.password)?;
    su.expect("alice", SOON)?;
    su.finish(SOON)?.stdout()?;

    let mut sudo = host.ssh_answering(CAROL.name, CAROL.password)?;
    sudo.expect("$ ", SOON)?;
    sudo.send_line("sudo id -un; exit")?;
    sudo.expect("assword", SOON)?;
    sudo.expect(": ", SOON)?;
    sudo.send_line(CAROL.password)?;
    sudo.expect("root", SOON)?;
    sudo.finish(SOON)?.stdout()?;
    Ok(())
}

#[test]
fn passwd_says_where_an_entra_password_is_changed() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let asked = host.run_as(ALICE.name, "passwd")?;
    assert!(asked.refusal()?.contains("https://aka.ms/sspr"), "{asked}");
    host.stop_agent()?;
    let asked = host.run_as(ALICE.name, "passwd")?;
    assert!(asked.refusal()?.contains("https://aka.ms/sspr"), "{asked}");
    Ok(())
}

#[test]
fn nobody_signs_in_while_sign_in_is_off() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("entractl auth disable")?.stdout()?;
    let refused = host.ssh_password(ALICE.name, ALICE.password, "true")?;
    refused.refusal()?;
    host.ssh_key(ALICE.name, "true")?.refusal()?;
    assert_eq!(
        host.tenant().token_requests("password")?,
        0,
        "the tenant was asked all the same"
    );
    // The snapshot says it, too.
    host.stop_agent()?;
    host.ssh_key(ALICE.name, "true")?.refusal()?;
    Ok(())
}

/// A full disk: the snapshot still says that sign-in is on. The agent knows better.
#[test]
fn nobody_signs_in_once_it_is_off_though_nothing_could_be_published() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("chown root: /var/lib/entra-login/public")?
        .stdout()?;
    host.run("entractl auth disable")?.refusal()?;
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .refusal()?;
    host.ssh_key(ALICE.name, "true")?.refusal()?;
    assert_eq!(
        host.tenant().token_requests("password")?,
        0,
        "the tenant was asked all the same"
    );
    Ok(())
}
