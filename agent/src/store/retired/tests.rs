use super::super::fixture::{directory, empty, key};
use super::*;
use crate::graph::MemberKind;

fn root() -> Actor {
    Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    }
}

/// Alice was here; then she was gone, or called something else.
fn later(users: &[(u8, &str)], retired: &[&str]) -> (tempfile::TempDir, Store) {
    let (folder, store) = empty();
    let first = directory(&[(1, "alice"), (2, "bob")], &[]);
    store.commit_import(&first).unwrap();
    let mut second = directory(users, &[]);
    (second.ids, second.homes) = Default::default();
    second.retired = retired.iter().map(|name| (*name).to_owned()).collect();
    store.commit_import(&second).unwrap();
    (folder, store)
}

#[test]
fn a_name_that_is_held_or_unknown_is_not_freed() {
    let (_folder, store) = later(&[(1, "alice"), (2, "bob")], &[]);
    assert_eq!(
        store.release_name("alice", false, &root()).unwrap(),
        Release::Held {
            key: key(1),
            here: true
        }
    );
    assert_eq!(
        store.release_name("nobody", false, &root()).unwrap(),
        Release::Unknown
    );
    // A lost directory.db: nobody knows who is gone before the next import.
    let (_folder, store) = later(&[(2, "bob")], &[]);
    assert_eq!(
        store.release_name("alice", false, &root()).unwrap(),
        Release::Held {
            key: key(1),
            here: false
        }
    );
}

#[test]
fn name_and_home_of_a_gone_object_become_free_and_its_id_does_not() {
    let (_folder, store) = later(&[(2, "bob")], &["alice"]);
    let Release::Free(would) = store.release_name("alice", true, &root()).unwrap() else {
        panic!("not free")
    };
    assert!(!would.released);
    assert_eq!(store.known().unwrap().names.len(), 2, "a dry run");
    let Release::Free(freed) = store.release_name("alice", false, &root()).unwrap() else {
        panic!("not free")
    };
    assert_eq!(
        (freed.id, freed.home.as_deref(), freed.kind.as_str()),
        (Some(100_001), Some("/home/alice"), "user")
    );
    let known = store.known().unwrap();
    assert!(!known.names.contains_key("alice"));
    assert!(!known.homes.contains_key(&key(1)));
    assert_eq!(known.ids.get(&key(1)), Some(&100_001));

    // A new alice has the name and the home, and an id of her own.
    let mut third = directory(&[(3, "alice"), (2, "bob")], &[]);
    third.ids.retain(|new| new.key == key(3));
    third.homes.retain(|(owner, _)| *owner == key(3));
    store.commit_import(&third).unwrap();
    let alice = store.person_by_login("alice").unwrap().unwrap();
    assert_eq!((alice.uid, alice.home.as_str()), (100_003, "/home/alice"));
}

#[test]
fn who_was_renamed_keeps_the_home() {
    let (_folder, store) = later(&[(1, "alice.smith"), (2, "bob")], &["alice"]);
    let Release::Free(freed) = store.release_name("alice", false, &root()).unwrap() else {
        panic!("not free")
    };
    assert_eq!(freed.renamed_to.as_deref(), Some("alice.smith"));
    assert_eq!(freed.home, None);
    let known = store.known().unwrap();
    assert!(!known.names.contains_key("alice"));
    assert_eq!(known.homes[&key(1)], "/home/alice");
    assert_eq!(known.names["alice.smith"].kind, MemberKind::User);
}
