//! The audit log in the messages of `admin.sock`.

use serde::{Deserialize, Serialize};

/// One row: what somebody changed, began, or was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its number: they grow by one, and none is missing but the oldest.
    pub id: u64,
    /// When.
    pub at: String,
    /// Whose uid, as the kernel named it; the agent's own of what happened by itself.
    pub uid: u32,
    /// The name then: `root`, a person's, `local user`, or what of this host did it (`entra-agent`).
    pub name: String,
    /// The role then; `None` for root, for whoever had none, and of what happened by itself.
    #[serde(default)]
    pub role: Option<String>,
    /// As it is typed after `entractl`.
    pub verb: String,
    /// What it was about.
    pub object: String,
    /// How that was before, of a change.
    #[serde(default)]
    pub before: Option<String>,
    /// How it is since.
    #[serde(default)]
    pub after: Option<String>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Why, of what was not done: a clause.
    #[serde(default)]
    pub reason: Option<String>,
    /// How many attempts the row stands for: 1, but of [`AuditOutcome::MoreRefused`].
    pub count: u64,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It was changed.
    Done,
    /// A run began; what it did has a row of its own.
    Begun,
    /// It was not allowed, or not possible; nothing was changed.
    Refused,
    /// It was allowed, and the agent or the tenant failed.
    Failed,
    /// Further attempts in the same hour that were not done and have no row each.
    MoreRefused,
    /// One that this build does not know.
    #[serde(other)]
    Unknown,
}

impl AuditOutcome {
    /// All that the log has.
    pub const ALL: [Self; 5] = [
        Self::Done,
        Self::Begun,
        Self::Refused,
        Self::Failed,
        Self::MoreRefused,
    ];

    /// The word for it in the log and in the journal; the same as in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Begun => "begun",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::MoreRefused => "more_refused",
            Self::Unknown => "unknown",
        }
    }
}

/// A moment as people say it. The agent's clock, which dates the rows, makes an instant of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// A day, in UTC, as `2026-12-31`.
    Day(String),
    /// So many seconds before now.
    SecondsAgo(u64),
}
