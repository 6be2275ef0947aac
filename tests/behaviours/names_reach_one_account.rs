//! `Alice`, `alice` and `alice@contoso.example` are one account: the same uid,
//! the same home, and the canonical name in the session.

use harness::Trouble;
use harness::people::ALICE;

use crate::ready;

#[test]
fn every_spelling_reaches_one_account() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let uid = host.run("id -u alice")?.stdout()?.to_owned();
    for spelling in [
        "alice",
        "Alice",
        "ALICE",
        "alice@contoso.example",
        "Alice@Contoso.Example",
    ] {
        let session = host.ssh_password(spelling, ALICE.password, "id -u; id -un; pwd")?;
        assert_eq!(
            session.stdout()?,
            format!("{uid}\nalice\n/home/alice"),
            "as {spelling}"
        );
    }
    Ok(())
}

/// Programs take `pw_name` for the name from then on: cron, sudoers and mail look it
/// up again, byte by byte.
#[test]
fn every_spelling_is_answered_with_the_canonical_name() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let alice = host.run("getent passwd alice")?.stdout()?.to_owned();
    assert!(alice.starts_with("alice:"), "{alice}");
    for spelling in ["ALICE", "alice@contoso.example", "Alice@Contoso.Example"] {
        let line = host.run(&format!("getent passwd {spelling}"))?;
        assert_eq!(line.stdout()?, alice, "as {spelling}");
    }
    Ok(())
}
