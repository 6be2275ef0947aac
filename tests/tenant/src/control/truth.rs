//! The tenant as it truly is, and tenants too large to be written down.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::changes::tenant_index;
use super::directory::Place;
use super::{Outcome, Sent, done};
use crate::front::Front;
use crate::state::StateError;
use crate::state::delta::{Ended, How, Tokens};
use crate::state::synthetic::Size;
use crate::state::tenant::Tenant;

type Shared = State<Arc<Front>>;

/// Live users, live groups, and who of the living is in which, whatever any
/// delta reader was told.
pub(super) async fn truth(State(front): Shared, Query(place): Query<Place>) -> Outcome {
    let world = front.world();
    let index = tenant_index(&world, place.tenant.as_deref())?;
    let tenant = world
        .tenants
        .get(index)
        .ok_or_else(|| StateError::NotFound("tenant".to_owned()))?;
    Ok(Json(truth_of(tenant)))
}

fn truth_of(tenant: &Tenant) -> Value {
    let with_id = |id: &str, properties: &Map<String, Value>| {
        let mut shown = properties.clone();
        shown.insert("id".to_owned(), json!(id));
        shown
    };
    let users: Vec<Value> = tenant
        .users()
        .filter(|user| user.is_live())
        .map(|user| Value::Object(with_id(&user.id, &user.properties)))
        .collect();
    let live = |ids: std::collections::BTreeSet<String>| -> Vec<String> {
        let mut ids: Vec<String> = ids.into_iter().collect();
        ids.retain(|id| {
            tenant.user_by_id(id).is_some_and(|user| user.is_live())
                || tenant.group_by_id(id).is_some_and(|group| group.is_live())
        });
        ids
    };
    let groups: Vec<Value> = tenant
        .groups()
        .filter(|group| group.is_live())
        .map(|group| {
            let mut shown = with_id(&group.id, &group.properties);
            let members = live(group.members.all());
            let transitive = live(tenant.transitive_members(&group.id));
            shown.insert("members".to_owned(), json!(members));
            shown.insert("transitiveMembers".to_owned(), json!(transitive));
            Value::Object(shown)
        })
        .collect();
    json!({"tenant": tenant.id, "users": users, "groups": groups})
}

/// Gives a tenant its synthetic people and groups. Whoever holds a delta link has
/// to start over: these objects are no changes.
pub(super) async fn populate(
    State(front): Shared,
    Query(place): Query<Place>,
    Sent(size): Sent<Size>,
) -> Outcome {
    let mut world = front.world();
    let index = tenant_index(&world, place.tenant.as_deref())?;
    world.tenant_mut(index)?.populate(size)?;
    for tokens in [Tokens::Links, Tokens::Pages] {
        world.ended.push(Ended {
            tokens,
            collection: None,
            how: How::ResyncRequired,
        });
    }
    done()
}

/// So many changes of synthetic users, one after the other from a number on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Churn {
    #[serde(default)]
    start: usize,
    /// Get another display name.
    #[serde(default)]
    rename: usize,
    /// Go into the recycle bin, those after the renamed ones.
    #[serde(default)]
    remove: usize,
}

pub(super) async fn churn(
    State(front): Shared,
    Query(place): Query<Place>,
    Sent(churn): Sent<Churn>,
) -> Outcome {
    let mut world = front.world();
    let now = world.clock.now();
    let index = tenant_index(&world, place.tenant.as_deref())?;
    let tenant = world.tenant_mut(index)?;
    let renamed = churn.start.saturating_add(churn.rename);
    for number in churn.start..renamed.saturating_add(churn.remove) {
        let id = tenant
            .synthetic_user(number)
            .ok_or_else(|| StateError::NotFound(format!("synthetic user {number}")))?;
        if number < renamed {
            let mut set = Map::new();
            let name = format!("Renamed {number} {}", tenant.changes.place());
            set.insert("displayName".to_owned(), json!(name));
            tenant.change_user(&id, set, now)?;
        } else {
            tenant.delete(&id, false, now)?;
        }
    }
    done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::seed::contoso;

    #[test]
    fn the_truth_has_the_living_only() {
        let world = &mut contoso();
        let now = world.clock.now();
        let tenant = &mut world.tenants[0];
        let circle = |truth: &Value| {
            let groups = truth["groups"].as_array().unwrap().clone();
            let found = groups
                .into_iter()
                .find(|group| group["displayName"] == "Circle A");
            found.unwrap()
        };
        let alice = "e49bac5b-69fa-54a8-87f0-86f6868f8caa";
        let before = circle(&truth_of(tenant));
        assert!(
            before["members"]
                .as_array()
                .unwrap()
                .contains(&json!(alice))
        );
        let nested = before["transitiveMembers"].as_array().unwrap();
        assert!(nested.len() > before["members"].as_array().unwrap().len());
        tenant.delete(alice, false, now).unwrap();
        let truth = truth_of(tenant);
        assert!(!truth.to_string().contains(alice));
        assert!(truth["users"][0]["userPrincipalName"].is_string());
    }
}
