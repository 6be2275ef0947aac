//! A wrong password reaches the tenant once: Entra counts tries before it locks
//! an account, and two for each of the person's would lock it twice as fast.

use harness::Trouble;
use harness::people::ALICE;

use crate::ready::{self, SOON};

#[test]
fn a_wrong_password_reaches_the_tenant_once() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut terminal = host.ssh_answering(ALICE.name, "Not-Her-Password-1")?;
    terminal.expect("Permission denied", SOON)?;
    assert_eq!(
        host.tenant().token_requests("password")?,
        1,
        "at a terminal"
    );

    host.tenant().forget_requests()?;
    let refused = host.run(
        "sshpass -p Not-Her-Password-1 ssh -o PreferredAuthentications=password -l alice localhost true",
    )?;
    refused.refusal()?;
    assert_eq!(
        host.tenant().token_requests("password")?,
        1,
        "by sshd's password method"
    );
    Ok(())
}

#[test]
fn the_refusal_is_said_in_a_sentence() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut su = host.terminal("runuser -u lars -- su alice -c true")?;
    su.expect("Password: ", SOON)?;
    su.send_line("Not-Her-Password-1")?;
    let refused = su.finish(SOON)?;
    let screen = refused.refusal()?;
    assert!(screen.to_lowercase().contains("incorrect"), "{screen}");
    assert!(
        !screen.contains("50126"),
        "a code without meaning for the person:\n{screen}"
    );
    Ok(())
}
