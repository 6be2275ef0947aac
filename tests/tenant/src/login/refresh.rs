//! Refresh tokens: opaque, remembered here, good for 90 days after their issue.

use time::{Duration, OffsetDateTime};

use super::LoginError;
use super::jwt::random_text;
use super::password::{Proof, standing};
use crate::clock::{graph_instant, parse_instant};
use crate::state::World;
use crate::state::app::App;
use crate::state::tenant::Tenant;

/// How long an unused token lives (facts §2.4).
const LIFETIME: Duration = Duration::days(90);

/// What one token stands for.
#[derive(Debug, Clone)]
pub(crate) struct RefreshToken {
    pub(crate) tenant: String,
    pub(crate) user: String,
    pub(crate) client_id: String,
    pub(crate) issued: OffsetDateTime,
    /// Whether a second factor was shown when the session began.
    pub(crate) with_mfa: bool,
}

/// Makes a token; the caller puts it into an answer.
pub(super) fn issue(world: &mut World, token: RefreshToken) -> String {
    let text = format!("1.{}", random_text(96));
    world.refresh_tokens.insert(text.clone(), token);
    text
}

/// What a token is still good for. The token stays valid: only its successor is
/// newer (facts §2.4).
pub(super) fn redeem(
    world: &World,
    tenant: &Tenant,
    app: &App,
    text: &str,
    now: OffsetDateTime,
) -> Result<RefreshToken, LoginError> {
    let Some(token) = world.refresh_tokens.get(text) else {
        return Err(LoginError::new(
            9_002_313,
            "Invalid request. Request is malformed or invalid.",
        ));
    };
    if token.client_id != app.client_id || token.tenant != tenant.id {
        return Err(LoginError::new(
            70_000,
            "Provided grant is invalid or malformed. The grant was issued to another client.",
        ));
    }
    if now - token.issued > LIFETIME {
        return Err(LoginError::new(
            700_082,
            format!(
                "The refresh token has expired due to inactivity. The token was issued on {} and \
                 was inactive for 90.00:00:00.",
                graph_instant(token.issued)
            ),
        ));
    }
    let user = tenant
        .live_user(&token.user)
        .ok_or_else(|| LoginError::unknown_user(&tenant.display_name))?;
    let valid_from = user.text("signInSessionsValidFromDateTime");
    let ended = user.sessions_ended.or_else(|| parse_instant(valid_from));
    if ended.is_some_and(|ended| token.issued < ended) {
        return Err(LoginError::new(
            50_173,
            format!(
                "The provided grant has expired due to it being revoked, a fresh auth token is \
                 needed. The user might have changed or reset their password. The grant was issued \
                 on '{}' and the TokensValidFrom date (before which tokens are not valid) for this \
                 user is '{valid_from}'.",
                graph_instant(token.issued)
            ),
        ));
    }
    let mfa = user.sign_in.mfa_required || user.sign_in.mfa_enrolment_required;
    standing(tenant, app, &user, Proof::Page)?;
    if mfa && !token.with_mfa {
        return Err(LoginError::mfa_required());
    }
    Ok(token.clone())
}
