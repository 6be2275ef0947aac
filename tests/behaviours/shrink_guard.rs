//! A run that would remove many at once removes nobody, says so, and lets them go only when told to; all
//! else it brings counts.

use harness::people::{ALICE, BOB, CAROL, FRANK};
use harness::{Host, Trouble};
use serde_json::json;

use crate::ready;

/// Seven of the tenant's 27 people who can be imported: more than five, more than a tenth.
const LEAVERS: [&str; 7] = [
    "grace.hopper",
    "jose.garcia",
    "zoe.lefevre",
    "yuki.tanaka",
    "layla.haddad",
    "peggy",
    "victor",
];

#[test]
fn many_who_vanish_at_once_stay_until_it_is_accepted() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let before = leavers(&host)?;
    let tenant = host.tenant();
    for name in LEAVERS {
        tenant.delete_user(&format!("{name}@contoso.example"))?;
    }
    tenant.change_user(ALICE.upn, &json!({ "accountEnabled": false }))?;
    tenant.add_person("gina@contoso.example", "Gina Green", "Gina-Is-New-8")?;

    let import = host.import("")?;
    let said = import.stdout()?;
    assert!(said.contains("the removal of 7 users"), "{said}");
    assert!(said.contains("--accept-removals"), "no cure:\n{said}");
    assert_eq!(leavers(&host)?, before, "ids, homes or groups changed");
    host.run("id gina")?.stdout()?;
    let alice = host.ssh_key(ALICE.name, "echo inside")?;
    assert!(!alice.success(), "disabled and in:\n{alice}");
    let status = host.run("entractl status; entractl users show peggy")?;
    let status = status.stdout()?;
    assert!(status.contains("the removal of 7 users"), "{status}");
    assert!(
        status.contains("withheld"),
        "peggy is not marked:\n{status}"
    );

    // They are counted again, not forgotten.
    let again = host.import("")?;
    assert!(
        again.stdout()?.contains("the removal of 7 users"),
        "{again}"
    );
    assert_eq!(leavers(&host)?, before);

    let accepted = host.import("--accept-removals")?;
    assert!(!accepted.stdout()?.contains("Withheld"), "{accepted}");
    for name in LEAVERS {
        host.run(&format!("getent passwd {name}"))?.refusal()?;
    }
    host.run(&format!("id {} && id gina", CAROL.name))?
        .stdout()?;
    let status = host.run("entractl status")?;
    assert!(!status.stdout()?.contains("Withheld"), "{status}");
    Ok(())
}

#[test]
fn a_narrower_scope_is_a_deliberate_step() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let narrow = format!("--users {},{}", BOB.upn, CAROL.upn);
    let import = host.import(&narrow)?;
    assert!(
        import.stdout()?.contains("the removal of 25 users"),
        "{import}"
    );
    host.run(&format!("id {}", FRANK.name))?.stdout()?;

    host.import(&format!("{narrow} --accept-removals"))?
        .stdout()?;
    host.run(&format!("getent passwd {}", FRANK.name))?
        .refusal()?;
    host.run(&format!("id {} && id {}", BOB.name, CAROL.name))?
        .stdout()?;
    Ok(())
}

/// Ids, groups and homes of those who leave.
fn leavers(host: &Host) -> Result<String, Trouble> {
    let names = LEAVERS.join(" ");
    let asked = format!("for name in {names}; do id $name && getent passwd $name || exit 1; done");
    Ok(host.run(&asked)?.stdout()?.to_owned())
}
