//! How delta rounds go: a switch for each thing Graph was seen to do.
//!
//! Everything off is the tame round that most clients are tried with. What is
//! told stays true under every switch: it is repeated, delayed, cut or shuffled,
//! never invented, except for removals of objects nobody ever saw.

use serde::{Deserialize, Serialize};

/// The switches (facts §4.2).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct Switches {
    /// Before every page with objects comes one with none.
    pub(crate) empty_pages: bool,
    /// A page begins with what the last one ended with; a later round begins
    /// where the one before began, with some unchanged objects, and tells an
    /// object once for each change.
    pub(crate) replays: bool,
    pub(crate) order: Order,
    pub(crate) slices: Slices,
    /// Later slices of a group are `id` and `members@delta` alone.
    pub(crate) bare_slices: bool,
    /// The first round tells removals too: of deleted objects, of past members,
    /// and of ids nobody ever saw.
    pub(crate) removed_at_first: bool,
    /// With `$select`, a restored object does not reappear (graph-docs#5821).
    pub(crate) restore_missed: bool,
    /// The round never ends.
    pub(crate) endless: Option<Endless>,
    /// Seconds until a change shows in delta.
    pub(crate) lag_seconds: i64,
    /// Seconds a next link lives; for ever, if absent.
    pub(crate) page_token_seconds: Option<i64>,
}

/// In which order a round tells its objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Order {
    /// As they were created, or changed.
    #[default]
    Time,
    Reverse,
    /// All over the place, members before and after their groups.
    Shuffled,
}

/// How the slices of a large group come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Slices {
    /// One after the other.
    #[default]
    Together,
    /// Each group's first slice, then each group's second, and so on.
    Interleaved,
}

/// How a round goes on for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Endless {
    /// Every next link is the one that was followed.
    Same,
    /// Every next link is a new one, to the page just told.
    New,
}

/// Tokens given until some moment that are refused from then on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ended {
    /// `links` ends delta links, `pages` next links.
    pub(crate) tokens: Tokens,
    /// `users` or `groups`; both, if absent.
    #[serde(default)]
    pub(crate) collection: Option<String>,
    #[serde(rename = "as")]
    pub(crate) how: How,
}

/// Which tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Tokens {
    Links,
    Pages,
}

/// How they are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum How {
    /// 410 with this code and a `Location`.
    ResyncRequired,
    SyncStateNotFound,
    /// 400 `Request_UnsupportedQuery`, "DeltaLink older than 30 days".
    TooOld,
    /// 400 `Directory_ExpiredPageToken`.
    ExpiredPageToken,
}
