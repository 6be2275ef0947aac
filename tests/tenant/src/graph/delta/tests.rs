//! Delta rounds: pages, what a property's absence means, and what comes after.

use axum::http::{HeaderValue, Method};
use serde_json::{Map, Value, json};

use crate::graph::auth::bearer;
use crate::graph::handle;
use crate::state::World;
use crate::state::seed::contoso;
use crate::wire::{Answer, request};

pub(super) fn get(world: &mut World, url: &str) -> Answer {
    let roles = ["User.Read.All", "GroupMember.Read.All"];
    get_as(world, url, &roles)
}

pub(super) fn get_as(world: &mut World, url: &str, roles: &[&str]) -> Answer {
    let full = if url.starts_with("https://") {
        url.to_owned()
    } else {
        format!("https://graph.microsoft.com/v1.0/{url}")
    };
    let mut sent = request(Method::GET, &full, "");
    let token = bearer(world, roles, 60);
    sent.headers
        .insert("authorization", HeaderValue::from_str(&token).unwrap());
    handle(world, &sent)
}

/// Follows a round to its end: all entries, the number of pages, the delta link.
pub(super) fn round(world: &mut World, url: &str) -> (Vec<Value>, usize, String) {
    let (mut entries, mut url) = (Vec::new(), url.to_owned());
    for pages in 1..200 {
        let page = get(world, &url).value();
        entries.extend(page["value"].as_array().unwrap().iter().cloned());
        if let Some(link) = page["@odata.deltaLink"].as_str() {
            assert!(page.get("@odata.nextLink").is_none());
            return (entries, pages, link.to_owned());
        }
        url = page["@odata.nextLink"].as_str().unwrap().to_owned();
    }
    panic!("the round does not end");
}

pub(super) fn change(world: &mut World, name: &str, what: Value) {
    let (index, id) = world.find_user(name).unwrap();
    let now = world.clock.now();
    let flat: Map<String, Value> = what.as_object().unwrap().clone();
    world.tenants[index].change_user(&id, flat, now).unwrap();
}

#[test]
fn pages_add_up_to_everybody_once() {
    let world = &mut contoso();
    let all = world.tenants[0].user_count();
    for size in [1, 7, all - 1, all, all + 1] {
        world.settings.delta_page = size;
        let (entries, pages, _) = round(world, "users/delta?$select=userPrincipalName");
        assert_eq!(entries.len(), all, "size {size}");
        assert_eq!(pages, all.div_ceil(size), "size {size}");
    }
}

#[test]
fn never_set_is_absent_and_cleared_is_null() {
    let world = &mut contoso();
    change(world, "alice@contoso.example", json!({"jobTitle": null}));
    let (entries, ..) = round(
        world,
        "users/delta()?$select=userPrincipalName,jobTitle,companyName",
    );
    let alice = entries
        .iter()
        .find(|entry| entry["userPrincipalName"] == "alice@contoso.example");
    let alice = alice.unwrap().as_object().unwrap();
    assert_eq!(alice.get("jobTitle"), Some(&Value::Null));
    assert!(!alice.contains_key("companyName") && !alice.contains_key("displayName"));
    assert!(alice.contains_key("id"));
    // A list says null for both.
    let one = get(
        world,
        "users/alice@contoso.example?$select=jobTitle,companyName",
    )
    .value();
    assert!(one["jobTitle"].is_null() && one.get("companyName") == Some(&Value::Null));
}

#[test]
fn a_follow_up_tells_selected_changes_only() {
    let world = &mut contoso();
    let (_, _, link) = round(world, "users/delta?$select=displayName,accountEnabled");
    assert!(round(world, &link).0.is_empty());
    change(world, "alice@contoso.example", json!({"jobTitle": "Chief"}));
    assert!(round(world, &link).0.is_empty());
    change(
        world,
        "alice@contoso.example",
        json!({"accountEnabled": false}),
    );
    change(
        world,
        "alice@contoso.example",
        json!({"accountEnabled": false}),
    );
    let (entries, _, next) = round(world, &link);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["accountEnabled"], false);
    assert_eq!(entries[0]["displayName"], "Alice Archer");
    assert!(round(world, &next).0.is_empty());
    assert_eq!(round(world, &link).0.len(), 1, "an old link replays");
}

#[test]
fn what_changes_during_a_round_is_told_in_the_next() {
    let world = &mut contoso();
    world.settings.delta_page = 5;
    let first = get(world, "users/delta?$select=displayName").value();
    change(
        world,
        "alice@contoso.example",
        json!({"displayName": "Alice Anew"}),
    );
    let next = first["@odata.nextLink"].as_str().unwrap().to_owned();
    let (_, _, link) = round(world, &next);
    let (entries, ..) = round(world, &link);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["displayName"], "Alice Anew");
}

#[test]
fn deletion_restore_and_the_end_are_told() {
    let world = &mut contoso();
    let (_, _, users) = round(world, "users/delta");
    let (_, _, groups) = round(world, "groups/delta");
    let (index, id) = world.find_user("mallory@contoso.example").unwrap();
    let now = world.clock.now();

    world.tenants[index].delete(&id, false, now).unwrap();
    let (entries, _, users) = round(world, &users);
    assert_eq!(
        entries,
        vec![json!({"id": id, "@removed": {"reason": "changed"}})]
    );
    let (entries, _, groups) = round(world, &groups);
    assert!(
        entries.is_empty(),
        "a soft-deleted user stays a member: {entries:?}"
    );

    world.tenants[index].restore(&id, now).unwrap();
    let (entries, _, users) = round(world, &users);
    assert_eq!(entries[0]["userPrincipalName"], "mallory@contoso.example");

    world.tenants[index].delete(&id, true, now).unwrap();
    let (entries, ..) = round(world, &users);
    assert_eq!(
        entries,
        vec![json!({"id": id, "@removed": {"reason": "deleted"}})]
    );
    let (entries, ..) = round(world, &groups);
    assert!(entries.len() > 3);
    for group in entries {
        let row = json!({"@odata.type": "#microsoft.graph.user", "id": id, "@removed": {"reason": "deleted"}});
        assert_eq!(group["members@delta"], json!([row]));
    }
}

#[test]
fn a_large_group_is_repeated_with_slices_of_its_members() {
    let world = &mut contoso();
    world.settings.delta_page = 1;
    world.settings.delta_members = 2;
    let (entries, ..) = round(world, "groups/delta?$select=displayName,members");
    let group = world.tenants[0]
        .any_group("Everyone (dynamic)")
        .unwrap()
        .clone();
    let slices: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["id"] == group.id)
        .collect();
    assert_eq!(slices.len(), group.members.len().div_ceil(2));
    let told: Vec<&str> = slices
        .iter()
        .flat_map(|slice| slice["members@delta"].as_array().unwrap())
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        group
            .members
            .all()
            .iter()
            .map(String::as_str)
            .collect::<Vec<&str>>()
    );
}

#[test]
fn members_are_told_when_tracked_and_not_hidden() {
    let world = &mut contoso();
    let has_members = |entries: &[Value], id: &str| {
        entries
            .iter()
            .find(|entry| entry["id"] == id)
            .unwrap()
            .get("members@delta")
            .is_some()
    };
    let hidden = world.tenants[0]
        .any_group("Works Council")
        .unwrap()
        .id
        .clone();
    let plain = world.tenants[0]
        .any_group("Platform Team")
        .unwrap()
        .id
        .clone();
    let (entries, ..) = round(world, "groups/delta?$select=displayName");
    assert!(!has_members(&entries, &plain));
    let (entries, ..) = round(world, "groups/delta");
    assert!(has_members(&entries, &plain) && !has_members(&entries, &hidden));
    let seer = ["GroupMember.Read.All", "Member.Read.Hidden"];
    let page = get_as(world, "groups/delta", &seer).value();
    assert!(has_members(page["value"].as_array().unwrap(), &hidden));
}

#[test]
fn a_filter_names_objects_and_nothing_else() {
    let world = &mut contoso();
    let ids: Vec<String> = world.tenants[0]
        .groups()
        .take(2)
        .map(|group| group.id.clone())
        .collect();
    let url = format!(
        "groups/delta?$filter=id%20eq%20'{}'%20or%20id%20eq%20'{}'",
        ids[0], ids[1]
    );
    let (entries, ..) = round(world, &url);
    assert_eq!(entries.len(), 2);
    let refused = get(world, "groups/delta?$filter=displayName%20eq%20'Lab'");
    assert_eq!(refused.value()["error"]["code"], "Request_UnsupportedQuery");
    let many = vec![format!("id eq '{}'", ids[0]); 51].join(" or ");
    let url = format!(
        "groups/delta?$filter={}",
        crate::wire::percent_encoded(&many)
    );
    assert_eq!(get(world, &url).status, 400);
}

#[test]
fn a_link_ages() {
    let world = &mut contoso();
    let (_, _, link) = round(world, "users/delta?$select=displayName");
    world.clock.advance(6 * 86_400);
    assert_eq!(get(world, &link).status, 200);
    world.clock.advance(86_400);
    let gone = get(world, &link);
    assert_eq!(gone.status, 410);
    assert_eq!(gone.value()["error"]["code"], "syncStateNotFound");
    let fresh = gone.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(
        fresh,
        "https://graph.microsoft.com/v1.0/users/delta?$select=displayName"
    );
    assert!(!round(world, &fresh).0.is_empty());
    world.clock.advance(24 * 86_400);
    let ancient = get(world, &link);
    assert_eq!(ancient.status, 400);
    assert_eq!(
        ancient.value()["error"]["message"],
        "DeltaLink older than 30 days is not supported."
    );
}

#[test]
fn from_now_on_and_options_on_a_token() {
    let world = &mut contoso();
    let page = get(world, "users/delta?$select=displayName&$deltatoken=latest").value();
    assert_eq!(page["value"], json!([]));
    let link = page["@odata.deltaLink"].as_str().unwrap().to_owned();
    assert!(round(world, &link).0.is_empty());
    assert_eq!(
        get(world, &format!("{link}&$select=displayName")).status,
        200
    );
    assert_eq!(get(world, &format!("{link}&$select=surname")).status, 400);
    assert_eq!(get(world, "users/delta?$skiptoken=garbage").status, 400);
    let other = link.replace("users/delta", "groups/delta");
    assert_eq!(get(world, &other).status, 400);
}
