//! Device codes, registrations, keys, sessions and forged claims.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Outcome, Refusal, Sent, done};
use crate::front::Front;
use crate::login::device::{self, State as CodeState};
use crate::state::app::App;
use crate::state::{Challenge, StateError, TokenOverride};

type Shared = State<Arc<Front>>;

pub(super) async fn device_codes(State(front): Shared) -> Outcome {
    Ok(Json(json!(front.world().device_codes)))
}

/// Who approves a code.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    /// UPN.
    user: String,
    /// Skip the page's checks; the poller meets them then.
    #[serde(default)]
    force: bool,
}

pub(super) async fn approve(
    State(front): Shared,
    Path(code): Path<String>,
    Sent(approval): Sent<Approval>,
) -> Outcome {
    let mut world = front.world();
    device::approve_as(&mut world, &code, &approval.user, approval.force).map_err(
        |(number, why)| Refusal(StatusCode::CONFLICT, json!({"error": why, "code": number})),
    )?;
    done()
}

pub(super) async fn decline(State(front): Shared, Path(code): Path<String>) -> Outcome {
    set_state(&front, &code, CodeState::Declined)
}

pub(super) async fn expire(State(front): Shared, Path(code): Path<String>) -> Outcome {
    set_state(&front, &code, CodeState::Expired)
}

fn set_state(front: &Front, code: &str, state: CodeState) -> Outcome {
    let mut world = front.world();
    let found = device::by_user_code(&mut world, code)
        .ok_or_else(|| StateError::NotFound(format!("device code {code}")))?;
    if found.state != CodeState::Pending {
        return Err(StateError::Refused(format!("{code} is not pending")).into());
    }
    found.state = state;
    done()
}

/// Any field of the registration, by its name in the seed.
pub(super) async fn change_app(
    State(front): Shared,
    Path(client_id): Path<String>,
    Sent(changes): Sent<Map<String, Value>>,
) -> Outcome {
    let mut world = front.world();
    let found = world
        .tenants
        .iter_mut()
        .flat_map(|tenant| &mut tenant.apps)
        .find(|app| app.client_id.eq_ignore_ascii_case(&client_id))
        .ok_or_else(|| StateError::NotFound(format!("registration {client_id}")))?;
    let mut all = json!(found);
    if let Value::Object(fields) = &mut all {
        fields.extend(changes);
    }
    let changed: App = serde_json::from_value(all).map_err(Refusal::bad)?;
    *found = changed;
    done()
}

/// Graph answers the registration's tokens of until now with a claims challenge,
/// those of holders who understand one.
pub(super) async fn challenge(State(front): Shared, Path(client_id): Path<String>) -> Outcome {
    let mut world = front.world();
    let at = world.clock.now().unix_timestamp();
    let found = world
        .tenants
        .iter()
        .find_map(|tenant| tenant.app(&client_id));
    let client_id = found
        .map(|app| app.client_id.clone())
        .ok_or_else(|| StateError::NotFound(format!("registration {client_id}")))?;
    world.challenges.push(Challenge { client_id, at });
    done()
}

pub(super) async fn rotate_keys(State(front): Shared) -> Outcome {
    let mut world = front.world();
    world.keys.rotate().map_err(Refusal::bad)?;
    Ok(Json(json!({"kid": world.keys.active()})))
}

pub(super) async fn add_override(
    State(front): Shared,
    Sent(change): Sent<TokenOverride>,
) -> Outcome {
    front.world().overrides.push(change);
    done()
}

pub(super) async fn clear_overrides(State(front): Shared) -> Outcome {
    front.world().overrides.clear();
    done()
}
