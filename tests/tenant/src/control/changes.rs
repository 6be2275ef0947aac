//! Every change of the directory that a test can order, one or many at a time.
//!
//! The single calls and `POST /changes` go through [`apply`], so that a list of
//! changes does exactly what as many calls would.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Outcome, Refusal, Sent};
use crate::front::Front;
use crate::state::seed::member_id;
use crate::state::{StateError, World};

/// One order; `user` is a UPN or id, `group` an id or the name of a single group,
/// `member` any of these.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", deny_unknown_fields, rename_all = "camelCase")]
pub(super) enum Edit {
    CreateUser {
        /// An id or domain; the first tenant, if absent.
        tenant: Option<String>,
        set: Map<String, Value>,
    },
    ChangeUser {
        user: String,
        set: Map<String, Value>,
    },
    DeleteUser {
        user: String,
        #[serde(default)]
        permanent: bool,
    },
    RestoreUser {
        user: String,
    },
    RevokeUser {
        user: String,
    },
    CreateGroup {
        tenant: Option<String>,
        set: Map<String, Value>,
    },
    ChangeGroup {
        group: String,
        set: Map<String, Value>,
    },
    DeleteGroup {
        group: String,
        #[serde(default)]
        permanent: bool,
    },
    RestoreGroup {
        group: String,
    },
    AddMember {
        group: String,
        member: String,
    },
    RemoveMember {
        group: String,
        member: String,
    },
}

/// The body of `POST /changes`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    changes: Vec<Edit>,
}

/// Makes the changes in their order; the first that is refused ends it, and
/// those before it stay made.
pub(super) async fn all(State(front): State<Arc<Front>>, Sent(list): Sent<Changes>) -> Outcome {
    let mut world = front.world();
    let mut results = Vec::new();
    for (place, change) in list.changes.into_iter().enumerate() {
        match apply(&mut world, change) {
            Ok(result) => results.push(result),
            Err(Refusal(status, why)) => {
                let why = why.get("error").and_then(Value::as_str).unwrap_or_default();
                let error = format!("change {place}: {why}");
                return Err(Refusal(status, json!({"error": error, "results": results})));
            }
        }
    }
    Ok(Json(json!({"results": results})))
}

/// Makes one change; answers the id of what it made or changed.
pub(super) fn apply(world: &mut World, change: Edit) -> Result<Value, Refusal> {
    let now = world.clock.now();
    let id = match change {
        Edit::CreateUser { tenant, set } => {
            let index = tenant_index(world, tenant.as_deref())?;
            world.tenant_mut(index)?.create_user(set, now)?
        }
        Edit::ChangeUser { user, set } => {
            let (index, id) = world.find_user(&user)?;
            world.tenant_mut(index)?.change_user(&id, set, now)?;
            id
        }
        Edit::DeleteUser { user, permanent } => {
            let (index, id) = world.find_user(&user)?;
            world.tenant_mut(index)?.delete(&id, permanent, now)?;
            id
        }
        Edit::RestoreUser { user } => {
            let (index, id) = world.find_user(&user)?;
            world.tenant_mut(index)?.restore(&id, now)?;
            id
        }
        Edit::RevokeUser { user } => {
            let (index, id) = world.find_user(&user)?;
            world.tenant_mut(index)?.revoke_sessions(&id, now)?;
            id
        }
        Edit::CreateGroup { tenant, set } => create_group(world, tenant.as_deref(), set)?,
        Edit::ChangeGroup { group, set } => {
            let (index, id) = world.find_group(&group)?;
            world.tenant_mut(index)?.change_group(&id, set, now)?;
            id
        }
        Edit::DeleteGroup { group, permanent } => {
            let (index, id) = world.find_group(&group)?;
            world.tenant_mut(index)?.delete(&id, permanent, now)?;
            id
        }
        Edit::RestoreGroup { group } => {
            let (index, id) = world.find_group(&group)?;
            world.tenant_mut(index)?.restore(&id, now)?;
            id
        }
        Edit::AddMember { group, member } => {
            let (index, id) = world.find_group(&group)?;
            let tenant = world.tenant_mut(index)?;
            let member = member_id(tenant, &member)?;
            tenant.add_member(&id, &member, now)?;
            id
        }
        Edit::RemoveMember { group, member } => {
            let (index, id) = world.find_group(&group)?;
            let tenant = world.tenant_mut(index)?;
            let member = member_id(tenant, &member)?;
            tenant.remove_member(&id, &member, now)?;
            id
        }
    };
    Ok(json!({"id": id}))
}

fn create_group(
    world: &mut World,
    tenant: Option<&str>,
    mut set: Map<String, Value>,
) -> Result<String, Refusal> {
    let members: Vec<String> = match set.remove("members") {
        None => Vec::new(),
        Some(members) => serde_json::from_value(members).map_err(Refusal::bad)?,
    };
    let (now, index) = (world.clock.now(), tenant_index(world, tenant)?);
    let tenant = world.tenant_mut(index)?;
    // All members are looked up before anything is made.
    let members = members
        .iter()
        .map(|member| member_id(tenant, member))
        .collect::<Result<Vec<String>, StateError>>()?;
    let id = tenant.create_group(set, now)?;
    for member in members {
        tenant.add_member(&id, &member, now)?;
    }
    Ok(id)
}

/// Which tenant is meant: an id or domain, else the first.
pub(super) fn tenant_index(world: &World, name: Option<&str>) -> Result<usize, StateError> {
    match name {
        None => Ok(0),
        Some(name) => world
            .tenant_index(name)
            .ok_or_else(|| StateError::NotFound(format!("tenant {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::seed::contoso;

    fn order(world: &mut World, order: Value) -> Result<Value, Refusal> {
        apply(world, serde_json::from_value(order).unwrap())
    }

    #[test]
    fn a_name_passes_to_another_user_once_the_first_is_gone() {
        let world = &mut contoso();
        let upn = "alice@contoso.example";
        let create = json!({"op": "createUser",
            "set": {"userPrincipalName": upn, "displayName": "Alice the Second"}});
        assert_eq!(order(world, create.clone()).unwrap_err().0, 409);
        let delete = json!({"op": "deleteUser", "user": upn});
        let first = order(world, delete.clone()).unwrap()["id"].clone();
        let second = order(world, create.clone()).unwrap()["id"].clone();
        assert_ne!(first, second);
        // The name is the second's now: the first cannot come back under it.
        let restore = json!({"op": "restoreUser", "user": first});
        assert_eq!(order(world, restore.clone()).unwrap_err().0, 409);
        order(world, delete).unwrap();
        order(
            world,
            json!({"op": "deleteUser", "user": second, "permanent": true}),
        )
        .unwrap();
        assert_eq!(order(world, restore).unwrap()["id"], first);
    }

    #[test]
    fn unknown_orders_and_keys_are_refused() {
        for text in [
            r#"{"op": "createUsers", "set": {}}"#,
            r#"{"op": "restoreUser", "user": "a", "now": true}"#,
            r#"{"op": "addMember", "group": "a"}"#,
        ] {
            assert!(serde_json::from_str::<Edit>(text).is_err(), "{text}");
        }
    }
}
