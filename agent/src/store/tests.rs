use std::os::unix::fs::PermissionsExt;

use entra_protocol::admin::{Failure, FailureKind, Role};

use super::fixture::{StoppedClock, directory, empty, key, object, user};
use super::*;
use crate::graph::{Fault, GroupChange, GroupObject, MemberChange, MemberKind, UserChange};

fn root() -> Actor {
    Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    }
}

fn audit_rows(folder: &Path) -> i64 {
    Connection::open(folder.join(STATE_FILE))
        .unwrap()
        .query_row("SELECT count(*) FROM audit", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn files_are_private_before_they_hold_anything() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(STATE_FILE);
    std::fs::write(&state, b"").unwrap();
    std::fs::set_permissions(&state, Permissions::from_mode(0o644)).unwrap();
    let store = Store::open(folder.path(), Arc::new(StoppedClock)).unwrap();
    store
        .commit_import(&directory(&[(1, "alice")], &[]))
        .unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        files += 1;
    }
    assert!(files >= 4, "both databases and their journals");
}

#[test]
fn a_newer_database_is_refused_and_not_touched() {
    for file in [DIRECTORY_FILE, STATE_FILE] {
        let (folder, store) = empty();
        drop(store);
        let connection = Connection::open(folder.path().join(file)).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let before = std::fs::read(folder.path().join(file)).unwrap();
        let error = Store::open(folder.path(), Arc::new(StoppedClock)).unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::Newer {
                    found: 99,
                    known: 1..99,
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(std::fs::read(folder.path().join(file)).unwrap(), before);
    }
}

#[test]
fn a_directory_can_be_thrown_away_without_the_state() {
    let (folder, store) = empty();
    store
        .commit_import(&directory(&[(1, "alice")], &[]))
        .unwrap();
    store
        .set_roles(&[key(1)], Role::Administrator, &root())
        .unwrap();
    drop(store);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("{DIRECTORY_FILE}{suffix}")));
    }
    let store = Store::open(folder.path(), Arc::new(StoppedClock)).unwrap();
    assert_eq!(store.people_count().unwrap(), 0);
    let mut again = directory(&[(1, "alice")], &[]);
    (again.ids, again.homes, again.claimed) = Default::default();
    store.commit_import(&again).unwrap();
    let alice = store.person_by_login("alice").unwrap().unwrap();
    assert_eq!((alice.uid, alice.role), (100_001, Role::Administrator));
}

#[test]
fn people_are_found_by_every_name_in_every_case() {
    let (_folder, store) = empty();
    store
        .commit_import(&directory(
            &[(1, "alice"), (2, "bob")],
            &[(9, "sales", &[1])],
        ))
        .unwrap();
    for name in ["alice", "Alice", "ALICE@contoso.EXAMPLE", " alice "] {
        let person = store.person_by_login(name).unwrap().unwrap();
        assert_eq!(
            (person.name.as_str(), person.uid),
            ("alice", 100_001),
            "{name}"
        );
    }
    assert_eq!(store.person_by_login("sales").unwrap(), None);
    assert_eq!(store.person_by_uid(100_002).unwrap().unwrap().name, "bob");
    assert_eq!(store.person_by_uid(0).unwrap(), None);
    let id = object(1).to_string().to_uppercase();
    assert!(
        matches!(store.person_by_any(&id).unwrap(), Found::One(person) if person.key == key(1))
    );
    assert_eq!(store.person_by_any("carol").unwrap(), Found::None);
    let sales = store.group_by_any("Sales").unwrap();
    let Found::One(sales) = sales else {
        panic!("{sales:?}")
    };
    assert_eq!(
        (sales.gid, sales.users, sales.direct_users),
        (100_009, 1, 1)
    );
    let members = store.group_members(&sales.key).unwrap();
    assert_eq!(members.users[0].name, "alice");
    let groups = store.groups_of(&key(1), Role::Operator).unwrap();
    assert_eq!(
        groups,
        ["entra-auditors", "entra-operators", "entra-users", "sales"]
    );
}

#[test]
fn who_is_displaced_does_not_exist_for_sign_ins() {
    let (_folder, store) = empty();
    store
        .commit_import(&directory(&[(1, "alice"), (2, "bob")], &[]))
        .unwrap();
    store
        .set_roles(&[key(1)], Role::Administrator, &root())
        .unwrap();
    let publication = Publication {
        generation: 1,
        published_at: UnixSeconds::new(5),
    };
    store
        .note_publication(publication, "/bin/zsh", &[key(1)].into())
        .unwrap();
    assert_eq!(store.person_by_login("alice").unwrap(), None);
    assert_eq!(store.person_by_uid(100_001).unwrap(), None);
    assert_eq!(store.administrators().unwrap(), 0);
    assert_eq!(
        store.person_by_login("bob").unwrap().unwrap().shell,
        "/bin/zsh"
    );
    assert_eq!(store.publication().unwrap(), Some(publication));
    store
        .note_publication(publication, "/bin/zsh", &[].into())
        .unwrap();
    assert!(store.person_by_login("alice").unwrap().is_some());
}

#[test]
fn roles_change_all_or_none_and_never_lose_the_last_administrator() {
    let (folder, store) = empty();
    store
        .commit_import(&directory(&[(1, "alice"), (2, "bob")], &[]))
        .unwrap();
    let changes = store
        .set_roles(&[key(1), key(1)], Role::Administrator, &root())
        .unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (changes[0].before, changes[0].after),
        (Role::User, Role::Administrator)
    );
    assert_eq!(audit_rows(folder.path()), 1);

    let error = store
        .set_roles(&[key(2), key(7)], Role::Auditor, &root())
        .unwrap_err();
    assert!(matches!(error, StoreError::UnknownPerson(unknown) if unknown == key(7)));
    assert_eq!(
        store.person_by_login("bob").unwrap().unwrap().role,
        Role::User
    );

    let error = store
        .set_roles(&[key(1)], Role::Operator, &root())
        .unwrap_err();
    assert!(matches!(error, StoreError::LastAdministrator));
    assert_eq!(audit_rows(folder.path()), 1);

    store
        .set_roles(&[key(2)], Role::Administrator, &root())
        .unwrap();
    store.set_roles(&[key(1)], Role::Operator, &root()).unwrap();
    assert!(store.mark_disabled(&key(2)).unwrap());
    assert!(!store.mark_disabled(&key(2)).unwrap());
    assert_eq!(
        store.administrators().unwrap(),
        0,
        "one who can't sign in administers nothing"
    );
}

#[test]
fn enablement_sign_ins_and_runs_are_kept() {
    let (folder, store) = empty();
    assert!(!store.policy().unwrap().sign_in_enabled);
    store.set_sign_in_enabled(true, &root()).unwrap();
    assert!(store.auth_state().unwrap().enabled);
    let record = |succeeded| SignInRecord {
        service: "sshd",
        method: "password",
        succeeded,
        detail: "",
    };
    store.record_sign_in(&key(1), &record(false)).unwrap();
    assert_eq!(store.last_sign_in(&key(1)).unwrap(), None);
    store.record_sign_in(&key(1), &record(true)).unwrap();
    assert_eq!(
        store.last_sign_in(&key(1)).unwrap(),
        Some(StoppedClock.now())
    );

    let failure = Failure {
        kind: FailureKind::Tenant,
        message: "m".to_owned(),
        hint: None,
        reference: None,
    };
    let run = RunRecord {
        started_at: StoppedClock.now(),
        ended_at: StoppedClock.now(),
        scope: "the whole tenant".to_owned(),
        outcome: Err(failure),
    };
    store.record_run(&run).unwrap();
    assert_eq!(store.last_run().unwrap(), Some(run));
    assert_eq!(store.last_import().unwrap(), None);
    drop(store);
    let store = Store::open(folder.path(), Arc::new(StoppedClock)).unwrap();
    assert!(store.policy().unwrap().sign_in_enabled);
}

#[test]
fn ids_and_homes_never_move() {
    let (_folder, store) = empty();
    store
        .commit_import(&directory(&[(1, "alice")], &[]))
        .unwrap();
    let mut moved = directory(&[(1, "alice")], &[]);
    moved.homes.clear();
    moved.ids[0].id = 100_099;
    assert!(store.commit_import(&moved).is_err());
    let mut reused = directory(&[(2, "bob")], &[]);
    reused.ids[0].id = 100_001;
    assert!(store.commit_import(&reused).is_err());
    let mut retired = directory(&[], &[]);
    retired.retired.push("alice".to_owned());
    store.commit_import(&retired).unwrap();
    let known = store.known().unwrap();
    assert_eq!(known.ids[&key(1)], 100_001);
    assert_eq!(known.homes[&key(1)], "/home/alice");
    assert!(!known.names["alice"].held);
    assert!(known.users.is_empty());
}

#[test]
fn a_swap_that_fails_leaves_the_old_directory() {
    let (_folder, store) = empty();
    store
        .commit_import(&directory(&[(1, "alice")], &[]))
        .unwrap();
    let mut broken = directory(&[(2, "bob")], &[(9, "sales", &[2])]);
    broken.memberships.push(Membership {
        member: object(77),
        parent: object(9),
    });
    assert!(store.commit_import(&broken).is_err());
    assert!(store.person_by_login("alice").unwrap().is_some());
    assert!(store.person_by_login("bob").unwrap().is_none());
}

#[test]
fn the_last_word_on_an_object_wins() {
    let (_folder, store) = empty();
    let seen = |number, name| UserChange::Seen(Box::new(user(number, name)));
    let fault = |number| Fault {
        object: Some(object(number)),
        label: String::new(),
        reason: "accountEnabled: missing".to_owned(),
    };
    let page = |elements, next_link| StagedPage {
        stream: "users",
        label: "users page 1",
        elements,
        next_link,
        delta_link: next_link.is_none().then_some("delta"),
    };
    let users = [
        seen(1, "alice"),
        UserChange::Removed(object(2)),
        seen(2, "bob"),
        seen(3, "carol"),
        UserChange::Fault(fault(3)),
        UserChange::Fault(fault(4)),
        UserChange::Fault(Fault {
            object: None,
            ..fault(0)
        }),
    ];
    store
        .stage(&page(Elements::Users(&users), Some("next")))
        .unwrap();
    assert!(matches!(
        store.staged(),
        Err(StoreError::UnfinishedRound { .. })
    ));
    let users = [
        seen(1, "alicia"),
        UserChange::Removed(object(2)),
        seen(4, "dan"),
    ];
    store.stage(&page(Elements::Users(&users), None)).unwrap();

    let group = |name: &str| {
        Box::new(GroupObject {
            id: object(9),
            display_name: name.to_owned(),
            security: true,
            mail: false,
            unified: false,
            hidden: false,
            created_at: None,
        })
    };
    let member = |number, removed| MemberChange {
        id: object(number),
        kind: MemberKind::User,
        removed,
    };
    let groups = [
        GroupChange::Slice(object(9), vec![member(1, false)]),
        GroupChange::Seen(group("a"), vec![member(2, false), member(3, false)]),
        GroupChange::Seen(group("b"), vec![member(2, true)]),
        GroupChange::Seen(
            Box::new(GroupObject {
                id: object(8),
                ..*group("gone")
            }),
            vec![member(1, false)],
        ),
        GroupChange::Removed(object(8)),
    ];
    let page = StagedPage {
        stream: "groups",
        ..page(Elements::Groups(&groups), None)
    };
    store.stage(&page).unwrap();

    let round = store.staged().unwrap();
    let upns: Vec<_> = round.users.iter().map(|user| user.upn.as_str()).collect();
    assert_eq!(upns, ["alicia@Contoso.example", "dan@Contoso.example"]);
    let faults: Vec<_> = round
        .faults
        .iter()
        .map(|fault| fault.place.as_str())
        .collect();
    assert_eq!(faults, ["users page 1: value[4]", "users page 1: value[6]"]);
    assert_eq!(round.groups.len(), 1);
    assert_eq!(round.groups[0].display_name, "b");
    let members: Vec<_> = round.edges.iter().map(|edge| edge.member).collect();
    assert_eq!(members, [object(1), object(3)]);
    assert_eq!(round.links.len(), 2);
    store.begin_round().unwrap();
    assert_eq!(store.staged().unwrap(), StagedRound::default());
}

#[test]
fn ten_thousand_people_are_swapped_in_quickly() {
    let (_folder, store) = empty();
    let mut commit = directory(&[], &[(9, "everyone", &[])]);
    for number in 0..10_000_u32 {
        let mut bytes = [1; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        let id = crate::identity::ObjectId::from_bytes(bytes);
        let key = crate::identity::ObjectKey {
            tenant: commit.tenant,
            object: id,
        };
        let name = format!("user{number}");
        commit.ids.push(NewId {
            key,
            id: 200_000 + number,
            attempt: 0,
        });
        commit.homes.push((key, format!("/home/{name}")));
        let mut object = user(1, &name);
        object.id = id;
        commit.users.push(StoredUser {
            user: object,
            name: Some(name),
            withheld: false,
        });
        commit.memberships.push(Membership {
            member: id,
            parent: object_of_everyone(),
        });
    }
    let begin = std::time::Instant::now();
    store.commit_import(&commit).unwrap();
    assert_eq!(store.people().unwrap().len(), 10_000);
    assert_eq!(store.groups().unwrap()[0].users, 10_000);
    // Some 200 ms; ten seconds mean that an index is missing.
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

fn object_of_everyone() -> crate::identity::ObjectId {
    object(9)
}
