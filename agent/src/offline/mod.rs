//! What this host can answer by itself while Microsoft Entra ID can't be reached.
//!
//! After a sign-in with a password that the tenant accepted, a *verifier* of that password is kept: enough to
//! recognise it, not to find it out (`verifier`). It is used by the sign-in alone, and only where no verdict
//! could be had. A passcode is kept likewise, and with it, sealed (`seal`), the refresh token of the sign-in that
//! it stands for. Invariants:
//! - A [`Matched`] is made here and nowhere else, by a comparison that came out equal: no error, of the network
//!   or of this host, makes one. It is the only road to a success without the tenant.
//! - A try is counted on the disk before the comparison ([`Store::charge_try`]): neither a crash nor a power
//!   cut gives a free one. Where it can't be counted, nothing is compared.
//! - What stands against a verifier (`life`) is looked at in that same transaction.
//! - No password leaves this folder; comparing runs on threads of its own, [`AT_ONCE`] at a time.
//!
//! Not here: when a verdict could not be had (`auth`), and what a verdict of the tenant does to a verifier
//! (`auth::remembering`).

mod attempts;
mod kept;
mod key;
mod life;
mod seal;
mod verifier;

use std::sync::Arc;
use std::time::Duration;

use entra_protocol::Secret;
use tokio::sync::Semaphore;

use crate::auth::{away, in_store};
use crate::clock::Clock;
use crate::config;
use crate::entra::RefreshToken;
use crate::identity::ObjectKey;
use crate::store::{Person, Store, VerifierKind};

pub(crate) use attempts::left as wait_left;
pub use key::{KeyError, KeySource, OfflineKey};

use kept::{Shared, Standing, words};

/// Comparisons at once: each takes 19 MiB and a processor for some 50 ms. Further ones wait for their turn.
const AT_ONCE: usize = 2;

/// The offline half of sign-ins; clones share it.
#[derive(Clone)]
pub struct Offline {
    shared: Arc<Shared>,
}

/// A secret that equals the kept one of this person, who may be let in without the tenant.
#[derive(Debug)]
pub struct Matched {
    key: ObjectKey,
    kind: VerifierKind,
}

impl Matched {
    /// Who it is.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        self.key
    }

    /// Which secret it was.
    #[must_use]
    pub fn kind(&self) -> VerifierKind {
        self.kind
    }
}

/// Why there is no [`Matched`].
#[derive(Debug)]
pub enum NoMatch {
    /// Nothing is kept that could be compared with; the fact, for the journal.
    Nothing(String),
    /// It is another secret.
    Wrong,
    /// Too many were wrong before; for so long.
    Held(Duration),
    /// This host's own trouble, an administrator's matter.
    Trouble(String),
}

impl Offline {
    /// With the verifiers in `store` and the key of `keys`.
    #[must_use]
    pub fn new(
        store: Store,
        keys: KeySource,
        clock: Arc<dyn Clock>,
        rules: config::Offline,
        passcode: config::Passcode,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                store,
                keys,
                clock,
                rules,
                passcode,
                turns: Semaphore::new(AT_ONCE),
            }),
        }
    }

    /// Looks over what is kept, once, at the start: says in the journal what is wrong with the key and how many
    /// verifiers are dead because it is another one; forgets what must not be kept any more.
    pub async fn take_up(&self) {
        let shared = Arc::clone(&self.shared);
        away(move || shared.take_up()).await;
    }

    /// Whether this person could be let in without the tenant. No promise: what stands against them is looked
    /// at anew when it is tried.
    pub(crate) async fn serves(&self, person: &Person, service: &str) -> bool {
        let kinds = self.shared.kinds(service);
        let (shared, person) = (Arc::clone(&self.shared), person.clone());
        away(move || {
            kinds
                .into_iter()
                .any(|kind| shared.stands(&person, kind) == Standing::Good)
        })
        .await
    }

    /// By which kept secrets of this person the service would let them in without the tenant, each with what stands
    /// against it, for whoever explains it.
    pub(crate) async fn explained(
        &self,
        person: &Person,
        service: &str,
    ) -> Vec<(VerifierKind, Result<(), String>)> {
        let kinds = self.shared.kinds(service);
        let (shared, person) = (Arc::clone(&self.shared), person.clone());
        away(move || {
            let stands = |kind| match shared.against(&person, kind) {
                Ok(None) => Ok(()),
                Ok(Some(against)) => Err(against.to_string()),
                Err(reason) => Err(reason),
            };
            kinds.into_iter().map(|kind| (kind, stands(kind))).collect()
        })
        .await
    }

    /// Whether people may have a passcode here at all.
    pub(crate) fn has_passcodes(&self) -> bool {
        self.shared.passcode.enabled
    }

    /// Whether a passcode counts for this service while the tenant answers.
    pub(crate) fn passcodes_at(&self, service: &str) -> bool {
        self.shared.passcode.covers(service)
    }

    /// Whether this person has a passcode that can be asked for.
    pub(crate) async fn has_passcode(&self, person: &Person) -> bool {
        if !self.has_passcodes() {
            return false;
        }
        let (shared, person) = (Arc::clone(&self.shared), person.clone());
        away(move || shared.stands(&person, VerifierKind::Passcode) != Standing::Bad).await
    }

    /// Whether the tenant can be asked if the sign-in still stands that the person's passcode stands for.
    pub(crate) async fn can_be_rechecked(&self, person: &Person) -> bool {
        self.has_passcode(person).await && self.has_token(person.key).await
    }

    /// Whether a sign-in by device code should bring a refresh token: the person has a passcode, and none for it.
    pub(crate) async fn wants_token(&self, person: &Person) -> bool {
        self.has_passcode(person).await && !self.has_token(person.key).await
    }

    async fn has_token(&self, key: ObjectKey) -> bool {
        let read = in_store(&self.shared.store, move |store| store.refresh_token(&key)).await;
        matches!(read, Ok(Some(_)))
    }

    /// Keeps a verifier of the password with which this person has just signed in.
    pub(crate) async fn keep_password(&self, key: ObjectKey, password: Secret) {
        if !self.shared.rules.password {
            return;
        }
        let Ok(_turn) = self.shared.turns.acquire().await else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let kept = away(move || shared.keep(key, VerifierKind::Password, &password)).await;
        if let Err(trouble) = kept {
            tracing::error!("no password of {key} is kept for times without Entra ID: {trouble}");
        }
    }

    /// Compares what was typed at a service with what is kept: the password, and where the service is at this host
    /// itself the passcode. Counts as a try of each that it is compared with.
    pub(crate) async fn try_secret(
        &self,
        person: &Person,
        secret: Secret,
        service: &str,
    ) -> Result<Matched, NoMatch> {
        self.attempt(person, secret, self.shared.kinds(service))
            .await
    }

    /// Compares a passcode with the kept one. Counts as a try.
    pub(crate) async fn try_passcode(
        &self,
        person: &Person,
        passcode: Secret,
    ) -> Result<Matched, NoMatch> {
        let kinds = match self.has_passcodes() {
            true => vec![VerifierKind::Passcode],
            false => Vec::new(),
        };
        self.attempt(person, passcode, kinds).await
    }

    async fn attempt(
        &self,
        person: &Person,
        secret: Secret,
        kinds: Vec<VerifierKind>,
    ) -> Result<Matched, NoMatch> {
        let Ok(_turn) = self.shared.turns.acquire().await else {
            return Err(NoMatch::Trouble("the agent is stopping".to_owned()));
        };
        let (shared, person) = (Arc::clone(&self.shared), person.clone());
        away(move || {
            let mut worst = NoMatch::Nothing("offline: nothing is kept here".to_owned());
            for kind in kinds {
                match shared.attempt(&person, kind, &secret) {
                    Ok(matched) => return Ok(matched),
                    Err(no_match) => worst = worst.or(no_match),
                }
            }
            Err(worst)
        })
        .await
    }

    /// Keeps a passcode in place of the one before, with the refresh token of the sign-in that it was set by, if
    /// it was set by one.
    pub(crate) async fn keep_passcode(
        &self,
        key: ObjectKey,
        passcode: Secret,
        token: Option<RefreshToken>,
    ) -> Result<(), String> {
        let Ok(_turn) = self.shared.turns.acquire().await else {
            return Err("the agent is stopping".to_owned());
        };
        let shared = Arc::clone(&self.shared);
        away(move || shared.keep_passcode(key, &passcode, token.as_ref())).await
    }

    /// Keeps a refresh token for the person's passcode.
    pub(crate) async fn keep_token(&self, key: ObjectKey, token: RefreshToken) {
        let shared = Arc::clone(&self.shared);
        let kept = away(move || {
            let sealed = seal::seal(&shared.keys.read_or_make().map_err(words)?, key, &token);
            let sealed = sealed.map_err(words)?;
            shared
                .store
                .keep_refresh_token(&key, &sealed)
                .map_err(words)
        });
        if let Err(trouble) = kept.await {
            tracing::error!("the refresh token of {key} is not kept: {trouble}");
        }
    }

    /// The refresh token of the sign-in that the person's passcode stands for.
    pub(crate) async fn refresh_token(&self, key: ObjectKey) -> Option<RefreshToken> {
        let shared = Arc::clone(&self.shared);
        let opened = away(move || {
            let Some(sealed) = shared.store.refresh_token(&key).map_err(words)? else {
                return Ok(None);
            };
            let Some(ours) = shared.keys.read().map_err(words)? else {
                return Ok(None);
            };
            seal::open(&ours, key, &sealed).map(Some).map_err(words)
        });
        opened.await.unwrap_or_else(|trouble: String| {
            tracing::error!("the refresh token of {key} is of no use: {trouble}");
            None
        })
    }

    /// The tenant has said that the sign-in stands, and may have given a successor of its token.
    pub(crate) async fn rechecked(&self, key: ObjectKey, successor: Option<RefreshToken>) {
        let marked = in_store(&self.shared.store, move |store| {
            store.mark_proven(&key, VerifierKind::Passcode)
        });
        if let Err(error) = marked.await {
            tracing::error!("a recheck of {key} can't be noted: {error}");
        }
        if let Some(successor) = successor {
            self.keep_token(key, successor).await;
        }
    }

    /// Forgets the refresh token alone: the next sign-in by device code brings another.
    pub(crate) async fn forget_token(&self, key: ObjectKey, why: &str) {
        let dropped = in_store(&self.shared.store, move |store| {
            store.drop_refresh_token(&key)
        });
        match dropped.await {
            Ok(false) => {}
            Ok(true) => tracing::info!("the refresh token of {key} is gone: {why}"),
            Err(error) => {
                tracing::error!("the refresh token of {key} should go ({why}) and can't: {error}");
            }
        }
    }

    /// The tenant has called this password wrong: if it is the kept one, that one is out of date. No try, since
    /// nobody at the prompt learns what came of it.
    pub(crate) async fn contradicted(&self, key: ObjectKey, password: Secret) {
        if !self.shared.rules.password {
            return;
        }
        let Ok(_turn) = self.shared.turns.acquire().await else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        away(move || shared.contradicted(key, &password)).await;
    }

    /// Forgets the person's password alone.
    pub(crate) async fn forget_password(&self, key: ObjectKey, why: &str) {
        let dropped = in_store(&self.shared.store, move |store| {
            store.drop_verifier(&key, VerifierKind::Password)
        });
        match dropped.await {
            Ok(false) => {}
            Ok(true) => tracing::info!("the kept password of {key} is gone: {why}"),
            Err(error) => {
                tracing::error!("the kept password of {key} should go ({why}) and can't: {error}");
            }
        }
    }

    /// Forgets all that is kept of this person.
    pub(crate) async fn forget(&self, key: ObjectKey, why: &str) {
        let dropped = in_store(&self.shared.store, move |store| {
            store.drop_verifiers(&[key])
        });
        match dropped.await {
            Ok(0) => {}
            Ok(_) => {
                tracing::info!("what was kept of {key} for times without Entra ID is gone: {why}");
            }
            // It stays, and the person's standing still counts; somebody has to know.
            Err(error) => tracing::error!(
                "what is kept of {key} for times without Entra ID should go ({why}) and can't: {error}"
            ),
        }
    }
}

impl NoMatch {
    /// Of two kinds of secret, what the person is told: that it was wrong, where it was compared at all.
    fn or(self, other: Self) -> Self {
        let rank = |no_match: &Self| match no_match {
            Self::Nothing(_) => 0,
            Self::Trouble(_) => 1,
            Self::Held(_) => 2,
            Self::Wrong => 3,
        };
        if rank(&other) >= rank(&self) {
            other
        } else {
            self
        }
    }
}
