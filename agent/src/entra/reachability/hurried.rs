//! The login service for somebody who can do without it: a request ends as soon as the service seems to be away.
//!
//! What counts as unreachable for everybody takes 6 s to find out (decision 21). Who has a password that this host
//! knows should not wait for that. Invariant: nobody is told here that the service is away without a probe on a
//! connection of its own that failed, or has been silent for [`PROBE_SILENCE`]; so a tenant that is slow over one
//! password (pass-through authentication) gets its time. The memory itself changes by what it always changes by.

use std::pin::pin;
use std::time::Duration;

use entra_protocol::Secret;
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

use super::{Reach, Reachability};
use crate::entra::login_service::{
    Answering, DeviceCode, IdToken, LoginService, Realm, RefreshToken,
};
use crate::entra::{EntraError, Obstacle};

/// How long a request may be silent before a probe is sent beside it.
const DOUBT_AFTER: Duration = Duration::from_millis(750);

/// How long that probe may be silent: name, TCP, TLS and one answer take a fifth of that over a good line. Both
/// together leave a second of the three in which somebody is let in without the tenant.
const PROBE_SILENCE: Duration = Duration::from_millis(1_250);

/// The same beside a service that is known to be away. Whoever types a password takes longer, and a probe is
/// sent when the prompt is shown: so nobody waits, and that the service is back is noticed all the same.
const AWAY_SILENCE: Duration = Duration::from_millis(500);

/// A login service whose requests end early.
pub(crate) struct Hurried<'a> {
    service: &'a dyn LoginService,
    memory: &'a Reachability,
}

impl<'a> Hurried<'a> {
    /// Requests of `service`, of which `memory` knows.
    pub(crate) fn new(service: &'a dyn LoginService, memory: &'a Reachability) -> Self {
        Self { service, memory }
    }

    /// `request` must not begin before it is first polled, as futures don't.
    fn cut<'b, T: Send + 'b>(&'b self, request: Answering<'b, T>) -> Answering<'b, T> {
        Box::pin(async move {
            tokio::select! {
                // The answer, if it is there at the last instant.
                biased;
                answer = request => answer,
                error = self.memory.missed() => Err(error),
            }
        })
    }
}

impl LoginService for Hurried<'_> {
    fn password<'a>(&'a self, upn: &'a str, password: &'a Secret) -> Answering<'a, IdToken> {
        self.cut(self.service.password(upn, password))
    }

    fn device_code(&self, lasting: bool) -> Answering<'_, DeviceCode> {
        self.cut(self.service.device_code(lasting))
    }

    fn poll<'a>(&'a self, code: &'a DeviceCode) -> Answering<'a, IdToken> {
        self.cut(self.service.poll(code))
    }

    fn refresh<'a>(&'a self, token: &'a RefreshToken) -> Answering<'a, IdToken> {
        self.cut(self.service.refresh(token))
    }

    fn realm<'a>(&'a self, upn: &'a str) -> Answering<'a, Realm> {
        self.cut(self.service.realm(upn))
    }

    fn signing_keys(&self) -> Answering<'_, Zeroizing<Vec<u8>>> {
        self.cut(self.service.signing_keys())
    }
}

impl Reachability {
    /// Whether the service is known to be away; if it is, a probe is sent, so that a request to come finds it
    /// under way or ended.
    pub(crate) fn look(&self) -> bool {
        let away = matches!(self.now(), Reach::Unreachable(_));
        if away {
            self.ask();
        }
        away
    }

    /// Ends when somebody who can do without the service should wait no longer for a request that has just
    /// begun.
    async fn missed(&self) -> EntraError {
        let mut known = self.0.known.subscribe();
        let began = Instant::now();
        let mut doubt_at = began + DOUBT_AFTER;
        loop {
            let (away, probing) = {
                let now = known.borrow_and_update();
                (matches!(now.reach, Reach::Unreachable(_)), now.probing)
            };
            if self.0.questions.is_closed() {
                // Nobody probes any more: nothing is refused on this memory's word.
                return std::future::pending().await;
            }
            let until = match (away, probing) {
                (true, since) => since.unwrap_or(began) + AWAY_SILENCE,
                (false, Some(since)) => since + PROBE_SILENCE,
                (false, None) => doubt_at,
            };
            let mut over = pin!(sleep_until(until));
            tokio::select! {
                biased;
                () = &mut over => {}
                _ = known.changed() => continue,
            }
            match (away, probing) {
                (false, None) => {
                    self.doubt();
                    doubt_at = Instant::now() + DOUBT_AFTER;
                }
                _ => return self.silence(),
            }
        }
    }

    fn silence(&self) -> EntraError {
        match self.now() {
            Reach::Unreachable(outage) => self.refusal(&outage),
            Reach::NotAsked | Reach::Reachable { .. } => EntraError::NoAnswer {
                place: format!("login service of {}", self.0.tenant),
                obstacle: Obstacle::Silence,
                reason: format!(
                    "neither a request nor a probe beside it was answered within {} ms",
                    PROBE_SILENCE.as_millis()
                ),
            },
        }
    }
}
