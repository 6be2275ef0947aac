//! passwd(1): the passcode is set and changed here, and the person is told where the password is.
//!
//! Invariant: nothing is kept before somebody is admitted who has just proven to be the person: by a device code
//! in this very conversation, or by the passcode that is to be replaced.

use entra_protocol::Secret;
use entra_protocol::login::{Outcome, Verdict};

use super::super::admission::{self, NotAdmitted, Proof};
use super::super::conversation::{ONE_REQUEST, OWN_TROUBLE, Step, said};
use super::super::device_code::{self, Lasting};
use super::super::journal::Trail;
use super::super::module::{Ended, Module, Reply};
use super::super::{Asked, SignIns};
use super::{not_matched, quality};
use crate::store::Person;

const PROMPT_CURRENT: &str = "Current passcode (empty to sign in in a browser): ";
const PROMPT_NEW: &str = "New passcode: ";
const PROMPT_AGAIN: &str = "New passcode again: ";
const DIFFERENT: &str = "The two are not the same.";
const NOT_SET: &str = "Your passcode is as it was.";
const SET: &str = "Your passcode for this host is set.";
const NOT_KEPT: &str =
    "This host can't keep a passcode at the moment. Please tell your administrator.";

/// Where an Entra password is changed.
const CHANGE_ELSEWHERE: &str = "Your password is kept by Microsoft Entra ID. \
     Change it at https://aka.ms/sspr or at https://myaccount.microsoft.com.";

/// What `passwd` begins with where there are passcodes.
const ABOUT: &str = "This sets your passcode for this host. Your password is kept by Microsoft Entra ID: \
     https://aka.ms/sspr";

/// How often a new passcode may be too easy or mistyped.
const ROUNDS: usize = 3;

impl SignIns {
    /// `pam_sm_chauthtok`: sets or changes the passcode, or says where the password is changed.
    pub async fn change_password(&self, asked: &Asked, module: &mut impl Module) -> Verdict {
        if !self.offline.has_passcodes() {
            return said(Outcome::PermissionDenied, CHANGE_ELSEWHERE);
        }
        let mut trail = Trail::default();
        let verdict = match self.change(asked, module, &mut trail).await {
            Ok(verdict) => verdict,
            Err(ended) => {
                trail.fact("ended", format_args!("the module: {ended:?}"));
                said(Outcome::PermissionDenied, NOT_SET)
            }
        };
        let facts = trail.facts.join("; ");
        let (outcome, user) = (verdict.outcome, &asked.user);
        if outcome == Outcome::Success {
            tracing::info!("passcode set: user={user:?}; {facts}");
        } else {
            tracing::warn!("passcode not set: outcome={outcome:?} user={user:?}; {facts}");
        }
        verdict
    }

    async fn change(
        &self,
        asked: &Asked,
        module: &mut impl Module,
        trail: &mut Trail,
    ) -> Result<Verdict, Ended> {
        let known = match self.whom(asked).await {
            Ok(Some(known)) => known,
            Ok(None) => return Ok(admission::refusal(NotAdmitted::NotImported, &asked.user)),
            Err(error) => {
                trail.fact("store", error);
                return Ok(said(Outcome::Unavailable, OWN_TROUBLE));
            }
        };
        // Whoever may use any service may have a passcode: passwd itself is none that is granted.
        let asked = &Asked {
            service: String::new(),
            ..asked.clone()
        };
        if let Err(reason) = known.standing(&asked.service, self.store.now()) {
            trail.fact("standing", reason);
            return Ok(admission::refusal(reason, &known.person.name));
        }
        let person = known.person;
        let Some(tenant) = self.tenants.get(&person.key.tenant) else {
            trail.fact("standing", NotAdmitted::NotServed);
            return Ok(admission::refusal(NotAdmitted::NotServed, &person.name));
        };
        module.show(ABOUT).await?;
        let proven = match self.by_current(&person, module, trail).await? {
            Some(step) => step,
            None => {
                device_code::run(self, tenant, asked, &person, Lasting(true), module, trail).await?
            }
        };
        let token = match proven {
            Step::Proven(identity, leaves) => {
                let verdict = self
                    .admit(Proof::Token(&identity), asked, &person, trail)
                    .await;
                if verdict.outcome != Outcome::Success {
                    return Ok(verdict);
                }
                trail.note("by a device code");
                leaves.token
            }
            Step::Matched(matched) => {
                let verdict = self
                    .admit(Proof::Kept(&matched), asked, &person, trail)
                    .await;
                if verdict.outcome != Outcome::Success {
                    return Ok(verdict);
                }
                trail.note("by the passcode before");
                None
            }
            Step::Next(verdict) | Step::NextSaying(verdict) | Step::End(verdict) => {
                return Ok(verdict);
            }
        };
        let Some(passcode) = new_passcode(&person, module).await? else {
            return Ok(said(Outcome::PermissionDenied, NOT_SET));
        };
        module.wait(ONE_REQUEST).await?;
        Ok(
            match self
                .offline
                .keep_passcode(person.key, passcode, token)
                .await
            {
                Ok(()) => said(Outcome::Success, SET),
                Err(trouble) => {
                    trail.fact("passcode", trouble);
                    said(Outcome::Unavailable, NOT_KEPT)
                }
            },
        )
    }

    /// The passcode that is to be replaced; `None` if there is none, or the person would rather sign in.
    async fn by_current(
        &self,
        person: &Person,
        module: &mut impl Module,
        trail: &mut Trail,
    ) -> Result<Option<Step>, Ended> {
        if !self.offline.has_passcode(person).await {
            return Ok(None);
        }
        let current = match module.ask_password(PROMPT_CURRENT).await? {
            Reply::Given(current) if !current.is_empty() => current,
            Reply::Given(_) => return Ok(None),
            Reply::CannotPrompt => {
                return Ok(Some(Step::End(said(Outcome::PermissionDenied, NOT_SET))));
            }
        };
        module.wait(ONE_REQUEST).await?;
        Ok(Some(
            match self.offline.try_passcode(person, current).await {
                Ok(matched) => Step::Matched(matched),
                Err(no_match) => {
                    not_matched(no_match, said(Outcome::PermissionDenied, NOT_SET), trail).step()
                }
            },
        ))
    }
}

/// Asks twice for a new passcode, until it is good enough and twice the same.
async fn new_passcode(person: &Person, module: &mut impl Module) -> Result<Option<Secret>, Ended> {
    for _ in 0..ROUNDS {
        let passcode = match module.ask_password(PROMPT_NEW).await? {
            Reply::Given(passcode) if !passcode.is_empty() => passcode,
            Reply::Given(_) | Reply::CannotPrompt => return Ok(None),
        };
        if let Some(fault) = quality::fault(passcode.expose(), person) {
            module.show(fault).await?;
            continue;
        }
        match module.ask_password(PROMPT_AGAIN).await? {
            Reply::Given(again) if again.expose() == passcode.expose() => {
                return Ok(Some(passcode));
            }
            Reply::Given(_) => module.show(DIFFERENT).await?,
            Reply::CannotPrompt => return Ok(None),
        }
    }
    Ok(None)
}
