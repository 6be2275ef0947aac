//! What a run is asked to do, and what it says when it has done it.

use entra_protocol::admin::{Change, FailedObject, ImportSummary};

use super::{Removals, Scope};

/// One run, as ordered.
#[derive(Debug, Clone)]
pub struct Order {
    /// What it is to bring.
    pub scope: Scope,
    /// Whether the shrink guard may hold something back.
    pub removals: Removals,
    /// True to read everything anew rather than what has changed since the last run.
    pub full: bool,
    /// True to change nothing and to tell what would be.
    pub dry_run: bool,
}

/// A run that did its work.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its counts.
    pub summary: ImportSummary,
    /// Of a dry run: the objects that could not be taken. Those of others are in the store.
    pub failures: Vec<FailedObject>,
    /// Of a dry run: what it would have changed, at most 1000; `summary.more_changes` counts the rest.
    pub changes: Vec<Change>,
}
