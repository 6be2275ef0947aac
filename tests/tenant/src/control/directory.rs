//! People and groups: create, change, delete, restore, nest.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Outcome, Refusal, Sent, done};
use crate::front::Front;
use crate::state::seed::member_id;
use crate::state::user::User;
use crate::state::{StateError, World};

type Flat = Sent<Map<String, Value>>;
type Shared = State<Arc<Front>>;

/// Which tenant something new is for: `?tenant=` an id or domain, else the first.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    tenant: Option<String>,
}

fn tenant_index(world: &World, place: &Place) -> Result<usize, StateError> {
    match &place.tenant {
        None => Ok(0),
        Some(name) => world
            .tenant_index(name)
            .ok_or_else(|| StateError::NotFound(format!("tenant {name}"))),
    }
}

pub(super) async fn create_user(
    State(front): Shared,
    Query(place): Query<Place>,
    Sent(flat): Flat,
) -> Outcome {
    let mut world = front.world();
    let (now, index) = (world.clock.now(), tenant_index(&world, &place)?);
    let id = world.tenant_mut(index)?.create_user(flat, now)?;
    Ok(Json(json!({"id": id})))
}

pub(super) async fn show_user(State(front): Shared, Path(key): Path<String>) -> Outcome {
    let mut world = front.world();
    let (index, id) = world.find_user(&key)?;
    let tenant = world.tenant_mut(index)?;
    let user = tenant.any_user(&id).ok_or(StateError::NotFound(key))?;
    Ok(Json(presentable(user)))
}

/// A user without the password's text.
pub(super) fn presentable(user: &User) -> Value {
    let mut shown = json!(user);
    if let Some(password) = shown
        .pointer_mut("/sign_in/password")
        .filter(|text| !text.is_null())
    {
        *password = json!("[set]");
    }
    shown
}

pub(super) async fn change_user(
    State(front): Shared,
    Path(key): Path<String>,
    Sent(flat): Flat,
) -> Outcome {
    let mut world = front.world();
    let now = world.clock.now();
    let (index, id) = world.find_user(&key)?;
    world.tenant_mut(index)?.change_user(&id, flat, now)?;
    done()
}

pub(super) async fn delete_user(
    State(front): Shared,
    Path(key): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Outcome {
    let mut world = front.world();
    let found = world.find_user(&key)?;
    delete(&mut world, found, &query)
}

pub(super) async fn delete_group(
    State(front): Shared,
    Path(key): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Outcome {
    let mut world = front.world();
    let found = world.find_group(&key)?;
    delete(&mut world, found, &query)
}

fn delete(
    world: &mut World,
    (index, id): (usize, String),
    query: &HashMap<String, String>,
) -> Outcome {
    let now = world.clock.now();
    let for_good = query.get("permanent").is_some_and(|value| value == "true");
    world.tenant_mut(index)?.delete(&id, for_good, now)?;
    done()
}

pub(super) async fn restore_user(State(front): Shared, Path(key): Path<String>) -> Outcome {
    let mut world = front.world();
    let (index, id) = world.find_user(&key)?;
    world.tenant_mut(index)?.restore(&id)?;
    done()
}

pub(super) async fn restore_group(State(front): Shared, Path(key): Path<String>) -> Outcome {
    let mut world = front.world();
    let (index, id) = world.find_group(&key)?;
    world.tenant_mut(index)?.restore(&id)?;
    done()
}

pub(super) async fn create_group(
    State(front): Shared,
    Query(place): Query<Place>,
    Sent(mut flat): Flat,
) -> Outcome {
    let members: Vec<String> = match flat.remove("members") {
        None => Vec::new(),
        Some(members) => serde_json::from_value(members).map_err(Refusal::bad)?,
    };
    let mut world = front.world();
    let (now, index) = (world.clock.now(), tenant_index(&world, &place)?);
    let tenant = world.tenant_mut(index)?;
    // All members are looked up before anything is made.
    let members = members
        .iter()
        .map(|member| member_id(tenant, member))
        .collect::<Result<Vec<String>, StateError>>()?;
    let id = tenant.create_group(flat, now)?;
    for member in members {
        tenant.add_member(&id, &member)?;
    }
    Ok(Json(json!({"id": id})))
}

pub(super) async fn change_group(
    State(front): Shared,
    Path(key): Path<String>,
    Sent(flat): Flat,
) -> Outcome {
    let mut world = front.world();
    let (index, id) = world.find_group(&key)?;
    world.tenant_mut(index)?.change_group(&id, flat)?;
    done()
}

/// A member by object id, UPN or name of a group.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMember {
    id: String,
}

pub(super) async fn add_member(
    State(front): Shared,
    Path(key): Path<String>,
    Sent(member): Sent<NewMember>,
) -> Outcome {
    let mut world = front.world();
    let (index, id) = world.find_group(&key)?;
    let tenant = world.tenant_mut(index)?;
    let member = member_id(tenant, &member.id)?;
    tenant.add_member(&id, &member)?;
    done()
}

pub(super) async fn remove_member(
    State(front): Shared,
    Path((key, member)): Path<(String, String)>,
) -> Outcome {
    let mut world = front.world();
    let (index, id) = world.find_group(&key)?;
    let tenant = world.tenant_mut(index)?;
    let member = member_id(tenant, &member)?;
    tenant.remove_member(&id, &member)?;
    done()
}
