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

mod change;
mod quality;

use entra_protocol::login::{Outcome, Verdict};

use super::conversation::{Leaves, NO_METHOD, ONE_REQUEST, Step, refused, said, unproven};
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

const WRONG: &str = "That is not your passcode.";
const ANEW: &str =
    "Microsoft Entra ID wants you to sign in anew before your passcode counts again.";

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
