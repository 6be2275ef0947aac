//! What every reader of delta may rely on, whatever the switches: properties,
//! filters, long lives, many objects.

use std::collections::BTreeSet;

use axum::http::{HeaderValue, Method};
use serde_json::json;

use super::switches_tests::contoso_with;
use super::tests::{change, get, round};
use crate::graph::auth::bearer;
use crate::graph::handle;
use crate::graph::tests::BOTH;
use crate::state::seed::contoso;
use crate::wire::{percent_encoded, request};

const ALICE: &str = "e49bac5b-69fa-54a8-87f0-86f6868f8caa";

#[test]
fn minimal_answers_have_changed_properties_only() {
    let world = &mut contoso_with(json!({}));
    let (_, _, link) = round(
        world,
        "users/delta?$select=displayName,jobTitle,companyName",
    );
    change(world, ALICE, json!({"jobTitle": null}));
    let mut sent = request(Method::GET, &link, "");
    let token = HeaderValue::from_str(&bearer(world, &BOTH, 60)).unwrap();
    sent.headers.insert("authorization", token);
    let full = handle(world, &sent).value()["value"][0].clone();
    assert_eq!(
        full,
        json!({"id": ALICE, "displayName": "Alice Archer", "jobTitle": null})
    );
    sent.headers
        .insert("prefer", HeaderValue::from_static("return=minimal"));
    let minimal = handle(world, &sent).value()["value"][0].clone();
    assert_eq!(minimal, json!({"id": ALICE, "jobTitle": null}));
}

#[test]
fn fifty_ids_are_followed_for_ever_by_several_clients() {
    let world = &mut contoso_with(json!({}));
    let now = world.clock.now();
    let ids: Vec<String> = world.tenants[0]
        .users()
        .take(30)
        .map(|user| user.id.clone())
        .collect();
    let mut filter: Vec<String> = ids.iter().map(|id| format!("id eq '{id}'")).collect();
    let stranger = |number: usize| format!("id eq '00000000-0000-4000-8000-{number:012}'");
    filter.extend((0..20).map(stranger));
    let text = percent_encoded(&filter.join(" or "));
    let url = format!("users/delta?$select=displayName&$filter={text}");
    let (entries, _, mut one) = round(world, &url);
    assert_eq!(entries.len(), 30);
    let mut other = one.clone();
    let outside = world.tenants[0].users().nth(31).unwrap().id.clone();
    for (turn, id) in ids.iter().enumerate().take(20) {
        change(world, id, json!({"displayName": format!("Turn {turn}")}));
        change(
            world,
            &outside,
            json!({"displayName": format!("Turn {turn}")}),
        );
        let (entries, _, next) = round(world, &one);
        assert_eq!(
            entries,
            vec![json!({"id": id, "displayName": format!("Turn {turn}")})]
        );
        one = next;
        if turn % 5 == 4 {
            let (entries, _, next) = round(world, &other);
            assert_eq!(entries.len(), 5, "a slower client is told what it missed");
            other = next;
        }
    }
    world.tenants[0].delete(&ids[0], true, now).unwrap();
    assert_eq!(round(world, &one).0[0]["@removed"]["reason"], "deleted");
    let gone = format!("users/delta?$filter={}", percent_encoded(&stranger(1)));
    assert!(round(world, &gone).0.is_empty());
}

#[test]
fn posix_extensions_and_the_security_identifier_are_tracked() {
    let world = &mut contoso_with(json!({}));
    let extension = |name: &str| format!("extension_3a6b1f0e5c1d4c588f3e1f5f2a8d0002_{name}");
    let names = [
        "uidNumber",
        "gidNumber",
        "loginShell",
        "unixHomeDirectory",
        "gecos",
    ];
    let select: Vec<String> = names.iter().map(|name| extension(name)).collect();
    let url = format!(
        "users/delta?$select={},onPremisesExtensionAttributes,onPremisesSecurityIdentifier",
        select.join(",")
    );
    let (_, _, link) = round(world, &url);
    change(
        world,
        ALICE,
        json!({
            extension("uidNumber"): 20_001, extension("gidNumber"): "20001",
            "onPremisesExtensionAttributes": {"extensionAttribute7": "/bin/zsh"},
        }),
    );
    let (entries, _, link) = round(world, &link);
    assert_eq!(entries[0][extension("uidNumber")], 20_001);
    assert_eq!(entries[0][extension("gidNumber")], "20001");
    assert!(entries[0].get(extension("loginShell")).is_none());
    let attributes = entries[0]["onPremisesExtensionAttributes"]
        .as_object()
        .unwrap();
    assert_eq!(attributes["extensionAttribute7"], "/bin/zsh");
    assert_eq!(attributes.len(), 15, "the others are null");
    let sid = json!({"onPremisesSecurityIdentifier": "S-1-5-21-1-2-3-1107"});
    change(world, ALICE, sid);
    let (entries, ..) = round(world, &link);
    assert_eq!(
        entries[0]["onPremisesSecurityIdentifier"],
        "S-1-5-21-1-2-3-1107"
    );
}

#[test]
fn a_million_people_are_told_page_by_page() {
    let world = &mut contoso();
    world.settings.delta_page = 999;
    let size = serde_json::from_value(json!({"users": 1_000_000, "groups": 1_000})).unwrap();
    world.tenants[0].populate(size).unwrap();
    let mut seen = BTreeSet::new();
    let mut url = "users/delta?$select=userPrincipalName".to_owned();
    for _ in 0..3 {
        let page = get(world, &url).value();
        for entry in page["value"].as_array().unwrap() {
            assert!(seen.insert(entry["id"].as_str().unwrap().to_owned()));
        }
        url = page["@odata.nextLink"].as_str().unwrap().to_owned();
    }
    assert_eq!(seen.len(), 3 * 999);
    // Deep in a list a page costs no more than at its beginning.
    let page = get(world, "users/delta?$deltatoken=latest").value();
    let link = page["@odata.deltaLink"].as_str().unwrap().to_owned();
    let id = world.tenants[0].synthetic_user(765_432).unwrap();
    change(world, &id, json!({"displayName": "Changed"}));
    let now = world.clock.now();
    let gone = world.tenants[0].synthetic_user(765_433).unwrap();
    world.tenants[0].delete(&gone, true, now).unwrap();
    let (entries, ..) = round(world, &link);
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["displayName"], "Changed");
    let member_of = get(
        world,
        &format!("users/{id}/transitiveMemberOf?$select=displayName"),
    );
    let member_of = member_of.value()["value"].to_string();
    for group in ["Team 00432", "Team 00765"] {
        assert!(member_of.contains(group), "{member_of}");
    }
    let one = get(world, &format!("users/{gone}"));
    assert_eq!(one.status, 404);
}
