//! The rows: code → class → PAM result → sentence → meaning → cure.
//!
//! Cures speak to an administrator of the host or the tenant and stand in docs/troubleshooting.md, which
//! is written from here.

use entra_protocol::login::Outcome;

use super::{Class, Meaning, sentences as say};

/// Every code that is known.
pub const TABLE: &[Meaning] = &[
    deny(
        &[50126],
        say::INCORRECT,
        "wrong user or password",
        "Nothing, if the person mistyped. Many of these for many people from one address are guesses: see \
         rhost in the journal.",
    ),
    deny(
        &[50034],
        say::INCORRECT,
        "no such user in the tenant",
        "The person was deleted or renamed since the last import: entractl sync.",
    ),
    Meaning {
        outcome: Outcome::MaxTries,
        ..deny(
            &[50053],
            say::LOCKED,
            "smart lockout, or a blocked address",
            "Entra's smart lockout ends by itself; until then no password of the person's is judged, and a \
             device code may still work. The sign-in log says which of the two it is.",
        )
    },
    deny(
        &[50055, 50144],
        say::EXPIRED,
        "password expired",
        "The person changes it at the page that the sentence names, or an administrator resets it.",
    ),
    Meaning {
        codes: &[50057],
        class: Class::CutOff,
        outcome: Outcome::PermissionDenied,
        sentence: say::DISABLED,
        meaning: "account disabled",
        cure: "The account is disabled in the tenant. It is cut off here at once, for keys as well, until an \
               import finds it enabled again: entractl sync.",
    },
    interaction(
        &[50056],
        "no password in the directory",
        "Nothing: somebody without a password signs in by device code.",
    ),
    interaction(
        &[50072, 50079],
        "a second factor must be registered",
        "The person registers one at https://aka.ms/mfasetup; the page of the device code leads there too.",
    ),
    interaction(
        &[50074, 50076, 50078],
        "a second factor is required",
        "Nothing: MFA is met in the browser. Services without device-code in [sign_in] can't be used by \
         people who need it.",
    ),
    interaction(
        &[50158],
        "an external factor or terms of use are required",
        "Nothing: met in the browser.",
    ),
    interaction(
        &[50125, 50135, 50137],
        "password reset or registration due",
        "The person finishes it in the browser.",
    ),
    interaction(
        &[50140, 50199],
        "a page must be confirmed",
        "Nothing: met in the browser.",
    ),
    interaction(
        &[16000, 50197],
        "an account must be chosen",
        "Nothing: met in the browser.",
    ),
    interaction(
        &[
            130_500, 130_501, 130_502, 130_503, 130_504, 130_505, 130_506, 130_507, 130_508,
        ],
        "blocked by credential policy, or a Temporary Access Pass is needed",
        "A Temporary Access Pass is entered in the browser, never at this host's prompt.",
    ),
    interaction(
        &[530_035],
        "security defaults refuse the password grant as legacy authentication",
        "Nothing. Take password out of [sign_in] if the whole tenant has security defaults: nobody is then \
         asked in vain.",
    ),
    deny(
        &[50064],
        say::REFUSED,
        "credential check failed",
        "Look the correlation id up in the tenant's sign-in log.",
    ),
    deny(
        &[50097, 50129, 50187, 53000, 53001],
        say::MANAGED_DEVICE,
        "a compliant or joined device is required",
        "A Conditional Access policy wants a managed device, which a Linux server is not. Exclude the login \
         registration from it, or these hosts' addresses.",
    ),
    deny(
        &[50105],
        say::NOT_ASSIGNED,
        "user not assigned to the application",
        "The login registration has \"Assignment required\": assign the person, or a group that they are a \
         direct member of.",
    ),
    deny(
        &[50131, 53002, 53003],
        say::POLICY,
        "blocked by Conditional Access",
        "The sign-in log names the policy. With method=device-code it is mostly a policy on authentication \
         flows that blocks the device code flow (Microsoft deploys one): exclude the login registration from \
         it, or offer password to this service.",
    ),
    deny(
        &[53004, 53010, 53011],
        say::POLICY,
        "blocked: proof-up not possible, or the user is at risk",
        "Look at the person's risk in Entra ID Protection, and where second factors may be registered from.",
    ),
    deny(
        &[530_032, 530_034],
        say::POLICY,
        "blocked by the tenant's security policy",
        "The sign-in log names the policy.",
    ),
    deny(
        &[54005],
        say::AGAIN,
        "code already redeemed",
        "The person tries again. If it happens twice, report it as an error of this program.",
    ),
    deny(
        &[80012],
        say::HOURS,
        "outside the directory's logon hours",
        "The logon hours are set on the account in Active Directory.",
    ),
    deny(
        &[90072, 50020, 50014, 51004],
        say::REFUSED,
        "an account of another tenant, or one that is not ready",
        "Guests sign in at their own tenant; import them from there, as a [[tenant]] of its own.",
    ),
    deny(
        &[135_010, 135_011],
        say::REFUSED,
        "device key unknown or device disabled",
        "This host proves itself by no device key: report it as an error of this program.",
    ),
    deny(
        &[500_121],
        say::REFUSED,
        "second factor failed or denied",
        "The person denied the request or was too slow. A request that they did not make is an attack: \
         somebody knows the password.",
    ),
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
        "Wait; https://status.entra.microsoft.com says whether Microsoft knows.",
    ),
    unavailable(
        &[90055],
        "throttled",
        "The tenant or the registration sends too many requests. See which hosts do.",
    ),
    unavailable(
        &[50196],
        "the service sees a loop of requests",
        "Some program on this host signs the same person in again and again: see service in the journal.",
    ),
    unavailable(
        &[80001, 80002, 80005, 80007, 80014],
        "the tenant's on-premises directory is unreachable",
        "Look at the pass-through authentication agents and the domain controllers behind them.",
    ),
    configuration(
        &[50059, 50128],
        "no tenant for this name or domain",
        "The person's UPN has a domain that the tenant has not verified.",
    ),
    configuration(
        &[50107],
        "unknown federation realm",
        "The federation of the person's domain is set up wrongly in the tenant.",
    ),
    configuration(
        &[65001],
        "the application lacks consent",
        "Grant admin consent for openid and profile to the login registration (API permissions).",
    ),
    configuration(
        &[65004, 90094, 90095],
        "consent was declined, or an administrator's is needed",
        "Grant admin consent for openid and profile to the login registration (API permissions).",
    ),
    configuration(
        &[70001, 7_000_112],
        "the application is disabled",
        "Enable it: Enterprise applications, Properties, \"Enabled for users to sign in\".",
    ),
    configuration(
        &[700_016],
        "the application is not in this tenant: wrong client_id or tenant id",
        "Compare client_id and id in agent.toml with the registration's Overview page.",
    ),
    configuration(
        &[7_000_215],
        "wrong client secret; was the secret's id pasted instead of its value?",
        "Make a new secret and store its value.",
    ),
    configuration(
        &[7_000_222],
        "the client secret has expired",
        "Make a new secret and store its value.",
    ),
    configuration(
        &[7_000_218],
        "\"Allow public client flows\" is off for the login registration",
        "Switch it on: Authentication, Advanced settings. It covers password and device code alike.",
    ),
    configuration(
        &[700_025],
        "a public client sent a secret",
        "[tenant.sync] names a public registration. It needs a confidential one.",
    ),
    configuration(
        &[700_027, 50012],
        "the client assertion's key is unknown",
        "Upload the certificate to the sync registration, or name the right one in agent.toml.",
    ),
    configuration(
        &[700_021, 700_023, 50027],
        "the client assertion is not for this registration and tenant",
        "Compare client_id and id in agent.toml with the registration's Overview page.",
    ),
    configuration(
        &[70021, 700_211, 700_212, 700_213, 7_002_137, 7_002_138],
        "the registration has no federated credential for this token's issuer, subject and audience",
        "Compare the federated credential with the token, letter by letter: case counts.",
    ),
    configuration(
        &[700_024],
        "the client assertion's times are wrong: check this host's clock",
        "Set the clock: timedatectl.",
    ),
    configuration(
        &[500_011, 50001, 650_057],
        "resource unknown in the tenant",
        "cloud in agent.toml is not the tenant's.",
    ),
    configuration(
        &[70011, 1_002_012, 28002],
        "bad scope",
        "cloud in agent.toml is not the tenant's; otherwise report it as an error of this program.",
    ),
    configuration(
        &[70003, 90014, 900_144, 9_001_023],
        "malformed request, or a grant that is not allowed here",
        "For the password grant: the tenant does not allow it; take password out of [sign_in].",
    ),
    configuration(
        &[9_002_313],
        "malformed request",
        "Report it as an error of this program.",
    ),
    configuration(
        &[90002, 900_023],
        "tenant not found: wrong tenant id",
        "Compare id in agent.toml with the tenant's Overview page, and cloud with where it lives.",
    ),
];

/// For a code that is not in [`TABLE`].
pub const UNKNOWN: Meaning = deny(
    &[],
    say::REFUSED,
    "an error that this version does not know",
    "Look the code up at https://login.microsoftonline.com/error and the correlation id in the tenant's \
     sign-in log.",
);

/// For 429 and 5xx with no code that is known.
pub const TRANSIENT: Meaning = unavailable(
    &[],
    "throttled, or trouble at the service",
    "Wait; https://status.entra.microsoft.com says whether Microsoft knows.",
);

/// For no answer at all, or one that can't be read.
pub const NO_ANSWER: Meaning = unavailable(
    &[],
    "no usable answer",
    "Try it as the agent does: curl -v https://login.microsoftonline.com from this host. A proxy belongs into \
     [proxy]; one that breaks TLS open needs its authority in the system's trust store.",
);

/// For what is wrong on this host before the tenant is even asked.
pub const OURS: Meaning = configuration(
    &[],
    "this host's registration or credential is wrong",
    "entractl status shows the credential's state.",
);

const fn deny(
    codes: &'static [u32],
    sentence: &'static str,
    meaning: &'static str,
    cure: &'static str,
) -> Meaning {
    Meaning {
        codes,
        class: Class::Deny,
        outcome: Outcome::AuthError,
        sentence,
        meaning,
        cure,
    }
}

const fn interaction(codes: &'static [u32], meaning: &'static str, cure: &'static str) -> Meaning {
    Meaning {
        class: Class::Interaction,
        ..deny(codes, say::CONTINUE, meaning, cure)
    }
}

const fn renew(codes: &'static [u32], meaning: &'static str) -> Meaning {
    Meaning {
        class: Class::Renew,
        ..deny(
            codes,
            say::AGAIN,
            meaning,
            "Nothing: the person signs in again.",
        )
    }
}

const fn unavailable(codes: &'static [u32], meaning: &'static str, cure: &'static str) -> Meaning {
    Meaning {
        class: Class::Unavailable,
        outcome: Outcome::Unavailable,
        ..deny(codes, say::UNREACHABLE, meaning, cure)
    }
}

const fn configuration(
    codes: &'static [u32],
    meaning: &'static str,
    cure: &'static str,
) -> Meaning {
    Meaning {
        class: Class::Configuration,
        outcome: Outcome::Unavailable,
        ..deny(codes, say::SET_UP_WRONG, meaning, cure)
    }
}
