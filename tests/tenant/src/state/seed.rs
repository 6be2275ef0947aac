//! Reads the seed file: the tenants as they are at the start.
//!
//! An unknown key anywhere is an error that names it. The seed's own objects are
//! not changes: the first delta link after the start has nothing behind it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::app::App;
use super::changes::Changes;
use super::synthetic::Size;
use super::tenant::{Domain, Tenant};
use super::{Settings, StateError, World};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::graph::Meters;
use crate::journal::Journal;
use crate::login::jwt::KeyRing;
use crate::metadata::Challenges;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    tenants: Vec<SeedTenant>,
    #[serde(default)]
    settings: Settings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SeedTenant {
    id: String,
    display_name: String,
    #[serde(default = "europe")]
    region: String,
    domains: Vec<Domain>,
    #[serde(default)]
    apps: Vec<App>,
    /// Graph properties and sign-in facts, flat.
    #[serde(default)]
    users: Vec<Map<String, Value>>,
    /// Graph properties and `members`: object ids, UPNs or names of groups.
    #[serde(default)]
    groups: Vec<Map<String, Value>>,
    /// People and groups beside these, computed from their number.
    #[serde(default)]
    synthetic: Option<Size>,
}

fn europe() -> String {
    "EU".to_owned()
}

/// Builds the world of a seed file; the error says where it is wrong.
pub(crate) fn world(text: &str, clock: Clock) -> Result<World, String> {
    let seed: Seed = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut tenants = Vec::new();
    for tenant in seed.tenants {
        tenants.push(plant(tenant, &clock)?);
    }
    Ok(World {
        keys: KeyRing::new().map_err(|error| format!("cannot make signing keys: {error}"))?,
        clock,
        tenants,
        device_codes: Vec::new(),
        refresh_tokens: std::collections::HashMap::new(),
        overrides: Vec::new(),
        settings: seed.settings,
        faults: Faults::default(),
        journal: Journal::default(),
        ended: Vec::new(),
        meters: Meters::default(),
        challenges: Vec::new(),
        arc_challenges: Challenges::default(),
    })
}

fn plant(seed: SeedTenant, clock: &Clock) -> Result<Tenant, String> {
    let now = clock.now();
    let mut tenant = Tenant::new(
        seed.id,
        seed.display_name,
        seed.region,
        seed.domains,
        seed.apps,
    );
    if let Some(size) = seed.synthetic {
        tenant.populate(size).map_err(|error| error.to_string())?;
    }
    for user in seed.users {
        let name = user.get("userPrincipalName").cloned().unwrap_or_default();
        tenant
            .create_user(user, now)
            .map_err(|error| format!("user {name}: {error}"))?;
    }
    let mut memberships = Vec::new();
    for mut group in seed.groups {
        let name = group.get("displayName").cloned().unwrap_or_default();
        let members = group
            .remove("members")
            .unwrap_or_else(|| Value::Array(Vec::new()));
        let members: Vec<String> =
            serde_json::from_value(members).map_err(|error| format!("group {name}: {error}"))?;
        let id = tenant
            .create_group(group, now)
            .map_err(|error| format!("group {name}: {error}"))?;
        memberships.push((id, name, members));
    }
    for (id, name, members) in memberships {
        for member in members {
            member_id(&tenant, &member)
                .and_then(|member| tenant.add_member(&id, &member, now))
                .map_err(|error| format!("group {name}: {error}"))?;
        }
    }
    tenant.changes = Changes::default();
    Ok(tenant)
}

/// The object a seed or a test means: an id, a UPN, or the name of one group.
pub(crate) fn member_id(tenant: &Tenant, key: &str) -> Result<String, StateError> {
    tenant
        .any_user(key)
        .map(|user| user.id.clone())
        .or_else(|| tenant.any_group(key).map(|group| group.id.clone()))
        .ok_or_else(|| StateError::NotFound(format!("user or single group `{key}`")))
}

/// The tenant that ships in `seeds/`, on a clock that stands still.
#[cfg(test)]
pub(crate) fn contoso() -> World {
    let start = time::OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap();
    world(
        include_str!("../../seeds/contoso.json"),
        Clock::standing(start),
    )
    .unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        world(text, Clock::wall()).err().unwrap()
    }

    #[test]
    fn an_unknown_key_is_named() {
        assert!(error_of(r#"{"tenants": [], "tenant": 1}"#).contains("`tenant`"));
        let text = r#"{"tenants":[{"id":"t","displayName":"T","domains":[{"name":"t.example"}],
            "users":[{"userPrincipalName":"a@t.example","displayName":"A","pasword":"x"}]}]}"#;
        let error = error_of(text);
        assert!(
            error.contains("a@t.example") && error.contains("pasword"),
            "{error}"
        );
    }

    #[test]
    fn a_member_nobody_knows_is_named() {
        let text = r#"{"tenants":[{"id":"t","displayName":"T","domains":[{"name":"t.example"}],
            "groups":[{"displayName":"G","members":["who@t.example"]}]}]}"#;
        assert!(error_of(text).contains("who@t.example"));
    }

    #[test]
    fn the_shipped_seed_is_what_the_demo_needs() {
        let world = contoso();
        let tenant = &world.tenants[0];
        assert_eq!(tenant.id, "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001");
        assert!(tenant.user_count() >= 30 && tenant.group_count() >= 12);
        assert!(
            !tenant
                .live_user("dave@contoso.example")
                .unwrap()
                .is_enabled()
        );
        assert!(
            tenant
                .live_user("BOB@CONTOSO.EXAMPLE")
                .unwrap()
                .sign_in
                .mfa_required
        );
        assert_eq!(tenant.changes.place(), 0);
        let everybody = tenant.any_group("All Staff").unwrap();
        assert!(tenant.transitive_members(&everybody.id).len() > everybody.members.len());
    }
}
