//! The agent's state in the messages of `admin.sock`.

use serde::{Deserialize, Serialize};

use crate::admin::{DomainRow, Failure, ImportSummary, Role};

/// What `status` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The agent's version.
    pub version: String,
    /// The tenants this host imports from.
    pub tenants: Vec<TenantStatus>,
    /// Their schedules and runs, for auditors and up. The names of their scopes are left out, so that
    /// all of it fits into a frame.
    #[serde(default)]
    pub domains: Vec<DomainRow>,
    /// Published users.
    pub users: u64,
    /// Published groups, role groups and private groups not counted.
    pub groups: u64,
    /// The snapshot's generation; 0 before the first import.
    pub generation: u64,
    /// When the snapshot was published.
    #[serde(default)]
    pub published_at: Option<String>,
    /// The last run, if there was one.
    #[serde(default)]
    pub last_import: Option<Box<ImportSummary>>,
    /// Why the last run failed, if it did.
    #[serde(default)]
    pub last_error: Option<Failure>,
    /// Objects whose id other hosts can't work out: `ids show --displaced` lists them. 0 for whoever may
    /// not see them.
    #[serde(default)]
    pub displaced_ids: u64,
    /// People whose passwords are refused at the moment, after too many failed tries. 0 for whoever may
    /// not see people.
    #[serde(default)]
    pub throttled_users: u64,
    /// Remote hosts of which the same is true.
    #[serde(default)]
    pub throttled_remote_hosts: u64,
    /// Enablement and gate.
    pub auth: AuthState,
    /// The caller's own name and role.
    pub caller: Caller,
}

/// A tenant as `status` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantStatus {
    /// The tenant's id.
    pub id: String,
    /// Its domain as configured.
    pub domain: String,
    /// How the sync registration proves itself: `secret`, `certificate`, `federated token`,
    /// `managed identity`.
    #[serde(default)]
    pub credential: String,
    /// When that proof expires, where this host can know.
    #[serde(default)]
    pub credential_expires: Option<String>,
    /// What is to be done about it, from 30 days before.
    #[serde(default)]
    pub credential_warning: Option<String>,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The uid the kernel names.
    pub uid: u32,
    /// `root`, an imported user's name, or `local user`.
    pub name: String,
    /// The role; `None` for a local user, who has none.
    pub role: Option<Role>,
}

/// Enablement and gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthState {
    /// True if imported people may sign in.
    pub enabled: bool,
    /// The gate on local accounts: `allow`, `fallback` or `deny`.
    pub local_auth: String,
    /// How many administrators there are.
    pub administrators: u64,
}
