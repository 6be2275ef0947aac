//! What `metrics` says in the messages of `admin.sock`: numbers for monitoring, no names of people.
//!
//! Unlike everywhere else instants are whole seconds since 1970, as monitoring wants them. Counters count from
//! [`Metrics::started_at`], when the agent began: a store that was written at each of them would make every
//! sign-in wait for the disk, and monitoring copes with counters that begin anew.

use serde::{Deserialize, Serialize};

use crate::admin::Counts;

/// The agent in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// The agent's version.
    pub version: String,
    /// Now.
    pub now: u64,
    /// When the agent began, and its counters.
    pub started_at: u64,
    /// Whether imported people may sign in.
    pub sign_in_enabled: bool,
    /// The gate on local accounts, as in [`crate::admin::AuthState`].
    pub local_auth: String,
    /// Published users.
    pub users: u64,
    /// Published groups.
    pub groups: u64,
    /// The snapshot's generation; 0 before the first import.
    pub generation: u64,
    /// When it was published.
    #[serde(default)]
    pub published_at: Option<u64>,
    /// Objects whose id other hosts can't work out.
    pub displaced_ids: u64,
    /// Who is refused passwords at the moment, after too many failed tries.
    pub throttled: Throttled,
    /// How often a password was refused here without asking the tenant.
    pub throttle_refusals: Throttled,
    /// Each tenant of this host, in the order of `agent.toml`.
    pub tenants: Vec<TenantMetrics>,
}

/// People and remote hosts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttled {
    /// People.
    pub users: u64,
    /// Remote hosts.
    pub remote_hosts: u64,
}

/// One tenant in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantMetrics {
    /// Its domain as configured.
    pub domain: String,
    /// The end of the last run that did its work.
    #[serde(default)]
    pub last_sync: Option<LastSync>,
    /// Whether the last run did its work; `None` before the first.
    #[serde(default)]
    pub last_run_succeeded: Option<bool>,
    /// Runs since the agent began, dry ones left out.
    pub runs: Runs,
    /// Requests of those runs to Graph.
    pub graph_requests: u64,
    /// How often Graph asked them to wait (429, or 5xx with `Retry-After`).
    pub graph_throttled: u64,
    /// Ends of sign-ins since the agent began.
    pub sign_ins: Vec<SignInCount>,
    /// Whether the login service answers; `None` as long as it was not asked.
    #[serde(default)]
    pub login_service_reachable: Option<bool>,
    /// When the sync registration's credential ends, where this host can know.
    #[serde(default)]
    pub credential_expires_at: Option<u64>,
}

/// The last run that did its work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSync {
    /// Its end.
    pub ended_at: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Users.
    pub users: Counts,
    /// Groups.
    pub groups: Counts,
    /// Removals that were held back, of users, groups and memberships.
    pub withheld: u64,
}

/// Runs by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// They did their work.
    pub succeeded: u64,
    /// The tenant, the network or a database was in the way.
    pub failed: u64,
    /// Who had ordered them hung up.
    pub given_up: u64,
}

/// Sign-ins that ended alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInCount {
    /// The last method that was tried: `password`, `device-code`, or `none`.
    pub method: String,
    /// A word of [`crate::login::Outcome`] (`success`, `auth_error`), or `continued` for a method after which
    /// another was tried.
    pub verdict: String,
    /// How many.
    pub count: u64,
}
