//! Roles on this host: given here, never by the tenant's own group administrators.
//!
//! Everyone without a row is a `user`. A row stays when its person leaves the directory: the same object
//! that comes back is the same person. Invariant: a change never takes the last administrator who can
//! sign in, nor the last one whose account has no end (root can always give the role, but a host should not depend on root's password).

use entra_protocol::admin::{Role, RoleChange};
use rusqlite::{Connection, params};

use super::audit::{Actor, Event, append};
use super::columns::count;
use super::people::by_object;
use super::{Store, StoreError};
use crate::clock::UnixSeconds;
use crate::identity::ObjectKey;

impl Store {
    /// Gives every one of `people` this role, all or none, with an audit row each. Publish afterwards.
    /// People named twice count once; those who had the role already are in the answer, unchanged.
    ///
    /// # Errors
    /// [`StoreError::UnknownPerson`] for one who is not published, [`StoreError::LastAdministrator`],
    /// or what the database said; then nobody's role has changed.
    pub fn set_roles(
        &self,
        people: &[ObjectKey],
        role: Role,
        actor: &Actor,
    ) -> Result<Vec<RoleChange>, StoreError> {
        let at = self.now();
        let mut people = people.to_vec();
        people.sort_unstable();
        people.dedup();
        self.write(|transaction| {
            let administrators_before = administrators(transaction, at)?;
            let mut changes = Vec::with_capacity(people.len());
            for key in &people {
                let person = by_object(transaction, key)?.ok_or(StoreError::UnknownPerson(*key))?;
                transaction
                    .prepare_cached(
                        "INSERT INTO state.roles (tenant, object, role, given_at)
                         VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (tenant, object)
                         DO UPDATE SET role = excluded.role, given_at = excluded.given_at",
                    )?
                    .execute(params![key.tenant, key.object, role.word(), at])?;
                let object = format!("{} ({})", person.name, key.object);
                let event = Event {
                    verb: "role set",
                    object: &object,
                    before: Some(person.role.word()),
                    after: Some(role.word()),
                };
                append(transaction, at, actor, &event)?;
                changes.push(RoleChange {
                    user: person.name,
                    before: person.role,
                    after: role,
                });
            }
            Administrators::refuse_loss(administrators_before, administrators(transaction, at)?)?;
            changes.sort_by(|a, b| a.user.cmp(&b.user));
            Ok(changes)
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
             FROM state.roles AS r
             JOIN users AS u ON u.tenant = r.tenant AND u.object = r.object
             LEFT JOIN state.restrictions AS x ON x.tenant = r.tenant AND x.object = r.object
             WHERE r.role = ?1 AND u.name IS NOT NULL AND u.displaced = 0 AND u.enabled = 1
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
