//! A wrong password reaches the tenant once, through whichever front it was typed, and is
//! answered with one sentence: Entra counts tries before it locks an account, and two for
//! each of the person's would lock it twice as fast.

use harness::people::{ALICE, CAROL};
use harness::{Host, Terminal, Trouble};

use crate::polkit;
use crate::ready::{self, SOON};

#[test]
fn a_wrong_password_reaches_the_tenant_once_through_every_front() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    polkit::own_passwords_serve(&host)?;
    host.write("/etc/pam.d/test-locker", "@include common-auth\n")?;
    let fronts: [(&str, Front); 6] = [
        ("ssh", |host| host.ssh_terminal(ALICE.name)),
        ("login", |host| {
            let mut console = host.terminal("login")?;
            console.expect("login: ", SOON)?;
            console.send_line(ALICE.name)?;
            Ok(console)
        }),
        ("su", |host| {
            host.terminal("runuser -u lars -- su alice -c true")
        }),
        ("sudo", |host| {
            host.terminal(&format!("runuser -u {} -- sudo -k true", CAROL.name))
        }),
        ("polkit", |host| {
            // The shell that waits for it may end with this: the answer is what counts.
            Ok(polkit::asking(host, &ALICE)?.0)
        }),
        ("a locker", |host| {
            host.terminal("runuser -u alice -- pamtester test-locker alice authenticate")
        }),
    ];
    for (name, front) in fronts {
        let mut terminal = front(&host)?;
        if name == "polkit" {
            polkit::answer(&host, &mut terminal, WRONG)?;
        } else {
            terminal.expect("assword", SOON)?;
            terminal.expect(": ", SOON)?;
            terminal.send_line(WRONG)?;
        }
        terminal.expect(SENTENCE, SOON)?;
        // What the front itself says then, or asks.
        let own = ["enied", "incorrect", "ailure", "try again", "FAILED"];
        terminal.expect_any(&own, SOON)?;
        let screen = terminal.transcript();
        assert_eq!(screen.matches(SENTENCE).count(), 1, "{name}:\n{screen}");
        assert!(
            !screen.contains("50126"),
            "a code without meaning:\n{screen}"
        );
        asked_once(&host, name)?;
    }

    // Five have failed, and the throttle would ask the tenant no more.
    host.run("entractl users unlock alice")?.stdout()?;
    // It has no way to show text after a refusal.
    let refused = host.run(&format!(
        "sshpass -p {WRONG} ssh -o PreferredAuthentications=password -l alice localhost true",
    ))?;
    refused.refusal()?;
    asked_once(&host, "sshd's password method")
}

/// Starts a program that asks for a password.
type Front = fn(&Host) -> Result<Terminal, Trouble>;

const WRONG: &str = "Not-The-Password-1";
const SENTENCE: &str = "Incorrect username or password.";

fn asked_once(host: &Host, front: &str) -> Result<(), Trouble> {
    assert_eq!(host.tenant().token_requests("password")?, 1, "{front}");
    host.tenant().forget_requests()
}
