//! The passcode: a short secret of this host's own, for those whom the tenant gives no password prompt.
//!
//! It stands for the sign-in by device code that the person made when they set it (`passwd`), and no longer than
//! that stands: where it counts with the tenant in reach, the refresh token of that sign-in is redeemed first, and
//! what comes of it is the sign-in's proof. Invariants:
//! - A right passcode by itself is never success while the tenant answers.
//! - It is asked for at this host only: no service that strangers reach takes one, whatever the configuration says.
//! - It is set by a sign-in by device code in the same conversation, or by the one it replaces; who sits at
//!   somebody's open session can do neither.
//!
//! Sentences of this file don't hold the word that sshpass and expect wait for.

mod quality;

use entra_protocol::Secret;
use entra_protocol::login::{Outcome, Verdict};

use super::admission::{self, NotAdmitted, Proof};
use super::conversation::{
    Leaves, NO_METHOD, ONE_REQUEST, OWN_TROUBLE, Step, refused, said, unproven,
};
use super::device_code::{self, Lasting};
use super::journal::Trail;
use super::module::{Ended, Module, Reply};
use super::throttle::minutes;
use super::{Asked, SignIns, TenantLogin};
use crate::config::is_remote;
use crate::entra::errors::Class;
use crate::entra::{EntraError, Hurried, LoginService, ProofError};
use crate::offline::{Matched, NoMatch};
use crate::store::Person;

const PROMPT: &str = "Passcode (empty for another way): ";
const PROMPT_AWAY: &str = "Passcode: ";
const PROMPT_CURRENT: &str = "Current passcode (empty to sign in in a browser): ";
const PROMPT_NEW: &str = "New passcode: ";
const PROMPT_AGAIN: &str = "New passcode again: ";

const WRONG: &str = "That is not your passcode.";
const ANEW: &str =
    "Microsoft Entra ID wants you to sign in anew before your passcode counts again.";
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

/// Whether this sign-in begins with the passcode.
pub(super) async fn is_first(sign_ins: &SignIns, asked: &Asked, person: &Person) -> bool {
    sign_ins.offline.passcodes_at(&asked.service) && sign_ins.offline.can_be_rechecked(person).await
}

/// The passcode as the first of a service's methods.
pub(super) async fn run(
    sign_ins: &SignIns,
    tenant: &TenantLogin,
    person: &Person,
    module: &mut impl Module,
    trail: &mut Trail,
) -> Result<Step, Ended> {
    let otherwise = said(Outcome::AuthError, NO_METHOD);
    if let Some(reach) = &tenant.reach {
        reach.look();
    }
    let passcode = match module.ask_password(PROMPT).await? {
        Reply::Given(passcode) if !passcode.is_empty() => passcode,
        Reply::Given(_) | Reply::CannotPrompt => return Ok(Step::Next(otherwise)),
    };
    module.wait(ONE_REQUEST).await?;
    let matched = match sign_ins.offline.try_passcode(person, passcode).await {
        Ok(matched) => matched,
        Err(no_match) => return Ok(not_matched(no_match, otherwise, trail).step()),
    };
    Ok(recheck(sign_ins, tenant, person, matched, trail).await)
}

/// The passcode where every method of the service has failed for want of the tenant; else the verdict that it ends with.
pub(super) async fn without_tenant(
    sign_ins: &SignIns,
    asked: &Asked,
    person: &Person,
    last_word: Verdict,
    module: &mut impl Module,
    trail: &mut Trail,
) -> Result<Result<Matched, Verdict>, Ended> {
    if is_remote(&asked.service) || !sign_ins.offline.has_passcode(person).await {
        return Ok(Err(last_word));
    }
    if let Some(sentence) = &last_word.message {
        module.show(sentence).await?;
    }
    let passcode = match module.ask_password(PROMPT_AWAY).await? {
        Reply::Given(passcode) if !passcode.is_empty() => passcode,
        Reply::Given(_) | Reply::CannotPrompt => return Ok(Err(last_word)),
    };
    trail.begin_passcode();
    trail.offline = true;
    module.wait(ONE_REQUEST).await?;
    let compared = sign_ins.offline.try_passcode(person, passcode).await;
    Ok(compared.map_err(|no_match| not_matched(no_match, last_word, trail).verdict()))
}

/// Asks the tenant whether the account still stands.
async fn recheck(
    sign_ins: &SignIns,
    tenant: &TenantLogin,
    person: &Person,
    matched: Matched,
    trail: &mut Trail,
) -> Step {
    let offline = &sign_ins.offline;
    let Some(token) = offline.refresh_token(person.key).await else {
        trail.note("passcode: no refresh token is kept");
        return Step::NextSaying(said(Outcome::AuthError, ANEW));
    };
    let hurried;
    let service: &dyn LoginService = match &tenant.reach {
        Some(reach) => {
            hurried = Hurried::new(tenant.service.as_ref(), reach);
            &hurried
        }
        None => tenant.service.as_ref(),
    };
    let error = match service.refresh(&token).await {
        Ok(mut id_token) => match tenant.verifier.verify(service, &id_token).await {
            Ok(identity) if identity.key() == person.key => {
                let successor = id_token.take_refresh();
                offline.rechecked(person.key, successor).await;
                return Step::Proven(identity, Leaves::default());
            }
            Ok(identity) => {
                let why = "the kept sign-in is another person's";
                offline.forget(person.key, why).await;
                return Step::Proven(identity, Leaves::default());
            }
            Err(ProofError::NoKeys(error)) if error.meaning().class == Class::Unavailable => error,
            Err(error) => return unproven(&error, trail),
        },
        Err(error) => error,
    };
    trail.refused(&error);
    after_refusal(sign_ins, person, matched, &error, trail).await
}

/// What is done where the recheck brought no proof.
async fn after_refusal(
    sign_ins: &SignIns,
    person: &Person,
    matched: Matched,
    error: &EntraError,
    trail: &mut Trail,
) -> Step {
    let (offline, meaning) = (&sign_ins.offline, error.meaning());
    match meaning.class {
        // It can't be had.
        Class::Unavailable => {
            trail.offline = true;
            Step::Matched(matched)
        }
        Class::Configuration => {
            trail.needs_administrator = true;
            Step::NextSaying(refused(error))
        }
        Class::CutOff => {
            sign_ins.cut_off(person.key).await;
            Step::End(refused(error))
        }
        // The token is worth nothing any more; whether the passcode is depends on why.
        Class::Renew if is_revoked(error) => {
            offline.forget(person.key, meaning.meaning).await;
            Step::NextSaying(said(Outcome::AuthError, ANEW))
        }
        Class::Renew | Class::Interaction => {
            offline.forget_token(person.key, meaning.meaning).await;
            Step::NextSaying(said(Outcome::AuthError, ANEW))
        }
        Class::Deny => {
            offline.forget(person.key, meaning.meaning).await;
            Step::End(refused(error))
        }
    }
}

/// True if somebody ended the person's sessions; else the token has only grown old.
fn is_revoked(error: &EntraError) -> bool {
    /// The session is invalid after a password change; tokens revoked.
    const REVOKED: [u32; 3] = [50132, 50133, 50173];
    error
        .refusal()
        .is_some_and(|refusal| REVOKED.contains(&refusal.code()))
}

/// A wrong passcode ends it; what else stands against it leads on.
enum NotMatched {
    End(Verdict),
    Next(Verdict),
    NextSaying(Verdict),
}

impl NotMatched {
    fn verdict(self) -> Verdict {
        match self {
            Self::End(verdict) | Self::Next(verdict) | Self::NextSaying(verdict) => verdict,
        }
    }

    fn step(self) -> Step {
        match self {
            Self::End(verdict) => Step::End(verdict),
            Self::Next(verdict) => Step::Next(verdict),
            Self::NextSaying(verdict) => Step::NextSaying(verdict),
        }
    }
}

fn not_matched(no_match: NoMatch, otherwise: Verdict, trail: &mut Trail) -> NotMatched {
    match no_match {
        NoMatch::Wrong => {
            trail.fact("wrong-passcode", "not the passcode");
            NotMatched::End(said(Outcome::AuthError, WRONG))
        }
        NoMatch::Held(wait) => {
            let seconds = wait.as_secs();
            let fact = format_args!("passcode: too many wrong tries, {seconds} s left");
            trail.fact("throttled", fact);
            let sentence = format!(
                "Too many failed tries: your passcode does not count for {}.",
                minutes(wait)
            );
            NotMatched::NextSaying(said(Outcome::MaxTries, &sentence))
        }
        NoMatch::Nothing(fact) => {
            trail.note(&fact);
            NotMatched::Next(otherwise)
        }
        NoMatch::Trouble(fact) => {
            trail.needs_administrator = true;
            trail.note(&fact);
            NotMatched::Next(otherwise)
        }
    }
}

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
        let (person, policy) = match self.whom(asked).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(admission::refusal(NotAdmitted::NotImported, &asked.user)),
            Err(error) => {
                trail.fact("store", error);
                return Ok(said(Outcome::Unavailable, OWN_TROUBLE));
            }
        };
        if let Err(reason) = admission::standing(&person, &policy) {
            trail.fact("standing", reason);
            return Ok(admission::refusal(reason, &person.name));
        }
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
                let verdict = self.admit(Proof::Token(&identity), &person, trail).await;
                if verdict.outcome != Outcome::Success {
                    return Ok(verdict);
                }
                trail.note("by a device code");
                leaves.token
            }
            Step::Matched(matched) => {
                let verdict = self.admit(Proof::Kept(&matched), &person, trail).await;
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
