//! A login service that tells the memory what came of each request, and asks it before each.

use entra_protocol::Secret;
use zeroize::Zeroizing;

use super::Reachability;
use crate::entra::EntraError;
use crate::entra::login_service::{
    Answering, DeviceCode, IdToken, LoginService, Realm, RefreshToken,
};

/// A login service whose answers are remembered. It waits, refuses and gives up as the memory says, and
/// repeats nothing.
pub struct Remembered<S> {
    service: S,
    memory: Reachability,
}

impl<S: LoginService> Remembered<S> {
    /// Every request of `service` tells `memory`, and asks it first.
    #[must_use]
    pub fn new(service: S, memory: Reachability) -> Self {
        Self { service, memory }
    }

    /// `request` must not begin before it is first polled, as futures don't.
    fn watched<'a, T: Send + 'a>(&'a self, request: Answering<'a, T>) -> Answering<'a, T> {
        Box::pin(async move {
            self.memory.admit().await?;
            let answer = tokio::select! {
                // The answer, if it is there at the last instant.
                biased;
                answer = request => answer,
                outage = self.memory.given_up() => return Err(self.memory.refusal(&outage)),
            };
            match &answer {
                Err(EntraError::NoAnswer { .. }) => self.memory.doubt(),
                Ok(_) | Err(EntraError::Refused(_) | EntraError::Unusable { .. }) => {
                    self.memory.answered();
                }
                // This host's own trouble says nothing of the service.
                Err(EntraError::OtherTenant { .. } | EntraError::Credential(_)) => {}
            }
            answer
        })
    }
}

impl<S: LoginService> LoginService for Remembered<S> {
    fn password<'a>(&'a self, upn: &'a str, password: &'a Secret) -> Answering<'a, IdToken> {
        self.watched(self.service.password(upn, password))
    }

    fn device_code(&self, lasting: bool) -> Answering<'_, DeviceCode> {
        self.watched(self.service.device_code(lasting))
    }

    fn poll<'a>(&'a self, code: &'a DeviceCode) -> Answering<'a, IdToken> {
        self.watched(self.service.poll(code))
    }

    fn refresh<'a>(&'a self, token: &'a RefreshToken) -> Answering<'a, IdToken> {
        self.watched(self.service.refresh(token))
    }

    fn realm<'a>(&'a self, upn: &'a str) -> Answering<'a, Realm> {
        self.watched(self.service.realm(upn))
    }

    fn signing_keys(&self) -> Answering<'_, Zeroizing<Vec<u8>>> {
        self.watched(self.service.signing_keys())
    }
}
