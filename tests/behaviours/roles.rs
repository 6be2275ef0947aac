//! Administration without sudo: the agent decides by the caller's uid and role.

use harness::Trouble;
use harness::people::{ALICE, CAROL, LARS};

use crate::ready;

#[test]
fn an_administrator_needs_no_sudo_and_others_are_refused() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run_as(CAROL.name, "entractl role set auditor bob")?
        .stdout()?;
    assert!(host.run("id -nG bob")?.stdout()?.contains("entra-auditors"));
    for person in [ALICE, LARS] {
        for verb in [
            "role set administrator alice",
            "import",
            "auth disable",
            "users list",
        ] {
            let refused = host.run_as(person.name, &format!("entractl {verb}"))?;
            assert_eq!(refused.code, 1, "{} may {verb}:\n{refused}", person.name);
        }
    }
    assert!(!host.run("id -nG alice")?.stdout()?.contains("entra-admins"));
    Ok(())
}

#[test]
fn sign_in_is_not_enabled_without_an_administrator() -> Result<(), Trouble> {
    let host = harness::Host::boot()?;
    host.import("")?.stdout()?;
    let refused = host.run("entractl auth enable")?;
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("administrator"), "{refused}");
    Ok(())
}
