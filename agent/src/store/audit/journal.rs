//! The audit log's rows as lines of the journal: a sentence, and the facts as fields of their own.
//!
//! `journalctl -u entra-agent ENTRA_VERB='role set'` finds them; docs/audit.md lists the fields. Invariant: a
//! line is told after its row is committed, and once; of what was rolled back nothing is told. A journal that
//! is away fails no change: what can't be told is dropped, and the row is there.

use std::sync::atomic::{AtomicI64, Ordering};

use entra_protocol::admin::{AuditOutcome, AuditRow};
use rusqlite::Connection;

use super::StoreError;
use super::reading::{COLUMNS, audit_row};

/// What all lines of the audit log have in common, for `journalctl MESSAGE_ID=` (sd-messages(3)).
const MESSAGE_ID: &str = "bda2009b051448fc9af709cc7277d57f";

/// The number of the latest row.
pub(in crate::store) fn last(connection: &Connection) -> Result<i64, StoreError> {
    Ok(
        connection.query_row("SELECT coalesce(max(id), 0) FROM state.audit", [], |row| {
            row.get(0)
        })?,
    )
}

/// Tells the rows behind the number `told`. The caller holds the connection that writes.
pub(in crate::store) fn tell(connection: &Connection, told: &AtomicI64) {
    if let Err(error) = tell_rows(connection, told) {
        tracing::error!("a row of the audit log could not be told to the journal: {error}");
    }
}

fn tell_rows(connection: &Connection, told: &AtomicI64) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM state.audit WHERE id > ?1 ORDER BY id"
    ))?;
    let rows = statement.query_map([told.load(Ordering::Relaxed)], audit_row)?;
    for row in rows {
        let row = row?;
        told.store(i64::try_from(row.id).unwrap_or(i64::MAX), Ordering::Relaxed);
        line(&row);
    }
    Ok(())
}

/// Names of fields come out in capitals; those without a value are left out. `info` is the journal's
/// `notice`, `warn` its `warning`.
macro_rules! tell_at {
    ($level:ident, $row:expr) => {
        tracing::$level!(
            message_id = MESSAGE_ID,
            entra_audit_id = $row.id,
            entra_verb = $row.verb,
            entra_actor_uid = $row.uid,
            entra_actor_name = $row.name,
            entra_actor_role = $row.role.as_deref(),
            entra_object = $row.object,
            entra_before = $row.before.as_deref(),
            entra_after = $row.after.as_deref(),
            entra_outcome = $row.outcome.word(),
            entra_reason = $row.reason.as_deref(),
            "audit: {}",
            sentence($row)
        )
    };
}

fn line(row: &AuditRow) {
    match row.outcome {
        AuditOutcome::Done | AuditOutcome::Begun => tell_at!(info, row),
        _ => tell_at!(warn, row),
    }
}

fn sentence(row: &AuditRow) -> String {
    let mut text = format!("{} (uid {}): ", row.name, row.uid);
    if row.outcome == AuditOutcome::MoreRefused {
        text.push_str(&format!(
            "further attempts {} are counted and not told",
            row.object
        ));
        return text;
    }
    text.push_str(&row.verb);
    if !row.object.is_empty() {
        text.push_str(&format!(" {}", row.object));
    }
    text.push_str(&format!(": {}", row.outcome.word()));
    match (&row.before, &row.after) {
        (Some(before), Some(after)) => text.push_str(&format!(", {before} -> {after}")),
        (None, Some(after)) => text.push_str(&format!(", {after}")),
        _ => {}
    }
    if let Some(reason) = &row.reason {
        text.push_str(&format!(", {reason}"));
    }
    text
}
