//! The one table of the login service's error codes: code → class → sentence → PAM result.
//!
//! Entra's `error` word differs between endpoint generations, so the key is the first of `error_codes`
//! (<https://learn.microsoft.com/entra/identity-platform/reference-error-codes>). Invariant: a code that
//! is not in [`TABLE`] denies, unless the HTTP status says that there was no verdict at all. Nothing in
//! here is ever a success: "more than a password is needed" means that the password was right, and it
//! is not enough.
//!
//! Sentences are for the person at the prompt: they name no tenant detail, and one text serves every
//! case that an attacker must not tell apart.

use entra_protocol::login::Outcome;

use super::Refusal;

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
}

/// Wrong name and wrong password, deliberately alike.
pub const INCORRECT: &str = "Incorrect username or password.";
/// For everything that only a browser can finish.
pub const CONTINUE: &str = "This sign-in has to be continued in a browser.";
/// For a host or registration that is set up wrongly.
pub const SET_UP_WRONG: &str =
    "Sign-in is not set up correctly on this host. Please tell your administrator.";
/// For no answer, an overloaded service, or an answer that can't be read.
pub const UNREACHABLE: &str =
    "Microsoft Entra ID can't be reached at the moment. Please try again later.";
/// For an account that the tenant has disabled.
pub const DISABLED: &str = "Your account is disabled in Microsoft Entra ID.";

const REFUSED: &str = "Microsoft Entra ID refused this sign-in.";
const LOCKED: &str =
    "Your account is temporarily locked in Microsoft Entra ID. Please try again later.";
const EXPIRED: &str =
    "Your password has expired. Change it at https://aka.ms/sspr and sign in again.";
const POLICY: &str = "Your organisation's policy does not allow this sign-in.";
const MANAGED_DEVICE: &str = "Your organisation's policy asks for a managed device; \
     this host can't be one. Please ask your administrator.";
const NOT_ASSIGNED: &str = "Your account is not authorised to sign in to this host's application.";
const HOURS: &str = "Your organisation does not allow you to sign in at this time of day.";
const AGAIN: &str = "This sign-in is no longer valid. Please sign in again.";

/// Every code that is known.
pub const TABLE: &[Meaning] = &[
    deny(&[50126], INCORRECT, "wrong user or password"),
    deny(&[50034], INCORRECT, "no such user in the tenant"),
    Meaning {
        codes: &[50053],
        class: Class::Deny,
        outcome: Outcome::MaxTries,
        sentence: LOCKED,
        meaning: "smart lockout, or a blocked address",
    },
    deny(&[50055, 50144], EXPIRED, "password expired"),
    Meaning {
        codes: &[50057],
        class: Class::CutOff,
        outcome: Outcome::PermissionDenied,
        sentence: DISABLED,
        meaning: "account disabled",
    },
    interaction(&[50056], "no password in the directory"),
    interaction(
        &[50072, 50079],
        "a second factor must be registered (https://aka.ms/mfasetup)",
    ),
    interaction(&[50074, 50076, 50078], "a second factor is required"),
    interaction(&[50158], "an external factor or terms of use are required"),
    interaction(&[50125, 50135, 50137], "password reset or registration due"),
    interaction(&[50140, 50199], "a page must be confirmed"),
    interaction(&[16000, 50197], "an account must be chosen"),
    interaction(
        &[
            130_500, 130_501, 130_502, 130_503, 130_504, 130_505, 130_506, 130_507, 130_508,
        ],
        "blocked by credential policy, or a Temporary Access Pass is needed",
    ),
    interaction(
        &[530_035],
        "security defaults refuse the password grant as legacy authentication",
    ),
    deny(&[50064], REFUSED, "credential check failed"),
    deny(
        &[50097, 50129, 50187, 53000, 53001],
        MANAGED_DEVICE,
        "a compliant or joined device is required",
    ),
    deny(
        &[50105],
        NOT_ASSIGNED,
        "user not assigned to the application",
    ),
    deny(
        &[50131, 53002, 53003],
        POLICY,
        "blocked by Conditional Access",
    ),
    deny(
        &[53004, 53010, 53011],
        POLICY,
        "blocked: proof-up not possible, or the user is at risk",
    ),
    deny(
        &[530_032, 530_034],
        POLICY,
        "blocked by the tenant's security policy",
    ),
    deny(&[54005], AGAIN, "code already redeemed"),
    deny(&[80012], HOURS, "outside the directory's logon hours"),
    deny(
        &[90072, 50020, 50014, 51004],
        REFUSED,
        "an account of another tenant, or one that is not ready",
    ),
    deny(
        &[135_010, 135_011],
        REFUSED,
        "device key unknown or device disabled",
    ),
    deny(&[500_121], REFUSED, "second factor failed or denied"),
    renew(&[50058], "no session"),
    renew(&[50132, 50133], "session invalid after a password change"),
    renew(&[50173], "tokens revoked"),
    renew(
        &[70000, 70008, 700_082, 700_084, 70043],
        "refresh token invalid or expired",
    ),
    unavailable(
        &[90033, 90006, 90012, 90024, 90090, 50033, 50000],
        "transient trouble",
    ),
    unavailable(&[90055], "throttled"),
    unavailable(&[50196], "the service sees a loop of requests"),
    unavailable(
        &[80001, 80002, 80005, 80007, 80014],
        "the tenant's on-premises directory is unreachable",
    ),
    configuration(&[50059, 50128], "no tenant for this name or domain"),
    configuration(&[50107], "unknown federation realm"),
    configuration(&[65001], "the application lacks consent"),
    configuration(
        &[65004, 90094, 90095],
        "consent was declined, or an administrator's is needed",
    ),
    configuration(&[70001, 7_000_112], "the application is disabled"),
    configuration(
        &[700_016],
        "the application is not in this tenant: wrong client_id or tenant id",
    ),
    configuration(
        &[7_000_215],
        "wrong client secret; was the secret's id pasted instead of its value?",
    ),
    configuration(&[7_000_222], "the client secret has expired"),
    configuration(
        &[7_000_218],
        "\"Allow public client flows\" is off for the login registration",
    ),
    configuration(&[700_025], "a public client sent a secret"),
    configuration(&[700_027, 50012], "the client assertion's key is unknown"),
    configuration(
        &[700_021, 700_023, 50027],
        "the client assertion is not for this registration and tenant",
    ),
    configuration(
        &[70021, 700_211, 700_212, 700_213, 7_002_137, 7_002_138],
        "the registration has no federated credential for this token's issuer, subject and audience",
    ),
    configuration(
        &[700_024],
        "the client assertion's times are wrong: check this host's clock",
    ),
    configuration(&[500_011, 50001, 650_057], "resource unknown in the tenant"),
    configuration(&[70011, 1_002_012, 28002], "bad scope"),
    configuration(
        &[70003, 90014, 900_144, 9_001_023],
        "malformed request, or a grant that is not allowed here",
    ),
    configuration(&[9_002_313], "malformed request"),
    configuration(&[90002, 900_023], "tenant not found: wrong tenant id"),
];

/// For a code that is not in [`TABLE`].
pub const UNKNOWN: Meaning = deny(&[], REFUSED, "an error that this version does not know");

/// For 429 and 5xx with no code that is known.
pub const TRANSIENT: Meaning = unavailable(&[], "throttled, or trouble at the service");

/// What a refusal means: by its first code, else by its HTTP status, else "no".
#[must_use]
pub fn meaning(refusal: &Refusal) -> &'static Meaning {
    let known = refusal
        .codes
        .first()
        .and_then(|code| TABLE.iter().find(|row| row.codes.contains(code)));
    match known {
        Some(row) => row,
        None if refusal.status == 429 || refusal.status >= 500 => &TRANSIENT,
        None => &UNKNOWN,
    }
}

/// True if the person can do nothing about it alone and should quote an id to those who can.
#[must_use]
pub fn is_for_administrators(meaning: &Meaning) -> bool {
    matches!(meaning.class, Class::Configuration | Class::Unavailable)
        || [REFUSED, POLICY, MANAGED_DEVICE, NOT_ASSIGNED, HOURS].contains(&meaning.sentence)
}

const fn deny(codes: &'static [u32], sentence: &'static str, meaning: &'static str) -> Meaning {
    Meaning {
        codes,
        class: Class::Deny,
        outcome: Outcome::AuthError,
        sentence,
        meaning,
    }
}

const fn interaction(codes: &'static [u32], meaning: &'static str) -> Meaning {
    Meaning {
        codes,
        class: Class::Interaction,
        outcome: Outcome::AuthError,
        sentence: CONTINUE,
        meaning,
    }
}

const fn renew(codes: &'static [u32], meaning: &'static str) -> Meaning {
    Meaning {
        codes,
        class: Class::Renew,
        outcome: Outcome::AuthError,
        sentence: AGAIN,
        meaning,
    }
}

const fn unavailable(codes: &'static [u32], meaning: &'static str) -> Meaning {
    Meaning {
        codes,
        class: Class::Unavailable,
        outcome: Outcome::Unavailable,
        sentence: UNREACHABLE,
        meaning,
    }
}

const fn configuration(codes: &'static [u32], meaning: &'static str) -> Meaning {
    Meaning {
        codes,
        class: Class::Configuration,
        outcome: Outcome::Unavailable,
        sentence: SET_UP_WRONG,
        meaning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn refusal(status: u16, codes: &[u32]) -> Refusal {
        Refusal {
            status,
            codes: codes.to_vec(),
            ..Refusal::default()
        }
    }

    #[test]
    fn each_class_has_its_pam_result() {
        for (code, class, outcome) in [
            (50126, Class::Deny, Outcome::AuthError),
            (50053, Class::Deny, Outcome::MaxTries),
            (50057, Class::CutOff, Outcome::PermissionDenied),
            (50076, Class::Interaction, Outcome::AuthError),
            (50173, Class::Renew, Outcome::AuthError),
            (90033, Class::Unavailable, Outcome::Unavailable),
            (7_000_218, Class::Configuration, Outcome::Unavailable),
        ] {
            let row = meaning(&refusal(400, &[code]));
            assert_eq!((row.class, row.outcome), (class, outcome), "{code}");
        }
    }

    #[test]
    fn no_row_is_a_success_and_no_code_stands_twice() {
        let mut seen = BTreeSet::new();
        for row in TABLE {
            assert!(row.outcome != Outcome::Success, "{:?}", row.codes);
            assert!(row.sentence.ends_with('.') && !row.meaning.is_empty());
            for code in row.codes {
                assert!(seen.insert(code), "{code} stands twice");
            }
        }
    }

    #[test]
    fn an_unknown_code_denies_unless_there_was_no_verdict() {
        assert_eq!(meaning(&refusal(400, &[99_999])).class, Class::Deny);
        assert_eq!(meaning(&refusal(401, &[])).class, Class::Deny);
        assert_eq!(meaning(&refusal(429, &[])).class, Class::Unavailable);
        assert_eq!(meaning(&refusal(503, &[99_999])).class, Class::Unavailable);
        // A verdict stays one, whatever the status that it came with.
        assert_eq!(meaning(&refusal(500, &[50126])).class, Class::Deny);
    }

    #[test]
    fn a_wrong_password_and_an_unknown_user_sound_the_same() {
        let wrong = meaning(&refusal(400, &[50126]));
        let unknown = meaning(&refusal(400, &[50034]));
        assert_eq!(
            (wrong.sentence, wrong.outcome),
            (unknown.sentence, unknown.outcome)
        );
    }

    #[test]
    fn every_need_for_a_browser_sounds_the_same() {
        for row in TABLE.iter().filter(|row| row.class == Class::Interaction) {
            assert_eq!(row.sentence, CONTINUE, "{:?}", row.codes);
        }
    }
}
