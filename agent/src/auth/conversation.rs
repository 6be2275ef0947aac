//! One sign-in from the name to the verdict.

use std::panic;
use std::time::Duration;

use entra_protocol::Secret;
use entra_protocol::login::{Outcome, Verdict};

use super::admission::{self, Known, NotAdmitted, Proof};
use super::device_code::Lasting;
use super::journal::{self, Trail};
use super::module::{Ended, Module};
use super::{Asked, SignIns, device_code, passcode, password};
use crate::config::{Method, is_remote};
use crate::entra::{EntraError, LOGIN_REQUEST_LIMIT, ProofError, RefreshToken, VerifiedIdentity};
use crate::identity::ObjectKey;
use crate::offline::Matched;
use crate::store::{Person, SignInRecord, Store, StoreError, VerifierKind};

/// What a person hears when this host's own databases fail.
pub(super) const OWN_TROUBLE: &str =
    "This host can't read its own directory at the moment. Please tell your administrator.";

/// What a person hears when a token proves nothing.
const NOT_PROVEN: &str = "The answer of Microsoft Entra ID could not be verified. Sign-in refused.";

/// What a person hears when no offered method can do it.
pub(super) const NO_METHOD: &str =
    "This service offers no way for you to sign in with Microsoft Entra ID.";

/// The longest silence while the tenant is asked: a request, the signing keys, and something for a fetch of
/// them by another sign-in that was cut off, and for the host's own work.
pub(super) const ONE_REQUEST: Duration = LOGIN_REQUEST_LIMIT
    .saturating_mul(2)
    .saturating_add(Duration::from_secs(10));

/// What a proof leaves behind.
#[derive(Default)]
pub(super) struct Leaves {
    /// The password that it was by.
    pub(super) password: Option<Secret>,
    /// A refresh token that was asked for along with it.
    pub(super) token: Option<RefreshToken>,
}

/// One thing that is tried.
#[derive(Clone, Copy)]
enum Way {
    /// Before the service's methods, where it counts.
    Passcode,
    Method(Method),
}

/// How one method went.
pub(super) enum Step {
    /// Somebody is proven, and this is left of how.
    Proven(VerifiedIdentity, Leaves),
    /// No verdict could be had, and what was typed equals what is kept of the person.
    Matched(Matched),
    /// This method can't do it; the next one may. If there is none, this is the verdict.
    Next(Verdict),
    /// The same; with a next method, the person hears the verdict's sentence before it.
    NextSaying(Verdict),
    /// No further method is tried.
    End(Verdict),
}

impl SignIns {
    /// Asks the person, asks the tenant, and decides. The verdict is in the journal when this returns.
    pub async fn authenticate(&self, asked: &Asked, module: &mut impl Module) -> Verdict {
        let mut trail = Trail::default();
        let known = match self.whom(asked).await {
            Ok(known) => known,
            Err(error) => {
                trail.needs_administrator = true;
                trail.fact("store", error);
                let verdict = said(Outcome::Unavailable, OWN_TROUBLE);
                journal::verdict(asked, None, &trail, &verdict);
                return verdict;
            }
        };
        let Some(known) = known else {
            let verdict = admission::refusal(NotAdmitted::NotImported, &asked.user);
            journal::verdict(asked, None, &trail, &verdict);
            return verdict;
        };
        let verdict = match self.decide(asked, &known, module, &mut trail).await {
            Ok(verdict) => verdict,
            Err(ended) => {
                trail.fact("ended", format_args!("the module: {ended:?}"));
                Verdict {
                    outcome: Outcome::AuthError,
                    message: None,
                }
            }
        };
        let person = &known.person;
        journal::verdict(asked, Some(person), &trail, &verdict);
        let tenant = person.key.tenant;
        self.counters
            .sign_in(tenant, trail.method_word(), verdict.outcome);
        self.record(asked, person, &trail, &verdict).await;
        verdict
    }

    async fn decide(
        &self,
        asked: &Asked,
        known: &Known,
        module: &mut impl Module,
        trail: &mut Trail,
    ) -> Result<Verdict, Ended> {
        let person = &known.person;
        if let Err(reason) = known.standing(&asked.service, self.store.now()) {
            trail.fact("standing", reason);
            return Ok(admission::refusal(reason, &person.name));
        }
        let Some(tenant) = self.tenants.get(&person.key.tenant) else {
            trail.fact("standing", NotAdmitted::NotServed);
            return Ok(admission::refusal(NotAdmitted::NotServed, &person.name));
        };
        let mut ways = Vec::new();
        if passcode::is_first(self, asked, person).await {
            ways.push(Way::Passcode);
        }
        for method in self.methods.methods(&asked.service) {
            ways.push(Way::Method(*method));
        }
        let mut ways = ways.into_iter().peekable();
        let mut last_word = said(Outcome::AuthError, NO_METHOD);
        while let Some(way) = ways.next() {
            let step = match way {
                Way::Passcode => {
                    trail.begin_passcode();
                    passcode::run(self, tenant, person, module, trail).await?
                }
                Way::Method(method @ Method::Password) => {
                    trail.begin(method);
                    password::run(self, tenant, asked, person, module, trail).await?
                }
                Way::Method(method @ Method::DeviceCode) => {
                    trail.begin(method);
                    let lasting = Lasting(self.offline.wants_token(person).await);
                    device_code::run(self, tenant, asked, person, lasting, module, trail).await?
                }
            };
            if matches!(step, Step::Next(_) | Step::NextSaying(_)) && ways.peek().is_some() {
                self.counters
                    .continued(person.key.tenant, trail.method_word());
            }
            match step {
                Step::Proven(identity, leaves) => {
                    if let Some(trying) = trail.not_enough.take()
                        && identity.key() == person.key
                    {
                        self.throttle.take_back(&trying).await;
                    }
                    let verdict = self
                        .admit(Proof::Token(&identity), asked, person, trail)
                        .await;
                    if verdict.outcome == Outcome::Success {
                        self.keep(person.key, leaves).await;
                    }
                    return Ok(verdict);
                }
                Step::Matched(matched) => {
                    return Ok(self.let_in(&matched, asked, person, trail).await);
                }
                Step::Next(otherwise) => last_word = otherwise,
                Step::NextSaying(verdict) => {
                    if let (Some(sentence), Some(_)) = (&verdict.message, ways.peek()) {
                        module.show(sentence).await?;
                    }
                    last_word = verdict;
                }
                Step::End(verdict) => {
                    last_word = verdict;
                    break;
                }
            }
        }
        if !trail.no_verdict || trail.offline {
            return Ok(last_word);
        }
        match passcode::without_tenant(self, asked, person, last_word, module, trail).await? {
            Ok(matched) => Ok(self.let_in(&matched, asked, person, trail).await),
            Err(verdict) => Ok(verdict),
        }
    }

    /// Keeps what a sign-in with the tenant has left.
    async fn keep(&self, key: ObjectKey, leaves: Leaves) {
        if let Some(password) = leaves.password {
            self.offline.keep_password(key, password).await;
        }
        if let Some(token) = leaves.token {
            self.offline.rechecked(key, Some(token)).await;
        }
    }

    /// Admits somebody without the tenant.
    async fn let_in(
        &self,
        matched: &Matched,
        asked: &Asked,
        person: &Person,
        trail: &mut Trail,
    ) -> Verdict {
        trail.is_passcode = matched.kind() == VerifierKind::Passcode;
        let verdict = self.admit(Proof::Kept(matched), asked, person, trail).await;
        if verdict.outcome == Outcome::Success && is_remote(&asked.service) {
            self.untold.add(person.key);
        }
        verdict
    }

    /// Asks the store again: minutes may have passed since the conversation began.
    pub(super) async fn admit(
        &self,
        proof: Proof<'_>,
        asked: &Asked,
        asked_for: &Person,
        trail: &mut Trail,
    ) -> Verdict {
        let key = asked_for.key;
        let access = self.access.clone();
        let found = in_store(&self.store, move |store| {
            let person = store.person_by_object(&key)?;
            person
                .map(|person| Known::of(store, &access, person))
                .transpose()
        });
        let known = match found.await {
            Ok(found) => found,
            Err(error) => {
                trail.needs_administrator = true;
                trail.fact("store", error);
                return said(Outcome::Unavailable, OWN_TROUBLE);
            }
        };
        let now = self.store.now();
        match admission::admit(proof, key, &asked.service, known.as_ref(), now) {
            Ok(admitted) => admission::success(proof, &admitted),
            Err(reason) => {
                trail.fact("not-admitted", format_args!("{reason}; asked for {key}"));
                admission::refusal(reason, &asked_for.name)
            }
        }
    }

    /// Cuts a person off here and at once: an online sign-in said that the account is disabled.
    pub(super) async fn cut_off(&self, key: ObjectKey) {
        // First, so that a disk that takes one change of the two takes this one.
        self.offline.forget(key, "disabled in the tenant").await;
        let publish = self.publish.clone();
        let marked = in_store(&self.store, move |store| {
            let news = store.mark_disabled(&key)?;
            Ok(news.then(|| publish()))
        });
        match marked.await {
            Ok(Some(Ok(()))) => tracing::warn!("{key} is disabled in the tenant: cut off here"),
            Ok(Some(Err(error))) => {
                tracing::error!("{key} is disabled in the tenant; can't publish that: {error}");
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!("{key} is disabled in the tenant; can't keep that: {error}");
            }
        }
    }

    /// Whom the name means, with all that decides about them.
    pub(super) async fn whom(&self, asked: &Asked) -> Result<Option<Known>, StoreError> {
        let (user, access) = (asked.user.clone(), self.access.clone());
        in_store(&self.store, move |store| {
            let person = store.person_by_login(&user)?;
            person
                .map(|person| Known::of(store, &access, person))
                .transpose()
        })
        .await
    }

    async fn record(&self, asked: &Asked, person: &Person, trail: &Trail, verdict: &Verdict) {
        let key = person.key;
        let service = asked.service.clone();
        let method = trail.method_word();
        let succeeded = verdict.outcome == Outcome::Success;
        let detail = trail.detail.clone();
        let recorded = in_store(&self.store, move |store| {
            store.record_sign_in(
                &key,
                &SignInRecord {
                    service: &service,
                    method,
                    succeeded,
                    detail: if succeeded { "" } else { &detail },
                },
            )
        });
        if let Err(error) = recorded.await {
            tracing::error!("can't record a sign-in of {key}: {error}");
        }
    }
}

/// What is made of a token that proves nobody: a refusal of its own for everything that is not proof.
pub(super) fn unproven(error: &ProofError, trail: &mut Trail) -> Step {
    match error {
        ProofError::NoKeys(error) => {
            trail.refused(error);
            Step::End(refused(error))
        }
        error => {
            trail.needs_administrator = true;
            trail.fact("proof", error);
            Step::End(said(Outcome::AuthError, NOT_PROVEN))
        }
    }
}

/// Runs something short and blocking on the store, away from the threads that serve sockets.
pub(crate) async fn in_store<T, F>(store: &Store, work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
{
    let store = store.clone();
    away(move || work(&store)).await
}

/// Runs something blocking on a thread of its own.
pub(crate) async fn away<T, F>(work: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            // Only a runtime that is being taken down cancels such work; nobody waits for it then.
            Err(_) => std::future::pending().await,
        },
    }
}

/// A verdict with its sentence.
pub(super) fn said(outcome: Outcome, sentence: &str) -> Verdict {
    Verdict {
        outcome,
        message: Some(sentence.to_owned()),
    }
}

/// The verdict that the table has for an error, with the id to quote.
pub(super) fn refused(error: &EntraError) -> Verdict {
    said(error.meaning().outcome, &error.sentence())
}
