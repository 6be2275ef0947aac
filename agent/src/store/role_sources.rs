//! Who has which role, and from where: what `role list` and `users show` say.

use entra_protocol::admin::{HolderKind, Role, RoleAssignment, RoleHeld, RoleSource};
use rusqlite::{Connection, OptionalExtension};

use super::columns::{count, role, strongest};
use super::roles::{role_by_group, strength};
use super::{Store, StoreError};
use crate::clock::{UnixSeconds, rfc3339};
use crate::identity::{ObjectId, ObjectKey};

impl Store {
    /// Every assignment: the strongest first, people's before groups', then by name. Those of people and groups
    /// that the directory does not have any more are there, without a name.
    ///
    /// # Errors
    /// What the database said.
    pub fn role_assignments(&self) -> Result<Vec<RoleAssignment>, StoreError> {
        let reader = self.reader();
        let mut assignments = Vec::new();
        for (kind, question) in [(HolderKind::User, PEOPLES), (HolderKind::Group, GROUPS)] {
            let mut statement = reader.prepare_cached(question)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let key = ObjectKey {
                    tenant: row.get(0)?,
                    object: row.get(1)?,
                };
                let given_at: UnixSeconds = row.get(3)?;
                assignments.push(RoleAssignment {
                    kind,
                    role: role(row.get(2)?)?,
                    name: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
                    display_name: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
                    group_kind: row.get(6)?,
                    object_id: key.object.to_string(),
                    people: match kind {
                        HolderKind::User => None,
                        HolderKind::Group => Some(people_in(&reader, &key)?),
                    },
                    before: None,
                    given_at: Some(rfc3339(given_at)),
                });
            }
        }
        assignments.sort_by(|a, b| (b.role, a.kind, &a.name).cmp(&(a.role, b.kind, &b.name)));
        Ok(assignments)
    }

    /// The next `limit` published people who are more than a user and whose names come after this one, by name.
    ///
    /// # Errors
    /// What the database said.
    pub fn role_holders_after(&self, name: &str, limit: u32) -> Result<Vec<RoleHeld>, StoreError> {
        let now = self.now();
        let reader = self.reader();
        let mut statement = reader.prepare_cached(HOLDERS)?;
        let mut rows = statement.query((name, limit))?;
        let mut held = Vec::new();
        while let Some(row) = rows.next()? {
            let key = ObjectKey {
                tenant: row.get(0)?,
                object: row.get(1)?,
            };
            let own: Option<String> = row.get(3)?;
            let (enabled, blocked): (bool, bool) = (row.get(5)?, row.get(6)?);
            let expires: Option<UnixSeconds> = row.get(7)?;
            held.push(RoleHeld {
                user: row.get(2)?,
                object_id: key.object.to_string(),
                role: strongest(own.clone(), row.get(4)?)?,
                source: source(&reader, &key, role(own)?)?,
                counts: enabled && !blocked && expires.is_none_or(|expires| now < expires),
            });
        }
        Ok(held)
    }

    /// Whose assignment an object id stands for, of people and groups that the directory does not have any more
    /// as well.
    ///
    /// # Errors
    /// What the database said.
    pub fn assigned_to(
        &self,
        kind: HolderKind,
        object: ObjectId,
    ) -> Result<Option<ObjectKey>, StoreError> {
        let question = match kind {
            HolderKind::User => "SELECT tenant FROM state.roles WHERE object = ?1",
            HolderKind::Group => "SELECT tenant FROM state.group_roles WHERE object = ?1",
        };
        let tenant = self
            .reader()
            .prepare_cached(question)?
            .query_row([object], |row| row.get(0))
            .optional()?;
        Ok(tenant.map(|tenant| ObjectKey { tenant, object }))
    }

    /// Where a person's effective role comes from.
    ///
    /// # Errors
    /// What the database said.
    pub fn role_source(&self, key: &ObjectKey) -> Result<RoleSource, StoreError> {
        let reader = self.reader();
        let own = reader
            .prepare_cached("SELECT role FROM state.roles WHERE tenant = ?1 AND object = ?2")?
            .query_row((key.tenant, key.object), |row| row.get(0))
            .optional()?;
        source(&reader, key, role(own)?)
    }
}

/// How many published people are in a group.
fn people_in(connection: &Connection, key: &ObjectKey) -> Result<u64, StoreError> {
    let people = connection
        .prepare_cached(
            "SELECT count(*) FROM memberships AS m
             CROSS JOIN users AS u ON u.tenant = m.tenant AND u.object = m.member
             WHERE m.tenant = ?1 AND m.parent = ?2 AND u.name IS NOT NULL AND u.displaced = 0",
        )?
        .query_row((key.tenant, key.object), |row| row.get(0))?;
    Ok(count(people))
}

/// Where the role of a person comes from to whom `own` is assigned.
fn source(connection: &Connection, key: &ObjectKey, own: Role) -> Result<RoleSource, StoreError> {
    let group = connection
        .prepare_cached(STRONGEST_GROUP)?
        .query_row((key.tenant, key.object), |row| {
            Ok((
                row.get::<_, Option<String>>(0)?,
                row.get::<_, ObjectId>(1)?,
                row.get::<_, Option<String>>(2)?,
            ))
        })
        .optional()?;
    if let Some((word, object, name)) = group
        && role(word)? > own
    {
        return Ok(RoleSource::Group {
            name: name.unwrap_or_default(),
            object_id: object.to_string(),
        });
    }
    Ok(match own {
        Role::User => RoleSource::Nothing,
        _ => RoleSource::Own,
    })
}

const STRONGEST_GROUP: &str = concat!(
    "SELECT g.role, g.object, iif(l.displaced, NULL, l.name) FROM state.group_roles AS g
     CROSS JOIN memberships AS m ON m.tenant = g.tenant AND m.parent = g.object
     LEFT JOIN groups AS l ON l.tenant = g.tenant AND l.object = g.object
     WHERE g.tenant = ?1 AND m.member = ?2 ORDER BY ",
    strength!(),
    " DESC, l.name IS NULL, l.name, g.object LIMIT 1"
);

const PEOPLES: &str = "
SELECT r.tenant, r.object, r.role, r.given_at, iif(u.displaced, NULL, u.name), u.display_name, NULL
FROM state.roles AS r
LEFT JOIN users AS u ON u.tenant = r.tenant AND u.object = r.object";

const GROUPS: &str = "
SELECT r.tenant, r.object, r.role, r.given_at, iif(g.displaced, NULL, g.name), g.display_name, g.kind
FROM state.group_roles AS r
LEFT JOIN groups AS g ON g.tenant = r.tenant AND g.object = r.object";

/// Whoever is somebody's member is looked at once, however many groups give a role.
const HOLDERS: &str = concat!(
    "SELECT u.tenant, u.object, u.name, r.role, ",
    role_by_group!(),
    ", u.enabled, coalesce(x.blocked, 0), x.expires
     FROM users AS u
     LEFT JOIN state.roles AS r ON r.tenant = u.tenant AND r.object = u.object
     LEFT JOIN state.restrictions AS x ON x.tenant = u.tenant AND x.object = u.object
     WHERE u.name > ?1 AND u.displaced = 0
       AND (r.role IS NOT NULL OR EXISTS (
           SELECT 1 FROM state.group_roles AS g
           CROSS JOIN memberships AS m ON m.tenant = g.tenant AND m.parent = g.object
           WHERE g.tenant = u.tenant AND m.member = u.object))
     ORDER BY u.name LIMIT ?2"
);
