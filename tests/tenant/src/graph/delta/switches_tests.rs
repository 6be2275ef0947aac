//! Each oddity of delta rounds, switched on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::tests::{change, get, round};
use crate::state::World;
use crate::state::seed::contoso;

const ALICE: &str = "e49bac5b-69fa-54a8-87f0-86f6868f8caa";
const GROUPS: &str = "groups/delta?$select=displayName,members";

pub(super) fn contoso_with(switches: Value) -> World {
    let mut world = contoso();
    world.settings.delta = serde_json::from_value(switches).unwrap();
    world.settings.delta_page = 5;
    world.settings.delta_members = 2;
    world
}

/// What a client that merges by id ends with: properties, and members of groups.
type State = BTreeMap<String, (Value, BTreeSet<String>)>;

fn merge(state: &mut State, entries: &[Value]) {
    for entry in entries {
        let id = entry["id"].as_str().unwrap().to_owned();
        if entry.get("@removed").is_some() {
            state.remove(&id);
            continue;
        }
        let (properties, members) = state.entry(id).or_default();
        for (name, value) in entry.as_object().unwrap() {
            if name != "members@delta" {
                properties[name] = value.clone();
            }
        }
        for row in entry["members@delta"].as_array().into_iter().flatten() {
            let id = row["id"].as_str().unwrap().to_owned();
            match row.get("@removed") {
                Some(_) => members.remove(&id),
                None => members.insert(id),
            };
        }
    }
}

/// The same from a tame first round.
fn tame(world: &mut World, url: &str) -> State {
    let switches = std::mem::take(&mut world.settings.delta);
    let mut state = State::new();
    merge(&mut state, &round(world, url).0);
    world.settings.delta = switches;
    state
}

#[test]
fn a_client_that_merges_ends_with_the_same_under_every_switch() {
    for switches in [
        json!({}),
        json!({"emptyPages": true}),
        json!({"replays": true}),
        json!({"order": "reverse"}),
        json!({"order": "shuffled"}),
        json!({"slices": "interleaved"}),
        json!({"bareSlices": true}),
        json!({"removedAtFirst": true}),
        json!({"emptyPages": true, "replays": true, "order": "shuffled", "slices": "interleaved",
               "bareSlices": true, "removedAtFirst": true}),
    ] {
        let world = &mut contoso_with(switches.clone());
        let now = world.clock.now();
        world.tenants[0].delete(ALICE, true, now).unwrap();
        for url in [GROUPS, "users/delta?$select=displayName,jobTitle"] {
            let mut state = State::new();
            let (entries, _, link) = round(world, url);
            merge(&mut state, &entries);
            assert_eq!(state, tame(world, url), "{url} {switches}");
            // Three rounds of changes.
            let mut link = link;
            let docker = world.tenants[0].any_group("docker").unwrap().id.clone();
            for turn in 0..3 {
                let bob = "39bd543c-83e3-5661-972e-960c0a9da213";
                let title = json!({"jobTitle": format!("Title {turn}")});
                change(world, "bob@contoso.example", title);
                let tenant = &mut world.tenants[0];
                match turn % 2 {
                    0 => tenant.add_member(&docker, bob, now).unwrap(),
                    _ => tenant.remove_member(&docker, bob, now).unwrap(),
                }
                if turn == 1 {
                    tenant.delete(&docker, false, now).unwrap();
                } else if turn == 2 {
                    tenant.restore(&docker, now).unwrap();
                }
                let (entries, _, next) = round(world, &link);
                merge(&mut state, &entries);
                assert_eq!(state, tame(world, url), "{url} {switches} {turn}");
                link = next;
            }
        }
    }
}

#[test]
fn empty_pages_come_before_each_full_one() {
    let world = &mut contoso_with(json!({"emptyPages": true}));
    let all = world.tenants[0].user_count();
    let (entries, pages, _) = round(world, "users/delta?$select=displayName");
    assert_eq!((entries.len(), pages), (all, 2 * all.div_ceil(5)));
}

#[test]
fn replays_repeat_within_a_round_and_across() {
    let world = &mut contoso_with(json!({"replays": true}));
    let url = "users/delta?$select=displayName";
    let (entries, pages, link) = round(world, url);
    assert_eq!(entries.len(), world.tenants[0].user_count() + pages - 1);
    assert_eq!(
        entries[4], entries[5],
        "a page begins with the last one's end"
    );
    let (unchanged, _, link) = round(world, &link);
    assert_eq!(unchanged.len(), 3, "unchanged objects come again");
    change(world, "bob@contoso.example", json!({"displayName": "B"}));
    change(world, "bob@contoso.example", json!({"displayName": "Bo"}));
    let named = |entries: &[Value]| {
        let bobs = entries.iter().filter(|entry| entry["displayName"] == "Bo");
        bobs.count()
    };
    let (entries, _, link) = round(world, &link);
    assert!(named(&entries) >= 2, "told for each change: {entries:?}");
    let (entries, _, link) = round(world, &link);
    assert!(named(&entries) >= 2, "the round before is told again");
    assert_eq!(
        named(&round(world, &link).0),
        1,
        "among the first three only"
    );
}

#[test]
fn orders_differ_and_slices_spread() {
    let ids = |switches: Value| {
        let world = &mut contoso_with(switches);
        let entries = round(world, GROUPS).0;
        let ids: Vec<String> = entries
            .iter()
            .map(|entry| entry["id"].to_string())
            .collect();
        ids
    };
    let tame = ids(json!({}));
    let mut reverse = ids(json!({"order": "reverse"}));
    assert_ne!(tame, reverse);
    reverse.reverse();
    assert_eq!(tame, reverse);
    assert_ne!(tame, ids(json!({"order": "shuffled"})));
    let repeats = |ids: &[String]| ids.windows(2).filter(|two| two[0] == two[1]).count();
    assert!(repeats(&tame) > 5);
    let spread = ids(json!({"slices": "interleaved"}));
    assert!(repeats(&spread) < 3 && spread.len() == tame.len());
}

#[test]
fn later_slices_may_be_bare() {
    let bare = |switches: Value| {
        let entries = round(&mut contoso_with(switches), GROUPS).0;
        entries
            .iter()
            .filter(|entry| entry.get("displayName").is_none())
            .count()
    };
    assert_eq!(bare(json!({})), 0);
    assert!(bare(json!({"bareSlices": true})) > 5);
}

#[test]
fn a_first_round_may_tell_removals() {
    let world = &mut contoso_with(json!({"removedAtFirst": true}));
    let now = world.clock.now();
    world.tenants[0].delete(ALICE, false, now).unwrap();
    let (entries, ..) = round(world, "users/delta?$select=displayName");
    let removed: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry.get("@removed").is_some())
        .map(|entry| &entry["id"])
        .collect();
    assert_eq!(removed.len(), 2);
    assert!(removed.contains(&&json!(ALICE)));
    let docker = world.tenants[0].any_group("docker").unwrap().id.clone();
    let mallory = world.tenants[0]
        .live_user("mallory@contoso.example")
        .unwrap()
        .id
        .clone();
    world.tenants[0]
        .remove_member(&docker, &mallory, now)
        .unwrap();
    let (entries, ..) = round(world, GROUPS);
    let entry = entries.iter().rfind(|entry| entry["id"] == docker).unwrap();
    let gone: Vec<&Value> = entry["members@delta"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row.get("@removed").is_some())
        .map(|row| &row["id"])
        .collect();
    assert!(
        gone.len() == 2 && gone.contains(&&json!(mallory)),
        "{entry}"
    );
}

#[test]
fn a_narrow_select_may_miss_a_restore() {
    let world = &mut contoso_with(json!({"restoreMissed": true}));
    let now = world.clock.now();
    let (_, _, narrow) = round(world, "users/delta?$select=displayName");
    let (_, _, wide) = round(world, "users/delta");
    world.tenants[0].delete(ALICE, false, now).unwrap();
    let (gone, _, narrow) = round(world, &narrow);
    assert_eq!(gone[0]["@removed"]["reason"], "changed");
    let (_, _, wide) = round(world, &wide);
    world.tenants[0].restore(ALICE, now).unwrap();
    let (missed, _, narrow) = round(world, &narrow);
    assert!(missed.is_empty(), "{missed:?}");
    assert_eq!(round(world, &wide).0[0]["id"], ALICE);
    let full = round(world, "users/delta?$select=displayName").0;
    assert!(
        full.iter().any(|entry| entry["id"] == ALICE),
        "a full round has it"
    );
    change(world, ALICE, json!({"displayName": "Alice Again"}));
    assert_eq!(round(world, &narrow).0[0]["displayName"], "Alice Again");
}

#[test]
fn a_round_may_never_end() {
    let world = &mut contoso_with(json!({"endless": "same"}));
    let url = "users/delta?$select=displayName";
    let next = |world: &mut World, url: &str| {
        let page = get(world, url).value();
        assert!(page.get("@odata.deltaLink").is_none());
        page["@odata.nextLink"].as_str().unwrap().to_owned()
    };
    let first = next(world, url);
    assert_eq!(next(world, &first), first);
    world.settings.delta = serde_json::from_value(json!({"endless": "new"})).unwrap();
    let (mut seen, mut link) = (BTreeSet::new(), next(world, url));
    for _ in 0..20 {
        assert!(seen.insert(link.clone()));
        link = next(world, &link);
    }
}

#[test]
fn a_change_shows_after_the_lag() {
    let world = &mut contoso_with(json!({"lagSeconds": 600}));
    world.clock.advance(3600);
    let now = world.clock.now();
    let (_, _, link) = round(world, "users/delta?$select=displayName");
    change(world, ALICE, json!({"displayName": "Alice Anew"}));
    let flat = json!({"userPrincipalName": "new@contoso.example", "displayName": "New"});
    let new = world.tenants[0]
        .create_user(flat.as_object().unwrap().clone(), now)
        .unwrap();
    let (entries, _, link) = round(world, &link);
    assert!(entries.is_empty(), "{entries:?}");
    let has_new = |entries: &[Value]| entries.iter().any(|entry| entry["id"] == new);
    assert!(!has_new(&round(world, "users/delta?$select=displayName").0));
    world.clock.advance(599);
    let (entries, _, link) = round(world, &link);
    assert!(entries.is_empty(), "{entries:?}");
    world.clock.advance(1);
    let (entries, ..) = round(world, &link);
    assert!(entries.len() == 2 && has_new(&entries), "{entries:?}");
    assert!(has_new(&round(world, "users/delta?$select=displayName").0));
}

#[test]
fn tokens_end_when_ordered() {
    let world = &mut contoso_with(json!({}));
    let url = "users/delta?$select=displayName";
    let page = get(world, url).value()["@odata.nextLink"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, _, link) = round(world, url);
    let (_, _, other) = round(world, GROUPS);
    for (order, target, status, code) in [
        ("resyncRequired", &link, 410, "resyncRequired"),
        ("syncStateNotFound", &link, 410, "syncStateNotFound"),
        ("tooOld", &link, 400, "Request_UnsupportedQuery"),
        ("expiredPageToken", &page, 400, "Directory_ExpiredPageToken"),
    ] {
        let tokens = if target == &link { "links" } else { "pages" };
        let order = json!({"tokens": tokens, "collection": "users", "as": order});
        world.ended.push(serde_json::from_value(order).unwrap());
        let answer = get(world, target);
        assert_eq!(answer.status, status);
        assert_eq!(answer.value()["error"]["code"], code);
        let location = answer
            .headers
            .get("location")
            .map(|value| value.to_str().unwrap());
        let fresh = "https://graph.microsoft.com/v1.0/users/delta?$select=displayName";
        assert_eq!(location, (status == 410).then_some(fresh));
    }
    assert_eq!(get(world, &other).status, 200, "groups were not meant");
    let (_, _, young) = round(world, url);
    assert_eq!(get(world, &young).status, 200, "links given since live");
}

#[test]
fn next_links_age_when_told_to() {
    let world = &mut contoso_with(json!({"pageTokenSeconds": 60}));
    let page = get(world, "users/delta").value()["@odata.nextLink"]
        .as_str()
        .unwrap()
        .to_owned();
    world.clock.advance(60);
    assert_eq!(get(world, &page).status, 200);
    world.clock.advance(1);
    let code = get(world, &page).value()["error"]["code"].clone();
    assert_eq!(code, "Directory_ExpiredPageToken");
}

#[test]
fn a_page_ends_when_it_is_full_of_members() {
    let world = &mut contoso_with(json!({}));
    world.settings.delta_members = 500;
    world.settings.delta_page = 200;
    world.settings.delta_rows = 10;
    let (entries, pages, _) = round(world, GROUPS);
    let rows = |entry: &Value| entry["members@delta"].as_array().map_or(0, Vec::len);
    let total: usize = entries.iter().map(rows).sum();
    assert!(
        pages > 2 && pages <= total / 10 + 1,
        "{pages} pages of {total} rows"
    );
}
