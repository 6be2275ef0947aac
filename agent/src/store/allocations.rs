//! Ids as they were given out, and how they change before their first use.
//!
//! `used_at` is the border: a used id stays with its object for ever. What was never used may be pinned
//! to another number, by another host's map (here) or by the adoption of an account (`adoptions`).

use std::collections::BTreeMap;

use entra_protocol::admin::IdRow;
use rusqlite::{Connection, Row, ToSql, named_params, params};

use super::audit::{Actor, Event, append};
use super::columns::count;
use super::{Store, StoreError};
use crate::clock::{UnixSeconds, rfc3339};
use crate::identity::{ObjectId, ObjectKey, TenantId};

/// Whose ids are nobody's any more: given up by an adopted person before they were used.
pub(super) const GIVEN_UP: TenantId = TenantId::from_bytes([0; 16]);

/// What stands for "none of the object's own candidates" in `attempt`.
pub(super) const PINNED: i64 = -1;

/// An object's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldId {
    /// The uid or gid.
    pub id: u32,
    /// Whether files may carry it.
    pub used: bool,
}

/// A change of an allocation that was never used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdMove {
    /// The object.
    pub key: ObjectKey,
    /// Its id from now on and which of its candidates that is, if it is one; or none.
    pub to: Option<(u32, Option<u32>)>,
}

impl Store {
    /// Allocations with ids above `after`, at most [`ID_ROWS_AT_ONCE`]; with `displaced` those only that
    /// are not their object's first candidate.
    ///
    /// # Errors
    /// What the database said.
    pub fn id_rows(&self, after: u32, displaced: bool) -> Result<Vec<IdRow>, StoreError> {
        let attempts = if displaced { "AND i.attempt <> 0" } else { "" };
        select(
            &self.reader(),
            &format!("AND i.id > :after {attempts} ORDER BY i.id LIMIT :limit"),
            named_params! {":after": after, ":limit": ID_ROWS_AT_ONCE},
        )
    }

    /// Allocations that a text means: an object id, an id, a UPN, or a name that somebody has or had.
    ///
    /// # Errors
    /// What the database said.
    pub fn id_rows_of(&self, text: &str) -> Result<Vec<IdRow>, StoreError> {
        let text = text.trim();
        let reader = self.reader();
        if let Ok(object) = text.parse::<ObjectId>() {
            return select(
                &reader,
                "AND i.object = :object ORDER BY i.id",
                named_params! {":object": object},
            );
        }
        if let Ok(id) = text.parse::<u32>() {
            return select(&reader, "AND i.id = :id", named_params! {":id": id});
        }
        let key = text.to_lowercase();
        select(
            &reader,
            "AND (u.upn_key = :key OR EXISTS (
                SELECT 1 FROM state.names AS n
                WHERE n.name = :key AND n.tenant = i.tenant AND n.object = i.object))
             ORDER BY i.id",
            named_params! {":key": key},
        )
    }

    /// How many objects have another id than their first candidate.
    ///
    /// # Errors
    /// What the database said.
    pub fn displaced_ids(&self) -> Result<u64, StoreError> {
        let rows = self.reader().query_row(
            "SELECT count(*) FROM state.ids WHERE attempt <> 0 AND tenant <> ?1",
            [GIVEN_UP],
            |row| row.get(0),
        )?;
        Ok(count(rows))
    }

    /// Makes the moves that `decide` finds good for the allocations as they stand, all in one transaction
    /// with one audit row; no moves, no row. Nothing of it is to be published: what moves was never used.
    ///
    /// # Errors
    /// What the database said; then nothing has moved.
    pub fn move_ids<T>(
        &self,
        actor: &Actor,
        decide: impl FnOnce(&BTreeMap<ObjectKey, HeldId>) -> (Vec<IdMove>, T),
    ) -> Result<T, StoreError> {
        let at = self.now();
        let _turn = self.hold_imports();
        self.write(|transaction| {
            let (moves, answer) = decide(&held(transaction)?);
            if moves.is_empty() {
                return Ok(answer);
            }
            let mut delete = transaction.prepare_cached(
                "DELETE FROM state.ids WHERE tenant = ?1 AND object = ?2 AND used_at IS NULL",
            )?;
            for one in &moves {
                delete.execute(params![one.key.tenant, one.key.object])?;
            }
            let mut set = 0_u64;
            for one in &moves {
                if let Some((id, attempt)) = one.to {
                    pin(transaction, one.key, id, attempt, at)?;
                    set += 1;
                }
            }
            let after = format!("{set} ids set, {} freed", moves.len() as u64 - set);
            let event = Event {
                verb: "ids import",
                object: "another host's map",
                before: None,
                after: Some(&after),
            };
            append(transaction, at, actor, &event)?;
            Ok(answer)
        })
    }

    /// The names that these objects have, or the last ones that they had.
    ///
    /// # Errors
    /// What the database said.
    pub fn last_names(
        &self,
        keys: impl Iterator<Item = ObjectKey>,
    ) -> Result<BTreeMap<ObjectKey, String>, StoreError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT name FROM state.names WHERE tenant = ?1 AND object = ?2
             ORDER BY held DESC, since DESC LIMIT 1",
        )?;
        let mut names = BTreeMap::new();
        for key in keys {
            let mut rows = statement.query(params![key.tenant, key.object])?;
            if let Some(row) = rows.next()? {
                names.insert(key, row.get(0)?);
            }
        }
        Ok(names)
    }
}

/// Gives the object this id; it must have none. An id that another object has is a bug of the caller.
pub(super) fn pin(
    connection: &Connection,
    key: ObjectKey,
    id: u32,
    attempt: Option<u32>,
    at: UnixSeconds,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO state.ids (id, tenant, object, attempt, allocated_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            id,
            key.tenant,
            key.object,
            attempt.map_or(PINNED, i64::from),
            at
        ])?;
    Ok(())
}

/// Every allocation. Ids that were given up count as used: nobody gets them.
fn held(connection: &Connection) -> Result<BTreeMap<ObjectKey, HeldId>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT tenant, object, id, used_at IS NOT NULL FROM state.ids")?;
    let mut rows = statement.query([])?;
    let mut held = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let key = ObjectKey {
            tenant: row.get(0)?,
            object: row.get(1)?,
        };
        let used: bool = row.get(3)?;
        held.insert(
            key,
            HeldId {
                id: row.get(2)?,
                used: used || key.tenant == GIVEN_UP,
            },
        );
    }
    Ok(held)
}

fn select(
    connection: &Connection,
    rest: &str,
    parameters: &[(&str, &dyn ToSql)],
) -> Result<Vec<IdRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{ALLOCATION} {rest}"))?;
    let mut rows = statement.query(parameters)?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        list.push(id_row(row)?);
    }
    Ok(list)
}

fn id_row(row: &Row<'_>) -> Result<IdRow, StoreError> {
    let tenant: TenantId = row.get(1)?;
    let object: ObjectId = row.get(2)?;
    Ok(IdRow {
        id: row.get(0)?,
        kind: row.get(6)?,
        name: row.get(7)?,
        tenant_id: tenant.to_string(),
        object_id: object.to_string(),
        attempt: u32::try_from(row.get::<_, i64>(3)?).ok(),
        since: rfc3339(row.get(4)?),
        here: row.get(8)?,
        used: row.get(5)?,
    })
}

/// Rows that are read in one go: a screenful of memory, whatever the size of the tenant.
pub const ID_ROWS_AT_ONCE: u32 = 1000;

/// Tenant 0 holds what was given up.
const ALLOCATION: &str = "
SELECT i.id, i.tenant, i.object, i.attempt, i.allocated_at, i.used_at IS NOT NULL,
       CASE WHEN u.object IS NOT NULL THEN 'user' WHEN g.object IS NOT NULL THEN 'group'
            ELSE coalesce((SELECT n.kind FROM state.names AS n
                           WHERE n.tenant = i.tenant AND n.object = i.object
                           ORDER BY n.held DESC, n.since DESC LIMIT 1), '') END,
       coalesce(u.name, g.name, (SELECT n.name FROM state.names AS n
                                 WHERE n.tenant = i.tenant AND n.object = i.object
                                 ORDER BY n.held DESC, n.since DESC LIMIT 1), ''),
       u.object IS NOT NULL OR g.object IS NOT NULL
FROM state.ids AS i
LEFT JOIN users AS u ON u.tenant = i.tenant AND u.object = i.object
LEFT JOIN groups AS g ON g.tenant = i.tenant AND g.object = i.object
WHERE i.tenant <> x'00000000000000000000000000000000'";

#[cfg(test)]
mod tests;
