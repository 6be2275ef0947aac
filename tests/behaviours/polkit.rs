//! polkit asks for the person's own password by its helper, which is root and talks
//! with an agent of the person's in lines of text.
//!
//! The agent here is pkttyagent on a terminal, registered for the shell from which
//! pkexec is called: pkexec's own one does not work in Debian 12, for local people either.

use harness::people::{ALICE, BOB, LARS, Person};
use harness::{Host, Output, Terminal, Trouble, until};

use crate::ready::{self, SOON};

#[test]
fn polkit_takes_ones_own_password_or_device_code() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    own_passwords_serve(&host)?;
    for person in [ALICE, LARS] {
        let (mut agent, shell) = asking(&host, &person)?;
        answer(&host, &mut agent, person.password)?;
        assert_eq!(ran_as(shell)?, "root", "{}", person.name);
    }
    assert_eq!(host.tenant().token_requests("password")?, 1);

    let (mut agent, shell) = asking(&host, &BOB)?;
    answer(&host, &mut agent, BOB.password)?;
    let (code, screen) = host.device_code(&mut agent)?;
    assert!(screen.contains(['█', '▀', '▄']), "no QR code:\n{screen}");
    host.tenant().approve(&code, BOB.upn)?;
    answer(&host, &mut agent, "")?;
    assert_eq!(ran_as(shell)?, "root");
    let journal = host.journal("entra-agent.service")?;
    assert!(journal.contains("service=\"polkit-1\""), "{journal}");
    Ok(())
}

const RULE: &str = r#"polkit.addRule(function(action, subject) {
    if (action.id == "org.freedesktop.policykit.exec") { return polkit.Result.AUTH_SELF; }
});
"#;

/// Lets pkexec ask for the person's own password, and not for an administrator's.
pub(crate) fn own_passwords_serve(host: &Host) -> Result<(), Trouble> {
    host.write("/etc/polkit-1/rules.d/10-own-password.rules", RULE)
}

/// A shell in which somebody has called `pkexec id -un`, and their agent, at its question
/// for the password.
pub(crate) fn asking(host: &Host, person: &Person) -> Result<(Terminal, Terminal), Trouble> {
    let name = person.name;
    let mut shell = host.terminal(&format!(
        "runuser -u {name} -- sh -c 'echo shell $$.; read go; pkexec --disable-internal-agent id -un'"
    ))?;
    shell.expect("shell ", SOON)?;
    let number = shell.expect(".", SOON)?.replace('.', "");
    let mut agent = host.terminal(&format!(
        "runuser -u {name} -- pkttyagent --process {number}"
    ))?;
    until("polkit's word on the agent", SOON, || {
        let known = format!("Registered Authentication Agent for unix-process:{number}:");
        let journal = host
            .run("journalctl -b --no-pager -o cat -t polkitd")
            .ok()?;
        journal.stdout.contains(&known).then_some(())
    })?;
    shell.send_line("")?;
    agent.expect("Password: ", SOON)?;
    Ok((agent, shell))
}

/// Types a line for the agent, once it reads: it drops what was typed before it has switched
/// the echo off.
pub(crate) fn answer(host: &Host, agent: &mut Terminal, line: &str) -> Result<(), Trouble> {
    until("an end of the echo", SOON, || {
        let terminal = "readlink /proc/$(pgrep -n -x pkttyagent)/fd/0";
        let state = host.run(&format!("stty -a -F $({terminal})")).ok()?;
        state.stdout.contains(" -echo ").then_some(())
    })?;
    agent.send_line(line)
}

/// The last line that the shell showed.
fn ran_as(shell: Terminal) -> Result<String, Trouble> {
    let screen: Output = shell.finish(SOON)?;
    let last = screen
        .stdout()?
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned();
    Ok(last)
}
