//! The token that lets this host read the directory: client credentials, by secret or by assertion, or a
//! managed identity's.
//!
//! Invariant: a token that names another tenant than the configured one is never handed on. Its
//! signature is not ours to verify (a Graph token is opaque to clients; Graph checks it); the `tid`
//! inside is read only to refuse early, with words, what would otherwise import somebody else's people.

use std::sync::Arc;
use std::time::Duration;

use oauth2::{
    AuthType, ClientId, ClientSecret, Scope, TokenResponse, TokenUrl, basic::BasicClient,
};
use reqwest::{Client, Method, Url};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Builder;
use zeroize::Zeroizing;

use super::credential::{self, Occasion, Proof};
use super::failure::cleaned;
use super::managed_identity::Metadata;
use super::oauth_client::through;
use super::over_https::unusable;
use super::{Endpoints, EntraError, http};
use crate::clock::Clock;
use crate::config::{Credential, Tenant};
use crate::identity::TenantId;

/// A token is renewed this long before it ends, so that none ends under way through a long page.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// A token's life if the service names none.
const DEFAULT_LIFE: Duration = Duration::from_secs(60 * 60);

/// What an assertion is, in the token request (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The application's own token for Graph, kept until shortly before its end.
pub struct AppToken {
    client: Client,
    endpoint: Url,
    tenant: TenantId,
    client_id: String,
    credential: Credential,
    scope: String,
    /// For the times in assertions.
    clock: Arc<dyn Clock>,
    /// For the ids of assertions.
    random: fn() -> [u8; 16],
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    token: Zeroizing<String>,
    good_until: Instant,
}

impl AppToken {
    /// For the tenant's `[tenant.sync]` registration.
    #[must_use]
    pub fn new(
        client: Client,
        tenant: &Tenant,
        clock: Arc<dyn Clock>,
        random: fn() -> [u8; 16],
    ) -> Self {
        let mut scope = tenant.graph_url.clone();
        scope.set_path("/.default");
        Self {
            client,
            endpoint: Endpoints::of(tenant).token,
            tenant: tenant.id,
            client_id: tenant.sync.client_id.clone(),
            credential: tenant.sync.credential.clone(),
            scope: scope.to_string(),
            clock,
            random,
            kept: Mutex::new(None),
        }
    }

    /// A token for Graph; with `fresh` a new one, after Graph refused the kept one (401).
    ///
    /// # Errors
    /// [`EntraError`]: the credential can't be used, the service refuses or does not answer, or the token
    /// is another tenant's.
    pub async fn bearer(&self, fresh: bool) -> Result<Zeroizing<String>, EntraError> {
        // Held across the request: callers that come together share one token.
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept
            .as_ref()
            .filter(|kept| !fresh && Instant::now() < kept.good_until)
        {
            return Ok(kept.token.clone());
        }
        // Gone before the request: if it fails, the refused one must not come back.
        *kept = None;
        let (token, life) = self.request().await?;
        self.refuse_other_tenants(&token)?;
        let good_until = Instant::now() + life.saturating_sub(MARGIN);
        *kept = Some(Kept {
            token: token.clone(),
            good_until,
        });
        Ok(token)
    }

    /// The application permissions that the token says it has; none at all is an empty list. `None` if there
    /// is no token, or none that can be read: that is Microsoft's right (a Graph token is opaque to clients).
    pub async fn roles(&self) -> Option<Vec<String>> {
        #[derive(Deserialize)]
        struct Claims {
            #[serde(default)]
            roles: Vec<String>,
        }
        let token = self.bearer(false).await.ok()?;
        let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token.as_str());
        Some(
            claims
                .ok()?
                .roles
                .iter()
                .map(|role| cleaned(role))
                .collect(),
        )
    }

    /// True if the credential is a secret in the form of a GUID: the portal shows each secret's id beside its
    /// value, which never has that form.
    pub async fn secret_looks_like_its_id(&self) -> bool {
        match self.proof().await {
            Ok(Proof::Secret(secret)) => uuid::Uuid::parse_str(secret.trim()).is_ok(),
            _ => false,
        }
    }

    async fn request(&self) -> Result<(Zeroizing<String>, Duration), EntraError> {
        if let Credential::ManagedIdentity(identity) = &self.credential {
            let resource = self.scope.trim_end_matches("/.default");
            return Metadata::new(identity)?.token(resource).await;
        }
        let proof = self.proof().await?;
        let send = through(&self.client);
        let client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(TokenUrl::from_url(self.endpoint.clone()));
        let client = match &proof {
            Proof::Secret(secret) => {
                client.set_client_secret(ClientSecret::new(secret.to_string()))
            }
            Proof::Assertion(_) => client,
        };
        let mut request = client
            .exchange_client_credentials()
            .add_scope(Scope::new(self.scope.clone()));
        if let Proof::Assertion(assertion) = &proof {
            request = request
                .add_extra_param("client_assertion_type", ASSERTION_TYPE)
                .add_extra_param("client_assertion", assertion.as_str());
        }
        let answer = request
            .request_async(&send)
            .await
            .map_err(|error| unusable(&self.place(), error))?;
        Ok((
            Zeroizing::new(answer.access_token().secret().clone()),
            answer.expires_in().unwrap_or(DEFAULT_LIFE),
        ))
    }

    /// Made anew for every request, so that a new secret or certificate counts without a restart.
    async fn proof(&self) -> Result<Proof, EntraError> {
        let occasion = Occasion {
            audience: self.endpoint.to_string(),
            client_id: self.client_id.clone(),
            now: self.clock.now(),
            id: Builder::from_random_bytes((self.random)()).into_uuid(),
        };
        credential::prove(&self.credential, occasion).await
    }

    fn refuse_other_tenants(&self, token: &str) -> Result<(), EntraError> {
        #[derive(Deserialize)]
        struct Claims {
            tid: Option<String>,
        }
        let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token);
        // A form that we can't read is Microsoft's right; then Graph's answers alone decide.
        let Some(found) = claims.ok().and_then(|claims| claims.tid) else {
            return Ok(());
        };
        if found.parse() == Ok(self.tenant) {
            return Ok(());
        }
        Err(EntraError::OtherTenant {
            place: self.place(),
            found: cleaned(&found),
            expected: self.tenant,
        })
    }

    fn place(&self) -> String {
        http::place(&Method::POST, &self.endpoint)
    }
}
