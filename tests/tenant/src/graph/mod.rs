//! graph.microsoft.com, v1.0: what a directory reader asks of it.
//!
//! Every answer begins with the bearer token: who asks, in which tenant, with
//! which roles. What this tenant does not simulate is refused as Graph refuses
//! an unknown segment or option, never answered with made-up data.

mod auth;
mod delta;
mod errors;
mod filter;
mod groups;
mod lists;
mod query;
mod tenant;
mod users;

#[cfg(test)]
mod tests;

use axum::http::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

pub(crate) use errors::GraphError;

use crate::state::World;
use crate::wire::{Answer, Request, percent_encoded};

/// Where every link begins.
const BASE: &str = "https://graph.microsoft.com/v1.0";

/// What a handler gives back.
enum Reply {
    Json(Value),
    /// `$count` answers in plain text.
    Text(String),
}

/// Answers a request to Graph.
pub(crate) fn handle(world: &mut World, request: &Request) -> Answer {
    let request_id = Uuid::new_v4().to_string();
    let answer = match dispatch(world, request) {
        Ok(Reply::Json(body)) => Answer::json(StatusCode::OK, &body).with(
            "content-type",
            "application/json;odata.metadata=minimal;odata.streaming=true;\
             IEEE754Compatible=false;charset=utf-8",
        ),
        Ok(Reply::Text(body)) => Answer::text(StatusCode::OK, "text/plain", body),
        Err(error) => error.render(request, &request_id, world.clock.now()),
    };
    let client_id = request
        .header("client-request-id")
        .unwrap_or(&request_id)
        .to_owned();
    answer
        .with("odata-version", "4.0")
        .with("request-id", &request_id)
        .with("client-request-id", &client_id)
        .with("x-ms-resource-unit", "1")
        .with("cache-control", "no-cache")
        .with("strict-transport-security", "max-age=31536000")
        .with(
            "x-ms-ags-diagnostic",
            "{\"ServerInfo\":{\"DataCenter\":\"West Europe\",\"Slice\":\"E\",\"Ring\":\"5\",\
             \"ScaleUnit\":\"001\",\"RoleInstance\":\"AM2PEPF0001B2C4\"}}",
        )
}

fn dispatch(world: &mut World, request: &Request) -> Result<Reply, GraphError> {
    let segments = segments(request)?;
    let principal = auth::principal(world, request)?;
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (&request.method, parts.as_slice()) {
        (&Method::GET, ["users", rest @ ..]) => users::get(world, &principal, request, rest),
        (&Method::GET, ["groups", rest @ ..]) => groups::get(world, &principal, request, rest),
        (
            &Method::POST,
            [
                "users",
                key,
                action @ ("getMemberGroups" | "checkMemberGroups"),
            ],
        ) => users::member_groups(world, &principal, request, key, action),
        (&Method::GET, ["me"]) => users::me(world, &principal, request),
        (&Method::GET, ["organization"]) => tenant::organization(world, &principal, request),
        (&Method::GET, ["domains"]) => tenant::domains(world, &principal, request),
        (&Method::GET, [other, ..]) => Err(GraphError::unknown_segment(other)),
        // No role this tenant grants allows a change.
        _ => Err(GraphError::denied()),
    }
}

/// The path after the version; `users('x')` and `delta()` in their other spelling.
fn segments(request: &Request) -> Result<Vec<String>, GraphError> {
    let all = request.segments();
    let Some((version, rest)) = all.split_first() else {
        return Err(GraphError::bad_request("Invalid version: "));
    };
    if version != "v1.0" {
        return Err(GraphError::bad_request(format!(
            "Invalid version: {version}"
        )));
    }
    let mut out = Vec::new();
    for segment in rest {
        let keyed = segment
            .strip_suffix("')")
            .and_then(|text| text.split_once("('"));
        match keyed {
            Some((name, key)) => {
                out.push(name.to_owned());
                out.push(key.replace("''", "'"));
            }
            None => {
                let plain = segment.strip_suffix("()").unwrap_or(segment);
                let plain = if plain == "microsoft.graph.delta" {
                    "delta"
                } else {
                    plain
                };
                out.push(plain.to_owned());
            }
        }
    }
    Ok(out)
}

/// A link to another page: the path and options as they were, and the token.
fn link(path: &str, options: &[(String, String)], token: (&str, &str)) -> String {
    let mut pairs: Vec<String> = options
        .iter()
        .filter(|(name, _)| name != "$skiptoken" && name != "$deltatoken")
        .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
        .collect();
    pairs.push(format!("{}={}", token.0, token.1));
    format!("{BASE}/{path}?{}", pairs.join("&"))
}
