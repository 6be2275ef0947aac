//! The blocking half: what is kept is read, written and compared here, on threads of their own.
//!
//! Invariant: whatever goes wrong is a reason not to let somebody in, in words for the journal; nothing here
//! turns an error into a [`Matched`].

use std::fmt;
use std::sync::Arc;

use entra_protocol::Secret;
use tokio::sync::Semaphore;

use super::life::{Against, Known};
use super::{KeySource, Matched, NoMatch, OfflineKey, life, seal, verifier};
use crate::clock::Clock;
use crate::config::{self, is_remote};
use crate::entra::RefreshToken;
use crate::identity::ObjectKey;
use crate::store::{NewVerifier, Person, Store, StoreError, VerifierKind};

/// What all clones share.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) keys: KeySource,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rules: config::Offline,
    pub(super) passcode: config::Passcode,
    pub(super) turns: Semaphore,
}

/// Whether something kept could let somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    /// After a wait.
    Held,
    Bad,
}

impl Shared {
    pub(super) fn take_up(&self) {
        let switched_off = [
            (
                VerifierKind::Password,
                self.rules.password,
                "[offline] password",
            ),
            (
                VerifierKind::Passcode,
                self.passcode.enabled,
                "[passcode] enabled",
            ),
        ];
        for (kind, is_on, key) in switched_off {
            if is_on {
                continue;
            }
            match self.store.drop_verifiers_of_kind(kind) {
                Ok(0) => {}
                Ok(count) => {
                    tracing::info!(
                        "{count} of kind {} are forgotten: {key} is false",
                        kind.word()
                    );
                }
                Err(error) => {
                    tracing::error!("what {key} switches off can't be forgotten: {error}")
                }
            }
        }
        if !self.rules.password && !self.passcode.enabled {
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

    /// What may be compared with what is typed at this service.
    pub(super) fn kinds(&self, service: &str) -> Vec<VerifierKind> {
        let mut kinds = Vec::new();
        if self.rules.password {
            kinds.push(VerifierKind::Password);
        }
        if self.passcode.enabled && !is_remote(service) {
            kinds.push(VerifierKind::Passcode);
        }
        kinds
    }

    pub(super) fn stands(&self, person: &Person, kind: VerifierKind) -> Standing {
        match self.against(person, kind) {
            Ok(None) => Standing::Good,
            Ok(Some(Against::Tries(_))) => Standing::Held,
            Ok(Some(_)) | Err(_) => Standing::Bad,
        }
    }

    /// What stands against a kept secret, or why there is none that counts.
    pub(super) fn against(
        &self,
        person: &Person,
        kind: VerifierKind,
    ) -> Result<Option<Against>, String> {
        let key = match self.keys.read() {
            Ok(Some(key)) => key,
            Ok(None) => return Err("nothing is kept of anybody yet".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        let kept = self.store.verifier(&person.key, kind).map_err(words)?;
        let Some(kept) = kept else {
            return Err(format!("no {} of this person is kept here", kind.word()));
        };
        let known = self.known(&key, person).map_err(words)?;
        Ok(life::against(kind, &kept, person, &known))
    }

    fn known(&self, key: &OfflineKey, person: &Person) -> Result<Known, StoreError> {
        Ok(Known {
            key: key.id(),
            now: self.clock.now(),
            maximum_age: self.rules.maximum_age,
            directory_as_of: self.store.known_at_of(person.key.tenant)?,
        })
    }

    pub(super) fn keep(
        &self,
        key: ObjectKey,
        kind: VerifierKind,
        secret: &Secret,
    ) -> Result<(), String> {
        let (_, new) = self.new_verifier(key, kind, secret)?;
        self.store.keep_verifier(&key, &new).map_err(words)
    }

    pub(super) fn keep_passcode(
        &self,
        key: ObjectKey,
        passcode: &Secret,
        token: Option<&RefreshToken>,
    ) -> Result<(), String> {
        let (ours, new) = self.new_verifier(key, VerifierKind::Passcode, passcode)?;
        let sealed = token.map(|token| seal::seal(&ours, key, token));
        let sealed = sealed.transpose().map_err(words)?;
        let kept = self.store.keep_passcode(&key, &new, sealed.as_ref());
        kept.map_err(words)
    }

    fn new_verifier(
        &self,
        key: ObjectKey,
        kind: VerifierKind,
        secret: &Secret,
    ) -> Result<(OfflineKey, NewVerifier), String> {
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
        Ok((ours, new))
    }

    pub(super) fn attempt(
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
                match life::against(kind, kept, person, &known) {
                    Some(against) => Err(against),
                    None => Ok(()),
                }
            });
        let kept = match charged {
            Ok(None) => {
                let fact = format!("offline: no {} of this person is kept here", kind.word());
                return Err(NoMatch::Nothing(fact));
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
        Ok(Matched {
            key: person.key,
            kind,
        })
    }

    pub(super) fn contradicted(&self, key: ObjectKey, secret: &Secret) {
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
        match self.store.drop_verifier(&key, kind) {
            Ok(_) => {
                tracing::info!("the kept password of {key} is gone: the tenant calls it wrong")
            }
            Err(error) => tracing::error!(
                "the kept password of {key} is out of date and can't be forgotten: {error}"
            ),
        }
    }
}

pub(super) fn words(error: impl fmt::Display) -> String {
    error.to_string()
}
