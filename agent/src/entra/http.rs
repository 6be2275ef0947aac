//! The one HTTP client, and one request to the login service with everything bounded.
//!
//! Invariant: no redirect is followed, no request is repeated, only `https` is spoken, and no answer is
//! read past [`ANSWER_LIMIT`] or past the time limit. A wrong password must reach the tenant once.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, Method, Request, Url, header, redirect, retry};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::failure::cleaned;
use super::{EntraError, Obstacle, Refusal, proxy};
use crate::config::Proxy;

/// Connecting, TLS included. A host that doesn't answer in this time is taken for unreachable.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long the other end may leave what was sent to it unacknowledged (tcp(7), `TCP_USER_TIMEOUT`). After
/// that a kept connection is given up, so that the first sign-in after an outage gets a new one rather than
/// one whose next try is due in a minute.
const UNHEARD_LIMIT: Duration = Duration::from_secs(10);

/// One request to the login service in all: pass-through authentication asks a directory on premises
/// and may take ten seconds.
pub const LOGIN_REQUEST_LIMIT: Duration = Duration::from_secs(20);

/// One page of Graph in all; callers with a larger page say so per request.
const REQUEST_LIMIT: Duration = Duration::from_secs(120);

/// Bytes of an answer of the login service at most. Token answers have some 6 KiB, the keys 20.
const ANSWER_LIMIT: usize = 256 * 1024;

/// Builds the client that the login service and Graph share: TLS by rustls against the system's trust
/// store. Built once; a clone is the same client.
/// With `proxy` all of it goes through that.
///
/// # Errors
/// [`EntraError::Credential`] if the trust store can't be used.
pub fn http_client(proxy: Option<&Proxy>) -> Result<Client, EntraError> {
    build(Client::builder(), proxy)
}

/// The same, but every request on a connection of its own: whether the service is there can't be told from
/// a connection that was made when it was.
///
/// # Errors
/// See [`http_client`].
pub fn probe_client(proxy: Option<&Proxy>) -> Result<Client, EntraError> {
    build(
        Client::builder().pool_max_idle_per_host(0).http1_only(),
        proxy,
    )
}

fn build(builder: ClientBuilder, proxy: Option<&Proxy>) -> Result<Client, EntraError> {
    let builder = builder
        .user_agent(concat!("entra-login/", env!("CARGO_PKG_VERSION")))
        .https_only(true)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        // What the environment says about proxies is not configuration.
        .no_proxy()
        .connect_timeout(CONNECT_LIMIT)
        .tcp_user_timeout(UNHEARD_LIMIT)
        .timeout(REQUEST_LIMIT);
    let builder = match proxy {
        Some(proxy) => proxy::through(builder, proxy),
        None => builder,
    };
    builder
        .build()
        .map_err(|error| EntraError::Credential(format!("no TLS client: {}", chain(&error))))
}

/// An answer with status 200.
pub(super) struct Answer {
    /// The body, wiped on drop: it may hold tokens.
    pub(super) body: Zeroizing<Vec<u8>>,
    /// `Content-Type`, where there is one.
    pub(super) content_type: Option<header::HeaderValue>,
    /// `Date`, where there is one.
    pub(super) date: Option<header::HeaderValue>,
}

/// Sends one request and reads the whole answer; every status but 200 is a [`Refusal`].
pub(super) async fn send(client: &Client, mut request: Request) -> Result<Answer, EntraError> {
    let place = place(request.method(), request.url());
    *request.timeout_mut() = Some(LOGIN_REQUEST_LIMIT);
    // Ours, so that a request that was never answered can be found in Microsoft's logs as well.
    let request_id = Uuid::new_v4().to_string();
    if let Ok(value) = header::HeaderValue::from_str(&request_id) {
        request.headers_mut().insert("client-request-id", value);
    }
    let no_answer = |error: reqwest::Error| EntraError::NoAnswer {
        place: place.clone(),
        obstacle: Obstacle::of(&error),
        reason: format!("{} (correlation {request_id})", chain(&error.without_url())),
    };
    let mut response = client.execute(request).await.map_err(no_answer)?;
    let status = response.status().as_u16();
    let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
    let date = response.headers().get(header::DATE).cloned();

    // Allocated once: a buffer that grew would leave tokens behind in memory that nobody wipes.
    let mut body = Zeroizing::new(Vec::with_capacity(ANSWER_LIMIT));
    while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
        if body.len().saturating_add(chunk.len()) > ANSWER_LIMIT {
            return Err(EntraError::Unusable {
                place,
                reason: format!("longer than {ANSWER_LIMIT} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    if status == 200 {
        Ok(Answer {
            body,
            content_type,
            date,
        })
    } else {
        let mut refusal = Refusal::read(&place, status, &body);
        refusal.correlation_id.get_or_insert(request_id);
        Err(EntraError::Refused(Box::new(refusal)))
    }
}

/// Which endpoint an error speaks of: method, host and path, never the query.
pub(super) fn place(method: &Method, url: &Url) -> String {
    format!(
        "{method} {}{}",
        url.host_str().unwrap_or_default(),
        url.path()
    )
}

/// An error with its causes: reqwest's own text stops before the interesting part.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    cleaned(&text)
}
