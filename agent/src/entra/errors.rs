//! The one table of the login service's error codes: code → class → sentence → PAM result → cure.
//!
//! Entra's `error` word differs between endpoint generations, so the key is the first of `error_codes`
//! (<https://learn.microsoft.com/entra/identity-platform/reference-error-codes>). Invariant: a code that
//! is not in [`TABLE`] denies, unless the HTTP status says that there was no verdict at all. Nothing in
//! here is ever a success: "more than a password is needed" means that the password was right, and it
//! is not enough.
//!
//! docs/troubleshooting.md is written from the table; a test compares the two.

mod sentences;
mod table;
#[cfg(test)]
mod tests;

use entra_protocol::login::Outcome;

use super::Refusal;

pub use sentences::{CONTINUE, DISABLED, EXPIRED, INCORRECT, POLICY, SET_UP_WRONG, UNREACHABLE};
pub use table::{NO_ANSWER, OURS, TABLE, TRANSIENT, UNKNOWN};

/// What a refusal means for the sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A verdict: no.
    Deny,
    /// A verdict: the account is cut off; remember it here at once.
    CutOff,
    /// No verdict could be had.
    Unavailable,
    /// This method can't do it; one with a browser may.
    Interaction,
    /// This host's registration or the tenant's set-up is wrong: an administrator's matter.
    Configuration,
    /// A kept token is dead: ask the person again.
    Renew,
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Meaning {
    /// AADSTS codes.
    pub codes: &'static [u32],
    /// What follows from it.
    pub class: Class,
    /// What PAM is told if the sign-in ends here.
    pub outcome: Outcome,
    /// What the person is told.
    pub sentence: &'static str,
    /// What the journal says.
    pub meaning: &'static str,
    /// What an administrator can do about it.
    pub cure: &'static str,
}

/// What a refusal means: by its first code, else by its HTTP status, else "no".
#[must_use]
pub fn meaning(refusal: &Refusal) -> &'static Meaning {
    match refusal.codes.first().and_then(|code| of_code(*code)) {
        Some(row) => row,
        None if refusal.status == 429 || refusal.status >= 500 => &TRANSIENT,
        None => &UNKNOWN,
    }
}

/// The row of a code.
#[must_use]
pub fn of_code(code: u32) -> Option<&'static Meaning> {
    TABLE.iter().find(|row| row.codes.contains(&code))
}

/// True if a policy of the tenant stands in the way, and not the person.
#[must_use]
pub fn is_policy(meaning: &Meaning) -> bool {
    [sentences::POLICY, sentences::MANAGED_DEVICE].contains(&meaning.sentence)
}

/// The sentence for the person, with the page that the server named for a change of password, where the
/// sentence has one.
#[must_use]
pub fn sentence(meaning: &Meaning, refusal: &Refusal) -> String {
    /// The page that everybody has (self-service password reset).
    const USUAL: &str = "https://aka.ms/sspr";
    match &refusal.password_change_url {
        Some(url) => meaning.sentence.replace(USUAL, url),
        None => meaning.sentence.to_owned(),
    }
}
