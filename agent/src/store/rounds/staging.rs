//! One element of a page on its way into its round.

use rusqlite::{Connection, params};
use serde_json::Value;

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
    let place = place(page, position);
    let is_new = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO raw_objects (round, kind, object, body, place, seen_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            page.round.0,
            page.kind.word(),
            object.id,
            object.body,
            place,
            now
        ])?;
    if is_new == 0 {
        let key = params![page.round.0, page.kind.word(), object.id];
        let before: String = connection
            .prepare_cached(
                "SELECT body FROM raw_objects WHERE round = ?1 AND kind = ?2 AND object = ?3",
            )?
            .query_row(key, |row| row.get(0))?;
        let body = both(&before, &object.body)?;
        connection
            .prepare_cached(
                "UPDATE raw_objects SET body = ?4, place = ?5, seen_at = ?6
                 WHERE round = ?1 AND kind = ?2 AND object = ?3",
            )?
            .execute(params![
                page.round.0,
                page.kind.word(),
                object.id,
                body,
                place,
                now
            ])?;
    }
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

/// Two words on an object as one, the later winning. Not RFC 7396's merge: a `null` of a round of changes
/// has yet to take something away from the live set, and must stay.
fn both(before: &str, after: &str) -> Result<String, StoreError> {
    let parsed = |text: &str| {
        serde_json::from_str(text).map_err(|error| StoreError::Damaged {
            what: "a raw object",
            value: error.to_string(),
        })
    };
    let mut one: Value = parsed(before)?;
    overlay(&mut one, parsed(after)?);
    Ok(one.to_string())
}

fn overlay(one: &mut Value, other: Value) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in other {
                overlay(one.entry(key).or_insert(Value::Null), value);
            }
        }
        (one, other) => *one = other,
    }
}
