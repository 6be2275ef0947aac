//! login(1) on a terminal: name, password, shell; or a device code.

use harness::people::{ALICE, BOB, DAVE};
use harness::{Terminal, Trouble};

use crate::ready::{self, SOON};

#[test]
fn a_console_signs_in_by_password_and_by_device_code() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("sed -i 's/^LOGIN_TIMEOUT.*/LOGIN_TIMEOUT 100/' /etc/login.defs")?
        .stdout()?;
    let mut alice = named(host.terminal("login")?, ALICE.name)?;
    alice.expect("Password: ", SOON)?;
    alice.send_line(ALICE.password)?;
    session(alice, "alice")?;

    let mut bob = named(host.terminal("login")?, BOB.name)?;
    bob.expect("Password: ", SOON)?;
    bob.send_line(BOB.password)?;
    let (code, screen) = host.device_code(&mut bob)?;
    assert!(screen.contains(['█', '▀', '▄']), "no QR code:\n{screen}");
    // login gives up after 100 s here, whatever the code's life.
    assert!(screen.contains("Time left: 1 minute 2"), "{screen}");
    host.tenant().approve(&code, BOB.upn)?;
    bob.send_line("")?;
    session(bob, "bob")?;

    let mut dave = named(host.terminal("login")?, DAVE.name)?;
    let screen = dave.expect("Login incorrect", SOON)?;
    assert!(screen.contains("disabled"), "no sentence:\n{screen}");
    // The next one at this console may be somebody else.
    let mut alice = named(dave, ALICE.name)?;
    alice.expect("Password: ", SOON)?;
    alice.send_line(ALICE.password)?;
    session(alice, "alice")
}

fn named(mut console: Terminal, name: &str) -> Result<Terminal, Trouble> {
    console.expect("login: ", SOON)?;
    console.send_line(name)?;
    Ok(console)
}

fn session(mut console: Terminal, name: &str) -> Result<(), Trouble> {
    console.expect("$ ", SOON)?;
    console.send_line("id -un; pwd; exit")?;
    let screen = console.finish(SOON)?.stdout;
    assert!(
        screen.contains(&format!("\n{name}\n/home/{name}\n")),
        "{screen}"
    );
    Ok(())
}
