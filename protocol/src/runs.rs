//! Imports in the messages of `admin.sock`: what they did, whose they are, when the next is due.

use serde::{Deserialize, Serialize};

use crate::admin::Failure;
#[cfg(doc)]
use crate::admin::{Request, Row};

/// How many objects of one kind a run touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// New on this host.
    pub added: u64,
    /// Known, with different properties or members.
    pub changed: u64,
    /// Gone from the tenant or from the scope.
    pub removed: u64,
    /// As before.
    pub unchanged: u64,
    /// Not imported, each with a reason.
    pub failed: u64,
}

/// Removals that a run held back because there were too many (design.md §6). Nothing of it is in
/// [`Counts::removed`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Users.
    #[serde(default)]
    pub users: u64,
    /// Groups.
    #[serde(default)]
    pub groups: u64,
    /// User-in-group pairs, beside those of the users and groups above.
    #[serde(default)]
    pub memberships: u64,
}

impl Withheld {
    /// Whether anything was held back.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportSummary {
    /// When it began.
    pub started_at: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// `the whole tenant`, or the names that were asked for.
    pub scope: String,
    /// Users.
    pub users: Counts,
    /// Groups.
    pub groups: Counts,
    /// User-in-group pairs in the closure.
    pub memberships: u64,
    /// Removals that were held back.
    #[serde(default)]
    pub withheld: Withheld,
    /// Requests to Graph.
    pub requests: u64,
    /// The generation of the published snapshot.
    pub generation: u64,
    /// The tenant's id.
    #[serde(default)]
    pub tenant_id: String,
    /// True if everything was read anew, false if only what has changed.
    #[serde(default)]
    pub full: bool,
    /// True if nothing was changed: the counts say what would have been.
    #[serde(default)]
    pub dry_run: bool,
    /// Bytes of Graph's answers, as they were after decompression.
    #[serde(default)]
    pub bytes: u64,
    /// How often Graph asked to wait (429, or 5xx with `Retry-After`).
    #[serde(default)]
    pub throttled: u64,
    /// How long the run waited for Graph, in milliseconds.
    #[serde(default)]
    pub waited_ms: u64,
    /// Changes of a dry run beyond those that came as rows.
    #[serde(default)]
    pub more_changes: u64,
    /// Remarks that are not failures (a cycle of groups, say).
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// What a dry run would have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `user`, `group` or `membership`.
    pub kind: String,
    /// `add`, `change`, `remove` or `withhold`.
    pub action: String,
    /// The name on this host; empty if it has none.
    pub name: String,
    /// How the tenant names it (a UPN, a display name); for a membership the group's name.
    pub label: String,
    /// The object id; of a membership the user's.
    pub object_id: String,
}

/// A tenant of this host with its scope and schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainRow {
    /// The tenant's id.
    pub tenant_id: String,
    /// Its domain as configured.
    pub domain: String,
    /// The scope in words; `None` before the first import.
    #[serde(default)]
    pub scope: Option<String>,
    /// The users that the scope names.
    #[serde(default)]
    pub scope_users: Vec<String>,
    /// The groups that the scope names.
    #[serde(default)]
    pub scope_groups: Vec<String>,
    /// What the scope includes beside members and security groups, as in [`Request::Import`].
    #[serde(default)]
    pub scope_include: Vec<String>,
    /// Minutes between two runs.
    pub interval_minutes: u32,
    /// True if `agent.toml` sets the interval, so that it can't be changed here.
    #[serde(default)]
    pub interval_is_configured: bool,
    /// True if no run is begun by the schedule.
    pub paused: bool,
    /// True if a run is under way.
    pub running: bool,
    /// When the next run is due; `None` if there is none to come.
    #[serde(default)]
    pub next_run: Option<String>,
    /// The last run.
    #[serde(default)]
    pub last_run: Option<RunRow>,
}

/// A run that is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its number, which grows.
    pub id: u64,
    /// The tenant's id.
    pub tenant_id: String,
    /// Who began it: `schedule`, or the caller's name.
    pub begun_by: String,
    /// When it began.
    pub started_at: String,
    /// When it ended; `None` while it is under way, and for one that ended with the agent.
    #[serde(default)]
    pub ended_at: Option<String>,
    /// The scope in words.
    pub scope: String,
    /// What it did, if it did its work.
    #[serde(default)]
    pub summary: Option<ImportSummary>,
    /// Why it failed, if it did.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// How many objects it could not take; [`Row::Failure`] tells at most 10 000 of them.
    #[serde(default)]
    pub failures: u64,
}
