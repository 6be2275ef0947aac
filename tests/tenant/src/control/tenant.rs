//! Clock, page sizes, faults, the request log and a look at everything.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::directory::presentable;
use super::{Outcome, Refusal, Sent, done};
use crate::clock::graph_instant;
use crate::faults::Fault;
use crate::front::Front;
use crate::graph::{Meters, Throttle};
use crate::state::Settings;
use crate::state::delta::{Ended, Switches};

type Shared = State<Arc<Front>>;

pub(super) async fn clock(State(front): Shared) -> Outcome {
    Ok(Json(
        json!({"now": graph_instant(front.world().clock.now())}),
    ))
}

/// How far the clock moves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    advance_seconds: i64,
}

pub(super) async fn advance(State(front): Shared, Sent(by): Sent<Advance>) -> Outcome {
    if by.advance_seconds < 0 {
        return Err(Refusal::bad("the clock only goes forward"));
    }
    let mut world = front.world();
    world.clock.advance(by.advance_seconds);
    Ok(Json(json!({"now": graph_instant(world.clock.now())})))
}

/// Sizes of pages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageSize {
    /// Objects on a page of a delta round.
    n: Option<usize>,
    /// Member rows of a group on one delta page.
    members: Option<usize>,
    /// Member rows of all groups on one delta page.
    rows: Option<usize>,
    /// Ceiling for list pages.
    lists: Option<usize>,
}

pub(super) async fn page_size(State(front): Shared, Sent(size): Sent<PageSize>) -> Outcome {
    if [size.n, size.members, size.rows, size.lists].contains(&Some(0)) {
        return Err(Refusal::bad("a page holds at least one"));
    }
    let settings = &mut front.world().settings;
    settings.delta_page = size.n.unwrap_or(settings.delta_page);
    settings.delta_members = size.members.unwrap_or(settings.delta_members);
    settings.delta_rows = size.rows.unwrap_or(settings.delta_rows);
    settings.list_page = size.lists.unwrap_or(settings.list_page);
    done()
}

pub(super) async fn settings(State(front): Shared) -> Outcome {
    Ok(Json(json!(front.world().settings)))
}

pub(super) async fn change_settings(
    State(front): Shared,
    Sent(changes): Sent<Map<String, Value>>,
) -> Outcome {
    let mut world = front.world();
    let mut all = json!(world.settings);
    if let Value::Object(fields) = &mut all {
        fields.extend(changes);
    }
    let changed: Settings = serde_json::from_value(all).map_err(Refusal::bad)?;
    world.settings = changed;
    done()
}

pub(super) async fn delta(State(front): Shared) -> Outcome {
    Ok(Json(json!(front.world().settings.delta)))
}

/// Sets the switches that are named; the others stay.
pub(super) async fn change_delta(
    State(front): Shared,
    Sent(changes): Sent<Map<String, Value>>,
) -> Outcome {
    let mut world = front.world();
    let mut all = json!(world.settings.delta);
    if let Value::Object(fields) = &mut all {
        fields.extend(changes);
    }
    let changed: Switches = serde_json::from_value(all).map_err(Refusal::bad)?;
    if changed.lag_seconds < 0 {
        return Err(Refusal::bad("nothing shows before it happened"));
    }
    world.settings.delta = changed;
    done()
}

pub(super) async fn end_tokens(State(front): Shared, Sent(order): Sent<Ended>) -> Outcome {
    if let Some(name) = &order.collection
        && !matches!(name.as_str(), "users" | "groups")
    {
        return Err(Refusal::bad(format!("`{name}` has no delta")));
    }
    front.world().ended.push(order);
    done()
}

pub(super) async fn throttle(State(front): Shared, Sent(throttle): Sent<Throttle>) -> Outcome {
    let mut world = front.world();
    world.settings.throttle = Some(throttle);
    world.meters = Meters::default();
    done()
}

pub(super) async fn unthrottle(State(front): Shared) -> Outcome {
    front.world().settings.throttle = None;
    done()
}

pub(super) async fn faults(State(front): Shared) -> Outcome {
    Ok(Json(json!(
        front.world().faults.open().collect::<Vec<&Fault>>()
    )))
}

pub(super) async fn add_fault(State(front): Shared, Sent(fault): Sent<Fault>) -> Outcome {
    fault.check().map_err(Refusal::bad)?;
    front.world().faults.push(fault);
    done()
}

pub(super) async fn clear_faults(State(front): Shared) -> Outcome {
    front.world().faults.clear();
    done()
}

/// Which part of the request log.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    #[serde(default)]
    path_prefix: String,
    #[serde(default)]
    since: u64,
}

pub(super) async fn requests(State(front): Shared, Query(part): Query<Part>) -> Outcome {
    Ok(Json(json!(
        front.world().journal.after(part.since, &part.path_prefix)
    )))
}

pub(super) async fn clear_requests(State(front): Shared) -> Outcome {
    front.world().journal.clear();
    done()
}

pub(super) async fn state(State(front): Shared) -> Outcome {
    let world = front.world();
    let tenants: Vec<Value> = world
        .tenants
        .iter()
        .map(|tenant| {
            json!({
                "id": tenant.id,
                "displayName": tenant.display_name,
                "domains": tenant.domains,
                "apps": tenant.apps.iter().map(|app| json!({
                    "clientId": app.client_id,
                    "displayName": app.display_name,
                    "roles": app.roles,
                    "publicClientFlows": app.public_client_flows,
                    "disabled": app.disabled,
                })).collect::<Vec<Value>>(),
                "users": tenant.users().map(|user| presentable(&user)).collect::<Vec<Value>>(),
                "groups": tenant.groups().map(|group| json!(&*group)).collect::<Vec<Value>>(),
                "changes": tenant.changes.place(),
            })
        })
        .collect();
    Ok(Json(json!({
        "now": graph_instant(world.clock.now()),
        "tenants": tenants,
        "deviceCodes": world.device_codes,
        "settings": world.settings,
    })))
}
