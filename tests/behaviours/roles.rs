//! Administration without sudo: the agent decides by the caller's uid and role.

use harness::Trouble;
use harness::people::{ALICE, BOB, CAROL, LARS};
use serde_json::json;

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
            "users show carol",
        ] {
            let refused = host.run_as(person.name, &format!("entractl {verb}"))?;
            assert_eq!(refused.code, 1, "{} may {verb}:\n{refused}", person.name);
        }
    }
    assert!(!host.run("id -nG alice")?.stdout()?.contains("entra-admins"));
    let own = host.run_as(ALICE.name, "entractl users show alice")?;
    assert!(own.stdout()?.contains(ALICE.upn), "{own}");
    Ok(())
}

/// Bob rises: each role may what the one before it may, and no more than its own.
#[test]
fn every_role_has_its_own_rights() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let may = |verb: &str| host.run_as(BOB.name, &format!("entractl {verb}"));
    for (role, allowed, refused) in [
        (
            "auditor",
            ["users list", "groups fetch"],
            ["import", "auth disable"],
        ),
        (
            "operator",
            ["users list", "import"],
            ["role set administrator bob", "auth disable"],
        ),
    ] {
        host.run(&format!("entractl role set {role} bob"))?
            .stdout()?;
        for verb in allowed {
            may(verb)?.stdout()?;
        }
        for verb in refused {
            let answer = may(verb)?;
            assert_eq!(answer.code, 1, "the {role} may {verb}:\n{answer}");
        }
    }
    host.run("entractl role set user bob")?.stdout()?;
    may("users list")?.refusal()?;
    Ok(())
}

#[test]
fn only_administrators_have_sudo() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let carol = host.run("sudo -l -U carol")?;
    assert!(carol.text().contains("(ALL : ALL) ALL"), "{carol}");
    let alice = host.run("sudo -l -U alice")?;
    assert!(alice.text().contains("not allowed to run sudo"), "{alice}");
    Ok(())
}

/// Processes of hers may still run when somebody is cut off in the tenant.
#[test]
fn a_disabled_administrator_has_no_rights() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let verb = "entractl users list";
    host.run_as(CAROL.name, verb)?.stdout()?;
    host.tenant()
        .change_user(CAROL.upn, &json!({ "accountEnabled": false }))?;
    host.import("")?.stdout()?;
    let refused = host.run_as(CAROL.name, verb)?;
    assert_eq!(refused.code, 1, "{refused}");
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
