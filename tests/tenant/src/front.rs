//! The one door: every HTTPS request comes through [`Front::answer`].
//!
//! It reads the request whole, logs it, applies an ordered fault if one fits,
//! and asks the service that the `Host` header names. The state's lock is held
//! for one computation and never across a wait.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};
use serde_json::json;

use crate::faults::Fault;
use crate::state::World;
use crate::wire::{Answer, Request, decode_form};
use crate::{arm, graph, login, metadata};

/// Largest request body read, in bytes; no login or Graph read comes near it.
const BODY_LIMIT: usize = 1 << 20;

/// The state behind its lock.
pub(crate) struct Front {
    world: Mutex<World>,
}

/// A fault asked for a closed line.
#[derive(Debug)]
pub(crate) struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the line was dropped, as ordered")
    }
}

impl std::error::Error for Dropped {}

impl Front {
    /// Puts the state behind its lock.
    pub(crate) fn new(world: World) -> Self {
        Self {
            world: Mutex::new(world),
        }
    }

    /// The state. A panic elsewhere must not stop the tenant for the other tests.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one request, or drops the line if a fault says so.
    pub(crate) async fn answer(
        &self,
        incoming: hyper::Request<Incoming>,
    ) -> Result<Response, Dropped> {
        let request = match read(incoming).await {
            Ok(request) => request,
            Err(status) => {
                tracing::info!("unreadable request: {status}");
                return Ok(respond(Answer::new(status), false));
            }
        };
        let (number, fault) = {
            let mut world = self.world();
            let now = world.clock.now();
            let number = world.journal.open(&request, now);
            (number, world.faults.take(&request))
        };
        if let Some(fault) = &fault {
            if fault.delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
            }
            if fault.drop {
                log(&request, "dropped as ordered");
                return Err(Dropped);
            }
        }
        let answer = self.compute(&request, fault.as_ref());
        self.world().journal.close(number, answer.status.as_u16());
        log(&request, &answer.status.as_u16().to_string());
        Ok(respond(answer, fault.is_some_and(|fault| fault.truncate)))
    }

    fn compute(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        let ordered = fault.and_then(Fault::answer);
        let mut answer = ordered.unwrap_or_else(|| route(&mut self.world(), request));
        if let Some(Err(error)) = fault.map(|fault| fault.decorate(&mut answer)) {
            tracing::warn!("a fault's header was left out: {error}");
        }
        answer
    }
}

/// Chooses the service by host name, as the real ones are told apart.
pub(crate) fn route(world: &mut World, request: &Request) -> Answer {
    if metadata::is_meant(request) {
        return metadata::handle(world, request);
    }
    match request.host.as_str() {
        "login.microsoftonline.com" | "login.microsoft.com" | "login.windows.net" => {
            login::handle(world, request)
        }
        "graph.microsoft.com" => graph::handle(world, request),
        arm::HOST => arm::handle(world, request),
        "microsoft.com" | "www.microsoft.com" | "aka.ms" => redirect(&request.path),
        // Reached without a host name: the path tells the two services apart.
        "localhost" | "127.0.0.1" if request.path.starts_with("/v1.0/") => {
            graph::handle(world, request)
        }
        "localhost" | "127.0.0.1" => login::handle(world, request),
        _ => Answer::json(
            StatusCode::MISDIRECTED_REQUEST,
            &json!({"error": format!("no service is called {}", request.host)}),
        ),
    }
}

/// The short addresses people type.
fn redirect(path: &str) -> Answer {
    match path.trim_matches('/') {
        "devicelogin" => {
            Answer::new(StatusCode::FOUND).with("location", "https://login.microsoft.com/device")
        }
        _ => Answer::new(StatusCode::NOT_FOUND),
    }
}

async fn read(incoming: hyper::Request<Incoming>) -> Result<Request, StatusCode> {
    let (parts, body) = incoming.into_parts();
    let host = parts
        .headers
        .get("host")
        .and_then(|value| value.to_str().ok())
        .or_else(|| parts.uri.authority().map(|authority| authority.as_str()))
        .ok_or(StatusCode::BAD_REQUEST)?;
    let host = host
        .rsplit_once(':')
        .map_or(host, |(name, _)| name)
        .to_ascii_lowercase();
    let body = axum::body::to_bytes(Body::new(body), BODY_LIMIT)
        .await
        .map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    Ok(Request {
        method: parts.method,
        host,
        path: parts.uri.path().to_owned(),
        query: decode_form(parts.uri.query().unwrap_or_default()),
        headers: parts.headers,
        body,
    })
}

/// One line a request; queries and forms stay out, they may hold secrets.
fn log(request: &Request, outcome: &str) {
    tracing::info!(
        "{} {}{} {outcome}",
        request.method,
        request.host,
        request.path
    );
}

fn respond(answer: Answer, truncate: bool) -> Response {
    let body = if truncate {
        Body::new(Half {
            announced: answer.body.len() as u64,
            body: Some(half(answer.body)),
            flushed: false,
        })
    } else {
        Body::from(answer.body)
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

fn half(mut body: Vec<u8>) -> Bytes {
    body.truncate(body.len() / 2);
    Bytes::from(body)
}

/// A body that announces its full length, sends half of it, then breaks.
struct Half {
    announced: u64,
    body: Option<Bytes>,
    /// Whether the connection had its turn to send what it has.
    flushed: bool,
}

impl HttpBody for Half {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        if let Some(bytes) = self.body.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        // Breaking at once would throw away the half that waits in the buffer.
        if !self.flushed {
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Dropped)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
