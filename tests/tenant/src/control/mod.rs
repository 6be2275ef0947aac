//! The control API: what tests and the demo turn, over a Unix socket.
//!
//! HTTP/1.1 with JSON. Every verb is a row of [`router`]; what each takes is in
//! the README. An error is `{"error": "sentence"}` with 400, 404 or 409, and
//! nothing has changed then.

mod changes;
mod directory;
mod sign_in;
mod tenant;
mod truth;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::UnixListener;

use crate::front::Front;
use crate::state::StateError;

/// Binds the socket and serves it in a task of its own. An old socket of a dead
/// tenant is replaced.
pub(crate) fn listen(path: &Path, front: Arc<Front>) -> Result<(), String> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("cannot replace {}: {error}", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path)
        .map_err(|error| format!("cannot bind {}: {error}", path.display()))?;
    let router = router(front);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the control socket ended: {error}");
        }
    });
    Ok(())
}

fn router(front: Arc<Front>) -> Router {
    Router::new()
        .route("/users", post(directory::create_user))
        .route("/users/{key}", get(directory::show_user))
        .route("/users/{key}", patch(directory::change_user))
        .route("/users/{key}", delete(directory::delete_user))
        .route("/users/{key}/restore", post(directory::restore_user))
        .route("/users/{key}/revoke", post(directory::revoke_user))
        .route("/groups", post(directory::create_group))
        .route("/groups/{key}", patch(directory::change_group))
        .route("/groups/{key}", delete(directory::delete_group))
        .route("/groups/{key}/restore", post(directory::restore_group))
        .route("/groups/{key}/members", post(directory::add_member))
        .route(
            "/groups/{key}/members/{member}",
            delete(directory::remove_member),
        )
        .route("/changes", post(changes::all))
        .route("/truth", get(truth::truth))
        .route("/synthetic", post(truth::populate))
        .route("/synthetic/changes", post(truth::churn))
        .route("/delta", get(tenant::delta).put(tenant::change_delta))
        .route("/delta/end", post(tenant::end_tokens))
        .route(
            "/throttle",
            put(tenant::throttle).delete(tenant::unthrottle),
        )
        .route("/apps/{client_id}", patch(sign_in::change_app))
        .route("/apps/{client_id}/challenge", post(sign_in::challenge))
        .route("/device-codes", get(sign_in::device_codes))
        .route("/device-codes/{code}/approve", post(sign_in::approve))
        .route("/device-codes/{code}/decline", post(sign_in::decline))
        .route("/device-codes/{code}/expire", post(sign_in::expire))
        .route("/token-overrides", post(sign_in::add_override))
        .route("/token-overrides", delete(sign_in::clear_overrides))
        .route("/keys/rotate", post(sign_in::rotate_keys))
        .route("/clock", get(tenant::clock).post(tenant::advance))
        .route("/page-size", put(tenant::page_size))
        .route(
            "/settings",
            get(tenant::settings).put(tenant::change_settings),
        )
        .route(
            "/faults",
            get(tenant::faults)
                .post(tenant::add_fault)
                .delete(tenant::clear_faults),
        )
        .route(
            "/requests",
            get(tenant::requests).delete(tenant::clear_requests),
        )
        .route("/state", get(tenant::state))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(front)
}

/// Largest body, in bytes: a list of a hundred thousand changes.
const BODY_LIMIT: usize = 64 << 20;

/// A refusal of the control API.
#[derive(Debug)]
struct Refusal(StatusCode, Value);

impl Refusal {
    fn bad(why: impl std::fmt::Display) -> Self {
        Self(StatusCode::BAD_REQUEST, json!({"error": why.to_string()}))
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        let status = match error {
            StateError::NotFound(_) => StatusCode::NOT_FOUND,
            StateError::Refused(_) => StatusCode::CONFLICT,
        };
        Self(status, json!({"error": error.to_string()}))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, axum::Json(self.1)).into_response()
    }
}

type Outcome = Result<axum::Json<Value>, Refusal>;

/// A request's JSON body, whatever its content type says.
struct Sent<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(Refusal::bad)?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(Refusal::bad)
    }
}

/// Done, and nothing to tell.
fn done() -> Outcome {
    Ok(axum::Json(json!({"ok": true})))
}
