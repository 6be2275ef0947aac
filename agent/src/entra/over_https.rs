//! The login service over HTTPS.
//!
//! The requests that carry a person's password or are sent many times are written here, in buffers that
//! are sized once and wiped; the request for a device code goes through `oauth2`.

use bytes::Bytes;
use oauth2::url::form_urlencoded::byte_serialize;
use oauth2::{
    AuthType, ClientId, DeviceAuthorizationUrl, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse, basic::BasicClient, basic::BasicErrorResponse,
};
use reqwest::{Client, Method, Request, Url, header};
use serde::Deserialize;
use std::time::Duration;
use zeroize::Zeroizing;

use entra_protocol::Secret;

use super::failure::cleaned;
use super::login_service::{Answering, DeviceCode, IdToken, LoginService, Realm, RefreshToken};
use super::oauth_client::through;
use super::{Endpoints, EntraError, Probe, http};

/// The polling interval if the server names none that makes sense (RFC 8628 §3.2: 5 s).
const INTERVALS: std::ops::RangeInclusive<u64> = 1..=60;

/// The longest life of a device code that is believed; Entra's is 900 s.
const LIFE_LIMIT: Duration = Duration::from_secs(1_800);

/// Characters of a link or a code that are shown at most: both must fit a terminal.
const SHOWN_LIMIT: usize = 200;

/// The scopes that put `oid`, `tid` and the name into the id token. Without `offline_access` nothing comes along
/// that would have to be protected.
const SCOPES: &str = "openid profile";

/// The same with what brings a refresh token: only for people who set a passcode, which needs one.
const LASTING_SCOPES: &str = "openid profile offline_access";

/// Talks to one tenant as one public client.
pub struct OverHttps {
    client: Client,
    endpoints: Endpoints,
    client_id: String,
}

impl OverHttps {
    /// For the tenant of `endpoints`, as the registration `client_id`.
    #[must_use]
    pub fn new(client: Client, endpoints: Endpoints, client_id: &str) -> Self {
        Self {
            client,
            endpoints,
            client_id: client_id.to_owned(),
        }
    }

    async fn token(&self, fields: &[(&str, &str)]) -> Result<IdToken, EntraError> {
        let url = &self.endpoints.token;
        let answer = http::send(&self.client, form(url, fields)).await?;
        read_id_token(url, &answer.body)
    }

    async fn new_device_code(&self, lasting: bool) -> Result<DeviceCode, EntraError> {
        let url = &self.endpoints.device_code;
        let place = http::place(&Method::POST, url);
        let send = through(&self.client);
        let scopes = if lasting { LASTING_SCOPES } else { SCOPES };
        let answer: Result<StandardDeviceAuthorizationResponse, _> =
            BasicClient::new(ClientId::new(self.client_id.clone()))
                .set_auth_type(AuthType::RequestBody)
                .set_device_authorization_url(DeviceAuthorizationUrl::from_url(url.clone()))
                .exchange_device_code()
                .add_scopes(scopes.split(' ').map(|scope| Scope::new(scope.to_owned())))
                .request_async(&send)
                .await;
        let answer = answer.map_err(|error| unusable(&place, error))?;
        Ok(DeviceCode {
            user_code: shown(answer.user_code().secret()),
            link: shown(answer.verification_uri().as_str()),
            expires_in: answer.expires_in().min(LIFE_LIMIT),
            interval: Duration::from_secs(
                answer
                    .interval()
                    .as_secs()
                    .clamp(*INTERVALS.start(), *INTERVALS.end()),
            ),
            code: Zeroizing::new(answer.device_code().secret().clone()),
        })
    }

    async fn realm_of(&self, upn: &str) -> Result<Realm, EntraError> {
        #[derive(Deserialize)]
        struct Body {
            account_type: String,
        }
        let mut url = self.endpoints.realm.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(upn);
        }
        let answer = http::send(&self.client, Request::new(Method::GET, url)).await?;
        let body: Body =
            serde_json::from_slice(&answer.body).map_err(|error| EntraError::Unusable {
                // Not with the person's name in it.
                place: http::place(&Method::GET, &self.endpoints.realm),
                reason: cleaned(&error.to_string()),
            })?;
        Ok(match body.account_type.as_str() {
            "Federated" => Realm::Elsewhere,
            _ => Realm::Here,
        })
    }

    async fn keys(&self) -> Result<Zeroizing<Vec<u8>>, EntraError> {
        let request = Request::new(Method::GET, self.endpoints.keys.clone());
        Ok(http::send(&self.client, request).await?.body)
    }
}

/// The question that settles whether the login service is there: the tenant's discovery document, some 2 KiB
/// that need no registration and no person.
pub struct Discovery {
    client: Client,
    url: Url,
}

impl Discovery {
    /// By a client that keeps no connections (`probe_client`).
    #[must_use]
    pub fn new(client: Client, endpoints: &Endpoints) -> Self {
        Self {
            client,
            url: endpoints.discovery.clone(),
        }
    }
}

impl Probe for Discovery {
    fn probe(&self) -> Answering<'_, ()> {
        Box::pin(async move {
            let request = Request::new(Method::GET, self.url.clone());
            http::send(&self.client, request).await.map(drop)
        })
    }
}

impl LoginService for OverHttps {
    fn password<'a>(&'a self, upn: &'a str, password: &'a Secret) -> Answering<'a, IdToken> {
        Box::pin(async move {
            self.token(&[
                ("grant_type", "password"),
                ("client_id", &self.client_id),
                ("scope", SCOPES),
                ("username", upn),
                ("password", password.expose()),
            ])
            .await
        })
    }

    fn device_code(&self, lasting: bool) -> Answering<'_, DeviceCode> {
        Box::pin(self.new_device_code(lasting))
    }

    fn refresh<'a>(&'a self, token: &'a RefreshToken) -> Answering<'a, IdToken> {
        Box::pin(async move {
            self.token(&[
                ("grant_type", "refresh_token"),
                ("client_id", &self.client_id),
                ("scope", LASTING_SCOPES),
                ("refresh_token", token.expose()),
            ])
            .await
        })
    }

    fn poll<'a>(&'a self, code: &'a DeviceCode) -> Answering<'a, IdToken> {
        Box::pin(async move {
            self.token(&[
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("client_id", &self.client_id),
                ("device_code", &code.code),
            ])
            .await
        })
    }

    fn realm<'a>(&'a self, upn: &'a str) -> Answering<'a, Realm> {
        Box::pin(self.realm_of(upn))
    }

    fn signing_keys(&self) -> Answering<'_, Zeroizing<Vec<u8>>> {
        Box::pin(self.keys())
    }
}

/// What `oauth2` made of an answer, with Entra's own error where there was one.
pub(super) fn unusable(
    place: &str,
    error: RequestTokenError<EntraError, BasicErrorResponse>,
) -> EntraError {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::Parse(error, _) => EntraError::Unusable {
            place: place.to_owned(),
            reason: cleaned(&error.to_string()),
        },
        RequestTokenError::ServerResponse(_) | RequestTokenError::Other(_) => {
            EntraError::Unusable {
                place: place.to_owned(),
                reason: cleaned(&error.to_string()),
            }
        }
    }
}

/// A form in a buffer that is allocated once and wiped when the request is gone.
fn form(url: &Url, fields: &[(&str, &str)]) -> Request {
    // Three bytes for each at most, and the `=` and `&` around them.
    let capacity = fields
        .iter()
        .map(|(name, value)| (name.len() + value.len()) * 3 + 2)
        .sum();
    let mut body = Zeroizing::new(Vec::with_capacity(capacity));
    for (name, value) in fields {
        if !body.is_empty() {
            body.push(b'&');
        }
        for piece in byte_serialize(name.as_bytes()) {
            body.extend_from_slice(piece.as_bytes());
        }
        body.push(b'=');
        for piece in byte_serialize(value.as_bytes()) {
            body.extend_from_slice(piece.as_bytes());
        }
    }
    let mut request = Request::new(Method::POST, url.clone());
    request.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    request.headers_mut().insert(
        header::ACCEPT,
        header::HeaderValue::from_static("application/json"),
    );
    *request.body_mut() = Some(Bytes::from_owner(body).into());
    request
}

fn read_id_token(url: &Url, body: &[u8]) -> Result<IdToken, EntraError> {
    #[derive(Deserialize)]
    struct Body {
        id_token: Zeroizing<String>,
        refresh_token: Option<Zeroizing<String>>,
    }
    serde_json::from_slice::<Body>(body)
        .map(|body| {
            let refresh = body.refresh_token.map(RefreshToken::new);
            IdToken::new(body.id_token).with_refresh(refresh)
        })
        .map_err(|error| EntraError::Unusable {
            place: http::place(&Method::POST, url),
            reason: cleaned(&error.to_string()),
        })
}

/// Text of the server for a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(SHOWN_LIMIT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded_and_its_buffer_never_grows() {
        let url = Url::parse("https://login.example/t").unwrap();
        let request = form(&url, &[("username", "ä b"), ("password", "a&b=c+%")]);
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap();
        assert_eq!(body, b"username=%C3%A4+b&password=a%26b%3Dc%2B%25");
    }

    #[test]
    fn a_token_answer_without_an_id_token_is_named() {
        let url = Url::parse("https://login.example/t/token").unwrap();
        for (body, what) in [
            (&br#"{"access_token":"x"}"#[..], "id_token"),
            (br#"{"id_token":7}"#, "string"),
            (b"{\"id_to", "EOF"),
        ] {
            let Err(error) = read_id_token(&url, body) else {
                panic!("accepted");
            };
            let text = error.to_string();
            assert!(text.contains("login.example/t/token"), "{text}");
            assert!(text.contains(what), "{text}");
        }
    }
}
