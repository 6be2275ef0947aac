//! Sends one request until it has an answer or a reason why there is none.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use serde_json::Value;
use uuid::Builder;

use super::error::{GraphError, GraphProblem, Place};
use super::retry::{TRIES_MAX, WAIT_MAX, WAITING_MAX, backoff, retry_after};
use super::{Bearer, RandomBytes};
use crate::clock::Clock;

/// Graph at one origin, asked with one registration's tokens.
pub struct Graph {
    http: reqwest::Client,
    /// The origin; every request and every link stays in it.
    origin: Url,
    bearer: Arc<dyn Bearer>,
    /// For `Retry-After` dates.
    clock: Arc<dyn Clock>,
    /// For request ids and jitter.
    random: RandomBytes,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph({})", self.origin)
    }
}

/// One run's requests: counts them and bounds them.
#[derive(Debug)]
pub struct Session<'a> {
    graph: &'a Graph,
    requests: AtomicU64,
    waited_ms: AtomicU64,
    /// Bytes of answers, decompressed.
    bytes: AtomicU64,
    /// Answers that asked to be left alone for a while.
    throttled: AtomicU64,
}

/// What a run cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Requests that were sent.
    pub requests: u64,
    /// Bytes of the answers, decompressed.
    pub bytes: u64,
    /// Answers that asked to be left alone for a while (429, or 5xx with `Retry-After`).
    pub throttled: u64,
    /// Milliseconds that were waited between tries.
    pub waited_ms: u64,
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    /// Where.
    pub(super) url: &'a Url,
    /// In words, for errors.
    pub(super) what: &'a str,
    /// Whether the query needs `ConsistencyLevel: eventual` (entra-facts §4.1).
    pub(super) advanced: bool,
}

impl Graph {
    /// Graph at `origin` (`https://graph.microsoft.com/`). `http` must not follow redirects to other
    /// hosts.
    #[must_use]
    pub fn new(
        http: reqwest::Client,
        origin: Url,
        bearer: Arc<dyn Bearer>,
        clock: Arc<dyn Clock>,
        random: RandomBytes,
    ) -> Self {
        Self {
            http,
            origin,
            bearer,
            clock,
            random,
        }
    }

    /// Begins a run.
    #[must_use]
    pub fn session(&self) -> Session<'_> {
        Session {
            graph: self,
            requests: AtomicU64::new(0),
            waited_ms: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
        }
    }
}

impl Session<'_> {
    /// What the run has cost so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            throttled: self.throttled.load(Ordering::Relaxed),
            waited_ms: self.waited_ms.load(Ordering::Relaxed),
        }
    }

    /// The URL of a resource: `segments` below `/v1.0`, each escaped, and a query.
    #[must_use]
    pub fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.graph.origin.clone();
        // Only URLs that can't have a path refuse; an origin of http or https is none of them.
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().push("v1.0").extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
            // OData writes a blank as %20; a plus sign that is meant stands as %2B already.
            let escaped = url.query().map(|query| query.replace('+', "%20"));
            url.set_query(escaped.as_deref());
        }
        url
    }

    /// One object. `None` if Graph says 404.
    ///
    /// # Errors
    /// [`GraphError`] for everything else that is no object.
    pub async fn object(&self, url: &Url, what: &str) -> Result<Option<Value>, GraphError> {
        match self
            .ask(Ask {
                url,
                what,
                advanced: false,
            })
            .await
        {
            Ok((value @ Value::Object(_), _)) => Ok(Some(value)),
            Ok((_, place)) => {
                let problem = GraphProblem::Malformed("the answer is no JSON object".to_owned());
                Err(GraphError { place, problem })
            }
            Err(GraphError {
                problem: GraphProblem::NotFound,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the URL lies in the configured origin.
    pub(super) fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.graph.origin.origin()
    }

    /// Sends until there is an answer, and reads it as JSON.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<(Value, Box<Place>), GraphError> {
        let mut place = Box::new(Place {
            what: ask.what.to_owned(),
            path: ask.url.path().to_owned(),
            ..Place::default()
        });
        let mut tries = 0;
        let mut fresh = false;
        loop {
            tries += 1;
            let sent = self.requests.fetch_add(1, Ordering::Relaxed);
            if sent >= REQUESTS_MAX {
                let problem = GraphProblem::TooMany {
                    of: "requests",
                    limit: REQUESTS_MAX,
                };
                return Err(GraphError { place, problem });
            }
            match self.once(ask, fresh, &mut place).await {
                Ok(value) => return Ok((value, place)),
                // The token may have been revoked in mid-run; a second refusal is final.
                Err(GraphProblem::Unauthorized { .. }) if !fresh => fresh = true,
                Err(problem) => match self.wait(&problem, tries) {
                    Some(wait) => {
                        tracing::info!(
                            what = place.what,
                            path = place.path,
                            request_id = place.request_id,
                            client_request_id = place.client_request_id,
                            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                            "Graph did not answer as it should; asking again"
                        );
                        tokio::time::sleep(wait).await;
                    }
                    None => return Err(GraphError { place, problem }),
                },
            }
        }
    }

    /// How long to wait before the next try, if there is to be one.
    fn wait(&self, problem: &GraphProblem, tries: u32) -> Option<Duration> {
        let wait = match problem {
            GraphProblem::Unavailable {
                retry_after: Some(seconds),
                ..
            } => Duration::from_secs(*seconds),
            GraphProblem::Unavailable { .. } | GraphProblem::Network(_) => {
                backoff(tries, (self.graph.random)())
            }
            _ => return None,
        };
        if tries >= TRIES_MAX || wait > WAIT_MAX {
            return None;
        }
        let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let waited = self.waited_ms.fetch_add(milliseconds, Ordering::Relaxed);
        (Duration::from_millis(waited.saturating_add(milliseconds)) <= WAITING_MAX).then_some(wait)
    }

    async fn once(
        &self,
        ask: Ask<'_>,
        fresh: bool,
        place: &mut Place,
    ) -> Result<Value, GraphProblem> {
        let token = self
            .graph
            .bearer
            .bearer(fresh)
            .await
            .map_err(GraphProblem::Bearer)?;
        let id = Builder::from_random_bytes((self.graph.random)())
            .into_uuid()
            .to_string();
        place.client_request_id = Some(id.clone());
        place.request_id = None;
        let mut request = self
            .graph
            .http
            .get(ask.url.clone())
            .bearer_auth(token.as_str())
            .header("client-request-id", id)
            .header("x-ms-throttle-priority", "low")
            .timeout(REQUEST_LIMIT);
        if ask.advanced {
            request = request.header("ConsistencyLevel", "eventual");
        }
        drop(token);
        let response = request.send().await.map_err(|error| network(&error))?;
        place.request_id = header(response.headers(), "request-id");
        let status = response.status();
        if status == StatusCode::OK {
            let body = read(response, BODY_BYTES_MAX).await?;
            let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
            return serde_json::from_slice(&body).map_err(|error| {
                GraphProblem::Malformed(format!("the answer is no JSON: {error}"))
            });
        }
        Err(self.refusal(response).await)
    }

    /// What a status other than 200 means.
    async fn refusal(&self, response: Response) -> GraphProblem {
        let status = response.status();
        let wait = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| retry_after(value.to_str().ok()?, self.graph.clock.now()));
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            if wait.is_some() || status == StatusCode::TOO_MANY_REQUESTS {
                self.throttled.fetch_add(1, Ordering::Relaxed);
            }
            return GraphProblem::Unavailable {
                status: status.as_u16(),
                retry_after: wait,
            };
        }
        if status == StatusCode::NOT_FOUND {
            return GraphProblem::NotFound;
        }
        let permission = permission(response.url().path());
        let body = read(response, ERROR_BYTES_MAX).await.unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |pointer: &str| {
            let text = body
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or("no error code");
            text.chars()
                .filter(|c| !c.is_control())
                .take(MESSAGE_CHARACTERS_MAX)
                .collect()
        };
        let code: String = text("/error/code");
        match status {
            StatusCode::UNAUTHORIZED => GraphProblem::Unauthorized { code },
            StatusCode::FORBIDDEN => GraphProblem::Forbidden { permission, code },
            _ => GraphProblem::Refused {
                status: status.as_u16(),
                code,
                message: text("/error/message"),
            },
        }
    }
}

/// The least application permission for a path (entra-facts §6).
fn permission(path: &str) -> &'static str {
    if path.starts_with("/v1.0/groups") {
        "GroupMember.Read.All"
    } else {
        "User.Read.All"
    }
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, GraphProblem> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| network(&error))? {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(GraphProblem::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The error and what lies under it, without the URL, whose query may hold a page token.
fn network(error: &reqwest::Error) -> GraphProblem {
    let mut facts = if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        String::new()
    };
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        if !facts.is_empty() {
            facts.push_str(": ");
        }
        facts.push_str(&error.to_string());
        cause = error.source();
    }
    if facts.is_empty() {
        facts.push_str("the connection failed");
    }
    GraphProblem::Network(facts)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.chars().take(ID_CHARACTERS_MAX).collect())
}

/// One request from connecting to the last byte: a page takes a few seconds on a slow line.
const REQUEST_LIMIT: Duration = Duration::from_secs(60);

/// Requests of one run: a million users come in some 5,000 pages, as many groups in as many again.
const REQUESTS_MAX: u64 = 50_000;

/// Bytes of one answer: a page of 999 users takes under 1 MiB, one of 200 groups with slices of members
/// a few.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of an error's body: they take about 1 KiB.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Characters of Graph's message that an error repeats.
const MESSAGE_CHARACTERS_MAX: usize = 300;

/// Characters of a request id that is kept: it is a GUID.
const ID_CHARACTERS_MAX: usize = 64;
