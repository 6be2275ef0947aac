use entra_protocol::admin::FailedObject;

use super::super::fixture::{directory, empty, key, user};
use super::super::fixture_import::{NewId, StoredUser};
use super::*;

fn root() -> Actor {
    Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    }
}

fn account() -> LocalAccount {
    LocalAccount {
        name: "alice".to_owned(),
        uid: 1001,
        gid: 1005,
        home: "/srv/alice".to_owned(),
        shell: "/bin/zsh".to_owned(),
    }
}

const REASON: &str = "the name \"alice\" is in /etc/passwd on this host";

/// Bob is here; Alice's row failed, since the host has an alice.
fn host() -> (tempfile::TempDir, Store) {
    let (folder, store) = empty();
    let mut commit = directory(&[(2, "bob")], &[]);
    commit.users.push(StoredUser {
        user: user(1, "alice"),
        name: None,
        withheld: false,
    });
    commit.ids.push(NewId {
        key: key(1),
        id: 100_001,
        attempt: 0,
    });
    commit.failures.push(FailedObject {
        kind: "user".to_owned(),
        object_id: key(1).object.to_string(),
        label: "alice@Contoso.example".to_owned(),
        reason: REASON.to_owned(),
        cure: String::new(),
    });
    store.commit_import(&commit).unwrap();
    (folder, store)
}

fn everything(folder: &tempfile::TempDir) -> Vec<String> {
    let connection = Connection::open(folder.path().join(super::super::STATE_FILE)).unwrap();
    let mut all = Vec::new();
    for question in [
        "SELECT id || ' ' || hex(tenant) || hex(object) || attempt || ifnull(used_at, '-') FROM ids ORDER BY id",
        "SELECT name || hex(object) || held FROM names ORDER BY name",
        "SELECT home || hex(object) FROM homes ORDER BY home",
        "SELECT hex(object) || ifnull(gid, '-') || shell FROM person_overrides",
        "SELECT name || hex(object) FROM adoptions",
    ] {
        let mut statement = connection.prepare(question).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        all.extend(rows.map(Result::unwrap));
    }
    all
}

#[test]
fn the_person_who_failed_for_the_account_is_found() {
    let (_folder, store) = host();
    let found = store.people_who_failed_for(&[REASON.to_owned()]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key, key(1));
    assert_eq!(store.people_who_failed_for(&["x".to_owned()]).unwrap(), []);
}

#[test]
fn an_adoption_gives_all_that_the_account_had_and_undoing_it_gives_all_back() {
    let (folder, store) = host();
    let before = everything(&folder);
    let would = store
        .adopt(key(1), &account(), true, &root())
        .unwrap()
        .unwrap();
    assert_eq!((would.uid, would.id_before), (1001, Some(100_001)));
    assert_eq!(everything(&folder), before, "a preview");

    store
        .adopt(key(1), &account(), false, &root())
        .unwrap()
        .unwrap();
    let pinned = everything(&folder);
    // Twice is once.
    let again = store
        .adopt(key(1), &account(), false, &root())
        .unwrap()
        .unwrap();
    assert_eq!((again.uid, again.id_before), (1001, Some(100_001)));
    assert_eq!(everything(&folder), pinned);
    assert_eq!(store.person_by_login("alice").unwrap(), None, "not yet");
    store.name_adopted("alice").unwrap().unwrap();
    let alice = store.person_by_login("alice").unwrap().unwrap();
    assert_eq!((alice.uid, alice.home.as_str()), (1001, "/srv/alice"));
    // What she gave up is nobody else's.
    let known = store.known().unwrap().ids;
    assert!(known.values().any(|id| *id == 100_001));
    assert_eq!(store.people_count().unwrap(), 2);

    let ended = store.unadopt("alice", false, &root()).unwrap().unwrap();
    assert_eq!((ended.uid, ended.id_before), (1001, Some(100_001)));
    assert_eq!(everything(&folder), before);
    assert_eq!(store.person_by_login("alice").unwrap(), None);
    assert_eq!(store.unadopt("alice", false, &root()).unwrap(), None);
    assert_eq!(store.name_adopted("alice").unwrap(), None);
}

#[test]
fn what_is_anothers_or_was_used_stands_in_the_way() {
    let (folder, store) = host();
    let before = everything(&folder);
    let ask = |key, change: fn(&mut LocalAccount)| {
        let mut account = account();
        change(&mut account);
        store
            .adopt(key, &account, false, &root())
            .unwrap()
            .unwrap_err()
    };
    assert_eq!(
        ask(key(1), |account| account.name = "bob".to_owned()),
        NoAdoption::Name(key(2))
    );
    assert_eq!(
        ask(key(1), |account| account.uid = 100_002),
        NoAdoption::Uid(key(2))
    );
    assert_eq!(
        ask(key(1), |account| account.home = "/home/bob".to_owned()),
        NoAdoption::Home(key(2))
    );
    assert_eq!(ask(key(2), |_| {}), NoAdoption::Used(100_002));
    assert_eq!(everything(&folder), before);
    store
        .adopt(key(1), &account(), false, &root())
        .unwrap()
        .unwrap();
    assert_eq!(ask(key(3), |_| {}), NoAdoption::Adopted(key(1)));
}
