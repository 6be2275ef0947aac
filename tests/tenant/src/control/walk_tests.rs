//! A client that follows delta under ever other switches, while the tenant is
//! changed at random, knows the truth after every round.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::changes::{Edit, apply};
use super::truth::truth_of;
use crate::state::World;
use crate::state::seed::contoso;
use crate::wire::request;

const ROUNDS: usize = 40;
const CHANGES_A_ROUND: usize = 10;
/// Fewer names than users: they pass from one to another.
const NAMES: usize = 25;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }

    fn pick<'a>(&mut self, ids: &'a [String]) -> &'a str {
        &ids[self.roll(ids.len())]
    }

    fn flip(&mut self) -> bool {
        self.roll(2) == 1
    }
}

/// What a client knows of an object: its properties, and a group's members.
type Known = BTreeMap<String, (BTreeMap<String, Value>, BTreeSet<String>)>;

fn merge(known: &mut Known, entry: &Value) {
    let id = entry["id"].as_str().unwrap().to_owned();
    if entry.get("@removed").is_some() {
        known.remove(&id);
        return;
    }
    let (properties, members) = known.entry(id).or_default();
    for (name, value) in entry.as_object().unwrap() {
        if name != "members@delta" {
            properties.insert(name.clone(), value.clone());
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

/// One round, merged; gives the delta link.
fn follow(world: &mut World, token: &str, url: &str, known: &mut Known) -> String {
    let mut url = url.to_owned();
    for _ in 0..2_000 {
        let mut sent = request(Method::GET, &url, "");
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        sent.headers.insert("authorization", bearer);
        let page = crate::graph::handle(world, &sent).value();
        page["value"]
            .as_array()
            .unwrap()
            .iter()
            .for_each(|entry| merge(known, entry));
        if let Some(link) = page["@odata.deltaLink"].as_str() {
            return link.to_owned();
        }
        url = page["@odata.nextLink"].as_str().unwrap().to_owned();
    }
    panic!("the round does not end");
}

fn token(world: &mut World) -> String {
    let url = format!(
        "https://login.microsoftonline.com/{}/oauth2/v2.0/token",
        world.tenants[0].id
    );
    let form = "grant_type=client_credentials&client_id=3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002\
         &client_secret=sync-secret-value-1&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";
    let answer = crate::login::handle(world, &request(Method::POST, &url, form));
    answer.value()["access_token"].as_str().unwrap().to_owned()
}

/// A change that may or may not be possible.
fn edit(dice: &mut Dice, users: &[String], groups: &[String]) -> Value {
    let upn = format!("walk{}@contoso.example", dice.roll(NAMES));
    let (user, group) = (dice.pick(users).to_owned(), dice.pick(groups).to_owned());
    let member = match dice.flip() {
        true => dice.pick(users).to_owned(),
        false => dice.pick(groups).to_owned(),
    };
    let name = format!("Name {}", dice.roll(1_000));
    match dice.roll(14) {
        0 | 1 => {
            json!({"op": "createUser", "set": {"userPrincipalName": upn, "displayName": name}})
        }
        2 => json!({"op": "changeUser", "user": user, "set": {"displayName": name}}),
        3 => json!({"op": "changeUser", "user": user, "set": {"userPrincipalName": upn}}),
        4 => json!({"op": "changeUser", "user": user, "set": {"accountEnabled": dice.flip()}}),
        5 => json!({"op": "deleteUser", "user": user, "permanent": dice.flip()}),
        6 => json!({"op": "restoreUser", "user": user}),
        7 => json!({"op": "createGroup", "set": {"displayName": name, "members": [user]}}),
        8 => json!({"op": "changeGroup", "group": group, "set": {"displayName": name}}),
        9 if dice.roll(3) == 0 => {
            json!({"op": "deleteGroup", "group": group, "permanent": dice.flip()})
        }
        10 => json!({"op": "restoreGroup", "group": group}),
        11 => json!({"op": "removeMember", "group": group, "member": member}),
        _ => json!({"op": "addMember", "group": group, "member": member}),
    }
}

/// What a client should know by the tenant's truth, of what it selects.
fn expected(truth: &Value, collection: &str, names: &[&str]) -> Known {
    let objects = truth[collection].as_array().unwrap().iter();
    let known = objects.map(|object| {
        let set = names.iter().filter_map(|name| {
            let value = object.get(name)?;
            Some(((*name).to_owned(), value.clone()))
        });
        let members = object["members"].as_array().into_iter().flatten();
        let members = members.map(|id| id.as_str().unwrap().to_owned());
        (
            object["id"].as_str().unwrap().to_owned(),
            (set.collect(), members.collect()),
        )
    });
    known.collect()
}

#[test]
fn a_follower_knows_the_truth_after_every_round() {
    let world = &mut contoso();
    let mut dice = Dice(20_261_124);
    let graph = "https://graph.microsoft.com/v1.0";
    let mut links = [
        format!("{graph}/users/delta?$select=displayName,userPrincipalName,accountEnabled"),
        format!("{graph}/groups/delta?$select=displayName,members"),
    ];
    let first = links.clone();
    let (mut users, mut groups): (Vec<String>, Vec<String>) = (
        world.tenants[0]
            .users()
            .map(|user| user.id.clone())
            .collect(),
        world.tenants[0]
            .groups()
            .map(|group| group.id.clone())
            .collect(),
    );
    let (mut known_users, mut known_groups, mut made) = (Known::new(), Known::new(), 0);
    for turn in 0..ROUNDS {
        for _ in 0..CHANGES_A_ROUND {
            let edit = edit(&mut dice, &users, &groups);
            let parsed: Edit = serde_json::from_value(edit.clone()).unwrap();
            let Ok(result) = apply(world, parsed) else {
                continue;
            };
            made += 1;
            let id = result["id"].as_str().unwrap().to_owned();
            match edit["op"].as_str().unwrap() {
                "createUser" => users.push(id),
                "createGroup" => groups.push(id),
                _ => {}
            }
        }
        world.settings.delta = serde_json::from_value(json!({
            "emptyPages": dice.flip(), "replays": dice.flip(), "bareSlices": dice.flip(),
            "removedAtFirst": dice.flip(), "order": (["time", "reverse", "shuffled"][dice.roll(3)]),
            "slices": (["together", "interleaved"][dice.roll(2)]),
        }))
        .unwrap();
        world.settings.delta_page = 1 + dice.roll(20);
        world.settings.delta_members = 1 + dice.roll(5);
        let token = token(world);
        links = [
            follow(world, &token, &links[0], &mut known_users),
            follow(world, &token, &links[1], &mut known_groups),
        ];
        // Now and then another client begins anew, and sees the same.
        if turn % 10 == 9 {
            let mut anew = [Known::new(), Known::new()];
            for (url, known) in first.iter().zip(&mut anew) {
                follow(world, &token, url, known);
            }
            assert_eq!(anew[0], known_users, "a first round after {turn}");
            assert_eq!(
                anew[1].len(),
                known_groups.len(),
                "a first round after {turn}"
            );
        }
        let truth = truth_of(&world.tenants[0]);
        let names = ["id", "displayName", "userPrincipalName", "accountEnabled"];
        assert_eq!(
            known_users,
            expected(&truth, "users", &names),
            "users after {turn}"
        );
        let mut living = known_groups.clone();
        for (_, members) in living.values_mut() {
            members.retain(|id| known_users.contains_key(id) || known_groups.contains_key(id));
        }
        // Whose membership is not shown without a right for it.
        let hidden = world.tenants[0]
            .any_group("Works Council")
            .map(|group| group.id.clone());
        let mut expected = expected(&truth, "groups", &["id", "displayName"]);
        if let Some((_, members)) = hidden.and_then(|id| expected.get_mut(&id)) {
            members.clear();
        }
        assert_eq!(living, expected, "groups after {turn}");
    }
    assert!(
        made > ROUNDS * CHANGES_A_ROUND / 2,
        "{made} changes were possible"
    );
}
