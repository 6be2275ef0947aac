//! The token of a managed identity, from the metadata service of the machine that this host is.
//!
//! Invariants: the service is asked directly, at addresses that no configuration changes, never through a
//! proxy, which would be handed the token; no redirect is followed; answers, tries and waiting are bounded.
//! With Azure Arc the service names a file whose content proves that this process may read it
//! ([`challenge`](super::arc_challenge)).
//!
//! Sources: "How to use managed identities on an Azure VM to acquire an access token" and "Authenticate
//! against Azure resources with Azure Arc-enabled servers" (Microsoft Learn). That everything in the answer
//! is a text, numbers too, is the service's way.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Method, Response, Url, header, redirect, retry};
use serde::Deserialize;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::arc_challenge;
use super::failure::cleaned;
use super::http::{chain, place};
use super::{EntraError, Obstacle, Refusal};
use crate::config::{ManagedIdentity, MetadataSource};

/// Connecting: the service is on this very machine or its host.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// One request in all.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// Bytes of an answer at most: a token has some 2 KiB, with many roles a few more.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Waiting in all while nobody answers at the address: a machine that has just started.
const SILENCE_LIMIT: Duration = Duration::from_secs(4);

/// Waiting in all for a service that is busy or not ready (404, 429, 5xx).
const BUSY_LIMIT: Duration = Duration::from_secs(40);

/// Waiting in all for a service that is being updated (410), which takes up to 70 s.
const UPDATE_LIMIT: Duration = Duration::from_secs(90);

/// The longest wait between two tries, unless the service asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// A token's life if the service names none that makes sense.
const DEFAULT_LIFE: Duration = Duration::from_secs(60 * 60);

/// One identity at one metadata service.
pub(super) struct Metadata {
    address: Url,
    identity: ManagedIdentity,
    /// Where Azure Arc keeps the files that it names.
    arc_tokens: PathBuf,
}

impl Metadata {
    /// At the address that the service has everywhere.
    ///
    /// # Errors
    /// Never: the addresses are constants.
    pub(super) fn new(identity: &ManagedIdentity) -> Result<Self, EntraError> {
        let address = match identity.source {
            MetadataSource::AzureVm => {
                "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
            }
            MetadataSource::AzureArc => {
                "http://localhost:40342/metadata/identity/oauth2/token?api-version=2020-06-01"
            }
        };
        let address =
            Url::parse(address).map_err(|error| EntraError::Credential(error.to_string()))?;
        let arc_tokens = PathBuf::from(arc_challenge::TOKENS);
        Ok(Self {
            address,
            identity: identity.clone(),
            arc_tokens,
        })
    }

    /// A token for `resource` (an origin, as in `https://graph.microsoft.com`) and its life.
    ///
    /// # Errors
    /// [`EntraError::NoAnswer`] and [`EntraError::Unusable`]; [`EntraError::Credential`] if the service has
    /// no such identity, or the challenge can't be met.
    pub(super) async fn token(
        &self,
        resource: &str,
    ) -> Result<(Zeroizing<String>, Duration), EntraError> {
        let client = client()?;
        let mut url = self.address.clone();
        url.query_pairs_mut().append_pair("resource", resource);
        if let Some(id) = &self.identity.client_id {
            url.query_pairs_mut().append_pair("client_id", id);
        }
        let (mut tries, mut waited) = (0, Duration::ZERO);
        loop {
            tries += 1;
            let (error, status, asked) = match self.ask(&client, &url).await {
                Ok(answer) if answer.status() == 200 => return self.read_token(answer).await,
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    let asked = seconds(&answer);
                    (refusal(answer).await, Some(status), asked)
                }
                Err(Failed::Finally(error)) => return Err(error),
                Err(Failed::Silence(error)) => (error, None, None),
            };
            match pause(status, tries, waited, asked) {
                None => return Err(error),
                Some(wait) => {
                    tracing::info!("{error}; asking again in {} s", wait.as_secs());
                    sleep(wait).await;
                    waited += wait;
                }
            }
        }
    }

    /// One request, with Azure Arc's challenge met.
    async fn ask(&self, client: &Client, url: &Url) -> Result<Response, Failed> {
        let answer = send(client, url, None).await?;
        if answer.status() != 401 || self.identity.source != MetadataSource::AzureArc {
            return Ok(answer);
        }
        let challenge = answer.headers().get(header::WWW_AUTHENTICATE);
        let challenge = challenge.and_then(|value| value.to_str().ok());
        let (challenge, folder) = (challenge.map(str::to_owned), self.arc_tokens.clone());
        let read = tokio::task::spawn_blocking(move || {
            arc_challenge::secret(challenge.as_deref(), &folder)
        });
        let secret = match read.await {
            Ok(Ok(secret)) => secret,
            Ok(Err(reason)) => return Err(Failed::Finally(EntraError::Credential(reason))),
            Err(_) => {
                let reason = "reading Azure Arc's key was cut short".to_owned();
                return Err(Failed::Finally(EntraError::Credential(reason)));
            }
        };
        send(client, url, Some(&secret)).await
    }

    async fn read_token(
        &self,
        answer: Response,
    ) -> Result<(Zeroizing<String>, Duration), EntraError> {
        #[derive(Deserialize)]
        struct Body {
            access_token: Zeroizing<String>,
            client_id: Option<String>,
            /// A text with a number in it; a number from some versions.
            #[serde(default)]
            expires_in: serde_json::Value,
        }
        let place = place(&Method::GET, answer.url());
        let body = read(answer).await?;
        let unusable = |reason: String| EntraError::Unusable {
            place: place.clone(),
            reason,
        };
        let body: Body =
            serde_json::from_slice(&body).map_err(|error| unusable(cleaned(&error.to_string())))?;
        // Services that do not know the parameter give the machine's own identity.
        if let Some(asked) = &self.identity.client_id {
            let given = body.client_id.unwrap_or_default();
            if !given.eq_ignore_ascii_case(asked) {
                let given = cleaned(&given);
                return Err(unusable(format!(
                    "client_id: the token is for the identity {given:?}, not for {asked}"
                )));
            }
        }
        let life = match &body.expires_in {
            serde_json::Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        Ok((
            body.access_token,
            life.map_or(DEFAULT_LIFE, Duration::from_secs),
        ))
    }
}

/// Why there is no answer.
enum Failed {
    /// Nobody answered: perhaps not yet.
    Silence(EntraError),
    /// Another try changes nothing.
    Finally(EntraError),
}

/// Plain HTTP, to this machine only: never a proxy, whatever is configured or in the environment.
fn client() -> Result<Client, EntraError> {
    Client::builder()
        .user_agent(concat!("entra-login/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(REQUEST_LIMIT)
        .build()
        .map_err(|error| EntraError::Credential(format!("no HTTP client: {}", chain(&error))))
}

async fn send(
    client: &Client,
    url: &Url,
    secret: Option<&Zeroizing<String>>,
) -> Result<Response, Failed> {
    let mut request = client.get(url.clone()).header("Metadata", "true");
    if let Some(secret) = secret {
        // Not base64 of a name and a password: the file holds what follows the word.
        let value = Zeroizing::new(format!("Basic {}", secret.as_str()));
        let mut value = header::HeaderValue::from_str(&value).map_err(|_| {
            let reason = "the key that Azure Arc named is no text for a header".to_owned();
            Failed::Finally(EntraError::Credential(reason))
        })?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    request.send().await.map_err(|error| {
        let reason = chain(&error.without_url());
        Failed::Silence(EntraError::NoAnswer {
            place: place(&Method::GET, url),
            obstacle: Obstacle::Unknown,
            reason: format!("{reason}; is there a metadata service of Azure on this machine?"),
        })
    })
}

/// How long to wait before the next try, if there is to be one: doubling from a second, or as long as the
/// service asks for, within what its state allows in all.
fn pause(
    status: Option<u16>,
    tries: u32,
    waited: Duration,
    asked: Option<u64>,
) -> Option<Duration> {
    let limit = match status {
        None => SILENCE_LIMIT,
        Some(410) => UPDATE_LIMIT,
        Some(404 | 429 | 500..) => BUSY_LIMIT,
        Some(_) => return None,
    };
    let doubled = Duration::from_secs(2_u64.saturating_pow(tries.saturating_sub(1)));
    let wait = asked.map_or(doubled.min(LONGEST_PAUSE), Duration::from_secs);
    (waited + wait <= limit).then_some(wait)
}

/// `Retry-After` in seconds; the service sends no dates.
fn seconds(answer: &Response) -> Option<u64> {
    let value = answer.headers().get(header::RETRY_AFTER)?;
    value.to_str().ok()?.trim().parse().ok()
}

async fn refusal(answer: Response) -> EntraError {
    let place = place(&Method::GET, answer.url());
    let status = answer.status().as_u16();
    let body = match read(answer).await {
        Ok(body) => body,
        Err(error) => return error,
    };
    let said = Refusal::read(&place, status, &body);
    let word = match said.error.is_empty() {
        true => "no error that can be read".to_owned(),
        false => format!("{}: {}", said.error, said.description),
    };
    let cure = match status {
        400 => "; has this machine the managed identity that [tenant.sync] names?",
        _ => "",
    };
    EntraError::Credential(format!("{place}: HTTP {status}, {word}{cure}"))
}

async fn read(mut answer: Response) -> Result<Zeroizing<Vec<u8>>, EntraError> {
    let place = place(&Method::GET, answer.url());
    // Allocated once: a buffer that grew would leave tokens behind in memory that nobody wipes.
    let mut body = Zeroizing::new(Vec::with_capacity(ANSWER_LIMIT));
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len().saturating_add(chunk.len()) > ANSWER_LIMIT => {
                return Err(EntraError::Unusable {
                    place,
                    reason: format!("longer than {ANSWER_LIMIT} bytes"),
                });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                let reason = chain(&error.without_url());
                return Err(EntraError::NoAnswer {
                    place,
                    reason,
                    obstacle: Obstacle::Unknown,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
