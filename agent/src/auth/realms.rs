//! Whose passwords the tenant judges: a federated domain's people are not asked for one.
//!
//! A password of a federated person is none of Entra's: sent there it would be "wrong", or be in a place
//! where it does not belong. Entra says by domain who judges (`userrealm`, the question that Microsoft's
//! own clients ask first). Invariant: the question costs a person [`ASK_LIMIT`] at most, and no answer means
//! that Entra judges, as it does nearly everywhere.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::entra::{LoginService, Realm};

/// How long a prompt may wait for the answer.
const ASK_LIMIT: Duration = Duration::from_secs(2);

/// How long an answer counts. A domain is federated or not for years; on the day on which that changes,
/// passwords fail here for an hour.
const LIFE: Duration = Duration::from_secs(60 * 60);

/// How long no answer counts as "here": a network that drops the question should not cost every prompt
/// [`ASK_LIMIT`].
const SILENCE_LIFE: Duration = Duration::from_secs(60);

/// Domains that are remembered at most; a tenant may have 5,000, a host's people come from a handful.
const DOMAINS_MAX: usize = 200;

/// What is known of domains, and until when.
#[derive(Default)]
pub(super) struct Realms(Mutex<HashMap<String, (Realm, Instant)>>);

impl Realms {
    /// Who judges this person's password.
    pub(super) async fn of(&self, service: &dyn LoginService, upn: &str) -> Realm {
        let domain = upn.rsplit('@').next().unwrap_or_default().to_lowercase();
        let now = Instant::now();
        if let Some((realm, until)) = self.known().get(&domain)
            && *until > now
        {
            return *realm;
        }
        let (realm, life) = match timeout(ASK_LIMIT, service.realm(upn)).await {
            Ok(Ok(realm)) => (realm, LIFE),
            Ok(Err(error)) => {
                tracing::info!("who judges the passwords of {domain}: {error}");
                (Realm::Here, SILENCE_LIFE)
            }
            Err(_) => (Realm::Here, SILENCE_LIFE),
        };
        let mut known = self.known();
        if known.len() >= DOMAINS_MAX {
            known.clear();
        }
        known.insert(domain, (realm, Instant::now() + life));
        realm
    }

    // An entry is whole whenever the lock is free; a panic elsewhere can't have torn it.
    fn known(&self) -> MutexGuard<'_, HashMap<String, (Realm, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
