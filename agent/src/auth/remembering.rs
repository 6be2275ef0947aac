//! What a verdict of the tenant does to what is kept of a person for times without it, and what is done where no
//! verdict could be had.
//!
//! Invariant: [`without_verdict`] is, with the passcode's own prompt, the one caller of the comparison, and is called only with an error of the
//! class "no verdict" ([`Class::Unavailable`]). What comes of it is a refusal unless the comparison came out equal;
//! the error itself is never more than the sentence of that refusal.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use entra_protocol::Secret;
use entra_protocol::login::Outcome;
use tokio::time::Instant;

use super::conversation::{Step, refused, said};
use super::journal::Trail;
use super::throttle::{End, Turn, minutes};
use super::{Asked, SignIns};
use crate::entra::EntraError;
use crate::entra::errors::{self, Class, Meaning};
use crate::identity::ObjectKey;
use crate::offline::NoMatch;
use crate::store::Person;

/// What the person is told who was let in. Like the others without the word that sshpass and expect wait for.
pub(super) const LET_IN: &str = "Microsoft Entra ID can't be reached: \
     this host let you in by what it remembers of your last sign-in.";

const WRONG: &str = "Microsoft Entra ID can't be reached, \
     and what was typed is not what this host remembers of your last sign-in.";

/// How long somebody who was let in over the network can still be told so: their session begins within seconds.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// What an error of the password grant does to what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It says nothing of the person, or nothing new.
    Keep,
    /// The password goes if it is that very one.
    GoesIfEqual,
    /// The password goes: the tenant does not let this person in by a password. A passcode stands for a sign-in by
    /// device code, of which this says nothing.
    PasswordGoes,
    /// All goes: the tenant does not let this person in.
    Goes,
}

/// By class, and by code where one class holds both.
pub(super) fn fate(error: &EntraError) -> Fate {
    /// Wrong user or password.
    const WRONG_PASSWORD: u32 = 50126;
    /// Smart lockout.
    const LOCKED: u32 = 50053;
    /// A refusal without any code.
    const NO_CODE: u32 = 0;
    match error.meaning().class {
        // No verdict; or one about this host's registration.
        Class::Unavailable | Class::Configuration => Fate::Keep,
        // Disabled; more than a password is needed; sessions were ended. A host that let them in by the password
        // alone as soon as its cable is pulled would undo what the tenant asks for.
        Class::Interaction => Fate::PasswordGoes,
        Class::CutOff | Class::Renew => Fate::Goes,
        Class::Deny => match error.refusal().map_or(NO_CODE, |refusal| refusal.code()) {
            // Whoever mistypes, and whoever guesses, would take the person's offline sign-in away otherwise. The
            // kept one is out of date exactly if it is the one that was just called wrong.
            WRONG_PASSWORD => Fate::GoesIfEqual,
            // A stranger anywhere can bring it about, and it passes.
            LOCKED => Fate::Keep,
            // Nothing that the login service says of a person: a front that refuses.
            NO_CODE => Fate::Keep,
            _ if of_the_password(error.meaning()) => Fate::PasswordGoes,
            // Not in the tenant any more, not assigned, another tenant's; and what this version does not know.
            _ => Fate::Goes,
        },
    }
}

/// True if it is about a sign-in by password, and one by device code may still be allowed: expired, or forbidden by a
/// policy.
fn of_the_password(meaning: &Meaning) -> bool {
    meaning.sentence == errors::EXPIRED || errors::is_policy(meaning)
}

/// Compares, where the tenant could not be asked, with what is kept.
pub(super) async fn without_verdict(
    sign_ins: &SignIns,
    asked: &Asked,
    person: &Person,
    password: Secret,
    turn: Turn,
    error: &EntraError,
    trail: &mut Trail,
) -> Step {
    let compared = sign_ins
        .offline
        .try_secret(person, password, &asked.service)
        .await;
    turn.end(match &compared {
        // Not as proven: what the tenant has counted before counts there still.
        Ok(_) | Err(NoMatch::Nothing(_) | NoMatch::Held(_) | NoMatch::Trouble(_)) => End::NoVerdict,
        Err(NoMatch::Wrong) => End::Failed,
    })
    .await;
    match compared {
        Ok(matched) => {
            trail.offline = true;
            Step::Matched(matched)
        }
        Err(NoMatch::Nothing(fact)) => {
            trail.note(&fact);
            Step::End(refused(error))
        }
        Err(NoMatch::Wrong) => {
            trail.offline = true;
            trail.fact("wrong-password", "offline: not the kept password");
            Step::End(said(Outcome::AuthError, WRONG))
        }
        Err(NoMatch::Held(wait)) => {
            trail.offline = true;
            let seconds = wait.as_secs();
            trail.fact(
                "throttled",
                format_args!("offline: too many wrong tries, {seconds} s left"),
            );
            let sentence = format!(
                "Microsoft Entra ID can't be reached, and too many tries failed on this host: what is typed \
                 here does not count for {}.",
                minutes(wait)
            );
            Step::End(said(Outcome::MaxTries, &sentence))
        }
        Err(NoMatch::Trouble(fact)) => {
            trail.needs_administrator = true;
            trail.note(&fact);
            Step::End(refused(error))
        }
    }
}

/// Who was let in over the network without their tenant: sshd shows nothing that comes after the last prompt of a
/// sign-in, but what the account phase says.
#[derive(Default)]
pub(super) struct Untold(Mutex<HashMap<ObjectKey, Instant>>);

impl Untold {
    pub(super) fn add(&self, key: ObjectKey) {
        let now = Instant::now();
        let mut untold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        untold.retain(|_, since| since.elapsed() < TOLD_WITHIN);
        untold.insert(key, now);
    }

    /// The sentence for them, once.
    pub(super) fn take(&self, key: ObjectKey) -> Option<String> {
        let mut untold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = untold.remove(&key)?;
        (since.elapsed() < TOLD_WITHIN).then(|| LET_IN.to_owned())
    }
}
