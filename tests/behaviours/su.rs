//! su, between imported and local people: the password is that of whom one becomes,
//! and goes where that account lives.

use harness::people::{ALICE, BOB, CAROL, LARS, Person, ROOT};
use harness::{Host, Trouble};

use crate::ready::{self, SOON};

#[test]
fn su_asks_for_the_password_of_whom_one_becomes() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for (from, to, asked) in [
        (ALICE, CAROL, 1),
        (LARS, ALICE, 2),
        (ALICE, LARS, 2),
        (ALICE, ROOT, 2),
    ] {
        assert_eq!(become_by_password(&host, &from, &to, to.password)?, to.name);
        assert_eq!(
            host.tenant().token_requests("password")?,
            asked,
            "{} to {}",
            from.name,
            to.name
        );
    }
    // One's own password opens nobody else's account.
    for to in [CAROL, LARS, ROOT] {
        let screen = become_by_password(&host, &ALICE, &to, ALICE.password)?;
        assert!(screen.contains("uthentication failure"), "{screen}");
    }
    Ok(())
}

#[test]
fn su_shows_a_device_code() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut su = host.terminal("runuser -u lars -- su bob -c 'id -un'")?;
    su.expect("Password: ", SOON)?;
    su.send_line(BOB.password)?;
    let (code, screen) = host.device_code(&mut su)?;
    assert!(screen.contains(['█', '▀', '▄']), "no QR code:\n{screen}");
    host.tenant().approve(&code, BOB.upn)?;
    su.send_line("")?;
    su.expect("\nbob", SOON)?;
    su.finish(SOON)?.stdout()?;
    Ok(())
}

/// The last of what was shown.
fn become_by_password(
    host: &Host,
    from: &Person,
    to: &Person,
    password: &str,
) -> Result<String, Trouble> {
    let mut su = host.terminal(&format!(
        "runuser -u {} -- su {} -c 'id -un'",
        from.name, to.name
    ))?;
    su.expect("Password: ", SOON)?;
    su.send_line(password)?;
    let screen = su.finish(SOON)?.stdout;
    Ok(screen.lines().last().unwrap_or_default().to_owned())
}
