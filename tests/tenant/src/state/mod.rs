//! Everything the tenant knows, behind one lock.
//!
//! The invariant: every change to a directory object goes through [`tenant`],
//! which notes it, so that a delta query can never miss one. Nothing is kept on
//! disk; a new start is a new world.

pub(crate) mod app;
pub(crate) mod certificate;
pub(crate) mod changes;
pub(crate) mod delta;
pub(crate) mod group;
pub(crate) mod lockout;
pub(crate) mod members;
pub(crate) mod properties;
pub(crate) mod seed;
pub(crate) mod synthetic;
pub(crate) mod tenant;
pub(crate) mod user;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::faults::Faults;
use crate::graph::{Meters, Throttle};
use crate::journal::Journal;
use crate::login::device::DeviceCode;
use crate::login::jwt::KeyRing;
use crate::login::refresh::RefreshToken;
use crate::metadata::Challenges;
use crate::state::tenant::Tenant;

/// The whole state.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) keys: KeyRing,
    pub(crate) device_codes: Vec<DeviceCode>,
    /// By the token's text.
    pub(crate) refresh_tokens: HashMap<String, RefreshToken>,
    pub(crate) overrides: Vec<TokenOverride>,
    pub(crate) settings: Settings,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    /// Delta and page tokens that were ended before their time.
    pub(crate) ended: Vec<delta::Ended>,
    /// What the registrations used of their quota.
    pub(crate) meters: Meters,
    /// Registrations whose earlier tokens Graph answers with a claims challenge.
    pub(crate) challenges: Vec<Challenge>,
    /// Azure Arc's open challenges.
    pub(crate) arc_challenges: Challenges,
}

/// Tokens of a registration that Graph no longer takes (facts §7, CAE).
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Challenge {
    pub(crate) client_id: String,
    /// Tokens that were issued at or before this second, Unix time.
    pub(crate) at: i64,
}

/// What tests turn to make rounds short and pages small.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct Settings {
    /// Objects on a page of a delta round; reported as about 200.
    pub(crate) delta_page: usize,
    /// Member rows of one group on one page; a larger group is repeated.
    pub(crate) delta_members: usize,
    /// Member rows of all groups on one page: it ends early, for it would be of
    /// many megabytes otherwise.
    pub(crate) delta_rows: usize,
    /// Ceiling for list pages below the documented 999.
    pub(crate) list_page: usize,
    /// Seconds a device code lives.
    pub(crate) device_lifetime: i64,
    /// Seconds between two polls.
    pub(crate) device_interval: i64,
    /// How delta rounds go.
    pub(crate) delta: delta::Switches,
    /// The quota of a registration; none, if absent.
    pub(crate) throttle: Option<Throttle>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delta_page: 200,
            delta_members: 500,
            delta_rows: 10_000,
            list_page: 999,
            device_lifetime: 900,
            device_interval: 5,
            delta: delta::Switches::default(),
            throttle: None,
        }
    }
}

/// Claims that the next id tokens carry instead of the true ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenOverride {
    /// UPN or object id of the person it is for; anybody, if absent.
    #[serde(default)]
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) tid: Option<String>,
    #[serde(default)]
    pub(crate) oid: Option<String>,
    #[serde(default)]
    pub(crate) aud: Option<String>,
    /// Any further claims; null removes one.
    #[serde(default)]
    pub(crate) claims: serde_json::Map<String, serde_json::Value>,
    /// Leave the id token out of the answer.
    #[serde(default)]
    pub(crate) omit_id_token: bool,
    #[serde(default = "once")]
    pub(crate) times: u64,
}

fn once() -> u64 {
    1
}

/// Why a change was not made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StateError {
    /// Nothing of this name or id.
    NotFound(String),
    /// The tenant would not accept this.
    Refused(String),
}

impl std::fmt::Display for StateError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound(what) => write!(formatter, "there is no {what}"),
            Self::Refused(why) => formatter.write_str(why),
        }
    }
}

impl World {
    /// A tenant by id or by any of its domains, in any case.
    pub(crate) fn tenant_index(&self, name: &str) -> Option<usize> {
        self.tenants
            .iter()
            .position(|tenant| tenant.answers_to(name))
    }

    /// The tenant that has this live or soft-deleted user, and the user's id.
    pub(crate) fn find_user(&self, key: &str) -> Result<(usize, String), StateError> {
        self.tenants
            .iter()
            .enumerate()
            .find_map(|(index, tenant)| Some((index, tenant.any_user(key)?.id.clone())))
            .ok_or_else(|| StateError::NotFound(format!("user {key}")))
    }

    /// The tenant that has this group, and the group's id. The key is an object
    /// id or a display name that only one group has.
    pub(crate) fn find_group(&self, key: &str) -> Result<(usize, String), StateError> {
        self.tenants
            .iter()
            .enumerate()
            .find_map(|(index, tenant)| Some((index, tenant.any_group(key)?.id.clone())))
            .ok_or_else(|| StateError::NotFound(format!("group {key}, or several have that name")))
    }

    /// A tenant by its place; places come from the finders above.
    pub(crate) fn tenant_mut(&mut self, index: usize) -> Result<&mut Tenant, StateError> {
        self.tenants
            .get_mut(index)
            .ok_or_else(|| StateError::NotFound("such tenant".to_owned()))
    }
}
