//! What the agent asks of the login service during a sign-in, as a trait, so that conversations can be
//! tested against a service that answers by script.
//!
//! Nothing here is proof of anything: an [`IdToken`] is a text until `id_token` has verified it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use entra_protocol::Secret;
use zeroize::Zeroizing;

use super::EntraError;

/// An answer that is on its way.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, EntraError>> + Send + 'a>>;

/// An id token as it came: not verified, and therefore worth nothing yet. With the refresh token that came along, if
/// one was asked for.
pub struct IdToken {
    compact: Zeroizing<String>,
    refresh: Option<RefreshToken>,
}

impl IdToken {
    /// Takes over the compact form.
    #[must_use]
    pub fn new(compact: Zeroizing<String>) -> Self {
        Self {
            compact,
            refresh: None,
        }
    }

    /// With what came along.
    #[must_use]
    pub fn with_refresh(mut self, refresh: Option<RefreshToken>) -> Self {
        self.refresh = refresh;
        self
    }

    /// What came along, once.
    pub fn take_refresh(&mut self) -> Option<RefreshToken> {
        self.refresh.take()
    }

    pub(super) fn compact(&self) -> &str {
        &self.compact
    }
}

/// What can be redeemed for a new id token without the person (RFC 6749 §6): opaque, and a secret.
#[derive(PartialEq, Eq)]
pub struct RefreshToken(Zeroizing<String>);

impl RefreshToken {
    /// Takes it over.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// For the request that redeems it, and for sealing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken([redacted])")
    }
}

/// A device code and what the person must be shown (RFC 8628 §3.2).
pub struct DeviceCode {
    /// What the person types into the page.
    pub user_code: String,
    /// The page's address, exactly as the server named it.
    pub link: String,
    /// How long the code lives, from the answer.
    pub expires_in: Duration,
    /// How long to wait between two polls.
    pub interval: Duration,
    /// What the polls carry.
    pub code: Zeroizing<String>,
}

/// Who judges the passwords of a domain's people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Realm {
    /// Entra itself, or what it passes them on to.
    Here,
    /// A sign-in page elsewhere: the domain is federated.
    Elsewhere,
}

/// The login service, one call a request. No call repeats itself.
pub trait LoginService: Send + Sync {
    /// The password grant: exactly one request.
    fn password<'a>(&'a self, upn: &'a str, password: &'a Secret) -> Answering<'a, IdToken>;

    /// A new device code; a lasting one brings a refresh token along with the id token.
    fn device_code(&self, lasting: bool) -> Answering<'_, DeviceCode>;

    /// Redeems a refresh token for a new id token and a successor of its own.
    fn refresh<'a>(&'a self, token: &'a RefreshToken) -> Answering<'a, IdToken>;

    /// Asks once whether a device code was redeemed; `authorization_pending` is an
    /// [`EntraError::Refused`] like every other "not yet".
    fn poll<'a>(&'a self, code: &'a DeviceCode) -> Answering<'a, IdToken>;

    /// Who judges this person's password. The answer is the same for everybody of a domain.
    fn realm<'a>(&'a self, upn: &'a str) -> Answering<'a, Realm>;

    /// The document with the tenant's signing keys (RFC 7517).
    fn signing_keys(&self) -> Answering<'_, Zeroizing<Vec<u8>>>;
}
