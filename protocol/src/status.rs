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
    /// People who are blocked on this host. 0 for whoever may not see people.
    #[serde(default)]
    pub blocked_users: u64,
    /// Others whose account has come to its end on this host. 0 for whoever may not see people.
    #[serde(default)]
    pub expired_users: u64,
    /// The ids that imported objects and role groups get theirs from; `None` from agents that don't say.
    #[serde(default)]
    pub id_range: Option<IdSpan>,
    /// Enablement and gate.
    pub auth: AuthState,
    /// The caller's own name and role.
    pub caller: Caller,
}

/// Ids from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdSpan {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
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
    /// Whether its login service answers; `None` from agents that don't keep that in mind.
    #[serde(default)]
    pub sign_in_service: Option<SignInService>,
}

/// Whether a tenant's login service answers, as the agent remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SignInService {
    /// Nothing was asked since the agent began.
    NotAsked,
    /// The last request was answered.
    Reachable {
        /// The first answer since the agent began, or since an outage.
        since: String,
    },
    /// Requests and a probe after them went unanswered.
    Unreachable {
        /// When the first of them did.
        since: String,
        /// When the last probe did.
        last_tried: String,
        /// How long until the next probe, in seconds; a sign-in is a reason for one at once.
        tried_again_seconds: u64,
        /// Why the last probe failed, for auditors and up.
        #[serde(default)]
        reason: Option<String>,
    },
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
    /// When the trial of it ends, if one is running.
    #[serde(default)]
    pub local_auth_trial_ends: Option<String>,
    /// How many administrators there are.
    pub administrators: u64,
}
