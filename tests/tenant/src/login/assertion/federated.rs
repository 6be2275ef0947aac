//! Tokens of other identity providers as assertions (facts §2.5): issuer, subject
//! and audience must be those of a federated credential, to the letter.

use serde_json::Value;
use time::OffsetDateTime;

use super::{check_times, is_signed_by};
use crate::login::LoginError;
use crate::state::app::App;

/// Checks a token (signed text, signature) of another provider.
pub(super) fn check(
    app: &App,
    header: &Value,
    claims: &Value,
    token: (&str, &str),
    now: OffsetDateTime,
) -> Result<(), LoginError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec![text("aud")],
    };
    let of_issuer: Vec<_> = app
        .federated_credentials
        .iter()
        .filter(|known| known.issuer == text("iss"))
        .collect();
    if of_issuer.is_empty() {
        return Err(unmatched(700_211, "issuer", text("iss")));
    }
    let Some(known) = of_issuer.iter().find(|known| known.subject == text("sub")) else {
        return Err(unmatched(700_213, "subject", text("sub")));
    };
    if !audiences
        .iter()
        .any(|audience| known.audiences.iter().any(|one| one == audience))
    {
        return Err(unmatched(700_212, "audience", &audiences.join(" ")));
    }
    if !is_signed_by(&known.certificate, header, token) {
        return Err(LoginError::new(
            50_013,
            "Assertion failed signature validation.",
        ));
    }
    check_times(claims, now)
}

fn unmatched(code: u32, what: &str, found: &str) -> LoginError {
    LoginError::new(
        code,
        format!(
            "No matching federated identity record found for presented assertion {what} \
             '{found}'. Check your federated identity credential Subject, Audience and Issuer \
             against the presented assertion. \
             https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
        ),
    )
}
