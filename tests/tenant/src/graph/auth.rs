//! Who asks: the bearer token, its tenant and its roles.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::GraphError;
use crate::login::CAPABLE_TOKEN_LIFE;
use crate::state::World;
use crate::state::tenant::Tenant;
use crate::wire::Request;

/// The audiences that mean Graph.
const AUDIENCES: [&str; 4] = [
    "https://graph.microsoft.com",
    "https://graph.microsoft.com/",
    "00000003-0000-0000-c000-000000000000",
    "https://graph.microsoft.com/.default",
];

/// The caller of one request.
#[derive(Debug)]
pub(super) struct Principal {
    /// A place in [`World::tenants`].
    pub(super) tenant: usize,
    roles: Vec<String>,
    /// The registration that asks, or through which a person does.
    pub(super) client_id: String,
    /// The person's object id, if a person asks.
    pub(super) user: Option<String>,
}

/// Rights, by the app roles that grant them (facts §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Users,
    Groups,
    HiddenMembers,
    Organization,
    Domains,
    Applications,
    ManageApplications,
    GrantRoles,
    Consent,
    EndSessions,
}

impl Right {
    fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Users => &[
                "User.Read.All",
                "User.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
            Self::Groups => &[
                "GroupMember.Read.All",
                "GroupMember.ReadWrite.All",
                "Group.Read.All",
                "Group.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
            Self::HiddenMembers => &["Member.Read.Hidden"],
            Self::Organization => &[
                "Organization.Read.All",
                "Organization.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
            Self::Applications => &[
                "Application.Read.All",
                "Application.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
            Self::ManageApplications => &["Application.ReadWrite.All"],
            Self::GrantRoles => &["AppRoleAssignment.ReadWrite.All"],
            Self::Consent => &["DelegatedPermissionGrant.ReadWrite.All"],
            Self::EndSessions => &[
                "User.RevokeSessions.All",
                "User.ReadWrite.All",
                "Directory.ReadWrite.All",
            ],
            Self::Domains => &[
                "Domain.Read.All",
                "Domain.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
        }
    }
}

impl Principal {
    /// Whether a role grants this.
    pub(super) fn may(&self, right: Right) -> bool {
        right
            .roles()
            .iter()
            .any(|role| self.roles.iter().any(|have| have == role))
    }

    /// The same, as a refusal.
    pub(super) fn need(&self, right: Right) -> Result<(), GraphError> {
        if self.may(right) {
            Ok(())
        } else {
            Err(GraphError::denied())
        }
    }

    /// The caller's tenant.
    pub(super) fn tenant<'a>(&self, world: &'a World) -> Result<&'a Tenant, GraphError> {
        world
            .tenants
            .get(self.tenant)
            .ok_or_else(|| GraphError::bad_token("Invalid tenant."))
    }

    /// The same, to change it.
    pub(super) fn tenant_mut<'a>(
        &self,
        world: &'a mut World,
    ) -> Result<&'a mut Tenant, GraphError> {
        world
            .tenants
            .get_mut(self.tenant)
            .ok_or_else(|| GraphError::bad_token("Invalid tenant."))
    }
}

/// Reads and verifies the token.
pub(super) fn principal(world: &World, request: &Request) -> Result<Principal, GraphError> {
    let token = request
        .header("authorization")
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty())
        .ok_or_else(|| GraphError::bad_token("Access token is empty."))?;
    if token.split('.').count() != 3 {
        return Err(GraphError::bad_token(
            "IDX14100: JWT is not well formed, there are no dots (.).",
        ));
    }
    let claims = world.keys.verify_access_token(token).ok_or_else(|| {
        GraphError::bad_token("Access token validation failure. Invalid signature.")
    })?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if !AUDIENCES.contains(&text("aud")) {
        return Err(GraphError::bad_token(
            "Access token validation failure. Invalid audience.",
        ));
    }
    let expires = claims.get("exp").and_then(Value::as_i64).unwrap_or(0);
    if world.clock.now().unix_timestamp() >= expires {
        return Err(GraphError::bad_token(
            "Lifetime validation failed, the token is expired.",
        ));
    }
    let tenant = world
        .tenant_index(text("tid"))
        .ok_or_else(|| GraphError::bad_token("Access token validation failure. Invalid issuer."))?;
    let roles = claims
        .get("roles")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let roles = roles.filter_map(Value::as_str).map(str::to_owned).collect();
    let is_user = text("idtyp") == "user";
    check_challenges(world, &claims)?;
    Ok(Principal {
        tenant,
        roles,
        client_id: text("appid").to_owned(),
        user: is_user.then(|| text("oid").to_owned()),
    })
}

/// Refuses a token that was issued before its registration's sessions were ended,
/// if whoever holds it said (`xms_cc`) that they understand the challenge; other
/// tokens live until they expire (facts §7).
fn check_challenges(world: &World, claims: &Value) -> Result<(), GraphError> {
    let number = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or(0);
    let client_id = claims.get("appid").and_then(Value::as_str);
    let issued = number("exp") - CAPABLE_TOKEN_LIFE - 1;
    let newest = world
        .challenges
        .iter()
        .filter(|challenge| Some(challenge.client_id.as_str()) == client_id)
        .map(|challenge| challenge.at)
        .max();
    match newest {
        // Only a token of the challenge itself is valid from that instant on.
        Some(at) if claims.get("xms_cc").is_some() && issued <= at && number("nbf") <= at => {
            let wanted = serde_json::json!({
                "access_token": {"nbf": {"essential": true, "value": (at + 1).to_string()}},
            });
            Err(GraphError::challenge(&STANDARD.encode(wanted.to_string())))
        }
        _ => Ok(()),
    }
}

/// A token for tests, with these roles.
#[cfg(test)]
pub(super) fn bearer(world: &World, roles: &[&str], lifetime: i64) -> String {
    let claims = serde_json::json!({
        "aud": "https://graph.microsoft.com",
        "exp": world.clock.now().unix_timestamp() + lifetime,
        "tid": world.tenants[0].id,
        "idtyp": "app",
        "roles": roles,
    });
    format!("Bearer {}", world.keys.access_token(&claims).unwrap())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Method};

    use super::*;
    use crate::graph::handle;
    use crate::state::seed::contoso;
    use crate::wire::request;

    fn status_and_error(
        world: &mut World,
        bearer: Option<&str>,
        path: &str,
    ) -> (u16, String, String) {
        let url = format!("https://graph.microsoft.com/v1.0/{path}");
        let mut sent = request(Method::GET, &url, "");
        if let Some(bearer) = bearer {
            sent.headers
                .insert("authorization", HeaderValue::from_str(bearer).unwrap());
        }
        let answer = handle(world, &sent);
        let error = answer.value()["error"].clone();
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (answer.status.as_u16(), text("code"), text("message"))
    }

    #[test]
    fn tokens_that_are_none_are_refused_with_401() {
        let world = &mut contoso();
        let expired = bearer(world, &["User.Read.All"], 0);
        let id_token = world
            .keys
            .id_token(&serde_json::json!({"aud": "x"}))
            .unwrap();
        for (sent, expected) in [
            (None, "Access token is empty."),
            (Some("Bearer x"), "IDX14100"),
            (Some("Bearer a.b.c"), "Invalid signature"),
            (
                Some(format!("Bearer {id_token}").as_str()),
                "Invalid signature",
            ),
            (Some(expired.as_str()), "Lifetime validation failed"),
        ] {
            let (status, code, message) = status_and_error(world, sent, "users");
            assert_eq!((status, code.as_str()), (401, "InvalidAuthenticationToken"));
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn each_collection_wants_its_role() {
        let world = &mut contoso();
        for (role, path, expected) in [
            ("User.Read.All", "users", 200),
            ("User.Read.All", "users/delta", 200),
            ("User.Read.All", "groups", 403),
            ("GroupMember.Read.All", "groups", 200),
            ("GroupMember.Read.All", "groups/delta()", 200),
            ("GroupMember.Read.All", "users", 403),
            ("GroupMember.Read.All", "users/delta", 403),
            ("User.Read.All", "organization", 403),
            ("Organization.Read.All", "organization", 200),
            ("User.Read.All", "domains", 403),
            ("Directory.Read.All", "domains", 200),
            ("Directory.Read.All", "groups", 200),
        ] {
            let token = bearer(world, &[role], 60);
            let (status, code, _) = status_and_error(world, Some(&token), path);
            assert_eq!(status, expected, "{role} {path}");
            assert_eq!(code == "Authorization_RequestDenied", expected == 403);
        }
    }

    #[test]
    fn a_challenge_meets_capable_tokens_of_before_only() {
        let world = &mut contoso();
        let now = world.clock.now().unix_timestamp();
        let token = |world: &World, at: i64, nbf: i64, capable: bool| {
            let mut claims = serde_json::json!({
                "aud": "https://graph.microsoft.com", "exp": at + CAPABLE_TOKEN_LIFE + 1,
                "nbf": nbf, "tid": world.tenants[0].id, "idtyp": "app", "appid": "sync",
                "roles": ["User.Read.All"],
            });
            if capable {
                claims["xms_cc"] = serde_json::json!(["CP1"]);
            }
            format!("Bearer {}", world.keys.access_token(&claims).unwrap())
        };
        let old = token(world, now, now - 300, true);
        let incapable = token(world, now, now - 300, false);
        assert_eq!(status_and_error(world, Some(&old), "users").0, 200);
        let client_id = "sync".to_owned();
        world
            .challenges
            .push(crate::state::Challenge { client_id, at: now });

        let (status, code, message) = status_and_error(world, Some(&old), "users");
        assert_eq!((status, code.as_str()), (401, "InvalidAuthenticationToken"));
        assert!(message.contains("TokenIssuedBeforeRevocationTimestamp"));
        let url = "https://graph.microsoft.com/v1.0/users";
        let mut sent = request(Method::GET, url, "");
        sent.headers
            .insert("authorization", HeaderValue::from_str(&old).unwrap());
        let answer = handle(world, &sent);
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        let (_, claims) = challenge.split_once("claims=\"").unwrap();
        let claims = STANDARD.decode(claims.trim_end_matches('"')).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert!(challenge.contains("error=\"insufficient_claims\""));
        let wanted = claims.pointer("/access_token/nbf/value").unwrap();
        assert_eq!(wanted, &serde_json::json!((now + 1).to_string()));

        let met = token(world, now, now + 1, true);
        let later = token(world, now + 10, now - 290, true);
        for good in [&met, &later, &incapable] {
            assert_eq!(status_and_error(world, Some(good), "users").0, 200);
        }
    }
}
