//! What assignments to people and groups come to, and what is refused.

use entra_protocol::admin::{RoleChange, RoleSource};

use super::*;
use crate::store::fixture::{directory, empty, key};
use crate::store::{Found, Restrict};

/// alice 1, bob 2, carol 3; ops 8 with alice and bob, audit 9 with all three.
fn host() -> (tempfile::TempDir, Store) {
    let (folder, store) = empty();
    store
        .commit_import(&directory(
            &[(1, "alice"), (2, "bob"), (3, "carol")],
            &[(8, "ops", &[1, 2]), (9, "audit", &[1, 2, 3])],
        ))
        .unwrap();
    (folder, store)
}

fn root() -> Actor {
    Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    }
}

fn user(number: u8, role: Role) -> Assign {
    Assign {
        kind: HolderKind::User,
        key: key(number),
        role,
        expected: None,
    }
}

fn group(number: u8, role: Role) -> Assign {
    Assign {
        kind: HolderKind::Group,
        ..user(number, role)
    }
}

fn assign(store: &Store, orders: &[Assign]) -> Result<Vec<RoleChange>, StoreError> {
    let mut assigned = store.assign_roles(orders, false, &root())?;
    store.role_changes(&mut assigned)
}

/// Of alice, bob and carol.
fn roles(store: &Store) -> [Role; 3] {
    [1, 2, 3].map(|number| {
        let person = store.person_by_object(&key(number)).unwrap().unwrap();
        // A list and a reading for the snapshot must say the same as the question about one.
        let listed = store.people().unwrap();
        let listed = listed.iter().find(|other| other.key == key(number));
        assert_eq!(listed.unwrap().role, person.role);
        let reading = store
            .read_to_publish(&[crate::store::fixture::TENANT])
            .unwrap();
        reading
            .each_person(|read| {
                if read.key == key(number) {
                    assert_eq!(read.role, person.role, "{}", read.name);
                }
                Ok::<_, StoreError>(crate::store::Verdict::Published)
            })
            .unwrap();
        person.role
    })
}

fn source(store: &Store, number: u8) -> RoleSource {
    store.role_source(&key(number)).unwrap()
}

fn through(number: u8, name: &str) -> RoleSource {
    RoleSource::Group {
        name: name.to_owned(),
        object_id: key(number).object.to_string(),
    }
}

#[test]
fn the_strongest_counts_wherever_it_comes_from() {
    use Role::{Administrator, Auditor, Operator, User};
    let (_folder, store) = host();
    for (orders, expected, of_bob) in [
        (
            vec![group(9, Auditor)],
            [Auditor, Auditor, Auditor],
            through(9, "audit"),
        ),
        (
            vec![group(8, Operator), user(3, Administrator)],
            [Operator, Operator, Administrator],
            through(8, "ops"),
        ),
        (
            vec![user(2, Auditor)],
            [Operator, Operator, Administrator],
            through(8, "ops"),
        ),
        (
            vec![group(8, Auditor)],
            [Auditor, Auditor, Administrator],
            RoleSource::Own,
        ),
        (
            vec![group(8, User), group(9, User)],
            [User, Auditor, Administrator],
            RoleSource::Own,
        ),
        (
            vec![user(2, User)],
            [User, User, Administrator],
            RoleSource::Nothing,
        ),
    ] {
        assign(&store, &orders).unwrap();
        assert_eq!(roles(&store), expected, "{orders:?}");
        assert_eq!(source(&store, 2), of_bob, "{orders:?}");
    }
}

#[test]
fn a_change_tells_who_is_named_and_whose_role_differs() {
    use Role::{Auditor, Operator, User};
    let (_folder, store) = host();
    assign(&store, &[user(1, Operator)]).unwrap();
    let mut assigned = store
        .assign_roles(&[group(9, Auditor), user(2, User)], false, &root())
        .unwrap();
    let changes = store.role_changes(&mut assigned).unwrap();
    let change = |user: &str, before, after, source| RoleChange {
        user: user.to_owned(),
        before,
        after,
        source: Some(source),
    };
    // Alice is an operator as before, and nobody named her.
    assert_eq!(
        changes,
        [
            change("bob", User, Auditor, through(9, "audit")),
            change("carol", User, Auditor, through(9, "audit")),
        ]
    );
    let told: Vec<_> = assigned
        .assignments
        .iter()
        .map(|one| (one.name.as_str(), one.before, one.role, one.people))
        .collect();
    assert_eq!(
        told,
        [
            ("bob", Some(User), User, None),
            ("audit", Some(User), Auditor, Some(3))
        ]
    );
    // What another group gives is not taken for a change of this one.
    let changes = assign(&store, &[group(8, Auditor)]).unwrap();
    assert_eq!(changes, []);
    let changes = assign(&store, &[group(9, User)]).unwrap();
    assert_eq!(
        changes,
        [change("carol", Auditor, User, RoleSource::Nothing)]
    );
}

#[test]
fn a_preview_changes_nothing_and_says_the_same() {
    let (folder, store) = host();
    let orders = [group(8, Role::Operator), user(3, Role::Auditor)];
    let mut tried = store.assign_roles(&orders, true, &root()).unwrap();
    let tried_changes = store.role_changes(&mut tried).unwrap();
    assert_eq!(roles(&store), [Role::User; 3]);
    assert_eq!(audit_rows(folder.path()), 0);
    let mut done = store.assign_roles(&orders, false, &root()).unwrap();
    assert_eq!(store.role_changes(&mut done).unwrap(), tried_changes);
    assert_eq!(done, tried);
    assert_eq!(audit_rows(folder.path()), 2);
    // What is so already leaves no row.
    assign(&store, &orders).unwrap();
    assert_eq!(audit_rows(folder.path()), 2);
}

fn audit_rows(folder: &std::path::Path) -> i64 {
    rusqlite::Connection::open(folder.join(crate::store::STATE_FILE))
        .unwrap()
        .query_row("SELECT count(*) FROM audit", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn the_last_administrator_stays_by_whichever_way() {
    let (_folder, store) = host();
    assign(&store, &[group(8, Role::Administrator)]).unwrap();
    assert_eq!(store.administrators().unwrap(), 2);
    for orders in [
        vec![group(8, Role::User)],
        vec![group(8, Role::Operator), user(3, Role::Auditor)],
    ] {
        let error = store.assign_roles(&orders, false, &root()).unwrap_err();
        assert!(matches!(error, StoreError::LastAdministrator), "{orders:?}");
        // A preview is refused likewise.
        assert!(store.assign_roles(&orders, true, &root()).is_err());
        assert_eq!(roles(&store)[2], Role::User);
    }
    store.restrict(&[key(1)], Restrict::Block, &root()).unwrap();
    let error = store.restrict(&[key(2)], Restrict::Block, &root());
    assert!(matches!(error, Err(StoreError::LastAdministrator)));
    // In one change somebody else takes over.
    assign(
        &store,
        &[group(8, Role::User), user(3, Role::Administrator)],
    )
    .unwrap();
    assert_eq!(store.administrators().unwrap(), 1);
    // Whose account ends is not the last one.
    assign(&store, &[user(2, Role::Administrator)]).unwrap();
    let end = store.now().plus(3600);
    store
        .restrict(&[key(2)], Restrict::Expire(Some(end)), &root())
        .unwrap();
    let error = store.assign_roles(&[user(3, Role::User)], false, &root());
    assert!(matches!(error, Err(StoreError::LastAdministrator)));
}

#[test]
fn nobody_is_counted_twice_as_an_administrator() {
    let (_folder, store) = host();
    assign(
        &store,
        &[
            group(8, Role::Administrator),
            group(9, Role::Administrator),
            user(1, Role::Administrator),
        ],
    )
    .unwrap();
    assert_eq!(store.administrators().unwrap(), 3);
}

#[test]
fn what_has_changed_meanwhile_is_not_overwritten() {
    let (_folder, store) = host();
    let expecting = |order: Assign, expected| Assign {
        expected: Some(expected),
        ..order
    };
    let order = expecting(group(8, Role::Auditor), Role::User);
    assign(&store, &[group(8, Role::Operator)]).unwrap();
    let both = [user(3, Role::Operator), order];
    let error = store.assign_roles(&both, false, &root()).unwrap_err();
    let StoreError::RoleMoved {
        holder,
        expected,
        found,
    } = &error
    else {
        panic!("{error}")
    };
    assert!(holder.starts_with("group ops ("), "{holder}");
    assert_eq!((*expected, *found), (Role::User, Role::Operator));
    assert_eq!(roles(&store), [Role::Operator, Role::Operator, Role::User]);
    assign(
        &store,
        &[expecting(group(8, Role::Auditor), Role::Operator)],
    )
    .unwrap();
    assert_eq!(roles(&store)[0], Role::Auditor);
}

#[test]
fn who_leaves_a_group_loses_its_role_and_an_assignment_outlives_its_holder() {
    let (_folder, store) = host();
    assign(
        &store,
        &[group(8, Role::Administrator), user(3, Role::Auditor)],
    )
    .unwrap();
    let mut next = directory(&[(1, "alice"), (2, "bob")], &[(9, "audit", &[1])]);
    (next.ids, next.homes, next.claimed) = Default::default();
    store.commit_import(&next).unwrap();
    assert_eq!(store.administrators().unwrap(), 0);
    assert!(matches!(store.group_by_any("ops").unwrap(), Found::None));
    let names: Vec<_> = store
        .role_assignments()
        .unwrap()
        .into_iter()
        .map(|one| (one.kind, one.role, one.name, one.people))
        .collect();
    assert_eq!(
        names,
        [
            (
                HolderKind::Group,
                Role::Administrator,
                String::new(),
                Some(0)
            ),
            (HolderKind::User, Role::Auditor, String::new(), None),
        ]
    );
    assert_eq!(store.role_holders_after("", 10).unwrap(), []);
    // It can be taken away, and not be given.
    let error = store.assign_roles(&[group(8, Role::Auditor)], false, &root());
    assert!(matches!(error, Err(StoreError::UnknownGroup(gone)) if gone == key(8)));
    let found = store.assigned_to(HolderKind::Group, key(8).object);
    assert_eq!(found.unwrap(), Some(key(8)));
    assign(&store, &[group(8, Role::User), user(3, Role::User)]).unwrap();
    assert_eq!(store.role_assignments().unwrap(), []);
    let error = store.assign_roles(&[user(3, Role::User)], false, &root());
    assert!(matches!(error, Err(StoreError::UnknownPerson(_))));
}

#[test]
fn a_list_names_roles_sources_and_what_counts() {
    let (_folder, store) = host();
    assign(
        &store,
        &[
            group(8, Role::Operator),
            user(1, Role::Administrator),
            user(3, Role::Auditor),
        ],
    )
    .unwrap();
    store.restrict(&[key(3)], Restrict::Block, &root()).unwrap();
    let held: Vec<_> = store
        .role_holders_after("", 10)
        .unwrap()
        .into_iter()
        .map(|one| (one.user, one.role, one.source, one.counts))
        .collect();
    assert_eq!(
        held,
        [
            (
                "alice".to_owned(),
                Role::Administrator,
                RoleSource::Own,
                true
            ),
            ("bob".to_owned(), Role::Operator, through(8, "ops"), true),
            ("carol".to_owned(), Role::Auditor, RoleSource::Own, false),
        ]
    );
    assert_eq!(store.role_holders_after("alice", 1).unwrap()[0].user, "bob");
}

/// SQL has to know what `Role` knows: which of two is stronger.
#[test]
fn sql_orders_roles_as_the_program_does() {
    let connection = Connection::open_in_memory().unwrap();
    let strengths: Vec<i64> = Role::ALL
        .iter()
        .map(|role| {
            let question = format!(
                "SELECT {} FROM (SELECT '{}' AS role) AS g",
                strength!(),
                role.word()
            );
            connection
                .query_row(&question, [], |row| row.get(0))
                .unwrap()
        })
        .collect();
    assert_eq!(strengths, [0, 1, 2, 3]);
}
