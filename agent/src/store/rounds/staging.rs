//! One element of a page on its way into its round.

use rusqlite::{Connection, params};

use super::super::StoreError;
use super::StagedPage;
use crate::clock::UnixSeconds;
use crate::graph::{Fault, MemberKind, RawObject};

pub(super) fn stage_object(
    connection: &Connection,
    page: &StagedPage<'_>,
    position: usize,
    object: &RawObject,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO raw_objects (round, kind, object, body, place, seen_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (round, kind, object)
             DO UPDATE SET body = json_patch(body, excluded.body), place = excluded.place,
                 seen_at = excluded.seen_at",
        )?
        .execute(params![
            page.round.0,
            page.kind.word(),
            object.id,
            object.body,
            place(page, position),
            now
        ])?;
    if object.is_deleted && page.kind == MemberKind::Group {
        // For good: nothing of it comes back.
        connection
            .prepare_cached("UPDATE raw_edges SET removed = 1 WHERE round = ?1 AND parent = ?2")?
            .execute(params![page.round.0, object.id])?;
    }
    let mut upsert = connection.prepare_cached(
        "INSERT OR REPLACE INTO raw_edges (round, parent, member, kind, removed)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for member in &object.members {
        upsert.execute(params![
            page.round.0,
            object.id,
            member.id,
            member.kind.word(),
            member.removed
        ])?;
    }
    Ok(())
}

pub(super) fn stage_fault(
    connection: &Connection,
    page: &StagedPage<'_>,
    position: usize,
    fault: &Fault,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO raw_faults (round, place, kind, label, reason)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            page.round.0,
            place(page, position),
            page.kind.word(),
            fault.label,
            fault.reason
        ])?;
    Ok(())
}

/// Where on which page an element is, for failed rows.
fn place(page: &StagedPage<'_>, position: usize) -> String {
    format!("{}: value[{position}]", page.label)
}
