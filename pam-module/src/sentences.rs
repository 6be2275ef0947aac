//! Every sentence that this module says by itself, to the person at the prompt.
//!
//! Invariant: plain words, what to do next, and nothing about the tenant, the agent's errors or whether
//! a name exists. What the journal gets is written where it happens.

/// For a name that neither this host nor its directory knows, whatever the name is.
pub(crate) const NOT_IMPORTED: &str = "Sign-in is for accounts of this host and imported Microsoft Entra ID \
    accounts. If yours should be here, ask your administrator to import it.";

/// The gate is `deny`.
pub(crate) const GATE_DENIES: &str = "Local accounts can't sign in on this host. Sign in with your Microsoft \
    Entra ID account, or ask your administrator.";

/// The gate is `fallback`, and Entra can be reached.
pub(crate) const GATE_FALLBACK: &str = "Local accounts can sign in on this host only while Microsoft Entra ID \
    can't be reached. Sign in with your Microsoft Entra ID account.";

/// While `entractl auth enable` has not been given.
pub(crate) const SWITCHED_OFF: &str = "Microsoft Entra ID sign-in is switched off on this host.";

/// The agent is missing, hangs or talks nonsense.
pub(crate) const NO_ANSWER: &str = "The sign-in service on this host does not answer. Try again in a minute, \
    or ask your administrator.";

/// The directory or `/etc/passwd` can't be read, or they contradict each other.
pub(crate) const DOUBTFUL: &str = "This host can't tell at the moment whether this is a Microsoft Entra ID \
    account. Ask your administrator.";

/// The answer to a prompt was longer than any password.
pub(crate) const TOO_LONG: &str = "What was typed is too long.";

/// The answer to a prompt was not UTF-8.
pub(crate) const NOT_TEXT: &str = "What was typed can't be read as text. Check the keyboard settings of your \
    terminal (UTF-8 is needed).";

/// `accountEnabled` is false.
pub(crate) const DISABLED: &str = "Your account is disabled in Microsoft Entra ID.";

/// An operator of this host blocked the account.
pub(crate) const BLOCKED: &str = "Your account is blocked on this host. Ask your administrator.";

/// The local expiry has passed.
pub(crate) const EXPIRED: &str = "Your account has expired on this host. Ask your administrator.";

/// The record names services, and this is none of them.
pub(crate) const OTHER_SERVICE: &str =
    "Your account may not be used for this service on this host.";

/// The directory's date lies in the future.
pub(crate) const CLOCK: &str = "This host's clock is wrong, so it can't tell whether your account still \
    stands. Ask your administrator.";

/// Where the password of an imported user is changed, when the agent has nothing better to say.
pub(crate) const PASSWORD: &str = "The password of this account is changed in Microsoft Entra ID: \
    https://aka.ms/sspr";

/// The directory is older than the host allows; `age` in seconds.
pub(crate) fn not_heard(age: u64) -> String {
    let (count, unit) = match age {
        0..3_600 => (age / 60, "minute"),
        3_600..172_800 => (age / 3_600, "hour"),
        _ => (age / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!(
        "This host has not heard from Microsoft Entra ID for {count} {unit}{plural}. Ask your administrator."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_said_in_the_unit_that_fits() {
        for (age, said) in [
            (60, "1 minute."),
            (7_200, "2 hours."),
            (172_799, "47 hours."),
            (15 * 86_400, "15 days."),
        ] {
            assert!(not_heard(age).contains(&format!("for {said}")), "{age}");
        }
    }
}
