//! Who is left out, and that this costs nobody else their entry.

use super::*;

const OTHER: &str = "x'0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e'";

fn reasons(outcome: &PublishOutcome) -> Vec<(&str, &str)> {
    let left_out = outcome.left_out.iter();
    left_out
        .map(|out| (out.name.as_str(), out.reason.as_str()))
        .collect()
}

fn imported(users: &[(u8, &str)], groups: &[(u8, &str, &[u8])]) -> Host {
    let host = Host::new(&configuration());
    host.store.commit_import(&directory(users, groups)).unwrap();
    host
}

#[test]
fn a_principal_name_finds_one_person_whoever_else_has_it() {
    let host = imported(
        &[
            (1, "alice"),
            (2, "bob"),
            (3, "carol@b.example"),
            (4, "dave"),
        ],
        &[(9, "sales", &[1, 2, 3, 4])],
    );
    // Bob has alice's, dave has carol's name.
    host.sql(
        "UPDATE users SET upn_key = 'alice@contoso.example' WHERE name = 'bob';
         UPDATE users SET upn_key = 'carol@b.example' WHERE name = 'dave';",
    );
    let outcome = host.publisher.publish().unwrap();
    assert_eq!(
        reasons(&outcome),
        [
            (
                "bob",
                "the user principal name alice@contoso.example is another person's too"
            ),
            (
                "dave",
                "the user principal name carol@b.example is the name of another person"
            ),
        ]
    );
    assert_eq!((outcome.users, outcome.left_out_total), (2, 2));
    let snapshot = host.snapshot();
    for (key, name) in [
        ("alice@contoso.example", "alice"),
        ("carol@b.example", "carol@b.example"),
    ] {
        let found = snapshot.user_by_name(key.as_bytes()).unwrap().unwrap();
        assert_eq!(found.name.as_str(), name);
        let person = host.store.person_by_login(key).unwrap().unwrap();
        assert_eq!(person.name, name, "the agent means the same person");
    }
    let members = snapshot.group_by_name(b"sales").unwrap().unwrap().members;
    assert_eq!(members.len(), 2, "{members:?}");

    // The cure brings both back.
    host.sql("UPDATE users SET upn_key = name || '@c.example' WHERE name IN ('bob', 'dave')");
    assert_eq!(host.publisher.publish().unwrap().left_out_total, 0);
    assert!(host.store.person_by_login("bob").unwrap().is_some());
}

#[test]
fn a_group_with_a_persons_name_is_nobodys_group() {
    let host = imported(&[(1, "alice")], &[(9, "sales", &[1]), (8, "other", &[1])]);
    host.sql("UPDATE groups SET name = 'alice' WHERE name = 'sales'");
    let outcome = host.publisher.publish().unwrap();
    assert_eq!(
        reasons(&outcome),
        [("alice", "the name alice is a person's")]
    );
    let snapshot = host.snapshot();
    let alice = snapshot.user_by_name(b"alice").unwrap().unwrap();
    let gids: Vec<u32> = alice.gids.iter().map(|gid| gid.value()).collect();
    assert_eq!(gids, [100_008, 200_000]);
    let private = snapshot.group_by_name(b"alice").unwrap().unwrap();
    assert_eq!(private.gid, alice.uid);
}

#[test]
fn names_and_ids_of_role_groups_are_nobodys() {
    let host = imported(&[(1, "alice"), (2, "bob")], &[(9, "sales", &[1, 2])]);
    host.sql(
        "UPDATE state.ids SET id = 200000 WHERE id = 100002;
         UPDATE groups SET name = 'entra-admins' WHERE name = 'sales';",
    );
    let outcome = host.publisher.publish().unwrap();
    let names: Vec<&str> = reasons(&outcome).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["entra-admins", "bob"]);
    let users = host.snapshot().group_by_gid(200_000).unwrap().unwrap();
    assert_eq!(users.name.as_str(), "entra-users");
    assert_eq!(users.members, [Name::new("alice").unwrap()]);
}

#[test]
fn a_primary_group_is_one_that_is_there_and_meant() {
    let host = imported(
        &[
            (1, "alice"),
            (2, "bob"),
            (3, "carol"),
            (4, "dave"),
            (5, "eve"),
        ],
        &[(9, "sales", &[1])],
    );
    let group = &host.publisher.local_files().group;
    fs::write(group, "root:x:0:\nfiles:x:5000:\n").unwrap();
    // A published group, a local one, another person's private one, and none at all.
    host.sql(
        "INSERT INTO state.person_overrides (tenant, object, gid)
         SELECT tenant, object, CASE name WHEN 'alice' THEN 100009 WHEN 'bob' THEN 5000
                                          WHEN 'carol' THEN 100001 WHEN 'dave' THEN 5001
                                          ELSE 100005 END
         FROM users;",
    );
    let outcome = host.publisher.publish().unwrap();
    let names: Vec<&str> = reasons(&outcome).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["carol", "dave"]);
    let snapshot = host.snapshot();
    for (name, uid, gid) in [
        ("alice", 100_001, 100_009),
        ("bob", 100_002, 5_000),
        ("eve", 100_005, 100_005),
    ] {
        let user = snapshot.user_by_name(name.as_bytes()).unwrap().unwrap();
        assert_eq!((user.uid.value(), user.gid.value()), (uid, gid), "{name}");
        let private = snapshot.group_by_name(name.as_bytes()).unwrap();
        assert_eq!(private.is_some(), uid == gid, "{name}");
        let person = host.store.person_by_login(name).unwrap().unwrap();
        assert_eq!((person.uid, person.gid), (uid, gid), "{name}");
    }

    // A local group that takes the gid later is not the group that was meant.
    fs::write(group, "root:x:0:\nfiles:x:5000:\nnew:x:100009:\n").unwrap();
    let outcome = host.publisher.publish().unwrap();
    let names: Vec<&str> = reasons(&outcome).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["sales", "alice", "carol", "dave"]);
}

#[test]
fn a_persons_own_shell_counts_where_it_is_listed() {
    let host = imported(&[(1, "alice"), (2, "bob")], &[]);
    host.sql(
        "INSERT INTO state.person_overrides (tenant, object, shell)
         SELECT tenant, object, iif(name = 'alice', '/bin/sh', '/bin/fish') FROM users;",
    );
    assert_eq!(host.publisher.publish().unwrap().left_out_total, 0);
    for (name, shell) in [("alice", "/bin/sh"), ("bob", "/bin/bash")] {
        let user = host.snapshot().user_by_name(name.as_bytes()).unwrap();
        assert_eq!(user.unwrap().shell.as_str(), shell, "{name}");
        let person = host.store.person_by_login(name).unwrap().unwrap();
        assert_eq!(person.shell, shell, "{name}");
    }
}

#[test]
fn tenants_that_are_not_configured_do_not_exist() {
    let mut host = imported(&[(1, "alice"), (2, "bob")], &[(9, "sales", &[1, 2])]);
    host.sql(&format!(
        "INSERT INTO users (tenant, object, upn, upn_key, display_name, enabled, name)
         VALUES ({OTHER}, x'01010101010101010101010101010101', 'zoe@b.example', 'zoe@b.example', 'Zoe', 1, 'zoe');
         INSERT INTO groups (tenant, object, display_name, kind, name)
         VALUES ({OTHER}, x'09090909090909090909090909090909', 'Staff', 'security', 'staff');
         INSERT INTO memberships (tenant, member, parent)
         SELECT u.tenant, u.object, g.object FROM users AS u JOIN groups AS g ON g.tenant = u.tenant
         WHERE u.tenant = {OTHER};
         INSERT INTO state.ids SELECT 150001, tenant, object, 0, 0 FROM users WHERE name = 'zoe';
         INSERT INTO state.ids SELECT 150009, tenant, object, 0, 0 FROM groups WHERE name = 'staff';
         INSERT INTO state.homes SELECT tenant, object, '/home/zoe', 0 FROM users WHERE name = 'zoe';"
    ));
    assert!(host.store.person_by_login("zoe").unwrap().is_some());
    let outcome = host.publisher.publish().unwrap();
    assert_eq!((outcome.users, outcome.left_out_total), (2, 0));
    assert_eq!(host.store.person_by_login("zoe").unwrap(), None);
    assert_eq!(host.store.groups_count().unwrap(), 1);

    // One after the other, each with its own groups; twice named is once published.
    let other = TenantId::from_bytes([0x0e; 16]);
    host.publisher.tenants = vec![TENANT, other, TENANT];
    let outcome = host.publisher.publish().unwrap();
    assert_eq!((outcome.users, outcome.left_out_total), (3, 0));
    let zoe = host.snapshot().user_by_name(b"zoe").unwrap().unwrap();
    let gids: Vec<u32> = zoe.gids.iter().map(|gid| gid.value()).collect();
    assert_eq!(gids, [150_009, 200_000]);
    assert_eq!(zoe.tenant_id, [0x0e; 16]);
    assert!(host.store.person_by_login("zoe").unwrap().is_some());
}

#[test]
fn lists_are_as_long_as_configured_and_role_groups_whole() {
    let mut config = configuration();
    config.groups.members_max = 2;
    let host = Host::new(&config);
    let users = [(1, "alice"), (2, "bob"), (3, "carol")];
    let groups: [(u8, &str, &[u8]); 2] = [(8, "two", &[1, 3]), (9, "three", &[1, 2, 3])];
    host.store
        .commit_import(&directory(&users, &groups))
        .unwrap();
    host.publisher.publish().unwrap();
    let snapshot = host.snapshot();
    let members = |name: &[u8]| snapshot.group_by_name(name).unwrap().unwrap().members.len();
    assert_eq!(
        (members(b"two"), members(b"three"), members(b"entra-users")),
        (2, 0, 3)
    );
}

#[test]
fn who_was_given_no_id_or_home_is_in_no_list() {
    let host = imported(
        &[(1, "alice"), (2, "bob"), (3, "carol")],
        &[(9, "sales", &[1, 2, 3])],
    );
    host.sql(
        "DELETE FROM state.ids WHERE id = 100002;
         DELETE FROM state.homes WHERE home = '/home/carol';",
    );
    let outcome = host.publisher.publish().unwrap();
    assert_eq!((outcome.users, outcome.left_out_total), (1, 2));
    let sales = host.snapshot().group_by_name(b"sales").unwrap().unwrap();
    assert_eq!(sales.members, [Name::new("alice").unwrap()]);
}
