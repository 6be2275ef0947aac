//! The shrink guard: what a run does not take away at once (design.md §6).
//!
//! A half-done migration, a wrong filter or a right that was narrowed look like people leaving, only that
//! they leave all at once. So a run that would remove too many users, groups or memberships removes none
//! of that kind. What is held back stays as it was known: id, name, home, groups. Everything else of the
//! run counts: additions, changes, and `accountEnabled: false` also for those held back.
//!
//! Invariant: a guarded run grants nothing. A membership that it leaves is one that the host had before
//! or that the tenant's answer gives; never one that only both together would make, such as a newcomer's
//! in a group that no longer holds theirs.
//!
//! The guard compares with the directory, not with the last answer: what was held back is counted again
//! by the next run. Objects of another tenant are not its matter.

use rusqlite::{Connection, params};

use super::super::SyncError;
use super::{SHOWN_MAX, listed};
use crate::identity::{ObjectId, TenantId};

/// Removals of one kind that go through at once whatever their share: a team of five that leaves a small
/// host is daily life, and an operator who is asked each time stops reading.
const FREE_REMOVALS: u64 = 5;

/// [`SHOWN_MAX`] as SQLite takes it.
const SHOWN_IN_SQL: i64 = SHOWN_MAX as i64;

/// The share of a kind, in percent, that may go at once. Staff turnover is some two percent a month; what
/// takes away a tenth between two runs is more often a mistake than news.
const SHARE_PERCENT: u64 = 10;

/// Whether a run may take away as much as it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removals {
    /// Too many at once are held back.
    Guarded,
    /// Somebody has looked and wants them: everything goes, for this run.
    Accepted,
}

/// What was held back.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// User-in-group pairs, beside those of the users and groups that are withheld.
    pub(super) memberships: u64,
    remarks: Vec<String>,
}

impl Guard {
    /// Puts users and groups back among those that count, if too many of them are missing. Rows that
    /// failed are nobody's loss.
    pub(super) fn keep_objects(
        removals: Removals,
        tenant: TenantId,
        connection: &Connection,
    ) -> Result<Self, SyncError> {
        let mut guard = Self::default();
        if removals == Removals::Accepted {
            return Ok(guard);
        }
        for (table, kind, keep) in [
            ("users", "users", KEEP_USERS),
            ("groups", "groups", KEEP_GROUPS),
        ] {
            let (of, gone): (u64, u64) = connection
                .prepare(&format!(
                    "SELECT count(*), count(*) FILTER (WHERE c.object IS NULL) FROM {table} AS o
                     LEFT JOIN claims AS c ON c.object = o.object
                     WHERE o.tenant = ?1 AND o.name IS NOT NULL"
                ))?
                .query_row([tenant], |row| {
                    Ok((row.get::<_, u32>(0)?.into(), row.get::<_, u32>(1)?.into()))
                })?;
            if !is_too_much(gone, of) {
                continue;
            }
            let names: Vec<String> = connection
                .prepare(&format!(
                    "SELECT o.name FROM {table} AS o LEFT JOIN claims AS c ON c.object = o.object
                     WHERE o.tenant = ?1 AND o.name IS NOT NULL AND c.object IS NULL
                     ORDER BY o.name LIMIT ?2"
                ))?
                .query_map(params![tenant, SHOWN_IN_SQL], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let count = usize::try_from(gone).unwrap_or(usize::MAX);
            guard.remarks.push(format!(
                "{gone} of {of} {kind} are gone from the tenant or from the scope and were not removed: {}",
                listed(&names, count)
            ));
            for statement in keep {
                connection.prepare(statement)?.execute([tenant])?;
            }
        }
        Ok(guard)
    }

    /// Puts back what those users and groups took part in, then the memberships of the others, if too
    /// many of them are missing. `want_members` holds the closure of the tenant's answer.
    pub(super) fn keep_memberships(
        &mut self,
        removals: Removals,
        tenant: TenantId,
        connection: &Connection,
    ) -> Result<(), SyncError> {
        if removals == Removals::Accepted {
            return Ok(());
        }
        keep_places(tenant, connection)?;
        let (of, gone): (u64, u64) = connection.prepare(MISSING)?.query_row([tenant], |row| {
            Ok((row.get::<_, u32>(0)?.into(), row.get::<_, u32>(1)?.into()))
        })?;
        let too_much = is_too_much(gone, of);
        if too_much {
            self.memberships = gone;
            self.remarks.push(format!(
                "{gone} of {of} memberships are gone from the tenant and were not removed"
            ));
            connection.prepare(KEEP_MEMBERS)?.execute([tenant])?;
        }
        connection.execute_batch(
            "DELETE FROM want_edges WHERE parent IN
                 (SELECT object FROM claims WHERE kind = 'group' AND withheld = 1);",
        )?;
        connection
            .prepare(KEEP_EDGES)?
            .execute(params![tenant, too_much])?;
        Ok(())
    }

    /// What is said about it, the cure last.
    pub(super) fn remarks(self) -> Vec<String> {
        let mut remarks = self.remarks;
        if !remarks.is_empty() {
            remarks.push(
                "if they are meant to go, repeat this import with --accept-removals".to_owned(),
            );
        }
        remarks
    }
}

/// The members of groups held back, in them and in the groups that hold those, and the groups of users
/// held back: as before.
fn keep_places(tenant: TenantId, connection: &Connection) -> Result<(), SyncError> {
    // Not what the answer still says of them: a group held back neither grows nor shrinks.
    connection.execute_batch(
        "DELETE FROM want_members WHERE parent IN
             (SELECT object FROM claims WHERE kind = 'group' AND withheld = 1);",
    )?;
    connection.prepare(KEEP_GROUP_MEMBERS)?.execute([tenant])?;
    let mut statement =
        connection.prepare("SELECT object FROM claims WHERE kind = 'group' AND withheld = 1")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let group: ObjectId = row.get(0)?;
        connection
            .prepare_cached(KEEP_IN_HOLDERS)?
            .execute(params![tenant, group])?;
    }
    connection.prepare(KEEP_USER_PLACES)?.execute([tenant])?;
    Ok(())
}

fn is_too_much(gone: u64, of: u64) -> bool {
    gone > FREE_REMOVALS && gone.saturating_mul(100) > of.saturating_mul(SHARE_PERCENT)
}

/// The row before the claim: both ask who is missing from `claims`.
const KEEP_USERS: [&str; 2] = [
    "INSERT INTO want_users
     (object, upn, display_name, mail_nickname, sam_account_name, user_type, enabled, created_at,
      password_changed_at, sessions_valid_from, withheld, gid_number, shell)
     SELECT u.object, u.upn, u.display_name, u.mail_nickname, u.sam_account_name, u.user_type,
            u.enabled AND NOT EXISTS (SELECT 1 FROM disabled_guests AS d WHERE d.object = u.object),
            u.created_at, u.password_changed_at, u.sessions_valid_from, 1, u.gid_number, u.shell
     FROM users AS u LEFT JOIN claims AS c ON c.object = u.object
     WHERE u.tenant = ?1 AND u.name IS NOT NULL AND c.object IS NULL",
    "INSERT INTO claims (object, kind, created_at, label, candidate, withheld)
     SELECT u.object, 'user', u.created_at, u.upn, u.name, 1
     FROM users AS u LEFT JOIN claims AS c ON c.object = u.object
     WHERE u.tenant = ?1 AND u.name IS NOT NULL AND c.object IS NULL",
];

const KEEP_GROUPS: [&str; 2] = [
    "INSERT INTO want_groups (object, display_name, kind, created_at)
     SELECT g.object, g.display_name, g.kind, g.created_at
     FROM groups AS g LEFT JOIN claims AS c ON c.object = g.object
     WHERE g.tenant = ?1 AND g.name IS NOT NULL AND c.object IS NULL",
    "INSERT INTO claims (object, kind, created_at, label, candidate, withheld)
     SELECT g.object, 'group', g.created_at, g.display_name, g.name, 1
     FROM groups AS g LEFT JOIN claims AS c ON c.object = g.object
     WHERE g.tenant = ?1 AND g.name IS NOT NULL AND c.object IS NULL",
];

const KEEP_GROUP_MEMBERS: &str = "
INSERT OR IGNORE INTO want_members (parent, member)
SELECT m.parent, m.member FROM claims AS g
CROSS JOIN memberships AS m ON m.tenant = ?1 AND m.parent = g.object
CROSS JOIN claims AS u ON u.object = m.member AND u.kind = 'user'
WHERE g.kind = 'group' AND g.withheld = 1";

/// Of the group `?2`, in every group that held it before and still counts: those members whom that group
/// had before.
const KEEP_IN_HOLDERS: &str = "
WITH RECURSIVE above (object) AS (
    SELECT parent FROM edges WHERE tenant = ?1 AND member = ?2 AND kind = 'group'
    UNION
    SELECT e.parent FROM above AS a CROSS JOIN edges AS e ON e.member = a.object
    WHERE e.tenant = ?1 AND e.kind = 'group'
)
INSERT OR IGNORE INTO want_members (parent, member)
SELECT a.object, m.member FROM above AS a
CROSS JOIN claims AS g ON g.object = a.object AND g.kind = 'group'
CROSS JOIN memberships AS m ON m.tenant = ?1 AND m.parent = ?2
CROSS JOIN memberships AS was ON was.tenant = ?1 AND was.parent = a.object AND was.member = m.member
CROSS JOIN claims AS u ON u.object = m.member AND u.kind = 'user'
WHERE a.object <> ?2";

const KEEP_USER_PLACES: &str = "
INSERT OR IGNORE INTO want_members (parent, member)
SELECT m.parent, m.member FROM claims AS u
CROSS JOIN memberships AS m ON m.tenant = ?1 AND m.member = u.object
CROSS JOIN claims AS g ON g.object = m.parent AND g.kind = 'group'
WHERE u.kind = 'user' AND u.withheld = 1";

/// Memberships of shown users in shown groups before this run, and how many of them are missing although
/// both ends stay.
const MISSING: &str = "
SELECT count(*), count(*) FILTER (WHERE g.object IS NOT NULL AND u.object IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM want_members AS w
                    WHERE w.parent = m.parent AND w.member = m.member))
FROM memberships AS m
CROSS JOIN users AS ku ON ku.tenant = m.tenant AND ku.object = m.member AND ku.name IS NOT NULL
CROSS JOIN groups AS kg ON kg.tenant = m.tenant AND kg.object = m.parent AND kg.name IS NOT NULL
LEFT JOIN claims AS g ON g.object = m.parent AND g.kind = 'group'
LEFT JOIN claims AS u ON u.object = m.member AND u.kind = 'user'
WHERE m.tenant = ?1";

const KEEP_MEMBERS: &str = "
INSERT OR IGNORE INTO want_members (parent, member)
SELECT m.parent, m.member FROM memberships AS m
CROSS JOIN claims AS g ON g.object = m.parent AND g.kind = 'group'
CROSS JOIN claims AS u ON u.object = m.member AND u.kind = 'user'
WHERE m.tenant = ?1";

/// The direct members that belong to what was kept, as far as both ends are still here; with `?2` all.
const KEEP_EDGES: &str = "
INSERT OR IGNORE INTO want_edges (parent, kind, member)
SELECT e.parent, e.kind, e.member FROM edges AS e
CROSS JOIN claims AS g ON g.object = e.parent AND g.kind = 'group'
CROSS JOIN claims AS m ON m.object = e.member AND m.kind = e.kind
WHERE e.tenant = ?1 AND (?2 OR g.withheld = 1 OR m.withheld = 1)";

#[cfg(test)]
mod tests;
