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

use std::collections::BTreeMap;

use entra_protocol::admin::{HolderKind, Role, RoleAssignment, RoleChange};
use rusqlite::{Connection, OptionalExtension, params};

use super::audit::{Actor, Event, append};
use super::columns::{count, role};
use super::role_sources::source;
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

/// What a change did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolesAssigned {
    /// The assignments that were named, people's before groups', each by name.
    pub assignments: Vec<RoleAssignment>,
    /// The people who were named, and those whose effective role differs; by name.
    pub people: Vec<RoleChange>,
}

impl Store {
    /// Changes these assignments, all or none. Publish afterwards. With `dry_run` everything is looked at
    /// likewise and taken back.
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
        Ok(administrators(&self.reader(), self.now())?.able)
    }
}

fn assign(
    connection: &Connection,
    orders: &[Assign],
    at: UnixSeconds,
    actor: &Actor,
) -> Result<RolesAssigned, StoreError> {
    let administrators_before = administrators(connection, at)?;
    let before = concerned(connection, orders)?;
    let mut assignments = Vec::with_capacity(orders.len());
    for order in orders {
        assignments.push(assign_one(connection, order, at, actor)?);
    }
    Administrators::refuse_loss(administrators_before, administrators(connection, at)?)?;
    let mut people = Vec::new();
    for (key, after) in concerned(connection, orders)? {
        let Some(before) = before.get(&key) else {
            continue;
        };
        if before.is_named || before.role() != after.role() {
            people.push(RoleChange {
                source: Some(source(connection, &key, after.own)?),
                user: after.name.clone(),
                before: before.role(),
                after: after.role(),
            });
        }
    }
    people.sort_by(|a, b| a.user.cmp(&b.user));
    assignments.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    Ok(RolesAssigned {
        assignments,
        people,
    })
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
            refused: false,
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
        people: match kind {
            HolderKind::User => None,
            HolderKind::Group => Some(people_in(connection, key)?),
        },
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

/// How many published people are in a group.
pub(super) fn people_in(connection: &Connection, key: &ObjectKey) -> Result<u64, StoreError> {
    let people = connection
        .prepare_cached(
            "SELECT count(*) FROM memberships AS m
             CROSS JOIN users AS u ON u.tenant = m.tenant AND u.object = m.member
             WHERE m.tenant = ?1 AND m.parent = ?2 AND u.name IS NOT NULL AND u.displaced = 0",
        )?
        .query_row((key.tenant, key.object), |row| row.get(0))?;
    Ok(count(people))
}

/// What somebody's role is, and why.
struct Standing {
    name: String,
    own: Role,
    by_group: Role,
    /// The change names them, not only a group that they are in.
    is_named: bool,
}

impl Standing {
    fn role(&self) -> Role {
        self.own.max(self.by_group)
    }
}

/// Everybody whose role may be changed by these orders.
fn concerned(
    connection: &Connection,
    orders: &[Assign],
) -> Result<BTreeMap<ObjectKey, Standing>, StoreError> {
    let mut people = BTreeMap::new();
    for Assign { kind, key, .. } in orders {
        let question = match kind {
            HolderKind::User => PERSON,
            HolderKind::Group => MEMBERS,
        };
        let mut statement = connection.prepare_cached(question)?;
        let mut rows = statement.query((key.tenant, key.object))?;
        while let Some(row) = rows.next()? {
            let member = ObjectKey {
                tenant: key.tenant,
                object: row.get(0)?,
            };
            let standing = Standing {
                name: row.get(1)?,
                own: role(row.get(2)?)?,
                by_group: role(row.get(3)?)?,
                is_named: *kind == HolderKind::User,
            };
            let is_named = standing.is_named;
            people.entry(member).or_insert(standing).is_named |= is_named;
        }
    }
    Ok(people)
}

/// Counts of administrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Administrators {
    /// Those who can sign in.
    able: u64,
    /// Those of them whose account has no end: when the others' has come, they are left.
    lasting: u64,
}

impl Administrators {
    /// Refuses a change after which there are none where there were some.
    pub(super) fn refuse_loss(before: Self, after: Self) -> Result<(), StoreError> {
        let lost = |before, after| before > 0 && after == 0;
        if lost(before.able, after.able) || lost(before.lasting, after.lasting) {
            return Err(StoreError::LastAdministrator);
        }
        Ok(())
    }
}

pub(super) fn administrators(
    connection: &Connection,
    now: UnixSeconds,
) -> Result<Administrators, StoreError> {
    let (able, lasting): (i64, i64) = connection
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE x.expires IS NULL)
             FROM (SELECT r.tenant, r.object FROM state.roles AS r WHERE r.role = ?1
                   UNION
                   SELECT m.tenant, m.member FROM state.group_roles AS g
                   CROSS JOIN memberships AS m ON m.tenant = g.tenant AND m.parent = g.object
                   WHERE g.role = ?1) AS holder
             CROSS JOIN users AS u ON u.tenant = holder.tenant AND u.object = holder.object
             LEFT JOIN state.restrictions AS x ON x.tenant = u.tenant AND x.object = u.object
             WHERE u.name IS NOT NULL AND u.displaced = 0 AND u.enabled = 1
               AND coalesce(x.blocked, 0) = 0 AND (x.expires IS NULL OR x.expires > ?2)",
        )?
        .query_row(params![Role::Administrator.word(), now], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(Administrators {
        able: count(able),
        lasting: count(lasting),
    })
}

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

const PERSON: &str = concat!(
    "SELECT u.object, u.name, r.role, ",
    role_by_group!(),
    " FROM users AS u
     LEFT JOIN state.roles AS r ON r.tenant = u.tenant AND r.object = u.object
     WHERE u.tenant = ?1 AND u.object = ?2 AND u.name IS NOT NULL AND u.displaced = 0"
);

const MEMBERS: &str = concat!(
    "SELECT u.object, u.name, r.role, ",
    role_by_group!(),
    " FROM memberships AS k
     CROSS JOIN users AS u ON u.tenant = k.tenant AND u.object = k.member
     LEFT JOIN state.roles AS r ON r.tenant = u.tenant AND r.object = u.object
     WHERE k.tenant = ?1 AND k.parent = ?2 AND u.name IS NOT NULL AND u.displaced = 0"
);
