use super::super::DIRECTORY_FILE;
use super::super::fixture::{directory, empty, key};
use super::super::fixture_import::{NewId, StoredUser};
use super::*;

fn root() -> Actor {
    Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    }
}

/// Alice and the group sales are here by name; user 3 is here without one; object 9 never was here.
fn host() -> (tempfile::TempDir, Store) {
    let (folder, store) = empty();
    let mut commit = directory(&[(1, "alice")], &[(2, "sales", &[1])]);
    commit.users.push(StoredUser {
        user: super::super::fixture::user(3, "lars"),
        name: None,
        withheld: false,
    });
    commit.ids.push(NewId {
        key: key(3),
        id: 100_003,
        attempt: 2,
    });
    store.commit_import(&commit).unwrap();
    (folder, store)
}

#[test]
fn a_name_makes_an_id_a_used_one() {
    let (_folder, store) = host();
    let used: Vec<(u32, bool)> = store
        .id_rows(0, false)
        .unwrap()
        .into_iter()
        .map(|row| (row.id, row.used))
        .collect();
    assert_eq!(used, [(100_001, true), (100_002, true), (100_003, false)]);
}

#[test]
fn rows_say_who_has_an_id_and_are_found_by_every_name() {
    let (_folder, store) = host();
    let rows = store.id_rows(100_001, false).unwrap();
    let sales = &rows[0];
    assert_eq!(
        (
            sales.kind.as_str(),
            sales.name.as_str(),
            sales.attempt,
            sales.here
        ),
        ("group", "sales", Some(0), true)
    );
    let lars = &rows[1];
    assert_eq!(
        (lars.kind.as_str(), lars.name.as_str(), lars.attempt),
        ("user", "", Some(2))
    );
    assert_eq!(store.id_rows(0, true).unwrap(), std::slice::from_ref(lars));
    assert_eq!(store.displaced_ids().unwrap(), 1);
    for text in ["100003", "LARS@contoso.example", &lars.object_id.clone()] {
        assert_eq!(
            store.id_rows_of(text).unwrap(),
            std::slice::from_ref(lars),
            "{text}"
        );
    }
    assert_eq!(
        store.id_rows_of("Sales").unwrap(),
        std::slice::from_ref(sales)
    );
    assert_eq!(store.id_rows_of("nobody").unwrap(), []);

    // She leaves: her last name still finds her.
    let mut later = directory(&[], &[]);
    later.retired = vec!["alice".to_owned()];
    store.commit_import(&later).unwrap();
    let alice = store.id_rows_of("alice").unwrap().remove(0);
    assert_eq!(
        (
            alice.kind.as_str(),
            alice.name.as_str(),
            alice.here,
            alice.used
        ),
        ("user", "alice", false, true)
    );
}

#[test]
fn moves_are_one_change_with_one_row_and_touch_nothing_used() {
    let (folder, store) = host();
    let moves = vec![
        IdMove {
            key: key(3),
            to: Some((100_009, None)),
        },
        IdMove {
            key: key(9),
            to: Some((100_003, Some(0))),
        },
    ];
    store
        .move_ids(&root(), |here| {
            assert_eq!(
                here[&key(3)],
                HeldId {
                    id: 100_003,
                    used: false
                }
            );
            (moves, ())
        })
        .unwrap();
    let known = store.known().unwrap().ids;
    assert_eq!((known[&key(3)], known[&key(9)]), (100_009, 100_003));
    assert_eq!(store.id_rows_of("100009").unwrap()[0].attempt, None);

    let bad = vec![IdMove {
        key: key(1),
        to: Some((100_010, None)),
    }];
    store.move_ids(&root(), |_| (bad, ())).unwrap_err();
    assert_eq!(store.known().unwrap().ids[&key(1)], 100_001);
    let rows: i64 = Connection::open(folder.path().join(super::super::STATE_FILE))
        .unwrap()
        .query_row(
            "SELECT count(*) FROM audit WHERE verb = 'ids import'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(rows, 1);
}

#[test]
fn ids_outlive_the_directory() {
    let (folder, store) = host();
    let before = store.id_rows(0, false).unwrap();
    drop(store);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("{DIRECTORY_FILE}{suffix}")));
    }
    let clock = std::sync::Arc::new(super::super::fixture::StoppedClock);
    let store = Store::open(folder.path(), clock).unwrap();
    let after = store.id_rows(0, false).unwrap();
    let ids = |rows: &[IdRow]| -> Vec<(u32, String, bool)> {
        rows.iter()
            .map(|row| (row.id, row.name.clone(), row.used))
            .collect()
    };
    assert_eq!(ids(&before), ids(&after));
    assert!(after.iter().all(|row| !row.here));
}
