//! graph.microsoft.com, v1.0: what a directory reader asks of it, and what it takes to register one.
//!
//! Every answer begins with the bearer token: who asks, in which tenant, with
//! which roles. What this tenant does not simulate is refused as Graph refuses
//! an unknown segment or option, never answered with made-up data.

mod applications;
mod auth;
mod batch;
mod delta;
mod errors;
mod filter;
mod grants;
mod groups;
mod lists;
mod meter;
mod query;
mod service_principals;
mod tenant;
mod users;

#[cfg(test)]
mod tests;

use axum::http::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use auth::Principal;
pub(crate) use errors::GraphError;
pub(crate) use meter::{Meters, Throttle};

use crate::state::World;
use crate::wire::{Answer, Request, percent_encoded};

/// Where every link begins.
const BASE: &str = "https://graph.microsoft.com/v1.0";

/// What a handler gives back.
enum Reply {
    Json(Value),
    /// 201, with what was made.
    Created(Value),
    /// 204.
    NoContent,
    /// `$count` answers in plain text.
    Text(String),
}

/// Answers a request to Graph.
pub(crate) fn handle(world: &mut World, request: &Request) -> Answer {
    let request_id = Uuid::new_v4().to_string();
    let (cost, outcome) = metered(world, request);
    let (share, outcome) = match outcome {
        Ok((share, reply)) => (share, Ok(reply)),
        Err(error) => (None, Err(error)),
    };
    let mut answer = match outcome {
        Ok(Reply::Json(body)) => Answer::json(StatusCode::OK, &body).with("content-type", JSON),
        Ok(Reply::Created(body)) => {
            Answer::json(StatusCode::CREATED, &body).with("content-type", JSON)
        }
        Ok(Reply::NoContent) => Answer::new(StatusCode::NO_CONTENT),
        Ok(Reply::Text(body)) => Answer::text(StatusCode::OK, "text/plain", body),
        Err(error) => error.render(request, &request_id, world.clock.now()),
    };
    if let Some(share) = share.filter(|share| *share > TOLD_SHARE) {
        answer = answer.with("x-ms-throttle-limit-percentage", &format!("{share:.2}"));
    }
    let client_id = request
        .header("client-request-id")
        .unwrap_or(&request_id)
        .to_owned();
    answer
        .with("odata-version", "4.0")
        .with("request-id", &request_id)
        .with("client-request-id", &client_id)
        .with("x-ms-resource-unit", &cost.to_string())
        .with("cache-control", "no-cache")
        .with("strict-transport-security", "max-age=31536000")
        .with(
            "x-ms-ags-diagnostic",
            "{\"ServerInfo\":{\"DataCenter\":\"West Europe\",\"Slice\":\"E\",\"Ring\":\"5\",\
             \"ScaleUnit\":\"001\",\"RoleInstance\":\"AM2PEPF0001B2C4\"}}",
        )
}

/// What Graph calls its JSON.
const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;\
                    IEEE754Compatible=false;charset=utf-8";

/// Above this share of the quota every answer says how much is spent (facts §5).
const TOLD_SHARE: f64 = 0.8;

/// A reply and the share of the quota that is spent with it.
type Metered = Result<(Option<f64>, Reply), GraphError>;

/// Says what a request costs, charges it and answers it.
fn metered(world: &mut World, request: &Request) -> (u64, Metered) {
    let known = segments(request).and_then(|segments| {
        let principal = auth::principal(world, request)?;
        Ok((segments, principal))
    });
    let (segments, principal) = match known {
        Ok(known) => known,
        Err(error) => return (1, Err(error)),
    };
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    // A batch costs what its items do.
    if (&request.method, parts.as_slice()) == (&Method::POST, &["$batch"]) {
        let reply = batch::answer(world, request).map(Reply::Json);
        return (1, reply.map(|reply| (None, reply)));
    }
    let cost = meter::cost(request, &parts);
    let outcome = meter::charge(world, &principal, cost)
        .and_then(|share| dispatch(world, &principal, request, &parts).map(|reply| (share, reply)));
    (cost, outcome)
}

fn dispatch(
    world: &mut World,
    principal: &Principal,
    request: &Request,
    parts: &[&str],
) -> Result<Reply, GraphError> {
    match (&request.method, parts) {
        (&Method::GET, ["users", rest @ ..]) => users::get(world, principal, request, rest),
        (&Method::GET, ["groups", rest @ ..]) => groups::get(world, principal, request, rest),
        (
            &Method::POST,
            [
                "users",
                key,
                action @ ("getMemberGroups" | "checkMemberGroups"),
            ],
        ) => users::member_groups(world, principal, request, key, action),
        (&Method::POST, ["users", key, "revokeSignInSessions"]) => {
            users::revoke_sessions(world, principal, key)
        }
        (&Method::GET, ["me"]) => users::me(world, principal, request),
        (&Method::GET, ["organization"]) => tenant::organization(world, principal, request),
        (&Method::GET, ["domains"]) => tenant::domains(world, principal, request),
        (&Method::GET, ["servicePrincipals", rest @ ..]) => {
            service_principals::get(world, principal, request, rest)
        }
        (_, ["servicePrincipals", rest @ ..]) => {
            grants::change_principal(world, principal, request, rest)
        }
        (_, ["oauth2PermissionGrants", rest @ ..]) => {
            grants::consent(world, principal, request, rest)
        }
        (_, ["applications", rest @ ..]) => applications::answer(world, principal, request, rest),
        (&Method::GET, ["directory", "deletedItems", cast]) => {
            lists::deleted(world, principal, request, cast)
        }
        (&Method::GET, [other, ..]) => Err(GraphError::unknown_segment(other)),
        // No role this tenant grants allows another change.
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
            None if segment.ends_with("')") && segment.contains("(appId=") => {
                let (name, key) = segment.split_once('(').unwrap_or((segment, ""));
                out.push(name.to_owned());
                out.push(key.trim_end_matches(')').to_owned());
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
