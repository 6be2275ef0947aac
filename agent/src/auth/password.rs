//! The password grant: one typed password, one request.
//!
//! Invariant: the tenant is asked with the imported person's UPN, never with the name that was typed,
//! at most once, and never with nothing. A 200 is not yet success: the id token that comes with it must
//! prove the person. No request without a turn of the throttle's. "More than a password is needed" goes on
//! to the next method and says nothing about the password; so does a registration or tenant that takes no
//! passwords. Who is judged elsewhere (a federated domain) is not asked for a password at all. Where no verdict
//! could be had, and only there, `remembering` compares with what is kept.
//!
//! Sentences of this file don't hold the word that sshpass and expect wait for.

use entra_protocol::login::Outcome;

use super::conversation::{Leaves, NO_METHOD, ONE_REQUEST, Step, refused, said, unproven};
use super::journal::Trail;
use super::module::{Ended, Module, Reply};
use super::remembering::{self, Fate, without_verdict};
use super::throttle::{End, Held, TURN_LIMIT, Trying, Turn};
use super::{Asked, SignIns, TenantLogin};
use crate::entra::errors::{self, Class};
use crate::entra::{EntraError, Hurried, LoginService, ProofError, Realm};
use crate::store::Person;

/// The words that people and their tools (sshpass, expect) look for.
const PROMPT: &str = "Password: ";

const ELSEWHERE: &str =
    "Your organisation signs you in on a page of its own; continue in a browser.";
const NO_PASSWORDS: &str =
    "This way of signing in is not set up on this host; continue in a browser.";

pub(super) async fn run(
    sign_ins: &SignIns,
    tenant: &TenantLogin,
    asked: &Asked,
    person: &Person,
    module: &mut impl Module,
    trail: &mut Trail,
) -> Result<Step, Ended> {
    let otherwise = said(Outcome::AuthError, NO_METHOD);
    // Who can do without the tenant does not wait for one that is away.
    let can_do_without = sign_ins.offline.serves(person, &asked.service).await;
    let (is_away, hurried);
    let service: &dyn LoginService = match &tenant.reach {
        Some(reach) if can_do_without => {
            is_away = reach.look();
            hurried = Hurried::new(tenant.service.as_ref(), reach);
            &hurried
        }
        _ => {
            is_away = false;
            tenant.service.as_ref()
        }
    };
    // Of whom a password is kept the tenant has judged one.
    if !is_away && tenant.realms.of(service, &person.upn).await == Realm::Elsewhere {
        trail.note("the domain is federated: no password was asked for");
        module.show(ELSEWHERE).await?;
        return Ok(Step::Next(otherwise));
    }
    let trying = Trying::new(asked, person, tenant.tries);
    if let Err(held) = sign_ins.throttle.may_ask(&trying).await {
        return Ok(throttled(sign_ins, &held, trail));
    }
    let password = match module.ask_password(PROMPT).await? {
        Reply::CannotPrompt => return Ok(Step::Next(otherwise)),
        Reply::Given(password) => password,
    };
    if password.is_empty() {
        trail.fact(
            "empty-password",
            "nothing was typed; the tenant was not asked",
        );
        return Ok(Step::End(said(Outcome::AuthError, errors::INCORRECT)));
    }
    let turn = match turn(sign_ins, &trying, module).await? {
        Ok(turn) => turn,
        Err(held) => return Ok(throttled(sign_ins, &held, trail)),
    };
    module.wait(ONE_REQUEST).await?;
    let error = match service.password(&person.upn, &password).await {
        Ok(token) => match tenant.verifier.verify(service, &token).await {
            Ok(identity) if identity.key() == person.key => {
                turn.end(End::Proven).await;
                return Ok(Step::Proven(
                    identity,
                    Leaves {
                        password: Some(password),
                        token: None,
                    },
                ));
            }
            Ok(identity) => {
                turn.end(End::Failed).await;
                let why = "the tenant takes this name and password for another person's";
                sign_ins.offline.forget(person.key, why).await;
                return Ok(Step::Proven(identity, Leaves::default()));
            }
            Err(ProofError::NoKeys(error)) if error.meaning().class == Class::Unavailable => error,
            Err(error) => {
                // Nothing that somebody at the prompt can bring about.
                turn.end(End::NoVerdict).await;
                return Ok(unproven(&error, trail));
            }
        },
        Err(error) => error,
    };
    trail.refused(&error);
    let meaning = error.meaning();
    if meaning.class == Class::Unavailable {
        return Ok(without_verdict(sign_ins, asked, person, password, turn, &error, trail).await);
    }
    let end = end_of(&error);
    turn.end(end).await;
    if end == End::NotEnough {
        trail.not_enough = Some(trying);
    }
    match remembering::fate(&error) {
        Fate::Keep => drop(password),
        Fate::GoesIfEqual => sign_ins.offline.contradicted(person.key, password).await,
        Fate::PasswordGoes => {
            drop(password);
            sign_ins
                .offline
                .forget_password(person.key, meaning.meaning)
                .await;
        }
        Fate::Goes => {
            drop(password);
            sign_ins.offline.forget(person.key, meaning.meaning).await;
        }
    }
    match meaning.class {
        Class::Interaction => {
            module.show(meaning.sentence).await?;
            Ok(Step::Next(otherwise))
        }
        Class::CutOff => {
            sign_ins.cut_off(person.key).await;
            Ok(Step::End(refused(&error)))
        }
        Class::Configuration => {
            trail.needs_administrator = true;
            module.show(NO_PASSWORDS).await?;
            Ok(Step::Next(refused(&error)))
        }
        Class::Deny | Class::Unavailable | Class::Renew => Ok(Step::End(refused(&error))),
    }
}

/// Waits for a turn, and tells the module so if it can't be had at once.
async fn turn(
    sign_ins: &SignIns,
    trying: &Trying,
    module: &mut impl Module,
) -> Result<Result<Turn, Held>, Ended> {
    match sign_ins.throttle.turn(trying) {
        Err(Held::NoTurn) => {}
        decided => return Ok(decided),
    }
    module.wait(TURN_LIMIT.saturating_add(ONE_REQUEST)).await?;
    Ok(sign_ins.throttle.next_turn(trying).await)
}

/// Goes on without a password.
fn throttled(sign_ins: &SignIns, held: &Held, trail: &mut Trail) -> Step {
    match held {
        Held::Person(_) => sign_ins.counters.throttle_refusal(false),
        Held::RemoteHost(..) => sign_ins.counters.throttle_refusal(true),
        Held::NoTurn => {}
    }
    trail.fact("throttled", held.fact());
    let outcome = match held {
        Held::Person(_) | Held::RemoteHost(..) => Outcome::MaxTries,
        Held::NoTurn => Outcome::AuthError,
    };
    Step::NextSaying(said(outcome, &held.sentence()))
}

/// What a refusal counts for. Every verdict of the tenant does, since most of them are said only of a right
/// password, and a guesser learns from each; what is no verdict, or lies with this host, does not.
fn end_of(error: &EntraError) -> End {
    match error.meaning().class {
        Class::Deny | Class::CutOff | Class::Renew => End::Failed,
        Class::Interaction => End::NotEnough,
        Class::Unavailable | Class::Configuration => End::NoVerdict,
    }
}
