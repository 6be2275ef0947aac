//! What of the mirror is in the scope, and the direct members that are told of it.

use rusqlite::{Connection, params};

use super::super::read::Reading;
use super::super::{Rules, SyncError};
use crate::store::RoundId;

/// Direct members of all groups that live, also of those that don't count.
pub(super) fn edges(
    connection: &Connection,
    rules: &Rules,
    round: RoundId,
    only_named: bool,
) -> Result<(), SyncError> {
    connection
        .prepare(
            "INSERT INTO want_edges (parent, kind, member)
             SELECT parent, kind, member FROM raw_edges
             WHERE round = ?1 AND removed = 0
               AND parent NOT IN (SELECT object FROM gone_groups)
               AND parent NOT IN (SELECT object FROM frozen_groups)
               AND (NOT ?2 OR parent IN (SELECT object FROM in_scope))",
        )?
        .execute(params![round.value(), only_named])?;
    connection
        .prepare(
            "INSERT INTO want_edges (parent, kind, member)
             SELECT parent, kind, member FROM edges
             WHERE tenant = ?1 AND parent IN (SELECT object FROM frozen_groups)",
        )?
        .execute([rules.tenant])?;
    Ok(())
}

/// Fills `in_scope`: what is named, the groups below, and everybody in them. Groups that are no live ones
/// hold nobody.
pub(super) fn scope(
    connection: &Connection,
    round: RoundId,
    reading: &Reading,
) -> Result<(), SyncError> {
    let mut insert = connection.prepare("INSERT INTO in_scope (object) VALUES (?1)")?;
    for object in &reading.named {
        insert.execute([object])?;
    }
    for statement in BELOW_THE_NAMED {
        connection.prepare(statement)?.execute([round.value()])?;
    }
    Ok(())
}

/// The groups below, then the users of them all.
const BELOW_THE_NAMED: [&str; 2] = [
    "WITH RECURSIVE below (object) AS (
         SELECT object FROM in_scope
         UNION
         SELECT e.member FROM below AS b
         CROSS JOIN raw_objects AS g ON g.round = ?1 AND g.kind = 'group' AND g.object = b.object
             AND json_extract(g.body, '$.\"@removed\"') IS NULL
         CROSS JOIN raw_edges AS e ON e.round = ?1 AND e.parent = b.object AND e.kind = 'group'
             AND e.removed = 0
     )
     INSERT OR IGNORE INTO in_scope (object) SELECT object FROM below",
    "INSERT OR IGNORE INTO in_scope (object)
     SELECT e.member FROM in_scope AS s
     CROSS JOIN raw_objects AS g ON g.round = ?1 AND g.kind = 'group' AND g.object = s.object
         AND json_extract(g.body, '$.\"@removed\"') IS NULL
     CROSS JOIN raw_edges AS e ON e.round = ?1 AND e.parent = s.object AND e.kind = 'user'
         AND e.removed = 0",
];
