//! The tokens of a good answer and their claims (facts §2.1, §2.6).

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::claims::Claims;
use super::errors::GRAPH_APP;
use super::jwt::{KeyError, random_text};
use super::refresh::{self, RefreshToken};
use super::{LOGIN, LoginError};
use crate::state::app::App;
use crate::state::user::User;
use crate::state::{TokenOverride, World};

/// Seconds an app-only token lives, as the answer gives it.
const APP_TOKEN_LIFE: i64 = 3599;
/// Seconds one lives whose holder understands claims challenges: it can be ended.
pub(crate) const CAPABLE_TOKEN_LIFE: i64 = 86_399;
/// Seconds a person's access token lives: random between these two.
const USER_TOKEN_LIFE: (i64, i64) = (3600, 5400);
/// Seconds by which `iat` and `nbf` lie in the past.
const BACKDATED: i64 = 300;
/// Seconds from `iat` to `exp` of an id token.
const ID_TOKEN_LIFE: i64 = 3900;

/// What a person's sign-in led to.
pub(super) struct Session<'a> {
    pub(super) app: &'a App,
    pub(super) user: &'a User,
    pub(super) tenant_id: &'a str,
    pub(super) region: &'a str,
    pub(super) scopes: &'a [String],
    pub(super) with_mfa: bool,
    pub(super) wants_client_info: bool,
}

/// The audience of Graph's tokens.
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";

/// The answer to client credentials, for this audience.
pub(crate) fn app_only(
    world: &World,
    app: &App,
    audience: &str,
    tenant_id: &str,
    region: &str,
    asked: &Claims,
) -> Result<Value, LoginError> {
    let now = world.clock.now().unix_timestamp();
    let life = match asked.capable {
        true => CAPABLE_TOKEN_LIFE,
        false => APP_TOKEN_LIFE,
    };
    // A token that answers a challenge is as young as the challenge wants it.
    let valid_from = (now - BACKDATED).max(asked.not_before.unwrap_or(i64::MIN));
    let mut claims = json!({
        "aud": audience,
        "iss": format!("https://sts.windows.net/{tenant_id}/"),
        "iat": valid_from,
        "nbf": valid_from,
        "exp": now + life + 1,
        "aio": random_text(24),
        "app_displayname": app.display_name,
        "appid": app.client_id,
        "appidacr": "1",
        "idp": format!("https://sts.windows.net/{tenant_id}/"),
        "idtyp": "app",
        "oid": app.service_principal_id,
        "rh": format!("1.{}.", random_text(20)),
        "sub": app.service_principal_id,
        "tenant_region_scope": region,
        "tid": tenant_id,
        "uti": random_text(16),
        "ver": "1.0",
        "wids": ["0997a1d0-0d1d-4acb-b408-d5ca73121e90"],
        "xms_tcdt": 1_577_836_800,
    });
    // Roles are those of the audience. Without a granted one there is no claim at all, and still a token.
    let is_bare = app.roles.is_empty() || audience != GRAPH;
    if let (false, Value::Object(fields)) = (is_bare, &mut claims) {
        fields.insert("roles".to_owned(), json!(app.roles));
    }
    if let (true, Value::Object(fields)) = (asked.capable, &mut claims) {
        fields.insert("xms_cc".to_owned(), json!(["CP1"]));
    }
    let token = world.keys.access_token(&claims).map_err(unsigned)?;
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": token,
    }))
}

/// The answer to a person's sign-in; the refresh token is added by [`with_refresh`].
pub(super) fn user(world: &mut World, session: &Session<'_>) -> Result<Value, LoginError> {
    let now = world.clock.now();
    let life = random_life();
    let asked = |scope: &str| session.scopes.iter().any(|have| have == scope);
    let overridden = take_override(&mut world.overrides, session.user);
    let access = access_claims(session, now, life);
    let mut answer = json!({
        "token_type": "Bearer",
        "scope": granted(session.scopes),
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": world.keys.access_token(&access).map_err(unsigned)?,
    });
    let Value::Object(fields) = &mut answer else {
        return Ok(answer);
    };
    let claims = id_claims(session, now, overridden.as_ref());
    let omitted = overridden
        .as_ref()
        .is_some_and(|change| change.omit_id_token);
    if asked("openid") && !omitted {
        let token = world.keys.id_token(&claims).map_err(unsigned)?;
        fields.insert("id_token".to_owned(), json!(token));
    }
    if session.wants_client_info {
        let oid = overridden.as_ref().and_then(|change| change.oid.clone());
        let tid = overridden.as_ref().and_then(|change| change.tid.clone());
        let info = json!({
            "uid": oid.unwrap_or_else(|| session.user.id.clone()),
            "utid": tid.unwrap_or_else(|| session.tenant_id.to_owned()),
        });
        fields.insert(
            "client_info".to_owned(),
            json!(URL_SAFE_NO_PAD.encode(info.to_string())),
        );
    }
    Ok(answer)
}

/// Adds a refresh token if `offline_access` was asked for.
pub(super) fn with_refresh(
    world: &mut World,
    mut answer: Value,
    scopes: &[String],
    token: RefreshToken,
) -> Value {
    if let (true, Value::Object(fields)) = (
        scopes.iter().any(|scope| scope == "offline_access"),
        &mut answer,
    ) {
        fields.insert(
            "refresh_token".to_owned(),
            json!(refresh::issue(world, token)),
        );
    }
    answer
}

fn id_claims(
    session: &Session<'_>,
    now: OffsetDateTime,
    overridden: Option<&TokenOverride>,
) -> Value {
    let asked = |scope: &str| session.scopes.iter().any(|have| have == scope);
    let pick = |choice: fn(&TokenOverride) -> &Option<String>, truth: &str| {
        overridden
            .and_then(|change| choice(change).clone())
            .unwrap_or_else(|| truth.to_owned())
    };
    let tid = pick(|change| &change.tid, session.tenant_id);
    let oid = pick(|change| &change.oid, &session.user.id);
    let aud = pick(|change| &change.aud, &session.app.client_id);
    let issued = now.unix_timestamp() - BACKDATED;
    let mut claims = json!({
        "aud": aud,
        "iss": format!("{LOGIN}/{tid}/v2.0"),
        "iat": issued,
        "nbf": issued,
        "exp": issued + ID_TOKEN_LIFE,
        "rh": format!("1.{}.", random_text(20)),
        "sub": pairwise(&session.app.client_id, &session.user.id),
        "uti": random_text(16),
        "ver": "2.0",
    });
    let Value::Object(fields) = &mut claims else {
        return claims;
    };
    if asked("profile") {
        for (name, value) in [
            ("name", session.user.text("displayName")),
            ("oid", &oid),
            ("preferred_username", session.user.upn()),
            ("tid", &tid),
        ] {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    let mail = session.user.text("mail");
    if asked("email") && !mail.is_empty() {
        fields.insert("email".to_owned(), json!(mail));
    }
    for (name, value) in overridden
        .map(|change| &change.claims)
        .into_iter()
        .flatten()
    {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    claims
}

fn access_claims(session: &Session<'_>, now: OffsetDateTime, life: i64) -> Value {
    let issued = now.unix_timestamp() - BACKDATED;
    let methods: &[&str] = if session.with_mfa {
        &["pwd", "mfa"]
    } else {
        &["pwd"]
    };
    json!({
        "aud": GRAPH_APP,
        "iss": format!("https://sts.windows.net/{}/", session.tenant_id),
        "iat": issued,
        "nbf": issued,
        "exp": now.unix_timestamp() + life,
        "acr": "1",
        "amr": methods,
        "app_displayname": session.app.display_name,
        "appid": session.app.client_id,
        "appidacr": if session.app.is_public_only() { "0" } else { "1" },
        "idtyp": "user",
        "name": session.user.text("displayName"),
        "oid": session.user.id,
        "scp": "email openid profile User.Read",
        "sub": pairwise(GRAPH_APP, &session.user.id),
        "tenant_region_scope": session.region,
        "tid": session.tenant_id,
        "unique_name": session.user.upn(),
        "upn": session.user.upn(),
        "uti": random_text(16),
        "ver": "1.0",
        "xms_tcdt": 1_577_836_800,
    })
}

/// What the answer's `scope` says: never `offline_access`, and Graph scopes with
/// their resource.
fn granted(scopes: &[String]) -> String {
    let mut granted = vec![
        "email".to_owned(),
        "openid".to_owned(),
        "profile".to_owned(),
        "https://graph.microsoft.com/User.Read".to_owned(),
    ];
    for scope in scopes {
        let bare = scope
            .strip_prefix("https://graph.microsoft.com/")
            .unwrap_or(scope);
        let full = format!("https://graph.microsoft.com/{bare}");
        let known = ["openid", "profile", "email", "offline_access", ".default"];
        if !known.contains(&bare) && !granted.contains(&full) {
            granted.push(full);
        }
    }
    granted.join(" ")
}

/// The subject of one person for one app.
fn pairwise(app: &str, user: &str) -> String {
    let text = format!("{app} {user}");
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

fn random_life() -> i64 {
    let mut byte = [0_u8; 2];
    // A generator that fails gives the shortest life, which is as good as any.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    let (least, most) = USER_TOKEN_LIFE;
    least + i64::from(u16::from_le_bytes(byte)) % (most - least)
}

/// Takes the oldest override that is for this person.
fn take_override(overrides: &mut Vec<TokenOverride>, user: &User) -> Option<TokenOverride> {
    let place = overrides
        .iter()
        .position(|change| change.user.as_ref().is_none_or(|key| user.is_called(key)))?;
    let change = overrides.get_mut(place)?;
    let taken = change.clone();
    change.times = change.times.saturating_sub(1);
    if change.times == 0 {
        overrides.remove(place);
    }
    Some(taken)
}

fn unsigned(error: KeyError) -> LoginError {
    LoginError::new(
        50_000,
        format!("There was an error issuing a token: {error}."),
    )
}
