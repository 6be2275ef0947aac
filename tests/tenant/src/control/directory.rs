//! People and groups, one call a change: see [`super::changes`].

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::changes::{Edit, apply};
use super::{Outcome, Sent};
use crate::front::Front;
use crate::state::StateError;
use crate::state::user::User;

type Flat = Sent<Map<String, Value>>;
type Shared = State<Arc<Front>>;
type Options = Query<HashMap<String, String>>;

/// Which tenant something new is for: `?tenant=` an id or domain, else the first.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    pub(super) tenant: Option<String>,
}

fn change(front: &Front, change: Edit) -> Outcome {
    apply(&mut front.world(), change).map(Json)
}

fn permanent(query: &HashMap<String, String>) -> bool {
    query.get("permanent").is_some_and(|value| value == "true")
}

pub(super) async fn create_user(
    State(front): Shared,
    Query(Place { tenant }): Query<Place>,
    Sent(set): Flat,
) -> Outcome {
    change(&front, Edit::CreateUser { tenant, set })
}

pub(super) async fn show_user(State(front): Shared, Path(key): Path<String>) -> Outcome {
    let mut world = front.world();
    let (index, id) = world.find_user(&key)?;
    let tenant = world.tenant_mut(index)?;
    let user = tenant.any_user(&id).ok_or(StateError::NotFound(key))?;
    Ok(Json(presentable(&user)))
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
    Path(user): Path<String>,
    Sent(set): Flat,
) -> Outcome {
    change(&front, Edit::ChangeUser { user, set })
}

pub(super) async fn delete_user(
    State(front): Shared,
    Path(user): Path<String>,
    Query(query): Options,
) -> Outcome {
    let permanent = permanent(&query);
    change(&front, Edit::DeleteUser { user, permanent })
}

pub(super) async fn restore_user(State(front): Shared, Path(user): Path<String>) -> Outcome {
    change(&front, Edit::RestoreUser { user })
}

pub(super) async fn revoke_user(State(front): Shared, Path(user): Path<String>) -> Outcome {
    change(&front, Edit::RevokeUser { user })
}

pub(super) async fn create_group(
    State(front): Shared,
    Query(Place { tenant }): Query<Place>,
    Sent(set): Flat,
) -> Outcome {
    change(&front, Edit::CreateGroup { tenant, set })
}

pub(super) async fn change_group(
    State(front): Shared,
    Path(group): Path<String>,
    Sent(set): Flat,
) -> Outcome {
    change(&front, Edit::ChangeGroup { group, set })
}

pub(super) async fn delete_group(
    State(front): Shared,
    Path(group): Path<String>,
    Query(query): Options,
) -> Outcome {
    let permanent = permanent(&query);
    change(&front, Edit::DeleteGroup { group, permanent })
}

pub(super) async fn restore_group(State(front): Shared, Path(group): Path<String>) -> Outcome {
    change(&front, Edit::RestoreGroup { group })
}

/// A member by object id, UPN or name of a group.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMember {
    id: String,
}

pub(super) async fn add_member(
    State(front): Shared,
    Path(group): Path<String>,
    Sent(NewMember { id: member }): Sent<NewMember>,
) -> Outcome {
    change(&front, Edit::AddMember { group, member })
}

pub(super) async fn remove_member(
    State(front): Shared,
    Path((group, member)): Path<(String, String)>,
) -> Outcome {
    change(&front, Edit::RemoveMember { group, member })
}
