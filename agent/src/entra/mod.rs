//! Microsoft's login service: tokens for this host, sign-ins of people, and the proof of who signed in.
//!
//! Three things leave this folder: an [`AppToken`] for Graph, the answers of a [`LoginService`], and a
//! [`VerifiedIdentity`], which only a verified id token makes. Errors are facts ([`EntraError`]); what
//! they mean for the person is in one table, [`errors`].
//!
//! Not here: what is asked of the person (`auth`), and the directory (`graph`).

mod app_token;
mod arc_challenge;
mod bearer;
mod credential;
mod discovery;
pub mod errors;
mod failure;
mod http;
mod id_token;
mod keys;
mod login_service;
mod managed_identity;
mod oauth_client;
mod obstacle;
mod over_https;
mod proxy;
mod reachability;

use reqwest::Url;

use crate::config::Tenant;

pub use app_token::AppToken;
pub use credential::{CredentialState, check_credential, credential_state};
pub use discovery::{ProviderMetadata, provider_metadata};
pub use failure::{EntraError, Refusal};
pub use http::{LOGIN_REQUEST_LIMIT, http_client, probe_client};
pub use id_token::{ProofError, VerifiedIdentity, Verifier};
pub use login_service::{Answering, DeviceCode, IdToken, LoginService, Realm, RefreshToken};
pub use obstacle::Obstacle;
pub use over_https::{Discovery, OverHttps};
pub use proxy::check_proxy;
pub(crate) use reachability::Hurried;
pub use reachability::{Outage, Probe, Prober, Reach, Reachability, Remembered};

/// The addresses of one tenant at the login service, all of the same origin.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// The token endpoint.
    pub token: Url,
    /// The device authorization endpoint.
    pub device_code: Url,
    /// The signing keys.
    pub keys: Url,
    /// Who judges passwords; a UPN goes behind it.
    pub realm: Url,
    /// What describes the tenant's login service, and is asked for when it is in doubt (OIDC discovery).
    pub discovery: Url,
    /// What `iss` must be in the tenant's id tokens.
    pub issuer: String,
}

impl Endpoints {
    /// The addresses of a configured tenant: by its id, never by a name, so that no other tenant can
    /// answer.
    #[must_use]
    pub fn of(tenant: &Tenant) -> Self {
        let address = |path: &str| {
            let mut url = tenant.login_url.clone();
            url.set_path(&format!("/{}/{path}", tenant.id));
            url
        };
        let mut realm = tenant.login_url.clone();
        realm.set_path("/common/userrealm");
        realm.set_query(Some("api-version=1.0"));
        Self {
            token: address("oauth2/v2.0/token"),
            device_code: address("oauth2/v2.0/devicecode"),
            keys: address("discovery/v2.0/keys"),
            realm,
            discovery: discovery::address(&tenant.login_url, &tenant.id.to_string()),
            issuer: address("v2.0").to_string(),
        }
    }
}
