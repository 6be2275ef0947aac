use std::os::unix::fs::PermissionsExt;

use entra_protocol::admin::{Failure, FailureKind, Role};

use super::fixture::{StoppedClock, TENANT, directory, empty, key, object};
use super::*;
use crate::identity::ObjectKey;

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

/// A publication that leaves these people out.
fn note_publication(store: &Store, publication: Publication, left_out: &[ObjectKey]) {
    let reading = store.read_to_publish(&[TENANT]).unwrap();
    reading
        .each_person(|person| {
            Ok::<_, StoreError>(if left_out.contains(&person.key) {
                Verdict::LeftOut
            } else {
                Verdict::Published
            })
        })
        .unwrap();
    store
        .note_publication(publication, "/bin/zsh", &["/bin/sh", "/bin/zsh"], &reading)
        .unwrap();
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
    note_publication(&store, publication, &[key(1)]);
    assert_eq!(store.person_by_login("alice").unwrap(), None);
    assert_eq!(store.person_by_uid(100_001).unwrap(), None);
    assert_eq!(store.administrators().unwrap(), 0);
    assert_eq!(
        store.person_by_login("bob").unwrap().unwrap().shell,
        "/bin/zsh"
    );
    assert_eq!(store.publication().unwrap(), Some(publication));
    note_publication(&store, publication, &[]);
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
        Some((StoppedClock.now(), "password".to_owned()))
    );

    let failure = Failure {
        kind: FailureKind::Tenant,
        message: "m".to_owned(),
        hint: None,
        reference: None,
    };
    let run = store.begin_run(TENANT, "root", "the whole tenant").unwrap();
    store.fail_run(run, &failure).unwrap();
    let last = store.last_run(None).unwrap().unwrap();
    assert_eq!((last.id, last.failure), (run, Some(failure)));
    assert_eq!(store.last_import().unwrap(), None);
    drop(store);
    let store = Store::open(folder.path(), Arc::new(StoppedClock)).unwrap();
    assert!(store.policy().unwrap().sign_in_enabled);
}

/// What this host decided about a person is not the tenant's to undo.
#[test]
fn who_is_blocked_and_comes_back_is_still_blocked() {
    let (_folder, store) = empty();
    store
        .commit_import(&directory(&[(1, "alice"), (2, "bob")], &[]))
        .unwrap();
    store.restrict(&[key(1)], Restrict::Block, &root()).unwrap();
    let mut without = directory(&[(2, "bob")], &[]);
    (without.ids, without.homes, without.claimed) = Default::default();
    store.commit_import(&without).unwrap();
    assert!(store.person_by_object(&key(1)).unwrap().is_none());
    let mut again = directory(&[(1, "alice"), (2, "bob")], &[]);
    (again.ids, again.homes, again.claimed) = Default::default();
    store.commit_import(&again).unwrap();
    let barred = |number| {
        let person = store.person_by_object(&key(number)).unwrap().unwrap();
        person.barred(store.now())
    };
    assert_eq!(barred(1), Some(Barred::Blocked));
    assert_eq!(barred(2), None);
}

/// Who is let in again signs in with the tenant first.
#[test]
fn a_block_forgets_what_recognises_the_person_without_the_tenant() {
    let (_folder, store) = empty();
    store
        .commit_import(&directory(&[(1, "alice"), (2, "bob")], &[]))
        .unwrap();
    let new = NewVerifier {
        kind: VerifierKind::Password,
        key_id: [1; 16],
        scheme: 1,
        salt: [2; 16],
        tag: [3; 32],
    };
    for number in [1, 2] {
        store.keep_verifier(&key(number), &new).unwrap();
    }
    let end = Some(store.now().plus(60));
    for change in [Restrict::Expire(end), Restrict::Block, Restrict::Unblock] {
        let kept = |number| {
            store
                .verifier(&key(number), VerifierKind::Password)
                .unwrap()
        };
        assert_eq!(
            kept(1).is_some(),
            matches!(change, Restrict::Expire(_) | Restrict::Block)
        );
        store.restrict(&[key(1)], change, &root()).unwrap();
        assert!(kept(2).is_some());
    }
}
