//! Ids are a host's for ever, whatever is lost or imported; and one host's map is another's before first use.

use harness::people::{ALICE, BOB, CAROL};
use harness::{Host, Limit, Trouble};
use std::time::Duration;

use crate::ready;

const SOON: Limit = Duration::from_secs(30);

#[test]
fn a_lost_directory_comes_back_with_the_same_ids_names_and_homes() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let seen = "for name in $(entractl users list | awk 'NR > 1 {print $1}' | sort); \
                do getent passwd $name && id $name; done; entractl ids export";
    let before = host.run(seen)?.stdout()?.to_owned();
    assert!(before.contains("alice:*:"), "{before}");
    host.stop_agent()?;
    host.run("rm /var/lib/entra-login/directory.db*")?
        .stdout()?;
    host.start_agent()?;
    host.import("")?.stdout()?;
    assert_eq!(host.run(seen)?.stdout()?, before);
    Ok(())
}

#[test]
fn a_map_is_compared_first_and_mends_what_was_not_used() -> Result<(), Trouble> {
    let host = Host::boot()?;
    let (old, new) = ("/tmp/old", "/tmp/new");
    // Alice and Bob are here; the map says something else of Alice, the same of Bob, and knows Carol.
    host.import(&format!("--users {},{}", ALICE.upn, BOB.upn))?
        .stdout()?;
    host.run(&format!("entractl ids export > {old}"))?
        .stdout()?;
    let tenant = host.run(&format!("awk '!/^#/ {{print $1; exit}}' {old}"))?;
    let tenant = tenant.stdout()?.to_owned();
    let carol = host
        .tenant()
        .call("GET", &format!("/users/{}", CAROL.upn), None)?
        .get("id")
        .and_then(|id| id.as_str().map(str::to_owned))
        .ok_or_else(|| Trouble::new("the tenant has no Carol".to_owned()))?;
    host.run(&format!(
        "sed -e '/ user alice$/s/ [0-9]* user/ 70001 user/' {old} > {new} && \
         echo '{tenant} {carol} 70002 user carol' >> {new}"
    ))?
    .stdout()?;

    let refused = host.run(&format!("entractl ids import {new}"))?;
    assert_eq!(refused.code, 1, "{refused}");
    let said = refused.text();
    assert!(
        said.contains("conflict") && said.contains("70001"),
        "{said}"
    );
    assert!(said.contains("1 the same, 1 pinned"), "{said}");
    assert_eq!(
        host.run("entractl ids export")?.stdout()?,
        host.run(&format!("cat {old}"))?.stdout()?
    );

    let map = host.run(&format!("cat {new}"))?.stdout()?.to_owned();
    let skipped = host.run_fed(SOON, "entractl ids import - --skip-conflicts", &map)?;
    skipped.stdout()?;
    let status = host.run("entractl status; entractl ids show --displaced")?;
    let status = status.stdout()?;
    assert!(status.contains("Displaced"), "{status}");
    assert!(status.contains("not here yet"), "{status}");

    host.import("")?.stdout()?;
    assert_eq!(host.run("id -u carol")?.stdout()?, "70002");
    let alice = host.run("id -u alice")?.stdout()?.to_owned();
    assert_ne!(alice, "70001", "a used id moved");
    let again = host.run("entractl ids export > /tmp/a; entractl ids import /tmp/a")?;
    assert!(
        again
            .text()
            .contains(" 0 pinned, 0 moved, 0 freed, 0 in conflict"),
        "{again}"
    );
    Ok(())
}

#[test]
fn a_retired_name_is_freed_and_the_next_one_gets_it() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let old = host.run("id -u alice")?.stdout()?.to_owned();
    host.ssh_password(
        ALICE.name,
        ALICE.password,
        "echo '0 0 1 1 * true' | crontab -",
    )?
    .stdout()?;
    let held = host.run("entractl users release alice")?;
    assert!(held.refusal()?.contains("is not retired"), "{held}");

    host.tenant().delete_user(ALICE.upn)?;
    host.import("")?.stdout()?;
    host.tenant().add_person(
        "alice@contoso.example",
        "Alice the Second",
        "Alice-Is-New-8",
    )?;
    let import = host.import("")?;
    assert!(
        import.text().contains("entractl users release alice"),
        "{import}"
    );
    host.run("getent passwd alice")?.refusal()?;

    let dry = host.run("entractl users release alice --dry-run")?;
    let said = dry.text();
    for part in ["home", "/home/alice", "crontab", &old] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    host.import("")?.stdout()?;
    host.run("getent passwd alice")?.refusal()?;

    host.run("entractl users release alice")?.stdout()?;
    host.import("")?.stdout()?;
    let new = host.run("id -u alice")?.stdout()?.to_owned();
    assert_ne!(new, old, "the second has the first one's id");
    let line = host.run("getent passwd alice")?.stdout()?.to_owned();
    assert!(
        line.contains("Alice the Second") && line.contains("/home/alice"),
        "{line}"
    );
    Ok(())
}
