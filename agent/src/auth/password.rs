//! The password grant: one typed password, one request.
//!
//! Invariant: the tenant is asked with the imported person's UPN, never with the name that was typed,
//! at most once, and never with nothing. A 200 is not yet success: the id token that comes with it must
//! prove the person. "More than a password is needed" goes on to the next method and says nothing about
//! the password; so does a registration or tenant that takes no passwords. Who is judged elsewhere
//! (a federated domain) is not asked for a password at all.

use entra_protocol::login::Outcome;

use super::conversation::{NO_METHOD, ONE_REQUEST, Step, refused, said};
use super::journal::Trail;
use super::module::{Ended, Module, Reply};
use super::{SignIns, TenantLogin};
use crate::entra::Realm;
use crate::entra::errors::{self, Class};
use crate::store::Person;

/// The words that people and their tools (sshpass, expect) look for.
const PROMPT: &str = "Password: ";

const ELSEWHERE: &str =
    "Your organisation signs you in on a page of its own; continue in a browser.";
const NO_PASSWORDS: &str =
    "Passwords can't be used on this host at the moment; continue in a browser.";

pub(super) async fn run(
    sign_ins: &SignIns,
    tenant: &TenantLogin,
    person: &Person,
    module: &mut impl Module,
    trail: &mut Trail,
) -> Result<Step, Ended> {
    let otherwise = said(Outcome::AuthError, NO_METHOD);
    if tenant.realms.of(tenant.service.as_ref(), &person.upn).await == Realm::Elsewhere {
        trail.note("the domain is federated: no password was asked for");
        module.show(ELSEWHERE).await?;
        return Ok(Step::Next(otherwise));
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
    module.wait(ONE_REQUEST).await?;
    let answer = tenant.service.password(&person.upn, &password).await;
    drop(password);
    let error = match answer {
        Ok(token) => return Ok(tenant.prove(&token, trail).await),
        Err(error) => error,
    };
    trail.refused(&error);
    let meaning = error.meaning();
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
