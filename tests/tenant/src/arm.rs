//! management.azure.com, as far as `az login` asks it: which subscriptions the account has. It has none.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::state::World;
use crate::wire::{Answer, Request};

/// The host.
pub(crate) const HOST: &str = "management.azure.com";

/// The names by which tokens for it are asked.
pub(crate) const RESOURCES: [&str; 3] = [
    "https://management.core.windows.net/",
    "https://management.azure.com/",
    "https://management.azure.com",
];

/// Answers one request.
pub(crate) fn handle(world: &World, request: &Request) -> Answer {
    let token = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(|token| world.keys.verify_access_token(token));
    let audience = token.as_ref().and_then(|claims| claims["aud"].as_str());
    if !audience.is_some_and(|audience| RESOURCES.contains(&audience)) {
        let code = "InvalidAuthenticationToken";
        return error(
            StatusCode::UNAUTHORIZED,
            code,
            "The access token is invalid.",
        );
    }
    match (&request.method, request.path.trim_end_matches('/')) {
        (&Method::GET, "/subscriptions") => Answer::json(
            StatusCode::OK,
            &json!({"value": [], "count": {"type": "Total", "value": 0}}),
        ),
        _ => error(
            StatusCode::NOT_FOUND,
            "InvalidResourceType",
            "The simulated tenant has no resources.",
        ),
    }
}

fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    let body: Value = json!({"error": {"code": code, "message": message}});
    Answer::json(status, &body)
}
