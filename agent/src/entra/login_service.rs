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

/// An id token as it came: not verified, and therefore worth nothing yet.
pub struct IdToken(Zeroizing<String>);

impl IdToken {
    /// Takes over the compact form.
    #[must_use]
    pub fn new(compact: Zeroizing<String>) -> Self {
        Self(compact)
    }

    pub(super) fn compact(&self) -> &str {
        &self.0
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

    /// A new device code.
    fn device_code(&self) -> Answering<'_, DeviceCode>;

    /// Asks once whether a device code was redeemed; `authorization_pending` is an
    /// [`EntraError::Refused`] like every other "not yet".
    fn poll<'a>(&'a self, code: &'a DeviceCode) -> Answering<'a, IdToken>;

    /// Who judges this person's password. The answer is the same for everybody of a domain.
    fn realm<'a>(&'a self, upn: &'a str) -> Answering<'a, Realm>;

    /// The document with the tenant's signing keys (RFC 7517).
    fn signing_keys(&self) -> Answering<'_, Zeroizing<Vec<u8>>>;
}
