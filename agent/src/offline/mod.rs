//! What this host can answer by itself while Microsoft Entra ID can't be reached.
//!
//! After a sign-in with a password that the tenant accepted, a *verifier* of that password is kept: enough to
//! recognise it, not to find it out (`verifier`). It is used by the sign-in alone, and only where no verdict
//! could be had. Invariants:
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
mod key;
mod life;
mod verifier;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use entra_protocol::Secret;
use tokio::sync::Semaphore;

use crate::auth::{away, in_store};
use crate::clock::Clock;
use crate::config;
use crate::identity::ObjectKey;
use crate::store::{NewVerifier, Person, Store, StoreError, VerifierKind};

pub(crate) use attempts::left as wait_left;
pub use key::{KeyError, KeySource, OfflineKey};

use life::{Against, Known};

/// Comparisons at once: each takes 19 MiB and a processor for some 50 ms. Further ones wait for their turn.
const AT_ONCE: usize = 2;

/// The offline half of sign-ins; clones share it.
#[derive(Clone)]
pub struct Offline {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    keys: KeySource,
    clock: Arc<dyn Clock>,
    rules: config::Offline,
    turns: Semaphore,
}

/// A secret that equals the kept one of this person, who may be let in without the tenant.
#[derive(Debug)]
pub struct Matched {
    key: ObjectKey,
}

impl Matched {
    /// Who it is.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        self.key
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
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                store,
                keys,
                clock,
                rules,
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
    pub(crate) async fn serves(&self, person: &Person) -> bool {
        if !self.shared.rules.password {
            return false;
        }
        let (shared, person) = (Arc::clone(&self.shared), person.clone());
        away(move || shared.serves(&person)).await
    }

    /// What stands against letting this person in without the tenant, for whoever explains it.
    ///
    /// # Errors
    /// The reason, in a clause.
    pub(crate) async fn against(&self, person: &Person) -> Result<(), String> {
        if !self.shared.rules.password {
            return Err("[offline] password is false".to_owned());
        }
        let (shared, person) = (Arc::clone(&self.shared), person.clone());
        away(move || shared.against(&person)).await
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

    /// Compares a password with the kept one. Counts as a try.
    pub(crate) async fn try_password(
        &self,
        person: &Person,
        password: Secret,
    ) -> Result<Matched, NoMatch> {
        if !self.shared.rules.password {
            return Err(NoMatch::Nothing(
                "offline sign-in is switched off".to_owned(),
            ));
        }
        let Ok(_turn) = self.shared.turns.acquire().await else {
            return Err(NoMatch::Trouble("the agent is stopping".to_owned()));
        };
        let (shared, person) = (Arc::clone(&self.shared), person.clone());
        away(move || shared.attempt(&person, VerifierKind::Password, &password)).await
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

impl Shared {
    fn take_up(&self) {
        if !self.rules.password {
            match self.store.drop_verifiers_of_kind(VerifierKind::Password) {
                Ok(0) => {}
                Ok(count) => {
                    tracing::info!("{count} kept passwords are gone: [offline] password is false")
                }
                Err(error) => tracing::error!("can't forget the kept passwords: {error}"),
            }
            return;
        }
        if let Err(error) = self.store.forget_dead_verifiers() {
            tracing::error!("can't tidy up what is kept for times without Entra ID: {error}");
        }
        let id = match self.keys.read() {
            Ok(Some(key)) => Some(key.id()),
            Ok(None) => None,
            Err(error) => {
                return tracing::error!("no offline sign-in until this is mended: {error}");
            }
        };
        match self.store.verifiers_of_other_keys(id) {
            Ok(0) => {}
            Ok(count) => tracing::warn!(
                "{count} people can't sign in without Entra ID until they have signed in with it once: what \
                 was kept of them was made with another key than that of {}",
                self.keys
            ),
            Err(error) => tracing::error!("can't count what is kept of people: {error}"),
        }
    }

    fn serves(&self, person: &Person) -> bool {
        self.against(person).is_ok()
    }

    fn against(&self, person: &Person) -> Result<(), String> {
        let key = match self.keys.read() {
            Ok(Some(key)) => key,
            Ok(None) => return Err("nothing is kept of anybody yet".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        let kept = self.store.verifier(&person.key, VerifierKind::Password);
        let Some(kept) = kept.map_err(words)? else {
            return Err("no password of this person is kept here".to_owned());
        };
        let known = self.known(&key, person).map_err(words)?;
        match life::against(&kept, person, &known) {
            Some(against) => Err(against.to_string()),
            None => Ok(()),
        }
    }

    fn known(&self, key: &OfflineKey, person: &Person) -> Result<Known, StoreError> {
        Ok(Known {
            key: key.id(),
            now: self.clock.now(),
            maximum_age: self.rules.maximum_age,
            directory_as_of: self.store.known_at_of(person.key.tenant)?,
        })
    }

    fn keep(&self, key: ObjectKey, kind: VerifierKind, secret: &Secret) -> Result<(), String> {
        let ours = self.keys.read_or_make().map_err(words)?;
        let salt = verifier::salt().map_err(words)?;
        let tag = verifier::tag(&ours, kind, key, &salt, secret).map_err(words)?;
        let new = NewVerifier {
            kind,
            key_id: ours.id(),
            scheme: verifier::SCHEME,
            salt,
            tag,
        };
        self.store.keep_verifier(&key, &new).map_err(words)
    }

    fn attempt(
        &self,
        person: &Person,
        kind: VerifierKind,
        secret: &Secret,
    ) -> Result<Matched, NoMatch> {
        let trouble = |error: &dyn fmt::Display| NoMatch::Trouble(format!("offline: {error}"));
        let key = match self.keys.read() {
            Ok(Some(key)) => key,
            Ok(None) => return Err(NoMatch::Nothing("offline: there is no key".to_owned())),
            Err(error) => return Err(trouble(&error)),
        };
        let known = self.known(&key, person).map_err(|error| trouble(&error))?;
        // With the person as of now: an import may have gone by since the conversation began.
        let charged =
            self.store.charge_try(&person.key, kind, |kept, person| {
                match life::against(kept, person, &known) {
                    Some(against) => Err(against),
                    None => Ok(()),
                }
            });
        let kept = match charged {
            Ok(None) => {
                let fact = "offline: no password of this person is kept here";
                return Err(NoMatch::Nothing(fact.to_owned()));
            }
            Ok(Some(Ok(kept))) => kept,
            Ok(Some(Err(Against::Tries(wait)))) => return Err(NoMatch::Held(wait)),
            Ok(Some(Err(against))) => return Err(NoMatch::Nothing(format!("offline: {against}"))),
            Err(error) => return Err(trouble(&format_args!("a try can't be counted: {error}"))),
        };
        match verifier::matches(&key, kind, person.key, &kept, secret) {
            Ok(true) => {}
            Ok(false) => return Err(NoMatch::Wrong),
            Err(error) => return Err(trouble(&error)),
        }
        if let Err(error) = self.store.forgive_tries(&person.key, kind) {
            tracing::error!(
                "a right password of {} still counts as a wrong one: {error}",
                person.key
            );
        }
        Ok(Matched { key: person.key })
    }

    fn contradicted(&self, key: ObjectKey, secret: &Secret) {
        let kind = VerifierKind::Password;
        let (Ok(Some(ours)), Ok(Some(kept))) = (self.keys.read(), self.store.verifier(&key, kind))
        else {
            return;
        };
        if kept.key_id != ours.id() || kept.scheme != verifier::SCHEME {
            return;
        }
        if !matches!(verifier::matches(&ours, kind, key, &kept, secret), Ok(true)) {
            return;
        }
        match self.store.drop_verifiers(&[key]) {
            Ok(_) => tracing::info!(
                "what was kept of {key} for times without Entra ID is gone: the tenant calls that password wrong"
            ),
            Err(error) => tracing::error!(
                "the kept password of {key} is out of date and can't be forgotten: {error}"
            ),
        }
    }
}

fn words(error: impl fmt::Display) -> String {
    error.to_string()
}
