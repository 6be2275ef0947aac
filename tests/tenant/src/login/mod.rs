//! The login endpoints: login.microsoftonline.com and its aliases.

mod assertion;
mod claims;
mod credentials;
pub(crate) mod device;
mod device_page;
mod discovery;
mod errors;
pub(crate) mod jwt;
mod password;
pub(crate) mod refresh;
mod token;
mod tokens;

use axum::http::{Method, StatusCode};
use serde_json::Value;

pub(crate) use claims::Claims;
pub(crate) use errors::LoginError;
pub(crate) use tokens::CAPABLE_TOKEN_LIFE;
pub(crate) use tokens::GRAPH;
pub(crate) use tokens::app_only as app_token;

use crate::state::World;
use crate::wire::{Answer, Request};

/// The issuer's and the endpoints' host; the aliases answer with it too.
pub(crate) const LOGIN: &str = "https://login.microsoftonline.com";

/// Answers a request to a login host.
pub(crate) fn handle(world: &mut World, request: &Request) -> Answer {
    let segments = request.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let now = world.clock.now();
    let outcome = match (&request.method, parts.as_slice()) {
        (&Method::GET, ["common", "discovery", "instance"]) => discovery::instance(world, request),
        (&Method::GET, ["common", "userrealm", name]) => discovery::user_realm(world, name),
        (&Method::GET, [tenant, "v2.0", ".well-known", "openid-configuration"]) => {
            discovery::metadata(world, tenant)
        }
        (&Method::GET, [tenant, "discovery", "v2.0", "keys"]) => discovery::keys(world, tenant),
        (&Method::POST, [tenant, "oauth2", "v2.0", "devicecode"]) => {
            device::begin(world, tenant, request)
        }
        (&Method::POST, [tenant, "oauth2", "v2.0", "token"]) => {
            token::exchange(world, tenant, request)
        }
        (&Method::GET, ["device"] | ["common", "oauth2", "deviceauth"]) => {
            return device_page::form(request);
        }
        (&Method::POST, ["device"] | ["common", "oauth2", "deviceauth"]) => {
            return device_page::submit(world, request);
        }
        (_, [_, "oauth2", "v2.0", "token" | "devicecode"]) => Err(LoginError::new(
            900_561,
            "The endpoint only accepts POST requests. Received a GET request.",
        )),
        _ => return Answer::new(StatusCode::NOT_FOUND),
    };
    match outcome {
        Ok(body) => success(&body, request),
        Err(error) => error.render(request, now),
    }
}

/// A good answer with the headers that the service puts on it.
fn success(body: &Value, request: &Request) -> Answer {
    let cache = if request.method == Method::GET {
        "max-age=86400, private"
    } else {
        "no-store, no-cache"
    };
    let answer = Answer::json(StatusCode::OK, body)
        .with("x-ms-request-id", &uuid::Uuid::new_v4().to_string());
    common_headers(answer, request).with("cache-control", cache)
}

/// Headers that good answers and errors share (facts §1).
fn common_headers(answer: Answer, request: &Request) -> Answer {
    let mut answer = answer
        .with("pragma", "no-cache")
        .with("expires", "-1")
        .with(
            "strict-transport-security",
            "max-age=31536000; includeSubDomains",
        )
        .with("x-content-type-options", "nosniff")
        .with("p3p", "CP=\"DSP CUR OTPi IND OTRi ONL FIN\"")
        .with("x-ms-ests-server", "2.1.22549.5 - WEULR1 ProdSlices")
        .with("x-ms-srs", "1.P")
        .with(
            "set-cookie",
            "x-ms-gateway-slice=estsfd; path=/; secure; httponly",
        );
    let asked = request
        .header("return-client-request-id")
        .is_some_and(|value| value == "true");
    if let Some(id) = request.header("client-request-id").filter(|_| asked) {
        answer = answer.with("client-request-id", id);
    }
    answer
}

/// Which tenant a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Authority {
    /// A place in [`World::tenants`].
    Tenant(usize),
    Common,
    Organizations,
    Consumers,
}

/// The consumers' tenant (facts §1).
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

fn authority(world: &World, name: &str) -> Result<Authority, LoginError> {
    match name.to_ascii_lowercase().as_str() {
        "common" => return Ok(Authority::Common),
        "organizations" => return Ok(Authority::Organizations),
        "consumers" | CONSUMERS => return Ok(Authority::Consumers),
        _ => {}
    }
    if let Some(index) = world.tenant_index(name) {
        return Ok(Authority::Tenant(index));
    }
    let is_id = uuid::Uuid::parse_str(name).is_ok();
    if !is_id && !name.contains('.') {
        return Err(LoginError::malformed_tenant(name));
    }
    Err(LoginError::unknown_tenant(name))
}
