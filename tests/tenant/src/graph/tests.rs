//! Lists, members and their rights.

use axum::http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::auth::bearer;
use super::handle;
use crate::state::World;
use crate::state::seed::contoso;
use crate::wire::{Answer, percent_encoded, request};

pub(super) const BOTH: [&str; 2] = ["User.Read.All", "GroupMember.Read.All"];

pub(super) fn ask(world: &mut World, path: &str, roles: &[&str], eventual: bool) -> Answer {
    let full = match path.starts_with("https://") {
        true => path.to_owned(),
        false => format!("https://graph.microsoft.com/v1.0/{path}"),
    };
    let mut sent = request(Method::GET, &full, "");
    let token = bearer(world, roles, 60);
    sent.headers
        .insert("authorization", HeaderValue::from_str(&token).unwrap());
    if eventual {
        sent.headers
            .insert("consistencylevel", HeaderValue::from_static("eventual"));
    }
    handle(world, &sent)
}

fn get(world: &mut World, path: &str) -> Answer {
    ask(world, path, &BOTH, false)
}

fn group_id(world: &World, name: &str) -> String {
    world.tenants[0].any_group(name).unwrap().id.clone()
}

#[test]
fn a_list_shows_the_default_properties_in_pages_of_a_hundred() {
    let world = &mut contoso();
    let now = world.clock.now();
    for number in 0..100 {
        let flat = json!({
            "userPrincipalName": format!("extra{number}@contoso.example"), "displayName": "Extra",
        });
        world.tenants[0]
            .create_user(flat.as_object().unwrap().clone(), now)
            .unwrap();
    }
    let first = get(world, "users").value();
    assert_eq!(first["value"].as_array().unwrap().len(), 100);
    let alice = first["value"][0].as_object().unwrap();
    assert!(alice.contains_key("mobilePhone") && !alice.contains_key("accountEnabled"));
    assert_eq!(alice["businessPhones"], json!([]));
    let next = first["@odata.nextLink"].as_str().unwrap().to_owned();
    // Somebody who comes in between does not shift the pages.
    let second = get(world, &next).value();
    let total = 100 + second["value"].as_array().unwrap().len();
    assert_eq!(total, world.tenants[0].user_count());
    assert!(second.get("@odata.nextLink").is_none());
}

#[test]
fn page_sizes_and_properties_are_checked() {
    let world = &mut contoso();
    for (path, status, code) in [
        ("users?$top=0", 400, "Request_UnsupportedQuery"),
        ("users?$top=1000", 400, "Request_UnsupportedQuery"),
        ("users?$select=nosuch", 400, "BadRequest"),
        ("users?$skip=1", 400, "Request_BadRequest"),
        ("users?$filter=nosuch%20eq%201", 400, "BadRequest"),
        (
            "users?$filter=displayName%20ne%20'x'",
            400,
            "Request_UnsupportedQuery",
        ),
        (
            "users?$skiptoken=garbage",
            400,
            "Directory_ExpiredPageToken",
        ),
        ("users?$orderby=displayName", 501, "NotImplemented"),
        ("users/$count", 400, "Request_BadRequest"),
        (
            "users/nobody@contoso.example",
            404,
            "Request_ResourceNotFound",
        ),
        (
            "groups/7d1c2f6e-94a3-4c0a-9a51-000000000000",
            404,
            "Request_ResourceNotFound",
        ),
        ("nosuch", 400, "BadRequest"),
    ] {
        let answer = get(world, path);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.value()["error"]["code"], code, "{path}");
        let request_id = answer.headers["request-id"].to_str().unwrap().to_owned();
        assert_eq!(
            answer.value()["error"]["innerError"]["request-id"],
            request_id
        );
    }
}

#[test]
fn filters_find_people() {
    let world = &mut contoso();
    for (filter, expected) in [
        ("accountEnabled eq false", 1),
        ("userPrincipalName eq 'siobhan.o''brien@contoso.example'", 1),
        ("startswith(userPrincipalName,'sam.lee@')", 2),
        ("startswith(displayName,'ALICE')", 1),
        ("userType eq 'Guest'", 1),
    ] {
        let path = format!("users?$select=id&$filter={}", percent_encoded(filter));
        let found = get(world, &path).value();
        assert_eq!(
            found["value"].as_array().unwrap().len(),
            expected,
            "{filter}"
        );
    }
}

#[test]
fn a_count_comes_with_the_advanced_mode_only() {
    let world = &mut contoso();
    let plain = get(world, "users?$count=true&$top=1").value();
    assert!(plain.get("@odata.count").is_none());
    let counted = ask(world, "users?$count=true&$top=1", &BOTH, true).value();
    assert_eq!(counted["@odata.count"], world.tenants[0].user_count());
    let text = ask(world, "users/$count", &BOTH, true);
    assert_eq!(text.headers["content-type"], "text/plain");
    assert_eq!(
        text.body,
        world.tenants[0].user_count().to_string().into_bytes()
    );
}

#[test]
fn nesting_is_flattened_and_cycles_end() {
    let world = &mut contoso();
    let circle = group_id(world, "Circle A");
    let members = get(world, &format!("groups/{circle}/transitiveMembers")).value();
    let names: Vec<&str> = members["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["displayName"].as_str().unwrap())
        .collect();
    for name in [
        "Alice Archer",
        "Peggy 🚀 Park",
        "Victor Varga",
        "Circle B",
        "Circle C",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let path = format!("groups/{circle}/transitiveMembers/microsoft.graph.user?$select=id");
    assert_eq!(get(world, &path).status, 400);
    let people = ask(world, &format!("{path}&$count=true"), &BOTH, true).value();
    assert_eq!(people["value"].as_array().unwrap().len(), 3);
    assert!(people["value"][0].get("@odata.type").is_none());
    let of = get(
        world,
        "users/peggy@contoso.example/transitiveMemberOf?$select=displayName",
    );
    let of: Vec<Value> = of.value()["value"].as_array().unwrap().clone();
    for name in ["Circle A", "Circle B", "Circle C"] {
        assert!(
            of.iter().any(|group| group["displayName"] == name),
            "{name}"
        );
    }
}

#[test]
fn rights_decide_what_of_a_member_is_seen() {
    let world = &mut contoso();
    let team = group_id(world, "Platform Team");
    let path = format!("groups/{team}/members");
    let blind = ask(world, &path, &["GroupMember.Read.All"], false).value();
    for member in blind["value"].as_array().unwrap() {
        assert!(member["id"].is_string() && member["displayName"].is_null());
    }
    let hidden = group_id(world, "Works Council");
    let path = format!("groups/{hidden}/members");
    assert_eq!(get(world, &path).value()["value"], json!([]));
    let roles = [
        "User.Read.All",
        "GroupMember.Read.All",
        "Member.Read.Hidden",
    ];
    let seen = ask(world, &path, &roles, false).value();
    assert_eq!(seen["value"].as_array().unwrap().len(), 2);
}

#[test]
fn a_soft_deleted_member_is_not_listed() {
    let world = &mut contoso();
    let path = format!("groups/{}/members", group_id(world, "Circle A"));
    let (index, id) = world.find_user("alice@contoso.example").unwrap();
    let before = get(world, &path).value()["value"].as_array().unwrap().len();
    let now = world.clock.now();
    world.tenants[index].delete(&id, false, now).unwrap();
    assert_eq!(
        get(world, &path).value()["value"].as_array().unwrap().len(),
        before - 1
    );
    assert_eq!(get(world, "users/alice@contoso.example").status, 404);
}

#[test]
fn member_groups_are_ids_through_any_depth() {
    let world = &mut contoso();
    let post = |world: &mut World, action: &str, body: &Value| {
        let url = format!("https://graph.microsoft.com/v1.0/users/carol@contoso.example/{action}");
        let mut sent = request(Method::POST, &url, &body.to_string());
        let token = bearer(world, &BOTH, 60);
        sent.headers
            .insert("authorization", HeaderValue::from_str(&token).unwrap());
        handle(world, &sent).value()["value"].clone()
    };
    let staff = group_id(world, "All Staff");
    let ids = post(
        world,
        "getMemberGroups",
        &json!({"securityEnabledOnly": true}),
    );
    assert!(ids.as_array().unwrap().contains(&json!(staff)));
    let docker = group_id(world, "docker");
    let asked = json!({"groupIds": [docker, staff]});
    assert_eq!(post(world, "checkMemberGroups", &asked), json!([staff]));
}

#[test]
fn the_recycle_bin_is_listed_and_sessions_are_revoked() {
    let world = &mut contoso();
    let now = world.clock.now();
    let (index, id) = world.find_user("mallory@contoso.example").unwrap();
    world.tenants[index].delete(&id, false, now).unwrap();
    let path = "directory/deletedItems/microsoft.graph.user?$select=id,deletedDateTime";
    let bin = get(world, path).value();
    assert_eq!(bin["value"][0]["id"], id);
    assert!(bin["value"][0]["deletedDateTime"].is_string());
    assert_eq!(
        get(world, "directory/deletedItems/microsoft.graph.group").value()["value"],
        json!([])
    );

    let post = |world: &mut World, name: &str, role: &str| {
        let url = format!("https://graph.microsoft.com/v1.0/users/{name}/revokeSignInSessions");
        let mut sent = request(Method::POST, &url, "");
        let token = bearer(world, &[role], 60);
        sent.headers
            .insert("authorization", HeaderValue::from_str(&token).unwrap());
        handle(world, &sent)
    };
    let alice = "alice@contoso.example";
    let valid_from = |world: &World| {
        let user = world.tenants[0].live_user(alice).unwrap();
        user.text("signInSessionsValidFromDateTime").to_owned()
    };
    let before = valid_from(world);
    assert_eq!(post(world, alice, "User.Read.All").status, 403);
    assert_eq!(valid_from(world), before);
    let role = "User.RevokeSessions.All";
    assert_eq!(post(world, alice, role).value()["value"], true);
    assert_ne!(valid_from(world), before);
    assert_eq!(post(world, "mallory@contoso.example", role).status, 404);
}

#[test]
fn lists_go_through_synthetic_people_to_their_end() {
    let world = &mut contoso();
    let size = serde_json::from_value(json!({"users": 2_500, "groups": 30})).unwrap();
    world.tenants[0].populate(size).unwrap();
    let now = world.clock.now();
    let gone = world.tenants[0].synthetic_user(1_000).unwrap();
    world.tenants[0].delete(&gone, false, now).unwrap();
    let (mut url, mut seen) = (
        "users?$select=id&$top=999&$count=true".to_owned(),
        Vec::new(),
    );
    for _ in 0..10 {
        let page = ask(world, &url, &BOTH, true).value();
        if let Some(count) = page.get("@odata.count") {
            assert_eq!(count, world.tenants[0].user_count() - 2);
        }
        seen.extend(
            page["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["id"].clone()),
        );
        match page["@odata.nextLink"].as_str() {
            Some(next) => url = next.to_owned(),
            None => break,
        }
    }
    let length = seen.len();
    seen.sort_by_key(Value::to_string);
    seen.dedup();
    assert_eq!(
        (seen.len(), length),
        (world.tenants[0].user_count() - 2, length)
    );
    assert!(!seen.contains(&json!(gone)));
    let group = get(world, "groups?$filter=displayName%20eq%20'Team%2000007'").value();
    let id = group["value"][0]["id"].as_str().unwrap().to_owned();
    let members = get(world, &format!("groups/{id}/members?$top=999&$select=id")).value();
    let expected = world.tenants[0].group_by_id(&id).unwrap().members.len();
    assert_eq!(members["value"].as_array().unwrap().len(), expected);
}
