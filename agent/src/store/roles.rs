//! Roles on this host: given here to people and to groups, never by the tenant's own group administrators.
//!
//! A role is assigned to a person or to a group, by object id; what counts is the strongest of a person's own
//! and of those of the groups that they are in, nested ones included. Everyone without an assignment is a
//! `user`, which is why that is said by no row. A row stays when its holder leaves the directory: the same
//! object that comes back is the same person or group. A group gives its role as long as its members are
//! known, also while a local group stands in the way of its name.
//!
//! Invariants: a change is all or none, has an audit row for each assignment that differs, and is refused if one of
//! them is not any more what it was when somebody decided on it. No change takes the last administrator
//! who can sign in, nor the last one whose account has no end (root can always give the role, but a host should not
//! depend on root's password). An import can take them: whoever leaves the tenant or a group is gone.

use entra_protocol::admin::{HolderKind, Role, RoleAssignment};
use rusqlite::{Connection, OptionalExtension, params};

use super::audit::{Actor, Event, append};
use super::columns::{count, role};
use super::{Store, StoreError};
use crate::clock::UnixSeconds;
use crate::identity::ObjectKey;

/// An assignment that is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assign {
    /// Whether `key` is a person's or a group's.
    pub kind: HolderKind,
    /// Whose it is.
    pub key: ObjectKey,
    /// The role; [`Role::User`] takes the assignment away.
    pub role: Role,
    /// What it was when somebody decided on this.
    pub expected: Option<Role>,
}

/// Assignments that were changed, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolesAssigned {
    /// People's before groups', each by name. How many people are in a group is not known yet.
    pub assignments: Vec<RoleAssignment>,
    /// The same, by identity.
    pub(super) moves: Vec<Moved>,
}

/// What became of one assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) kind: HolderKind,
    pub(super) key: ObjectKey,
    pub(super) before: Role,
    pub(super) after: Role,
}

impl Store {
    /// Changes these assignments, each of another holder, all or none. Publish afterwards. With `dry_run` everything is looked at
    /// likewise and taken back. What it means for whom is told by [`Store::role_changes`].
    ///
    /// # Errors
    /// [`StoreError::UnknownPerson`] and [`StoreError::UnknownGroup`] for who can't be given anything,
    /// [`StoreError::RoleMoved`], [`StoreError::LastAdministrator`], or what the database said; then
    /// nothing has changed.
    pub fn assign_roles(
        &self,
        orders: &[Assign],
        dry_run: bool,
        actor: &Actor,
    ) -> Result<RolesAssigned, StoreError> {
        let at = self.now();
        self.write(|transaction| {
            if dry_run {
                transaction.execute_batch("SAVEPOINT only_tried")?;
            }
            let assigned = assign(transaction, orders, at, actor)?;
            if dry_run {
                transaction.execute_batch("ROLLBACK TO only_tried; RELEASE only_tried")?;
            }
            Ok(assigned)
        })
    }

    /// How many administrators can sign in: published, enabled, neither blocked nor past an
    /// expiry.
    ///
    /// # Errors
    /// What the database said.
    pub fn administrators(&self) -> Result<u64, StoreError> {
        let question = format!("SELECT count(*) FROM ({ABLE_ADMINISTRATORS})");
        let able = self
            .reader()
            .prepare_cached(&question)?
            .query_row(params![Role::Administrator.word(), self.now()], |row| {
                row.get(0)
            })?;
        Ok(count(able))
    }
}

fn assign(
    connection: &Connection,
    orders: &[Assign],
    at: UnixSeconds,
    actor: &Actor,
) -> Result<RolesAssigned, StoreError> {
    let administrators_before = administrators(connection, at)?;
    let mut assignments = Vec::with_capacity(orders.len());
    let mut moves = Vec::with_capacity(orders.len());
    for order in orders {
        let assignment = assign_one(connection, order, at, actor)?;
        moves.push(Moved {
            kind: order.kind,
            key: order.key,
            before: assignment.before.unwrap_or(assignment.role),
            after: assignment.role,
        });
        assignments.push(assignment);
    }
    Administrators::refuse_loss(administrators_before, administrators(connection, at)?)?;
    assignments.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    Ok(RolesAssigned { assignments, moves })
}

fn assign_one(
    connection: &Connection,
    order: &Assign,
    at: UnixSeconds,
    actor: &Actor,
) -> Result<RoleAssignment, StoreError> {
    let Assign {
        kind, key, role, ..
    } = order;
    let holder = holder(connection, *kind, key)?;
    let table = table(*kind);
    let before = assigned(connection, *kind, key)?;
    if holder.is_none() && (before == Role::User || *role != Role::User) {
        // Who is gone keeps an assignment, which can be taken away and not made.
        return Err(match kind {
            HolderKind::User => StoreError::UnknownPerson(*key),
            HolderKind::Group => StoreError::UnknownGroup(*key),
        });
    }
    let holder = holder.unwrap_or_default();
    if let Some(expected) = order.expected.filter(|expected| *expected != before) {
        return Err(StoreError::RoleMoved {
            holder: label(*kind, &holder.name, key),
            expected,
            found: before,
        });
    }
    if *role == Role::User {
        connection
            .prepare_cached(&format!(
                "DELETE FROM state.{table} WHERE tenant = ?1 AND object = ?2"
            ))?
            .execute((key.tenant, key.object))?;
    } else if *role != before {
        connection
            .prepare_cached(&format!(
                "INSERT INTO state.{table} (tenant, object, role, given_at)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (tenant, object)
                 DO UPDATE SET role = excluded.role, given_at = excluded.given_at"
            ))?
            .execute(params![key.tenant, key.object, role.word(), at])?;
    }
    if *role != before {
        let event = Event {
            verb: "role set",
            object: &label(*kind, &holder.name, key),
            before: Some(before.word()),
            after: Some(role.word()),
        };
        append(connection, at, actor, &event)?;
    }
    Ok(RoleAssignment {
        kind: *kind,
        name: holder.name,
        display_name: holder.display_name,
        object_id: key.object.to_string(),
        role: *role,
        before: Some(before),
        group_kind: holder.group_kind,
        people: None,
        given_at: None,
    })
}

/// Who holds an assignment, as the directory has them.
#[derive(Default)]
struct Holder {
    name: String,
    display_name: String,
    group_kind: Option<String>,
}

/// A published person or group.
fn holder(
    connection: &Connection,
    kind: HolderKind,
    key: &ObjectKey,
) -> Result<Option<Holder>, StoreError> {
    let question = match kind {
        HolderKind::User => {
            "SELECT name, display_name, NULL FROM users
             WHERE tenant = ?1 AND object = ?2 AND name IS NOT NULL AND displaced = 0"
        }
        HolderKind::Group => {
            "SELECT name, display_name, kind FROM groups
             WHERE tenant = ?1 AND object = ?2 AND name IS NOT NULL AND displaced = 0"
        }
    };
    Ok(connection
        .prepare_cached(question)?
        .query_row((key.tenant, key.object), |row| {
            Ok(Holder {
                name: row.get(0)?,
                display_name: row.get(1)?,
                group_kind: row.get(2)?,
            })
        })
        .optional()?)
}

fn label(kind: HolderKind, name: &str, key: &ObjectKey) -> String {
    match kind {
        HolderKind::User => format!("{name} ({})", key.object),
        HolderKind::Group => format!("group {name} ({})", key.object),
    }
}

fn table(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::User => "roles",
        HolderKind::Group => "group_roles",
    }
}

fn assigned(
    connection: &Connection,
    kind: HolderKind,
    key: &ObjectKey,
) -> Result<Role, StoreError> {
    let table = table(kind);
    let word = connection
        .prepare_cached(&format!(
            "SELECT role FROM state.{table} WHERE tenant = ?1 AND object = ?2"
        ))?
        .query_row((key.tenant, key.object), |row| row.get(0))
        .optional()?;
    role(word)
}

/// Which administrators there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Administrators {
    /// One who can sign in.
    able: bool,
    /// One of them whose account has no end: when the others' has come, they are left.
    lasting: bool,
}

impl Administrators {
    /// Refuses a change after which there are none where there were some.
    pub(super) fn refuse_loss(before: Self, after: Self) -> Result<(), StoreError> {
        if (before.able && !after.able) || (before.lasting && !after.lasting) {
            return Err(StoreError::LastAdministrator);
        }
        Ok(())
    }
}

pub(super) fn administrators(
    connection: &Connection,
    now: UnixSeconds,
) -> Result<Administrators, StoreError> {
    // Stops at the first: a group that gives the role may have everybody in it.
    let question = format!(
        "SELECT EXISTS (SELECT 1 FROM ({ABLE_ADMINISTRATORS})),
                EXISTS (SELECT 1 FROM ({ABLE_ADMINISTRATORS}) WHERE expires IS NULL)"
    );
    Ok(connection.prepare_cached(&question)?.query_row(
        params![Role::Administrator.word(), now],
        |row| {
            Ok(Administrators {
                able: row.get(0)?,
                lasting: row.get(1)?,
            })
        },
    )?)
}

/// Everybody with the role `?1` who can sign in at `?2`, once.
const ABLE_ADMINISTRATORS: &str = "
SELECT x.expires AS expires
FROM state.roles AS r
CROSS JOIN users AS u ON u.tenant = r.tenant AND u.object = r.object
LEFT JOIN state.restrictions AS x ON x.tenant = u.tenant AND x.object = u.object
WHERE r.role = ?1 AND u.name IS NOT NULL AND u.displaced = 0 AND u.enabled = 1
  AND coalesce(x.blocked, 0) = 0 AND (x.expires IS NULL OR x.expires > ?2)
UNION ALL
SELECT x.expires
FROM state.group_roles AS g
CROSS JOIN memberships AS m ON m.tenant = g.tenant AND m.parent = g.object
CROSS JOIN users AS u ON u.tenant = m.tenant AND u.object = m.member
LEFT JOIN state.restrictions AS x ON x.tenant = u.tenant AND x.object = u.object
WHERE g.role = ?1 AND u.name IS NOT NULL AND u.displaced = 0 AND u.enabled = 1
  AND coalesce(x.blocked, 0) = 0 AND (x.expires IS NULL OR x.expires > ?2)
  AND NOT EXISTS (SELECT 1 FROM state.roles AS r
                  WHERE r.tenant = u.tenant AND r.object = u.object AND r.role = ?1)
  AND NOT EXISTS (SELECT 1 FROM state.group_roles AS earlier
                  CROSS JOIN memberships AS n ON n.tenant = earlier.tenant AND n.parent = earlier.object
                  WHERE earlier.role = ?1 AND earlier.tenant = g.tenant AND earlier.object < g.object
                    AND n.member = u.object)";

/// How strong a role `g.role` is, since its words don't sort so.
macro_rules! strength {
    () => {
        "CASE g.role WHEN 'administrator' THEN 3 WHEN 'operator' THEN 2 WHEN 'auditor' THEN 1 ELSE 0 END"
    };
}
pub(super) use strength;

/// The strongest role that groups give the person `u`, or NULL. Goes from the groups that give any, which are few, to
/// the person's membership of each.
macro_rules! role_by_group {
    () => {
        concat!(
            "(SELECT g.role FROM state.group_roles AS g
              CROSS JOIN memberships AS m ON m.tenant = g.tenant AND m.parent = g.object
              WHERE g.tenant = u.tenant AND m.member = u.object ORDER BY ",
            $crate::store::roles::strength!(),
            " DESC LIMIT 1)"
        )
    };
}
pub(super) use role_by_group;

#[cfg(test)]
mod tests;
