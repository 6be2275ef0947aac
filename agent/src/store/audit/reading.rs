//! The audit log as it is asked for: the latest row first, page by page, so that a log of years is never in
//! memory.

use entra_protocol::admin::{AuditOutcome, AuditRow};
use rusqlite::{Row, params};

use super::{Store, StoreError};
use crate::clock::{UnixSeconds, rfc3339};
use crate::store::columns::count;

/// Which rows are asked for; `None` is any.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of this instant or later.
    pub since: Option<UnixSeconds>,
    /// Before this instant.
    pub before: Option<UnixSeconds>,
    /// Of whoever had this name, in any case, or has this uid.
    pub by: Option<String>,
    /// About what has this in it, in any case.
    pub object: Option<String>,
    /// Of this verb, or of those that begin with this word.
    pub verb: Option<String>,
    /// Only what was refused.
    pub refused: bool,
}

impl Store {
    /// At most `limit` rows with a number below `below`, the latest first.
    ///
    /// # Errors
    /// What the database said.
    pub fn audit_rows(
        &self,
        filter: &AuditFilter,
        below: u64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM state.audit
             WHERE id < ?1
             AND (?2 IS NULL OR at >= ?2)
             AND (?3 IS NULL OR at < ?3)
             AND (?4 IS NULL OR lower(actor_name) = lower(?4) OR CAST(actor_uid AS TEXT) = ?4)
             AND (?5 IS NULL OR instr(lower(object), lower(?5)) > 0)
             AND (?6 IS NULL OR instr(verb || ' ', ?6 || ' ') = 1)
             AND (NOT ?7 OR outcome IN ('refused', 'more_refused'))
             ORDER BY id DESC LIMIT ?8"
        ))?;
        let rows = statement.query_map(
            params![
                i64::try_from(below).unwrap_or(i64::MAX),
                filter.since,
                filter.before,
                filter.by,
                filter.object,
                filter.verb,
                filter.refused,
                limit
            ],
            audit_row,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

pub(super) fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    let outcome: String = row.get(9)?;
    Ok(AuditRow {
        id: count(row.get(0)?),
        at: rfc3339(row.get(1)?),
        uid: row.get(2)?,
        name: row.get(3)?,
        role: row.get(4)?,
        verb: row.get(5)?,
        object: row.get(6)?,
        before: row.get(7)?,
        after: row.get(8)?,
        outcome: AuditOutcome::ALL
            .into_iter()
            .find(|known| known.word() == outcome)
            .unwrap_or(AuditOutcome::Unknown),
        reason: row.get(10)?,
        count: count(row.get(11)?),
    })
}

/// The columns that [`audit_row`] reads.
pub(super) const COLUMNS: &str = "id, at, actor_uid, actor_name, actor_role, verb, object, before,
    after, outcome, reason, count";
