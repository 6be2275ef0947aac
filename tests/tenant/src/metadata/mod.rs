//! The metadata service of the machine: managed identities on an Azure VM and with
//! Azure Arc (facts §2.5).
//!
//! Plain HTTP at an address that only the machine itself reaches. Whose tokens it
//! hands out stands in the registrations: those with `managedIdentity` are the
//! machine's. What always holds: no token without the header `Metadata: true`, none
//! to what came through a proxy, and with Arc none without the secret of a file that
//! the service has just written.

mod arc;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) use arc::Challenges;

use crate::front::Front;
use crate::login;
use crate::state::World;
use crate::state::app::{App, ManagedIdentity};
use crate::wire::{Answer, Request};

/// The link-local address of the service on a VM.
const VM_HOST: &str = "169.254.169.254";

/// Both services have this path, and the real ones nothing else that matters here.
const PATH: &str = "/metadata/identity/oauth2/token";

/// Whether a request is for this service.
pub(crate) fn is_meant(request: &Request) -> bool {
    request.host == VM_HOST || request.path.starts_with("/metadata/")
}

/// Answers as the service that the host name stands for.
pub(crate) fn handle(world: &mut World, request: &Request) -> Answer {
    if request.method != Method::GET || request.path != PATH {
        return Answer::new(StatusCode::NOT_FOUND);
    }
    let is_direct = request.header("x-forwarded-for").is_none();
    if request.header("metadata") != Some("true") || !is_direct {
        return refused(
            StatusCode::BAD_REQUEST,
            "bad_request_102",
            "Required metadata header not specified",
        );
    }
    let (version, is_arc) = match request.host.as_str() {
        VM_HOST => ("2018-02-01", false),
        _ => ("2020-06-01", true),
    };
    if request
        .parameter("api-version")
        .is_none_or(|asked| asked < version)
    {
        return refused(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "The api-version is missing or not supported",
        );
    }
    if is_arc && let Some(challenge) = arc::challenge(world, request) {
        return challenge;
    }
    token(world, request)
}

fn token(world: &World, request: &Request) -> Answer {
    let bad = |error, description: &str| refused(StatusCode::BAD_REQUEST, error, description);
    let Some(resource) = request.parameter("resource") else {
        return bad(
            "invalid_request",
            "Required query variable 'resource' is missing",
        );
    };
    if resource.trim_end_matches('/') != "https://graph.microsoft.com" {
        return bad(
            "invalid_resource",
            &format!("AADSTS500011: The resource principal named {resource} was not found."),
        );
    }
    let wanted = |app: &&App| match request.parameter("client_id") {
        None => app.managed_identity == Some(ManagedIdentity::System),
        Some(id) => app.managed_identity.is_some() && app.client_id == id,
    };
    let found = world.tenants.iter().find_map(|tenant| {
        let app = tenant.apps.iter().find(wanted)?;
        Some((tenant, app))
    });
    let Some((tenant, app)) = found else {
        return bad("invalid_request", "Identity not found");
    };
    let answer = match login::app_token(
        world,
        app,
        login::GRAPH,
        &tenant.id,
        &tenant.region,
        &login::Claims::default(),
    ) {
        Ok(answer) => answer,
        Err(error) => {
            return refused(StatusCode::INTERNAL_SERVER_ERROR, "unknown", &error.message);
        }
    };
    let now = world.clock.now().unix_timestamp();
    let life = answer.get("expires_in").and_then(Value::as_i64);
    let life = life.unwrap_or_default();
    Answer::json(
        StatusCode::OK,
        // Numbers are texts here, other than at the token endpoint.
        &json!({
            "access_token": answer.get("access_token"),
            "client_id": app.client_id,
            "expires_in": life.to_string(),
            "expires_on": (now + life).to_string(),
            "ext_expires_in": life.to_string(),
            "not_before": (now - 300).to_string(),
            "resource": resource,
            "token_type": "Bearer",
        }),
    )
}

fn refused(status: StatusCode, error: &str, description: &str) -> Answer {
    Answer::json(
        status,
        &json!({"error": error, "error_description": description}),
    )
}

/// Serves at this address, without TLS, until the process ends.
pub(crate) async fn listen(address: SocketAddr, front: Arc<Front>) -> Result<(), String> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot bind {address}: {error}"))?;
    tokio::spawn(async move {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("accept failed at {address}: {error}");
                    tokio::time::sleep(crate::tls::ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let front = Arc::clone(&front);
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let front = Arc::clone(&front);
                    async move { front.answer(request).await }
                });
                let served = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                if let Err(error) = served {
                    tracing::debug!("connection ended: {error}");
                }
            });
        }
    });
    Ok(())
}
