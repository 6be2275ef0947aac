//! Who must use a second factor signs in by device code: link, code and QR code
//! in plain ssh, and only the very person that was asked for gets in.

use harness::people::{ALICE, BOB, MALLORY};
use harness::{Host, Terminal, Trouble};

use crate::ready::{self, SOON};

#[test]
fn mfa_goes_on_to_the_device_code() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let (mut terminal, code, screen) = bobs_device_code(&host)?;
    assert!(
        screen.contains("https://login.microsoft.com/device"),
        "{screen}"
    );
    assert!(screen.contains(['█', '▀', '▄']), "no QR code:\n{screen}");
    host.tenant().approve(&code, BOB.upn)?;
    terminal.send_line("")?;
    terminal.expect("$ ", SOON)?;
    terminal.send_line("id -un; exit")?;
    let screen = terminal.finish(SOON)?.stdout()?.to_owned();
    assert!(screen.contains("\nbob\n"), "{screen}");
    Ok(())
}

/// GHSA of a peer: whoever of the tenant finished the code was let in as the one
/// who had asked.
#[test]
fn a_code_approved_by_another_person_is_refused() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let (mut terminal, code, _) = bobs_device_code(&host)?;
    host.tenant().approve(&code, MALLORY.upn)?;
    terminal.send_line("")?;
    let screen = refused_screen(terminal)?;
    assert!(
        screen.contains("another"),
        "no sentence about another person:\n{screen}"
    );
    nobody_got_in(&host)
}

#[test]
fn a_declined_code_is_refused() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let (mut terminal, code, _) = bobs_device_code(&host)?;
    host.tenant().decline(&code)?;
    terminal.send_line("")?;
    refused_screen(terminal)?;
    nobody_got_in(&host)
}

/// aad-auth took "MFA required" for "password right, come in".
#[test]
fn mfa_required_alone_is_never_success() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    // sshd's password method can't show a code: there it ends.
    let refused = host.run(&format!(
        "sshpass -p '{}' ssh -o PreferredAuthentications=password -l bob localhost true",
        BOB.password
    ))?;
    refused.refusal()?;
    // Nor does a code that nobody approves.
    let (mut terminal, _, _) = bobs_device_code(&host)?;
    terminal.send_line("")?;
    assert!(
        terminal.expect("$ ", NOT_YET).is_err(),
        "in without approval"
    );
    drop(terminal);
    nobody_got_in(&host)
}

#[test]
fn a_token_that_proves_somebody_else_or_nothing_is_refused() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let other = "00000000-1111-4222-8333-444444444444";
    for claims in [
        serde_json::json!({ "user": ALICE.upn, "oid": other, "times": 1 }),
        serde_json::json!({ "user": ALICE.upn, "tid": other, "times": 1 }),
        serde_json::json!({ "user": ALICE.upn, "aud": other, "times": 1 }),
        serde_json::json!({ "user": ALICE.upn, "claims": { "exp": LONG_AGO }, "times": 1 }),
        serde_json::json!({ "user": ALICE.upn, "omit_id_token": true, "times": 1 }),
    ] {
        host.tenant().override_token(&claims)?;
        let refused = host.ssh_password(ALICE.name, ALICE.password, "true")?;
        assert!(!refused.success(), "in with {claims}\n{refused}");
    }
    assert!(
        host.ssh_password(ALICE.name, ALICE.password, "true")?
            .success(),
        "with the true token"
    );
    Ok(())
}

/// In seconds since 1970.
const LONG_AGO: u64 = 1_000_000_000;

/// Two of the server's polling intervals.
const NOT_YET: std::time::Duration = std::time::Duration::from_secs(11);

/// Bob gives his password, which is right, and is asked for more.
fn bobs_device_code(host: &Host) -> Result<(Terminal, String, String), Trouble> {
    let mut terminal = host.ssh_answering(BOB.name, BOB.password)?;
    let (code, screen) = host.device_code(&mut terminal)?;
    Ok((terminal, code, screen))
}

/// What was shown until ssh gave up.
fn refused_screen(mut terminal: Terminal) -> Result<String, Trouble> {
    terminal.expect("Permission denied", SOON)?;
    terminal.finish(SOON)?.refusal()
}

fn nobody_got_in(host: &Host) -> Result<(), Trouble> {
    let sessions =
        host.run("journalctl -b --no-pager -o cat | grep -c 'session opened for user bob'")?;
    assert_eq!(sessions.stdout.trim(), "0", "a session was opened for bob");
    Ok(())
}
