//! `getent` and `id` answer for imported people before anybody signed in, for
//! every caller, and with the agent stopped.

use harness::people::{ALICE, CAROL, LARS};
use harness::{Host, Trouble, until};

use crate::ready::{self, SOON};

#[test]
fn nobody_resolves_before_the_import() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.run("getent passwd alice")?.refusal()?;
    host.run("id alice")?.refusal()?;
    Ok(())
}

#[test]
fn imported_people_resolve_with_and_without_the_agent() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let before = everything_about_alice(&host)?;
    let line = host.run("getent passwd alice")?.stdout()?.to_owned();
    let fields: Vec<&str> = line.split(':').collect();
    let [name, secret, uid, gid, _, home, shell] = fields.as_slice() else {
        return Err(Trouble::new(format!("not seven fields: {line}")));
    };
    assert_eq!(
        (*name, *secret, *home, *shell),
        ("alice", "*", "/home/alice", "/bin/bash")
    );
    assert_eq!(uid, gid, "a private group has the uid's number");
    let number: u32 = uid.parse().map_err(|_| Trouble::new(line.clone()))?;
    assert!((0x7800_0000..0x7FFE_0000).contains(&number), "{number}");
    assert_eq!(host.run(&format!("getent passwd {uid}"))?.stdout()?, line);

    host.stop_agent()?;
    assert_eq!(
        everything_about_alice(&host)?,
        before,
        "with the agent stopped"
    );
    Ok(())
}

#[test]
fn every_caller_sees_the_same() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let seen_by_root = host
        .run("id alice; getent passwd alice")?
        .stdout()?
        .to_owned();
    let seen_by_lars = host.run_as(LARS.name, "id alice; getent passwd alice")?;
    assert_eq!(seen_by_lars.stdout()?, seen_by_root);
    Ok(())
}

#[test]
fn role_groups_follow_roles() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let groups_of = |name: &str| -> Result<String, Trouble> {
        Ok(host.run(&format!("id -nG {name}"))?.stdout()?.to_owned())
    };
    assert!(
        groups_of(ALICE.name)?
            .split(' ')
            .any(|group| group == "entra-users")
    );
    assert!(!groups_of(ALICE.name)?.contains("entra-admins"));
    assert!(
        groups_of(CAROL.name)?
            .split(' ')
            .any(|group| group == "entra-admins")
    );
    let admins = host.run("getent group entra-admins")?.stdout()?.to_owned();
    assert!(admins.ends_with(":carol"), "{admins}");
    Ok(())
}

/// SSSD's idp provider saw direct members only. Bob is in Platform Team, which is in
/// Engineering, which is in All Staff; Alice is in one of three groups that hold
/// each other in a circle.
#[test]
fn nested_groups_count() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for (person, groups) in [
        ("bob", ["platform-team", "engineering", "all-staff"]),
        ("alice", ["circle-a", "circle-b", "circle-c"]),
    ] {
        let seen = host.run(&format!("id -nG {person}"))?.stdout()?.to_owned();
        for group in groups {
            assert!(
                seen.split(' ').any(|one| one == group),
                "{person} is not in {group}: {seen}"
            );
        }
    }
    Ok(())
}

/// Whoever is named by a group comes with it, however deep they are in it.
#[test]
fn a_named_group_brings_its_nested_people() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.import("--groups Engineering")?.stdout()?;
    for person in ["alice", "bob"] {
        let seen = host.run(&format!("id -nG {person}"))?.stdout()?.to_owned();
        assert!(
            seen.split(' ').any(|one| one == "engineering"),
            "{person}: {seen}"
        );
    }
    host.run("id frank")?.refusal()?;
    Ok(())
}

/// On the `initgroups` line of nsswitch.conf a success ends the search unless it is
/// told to go on.
#[test]
fn a_local_group_is_added_to_the_imported_ones() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("sed -i 's/^adm:.*/&,alice/; s/:,/:/' /etc/group")?
        .stdout()?;
    let seen = host.run("id -nG alice")?.stdout()?.to_owned();
    for group in ["adm", "entra-users", "circle-a"] {
        assert!(
            seen.split(' ').any(|one| one == group),
            "alice is not in {group}: {seen}"
        );
    }
    Ok(())
}

#[test]
fn the_list_of_everybody_is_off_by_default() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let all = host.run("getent passwd")?.stdout()?.to_owned();
    assert!(all.contains("lars"), "{all}");
    assert!(!all.contains("alice"), "{all}");
    Ok(())
}

#[test]
fn the_list_of_everybody_can_be_switched_on() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("printf '[directory]\nenumerate = true\n' >> /etc/entra-login/agent.toml")?
        .stdout()?;
    host.restart_agent()?;
    for (list, entry) in [("passwd", "\nalice:"), ("group", "\nall-staff:")] {
        until("the list", SOON, || {
            let all = host.run(&format!("getent {list}")).ok()?;
            all.stdout.contains(entry).then_some(())
        })?;
    }
    Ok(())
}

/// All that programs may ask about one person, in every spelling.
fn everything_about_alice(host: &Host) -> Result<String, Trouble> {
    let asked = "id alice; id -nG alice; getent passwd alice ALICE alice@contoso.example; \
                 getent group $(id -g alice); getent group $(id -G alice); \
                 getent initgroups alice; getent group entra-users";
    Ok(host.run(asked)?.stdout()?.to_owned())
}
