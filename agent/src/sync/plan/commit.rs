//! Makes a decision true: only what differs is written.

use rusqlite::{Transaction, params};

use super::verdict::{foreign, gone};
use crate::clock::UnixSeconds;
use crate::identity::TenantId;
use crate::store::StoreError;

/// What `state.db` has to learn. Plain inserts: an id or a home that another object has is a bug, and must
/// not move.
pub(super) fn keep_state(
    transaction: &Transaction<'_>,
    tenant: TenantId,
    configured: &[TenantId],
    now: UnixSeconds,
) -> Result<(), StoreError> {
    for statement in [
        "INSERT INTO state.ids (id, tenant, object, attempt, allocated_at)
         SELECT id, ?1, object, attempt, ?2 FROM new_ids",
        "INSERT INTO state.homes (tenant, object, home, fixed_at)
         SELECT ?1, object, home, ?2 FROM new_homes",
        "UPDATE state.names SET held = 0, since = ?2
         WHERE held = 1 AND tenant = ?1 AND name IN (SELECT name FROM retired)",
        "INSERT INTO state.names (name, tenant, object, kind, held, since)
         SELECT name, ?1, object, kind, 1, ?2 FROM claimed WHERE true
         ON CONFLICT (name) DO UPDATE SET held = 1, since = excluded.since
         WHERE names.tenant = excluded.tenant AND names.object = excluded.object
           AND names.held = 0",
    ] {
        transaction
            .prepare(statement)?
            .execute(params![tenant, now])?;
    }
    let foreign = foreign(configured);
    transaction
        .prepare(&format!(
            "UPDATE state.names AS o SET held = 0, since = ?1 WHERE held = 1 AND {foreign}"
        ))?
        .execute([now])?;
    Ok(())
}

/// The swap.
pub(super) fn swap(
    transaction: &Transaction<'_>,
    tenant: TenantId,
    configured: &[TenantId],
    now: UnixSeconds,
) -> Result<(), StoreError> {
    let gone = gone(tenant, configured);
    let foreign = foreign(configured);
    for statement in REMOVE {
        let statement = statement
            .replace("{gone}", &gone)
            .replace("{foreign}", &foreign);
        transaction.prepare(&statement)?.execute([])?;
    }
    for statement in WRITE {
        transaction.prepare(statement)?.execute([tenant])?;
    }
    // A sign-in may have been told so while this was decided on.
    transaction
        .prepare(
            "UPDATE users SET enabled = 0 WHERE tenant = ?1 AND cut_off_at > ?2 AND enabled = 1",
        )?
        .execute(params![tenant, now])?;
    Ok(())
}

/// Members and memberships of what goes, then what goes itself, and what tenants that are no more left.
const REMOVE: [&str; 9] = [
    "DELETE FROM memberships WHERE (tenant, parent) IN
         (SELECT o.tenant, o.object FROM groups AS o WHERE {gone})",
    "DELETE FROM memberships WHERE (tenant, member) IN
         (SELECT o.tenant, o.object FROM users AS o WHERE {gone})",
    "DELETE FROM edges WHERE (tenant, parent) IN
         (SELECT o.tenant, o.object FROM groups AS o WHERE {gone})",
    "DELETE FROM edges WHERE (tenant, member) IN
         (SELECT o.tenant, o.object FROM users AS o WHERE {gone})",
    "DELETE FROM edges WHERE (tenant, member) IN
         (SELECT o.tenant, o.object FROM groups AS o WHERE {gone})",
    "DELETE FROM users AS o WHERE {gone}",
    "DELETE FROM groups AS o WHERE {gone}",
    "DELETE FROM failures AS o WHERE {foreign}",
    "UPDATE rounds AS o SET state = 'dead' WHERE {foreign}",
];

/// What is new or differs. Names are taken away before they are given: two people may swap theirs.
const WRITE: [&str; 11] = [
    "DELETE FROM memberships WHERE tenant = ?1
         AND parent IN (SELECT object FROM changed_groups)
         AND NOT EXISTS (SELECT 1 FROM want_members AS w
                         WHERE w.parent = memberships.parent AND w.member = memberships.member)",
    "DELETE FROM edges WHERE tenant = ?1
         AND parent IN (SELECT object FROM changed_groups)
         AND NOT EXISTS (SELECT 1 FROM want_edges AS w WHERE w.parent = edges.parent
                         AND w.member = edges.member AND w.kind = edges.kind)",
    "UPDATE users SET name = NULL WHERE tenant = ?1 AND object IN
         (SELECT object FROM claims WHERE kind = 'user' AND verdict <> 'unchanged')",
    "UPDATE groups SET name = NULL WHERE tenant = ?1 AND object IN
         (SELECT object FROM claims WHERE kind = 'group' AND verdict <> 'unchanged')",
    "INSERT INTO users
     (tenant, object, upn, upn_key, display_name, mail_nickname, sam_account_name, user_type,
      enabled, created_at, password_changed_at, sessions_valid_from, name, withheld, gid_number,
      shell)
     SELECT ?1, w.object, w.upn, lower(w.upn), w.display_name, w.mail_nickname, w.sam_account_name,
            w.user_type, w.enabled, w.created_at, w.password_changed_at, w.sessions_valid_from,
            c.name, w.withheld, w.gid_number, w.shell
     FROM want_users AS w JOIN claims AS c ON c.object = w.object WHERE c.verdict <> 'unchanged'
     ON CONFLICT (tenant, object) DO UPDATE SET
         upn = excluded.upn, upn_key = excluded.upn_key, display_name = excluded.display_name,
         mail_nickname = excluded.mail_nickname, sam_account_name = excluded.sam_account_name,
         user_type = excluded.user_type, enabled = excluded.enabled,
         created_at = excluded.created_at, password_changed_at = excluded.password_changed_at,
         sessions_valid_from = excluded.sessions_valid_from, name = excluded.name,
         withheld = excluded.withheld, gid_number = excluded.gid_number, shell = excluded.shell",
    // Whom the tenant has again is withheld no longer, also where nothing else about them is new.
    "UPDATE users SET withheld = 0 WHERE tenant = ?1 AND withheld = 1 AND object IN
         (SELECT object FROM claims WHERE withheld = 0)",
    "INSERT INTO groups (tenant, object, display_name, kind, created_at, name)
     SELECT ?1, w.object, w.display_name, w.kind, w.created_at, c.name
     FROM want_groups AS w JOIN claims AS c ON c.object = w.object WHERE c.verdict <> 'unchanged'
     ON CONFLICT (tenant, object) DO UPDATE SET
         display_name = excluded.display_name, kind = excluded.kind,
         created_at = excluded.created_at, name = excluded.name",
    "INSERT OR IGNORE INTO edges (tenant, parent, member, kind)
     SELECT ?1, w.parent, w.member, w.kind FROM changed_groups AS c
     CROSS JOIN want_edges AS w ON w.parent = c.object",
    "INSERT OR IGNORE INTO memberships (tenant, parent, member)
     SELECT ?1, w.parent, w.member FROM changed_groups AS c
     CROSS JOIN want_members AS w ON w.parent = c.object",
    "DELETE FROM failures WHERE tenant = ?1",
    "INSERT INTO failures (tenant, kind, object_id, label, reason, cure)
     SELECT ?1, kind, object_id, label, reason, cure FROM failures_now
     ORDER BY kind DESC, label, id",
];
