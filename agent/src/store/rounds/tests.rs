use serde_json::json;

use super::super::fixture::{TENANT, empty, object};
use super::*;

const SELECT: &str = "id,displayName,userType,mailNickname,members";

fn page<'a>(round: &OpenRound, kind: MemberKind, elements: &'a [Value]) -> StagedPage<'a> {
    StagedPage {
        round: round.id,
        stream: match kind {
            MemberKind::User => "users",
            MemberKind::Group => "groups",
        },
        label: "page 1",
        kind,
        select: SELECT,
        elements,
        next_link: None,
        delta_link: Some("delta"),
    }
}

fn stage(store: &Store, round: &OpenRound, kind: MemberKind, elements: &[Value]) {
    store.stage(&page(round, kind, elements)).unwrap();
}

fn begin(store: &Store, kind: RoundKind) -> OpenRound {
    store.begin_round(TENANT, kind, "print").unwrap()
}

/// Bodies of a set, by object.
fn bodies(store: &Store, round: RoundId) -> BTreeMap<String, Value> {
    let reader = store.reader();
    let mut statement = reader
        .prepare("SELECT object, body FROM raw_objects WHERE round = ?1")
        .unwrap();
    statement
        .query_map([round.0], |row| {
            let object: crate::identity::ObjectId = row.get(0)?;
            let body: String = row.get(1)?;
            Ok((object.to_string(), serde_json::from_str(&body).unwrap()))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// Members of a group in a set.
fn members(store: &Store, round: RoundId, parent: u8) -> Vec<crate::identity::ObjectId> {
    let reader = store.reader();
    let mut statement = reader
        .prepare(
            "SELECT member FROM raw_edges WHERE round = ?1 AND parent = ?2 AND removed = 0
             ORDER BY member",
        )
        .unwrap();
    let rows = statement
        .query_map(params![round.0, object(parent)], |row| row.get(0))
        .unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn rows(store: &Store, table: &str) -> i64 {
    let question = format!("SELECT count(*) FROM {table}");
    let reader = store.reader();
    reader.query_row(&question, [], |row| row.get(0)).unwrap()
}

fn member(number: u8) -> Value {
    json!({"@odata.type": "#microsoft.graph.user", "id": object(number)})
}

fn gone(number: u8) -> Value {
    json!({"@odata.type": "#microsoft.graph.user", "id": object(number), "@removed": {"reason": "deleted"}})
}

#[test]
fn the_last_word_on_a_property_and_on_a_member_wins() {
    use MemberKind::{Group, User};
    let (_folder, store) = empty();
    let round = begin(&store, RoundKind::Full);
    stage(
        &store,
        &round,
        User,
        &[
            json!({"id": object(1), "displayName": "a", "userType": "Member"}),
            json!({"id": object(2), "@removed": {"reason": "changed"}}),
            json!({"id": object(2), "displayName": "b"}),
            json!({"id": object(1), "displayName": "A", "userType": null}),
            json!({"id": object(3), "@removed": {"reason": "changed"}}),
        ],
    );
    stage(
        &store,
        &round,
        Group,
        &[
            json!({"id": object(9), "members@delta": [member(1)]}),
            json!({"id": object(9), "displayName": "g", "members@delta": [member(2), member(3)]}),
            json!({"id": object(9), "members@delta": [gone(2)]}),
            json!({"id": object(8), "displayName": "h", "members@delta": [member(1)]}),
            json!({"id": object(8), "@removed": {"reason": "deleted"}}),
        ],
    );
    let live = store.adopt_round(TENANT, &round).unwrap();
    let bodies = bodies(&store, live);
    let one = &bodies[&object(1).to_string()];
    assert_eq!(one["displayName"], "A");
    assert!(one["userType"].is_null(), "null takes a value away");
    assert!(bodies[&object(2).to_string()]["@removed"].is_null());
    assert_eq!(
        bodies[&object(3).to_string()]["@removed"]["reason"],
        "changed"
    );
    assert_eq!(members(&store, live, 9), [object(1), object(3)]);
    assert_eq!(members(&store, live, 8), [], "deleted for good");
}

#[test]
fn a_delta_changes_what_it_names_and_nothing_else() {
    use MemberKind::{Group, User};
    let (_folder, store) = empty();
    let round = begin(&store, RoundKind::Full);
    stage(
        &store,
        &round,
        User,
        &[
            json!({"id": object(1), "displayName": "a", "userType": "Member", "mailNickname": "n"}),
            json!({"id": object(2), "displayName": "b"}),
        ],
    );
    stage(
        &store,
        &round,
        Group,
        &[
            json!({"id": object(9), "displayName": "g", "members@delta": [member(1), member(2)]}),
            json!({"id": object(8), "displayName": "h", "members@delta": [member(1)]}),
            json!({"id": object(7), "displayName": "i", "members@delta": [member(2)]}),
        ],
    );
    let live = store.adopt_round(TENANT, &round).unwrap();

    let round = begin(&store, RoundKind::Delta);
    stage(
        &store,
        &round,
        User,
        &[
            json!({"id": object(1), "userType": null, "displayName": "A"}),
            json!({"id": object(2), "@removed": {"reason": "changed"}}),
        ],
    );
    stage(
        &store,
        &round,
        Group,
        &[
            json!({"id": object(9), "members@delta": [gone(1), member(3)]}),
            json!({"id": object(8), "@removed": {"reason": "changed"}}),
            json!({"id": object(7), "@removed": {"reason": "deleted"}}),
        ],
    );
    assert_eq!(store.adopt_round(TENANT, &round).unwrap(), live);
    let after = bodies(&store, live);
    let one = &after[&object(1).to_string()];
    assert_eq!(
        (&one["displayName"], &one["mailNickname"]),
        (&json!("A"), &json!("n"))
    );
    assert!(one.get("userType").is_none());
    assert_eq!(members(&store, live, 9), [object(2), object(3)]);
    assert_eq!(
        members(&store, live, 8),
        [object(1)],
        "may come back with them"
    );
    assert_eq!(members(&store, live, 7), []);

    // Both are restored: no delta names the members of a group that comes back.
    let round = begin(&store, RoundKind::Delta);
    stage(
        &store,
        &round,
        User,
        &[json!({"id": object(2), "displayName": "b"})],
    );
    stage(
        &store,
        &round,
        Group,
        &[json!({"id": object(8), "displayName": "h"})],
    );
    store.adopt_round(TENANT, &round).unwrap();
    let after = bodies(&store, live);
    for number in [2, 8] {
        assert_eq!(after[&object(number).to_string()].get("@removed"), None);
    }
    assert_eq!(rows(&store, "rounds"), 1);
    assert_eq!(
        rows(&store, "raw_objects"),
        5,
        "deltas leave nothing behind"
    );
}

/// As replays and slices have it: each element names what was cleared, and neither may undo the other.
#[test]
fn what_is_told_twice_in_a_round_of_changes_is_taken_away_all_the_same() {
    let (_folder, store) = empty();
    let round = begin(&store, RoundKind::Full);
    let one = json!({"id": object(1), "displayName": "a", "userType": "Member"});
    stage(
        &store,
        &round,
        MemberKind::User,
        &[one, json!({"id": object(2), "displayName": "b"})],
    );
    let live = store.adopt_round(TENANT, &round).unwrap();
    let gone = json!({"id": object(2), "@removed": {"reason": "changed"}});
    let round = begin(&store, RoundKind::Delta);
    stage(&store, &round, MemberKind::User, &[gone]);
    store.adopt_round(TENANT, &round).unwrap();

    let round = begin(&store, RoundKind::Delta);
    let cleared = json!({"id": object(1), "userType": null});
    let restored = json!({"id": object(2), "displayName": "b"});
    let twice = [cleared.clone(), restored.clone(), cleared, restored];
    stage(&store, &round, MemberKind::User, &twice);
    store.adopt_round(TENANT, &round).unwrap();
    let after = bodies(&store, live);
    assert_eq!(after[&object(1).to_string()].get("userType"), None);
    assert_eq!(after[&object(2).to_string()].get("@removed"), None);
}

/// A group with many members comes in slices, and each names it: what the first takes away must not come
/// back with the second (a restored group stayed deleted).
#[test]
fn what_a_delta_takes_away_stays_away_though_the_object_is_named_again() {
    use MemberKind::Group;
    let (_folder, store) = empty();
    let round = begin(&store, RoundKind::Full);
    let known = json!({"id": object(9), "displayName": "g", "mailNickname": "n",
                       "@removed": {"reason": "changed"}});
    stage(&store, &round, Group, &[known]);
    let live = store.adopt_round(TENANT, &round).unwrap();
    let round = begin(&store, RoundKind::Delta);
    let first = json!({"id": object(9), "displayName": "g", "mailNickname": null,
                       "members@delta": [member(1)]});
    let second = json!({"id": object(9), "displayName": "h", "members@delta": [member(2)]});
    stage(&store, &round, Group, &[first, second]);
    store.adopt_round(TENANT, &round).unwrap();
    assert_eq!(
        bodies(&store, live)[&object(9).to_string()],
        json!({"id": object(9), "displayName": "h"})
    );
    assert_eq!(members(&store, live, 9), [object(1), object(2)]);
}

#[test]
fn a_full_round_takes_the_place_of_the_set_before() {
    let (_folder, store) = empty();
    for name in ["old", "new"] {
        let round = begin(&store, RoundKind::Full);
        let element = json!({"id": object(1), "displayName": name});
        stage(&store, &round, MemberKind::User, &[element]);
        if name == "new" {
            let live = store.live_set(TENANT).unwrap().unwrap();
            let body = &bodies(&store, live.id)[&object(1).to_string()];
            assert_eq!(body["displayName"], "old", "until it is whole");
        }
        store.adopt_round(TENANT, &round).unwrap();
    }
    let live = store.live_set(TENANT).unwrap().unwrap();
    assert_eq!(
        bodies(&store, live.id)[&object(1).to_string()]["displayName"],
        "new"
    );
    assert_eq!(live.links["users"], "delta");
    for table in ["rounds", "raw_objects", "round_streams"] {
        assert_eq!(rows(&store, table), 1, "{table}");
    }
}

#[test]
fn a_round_that_was_cut_off_is_found_again_and_not_adopted() {
    let (folder, store) = empty();
    let round = begin(&store, RoundKind::Full);
    let elements = [json!({"id": object(1)})];
    let first = StagedPage {
        next_link: Some("page 2"),
        delta_link: None,
        ..page(&round, MemberKind::User, &elements)
    };
    store.stage(&first).unwrap();
    assert!(matches!(
        store.adopt_round(TENANT, &round),
        Err(StoreError::UnfinishedRound { .. })
    ));
    drop(store);
    let clock = std::sync::Arc::new(super::super::fixture::StoppedClock);
    let store = Store::open(folder.path(), clock).unwrap();
    let found = store.open_round(TENANT).unwrap().unwrap();
    assert_eq!((found.id, found.kind), (round.id, RoundKind::Full));
    let users = &found.streams["users"];
    assert_eq!(
        (users.pages, users.next_link.as_deref()),
        (1, Some("page 2"))
    );
    store.stage(&page(&found, MemberKind::User, &[])).unwrap();
    store.adopt_round(TENANT, &found).unwrap();
    assert_eq!(store.open_round(TENANT).unwrap(), None);

    // One that is begun anew leaves nothing of the other.
    let given_up = begin(&store, RoundKind::Full);
    stage(
        &store,
        &given_up,
        MemberKind::User,
        &[json!({"id": object(2)})],
    );
    begin(&store, RoundKind::Full);
    assert_eq!(rows(&store, "raw_objects"), 1);
}

#[test]
fn what_could_not_be_read_whole_asks_for_one_full_round() {
    let (_folder, store) = empty();
    let bad = || {
        let list = json!([{"@odata.type": "#microsoft.graph.user"}, member(1)]);
        let group = json!({"id": object(9), "displayName": "g", "members@delta": list});
        [group, json!({"displayName": "nobody"})]
    };
    for (kind, asks) in [
        (RoundKind::Full, false),
        (RoundKind::Delta, true),
        // The same again: there is nothing better to be had.
        (RoundKind::Full, false),
    ] {
        let round = begin(&store, kind);
        stage(&store, &round, MemberKind::Group, &bad());
        let live = store.adopt_round(TENANT, &round).unwrap();
        assert_eq!(store.live_set(TENANT).unwrap().unwrap().needs_full, asks);
        assert_eq!(rows(&store, "raw_faults"), 1);
        assert_eq!(
            members(&store, live, 9),
            [object(1)],
            "who can be read counts"
        );
    }
    store.ask_for_full_round(TENANT).unwrap();
    assert!(store.live_set(TENANT).unwrap().unwrap().needs_full);
}

#[test]
fn a_large_set_is_swept_whole() {
    let (_folder, store) = empty();
    let round = begin(&store, RoundKind::Full);
    for hundred in 0..120_u8 {
        let people: Vec<Value> = (0..100_u8)
            .map(|one| {
                let mut bytes = [hundred; 16];
                bytes[15] = one;
                json!({"id": crate::identity::ObjectId::from_bytes(bytes)})
            })
            .collect();
        stage(&store, &round, MemberKind::User, &people);
    }
    let kept = store.begin_round(TENANT, RoundKind::Full, "next").unwrap();
    stage(&store, &kept, MemberKind::User, &[json!({"id": object(1)})]);
    store.adopt_round(TENANT, &kept).unwrap();
    assert_eq!(rows(&store, "raw_objects"), 1);
    assert_eq!(rows(&store, "rounds"), 1);
}
