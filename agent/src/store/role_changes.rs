//! What a change of assignments means for whom.
//!
//! A group may have everybody in it, so this is worked out after the change was made and published, in one pass over
//! the members of the groups that were named: what somebody has from their own assignment and from those groups is
//! known from the change itself, before and after; only what other groups give is looked up.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use entra_protocol::admin::{HolderKind, Role, RoleChange, RoleSource};
use rusqlite::{Connection, params};

use super::columns::role;
use super::roles::{Moved, RolesAssigned, strength};
use super::{Store, StoreError};
use crate::identity::{ObjectId, ObjectKey};

impl Store {
    /// The people whom the change names and those whose effective role differs by it, by name. Notes along with each
    /// group how many people are in it.
    ///
    /// # Errors
    /// What the database said.
    pub fn role_changes(
        &self,
        assigned: &mut RolesAssigned,
    ) -> Result<Vec<RoleChange>, StoreError> {
        // A connection of its own: nobody's sign-in waits for a list of everybody.
        let connection = self.further_connection()?;
        connection.execute_batch(
            "CREATE TEMP TABLE named_groups (tenant BLOB, object BLOB, PRIMARY KEY (tenant, object))
             STRICT, WITHOUT ROWID",
        )?;
        let moves = std::mem::take(&mut assigned.moves);
        for moved in moves.iter().filter(|moved| moved.kind == HolderKind::Group) {
            connection
                .prepare_cached("INSERT INTO temp.named_groups VALUES (?1, ?2)")?
                .execute((moved.key.tenant, moved.key.object))?;
        }
        let groups = names_of_groups(&connection)?;
        let mut people = BTreeMap::new();
        for moved in &moves {
            let concerned = look_at(&connection, moved, &mut people)?;
            if moved.kind == HolderKind::Group {
                let object = moved.key.object.to_string();
                for assignment in &mut assigned.assignments {
                    if assignment.kind == HolderKind::Group && assignment.object_id == object {
                        assignment.people = Some(concerned);
                    }
                }
            }
        }
        let mut changes: Vec<RoleChange> = people
            .into_values()
            .filter_map(|standing| standing.change(&groups))
            .collect();
        changes.sort_by(|a, b| a.user.cmp(&b.user));
        Ok(changes)
    }
}

/// Groups that give a role or are named, by their names here.
type Groups = BTreeMap<ObjectId, String>;

fn names_of_groups(connection: &Connection) -> Result<Groups, StoreError> {
    let mut statement = connection.prepare(
        "SELECT g.object, iif(g.displaced, NULL, g.name)
         FROM (SELECT tenant, object FROM state.group_roles
               UNION SELECT tenant, object FROM temp.named_groups) AS r
         CROSS JOIN groups AS g ON g.tenant = r.tenant AND g.object = r.object",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get(0)?,
            row.get::<_, Option<String>>(1)?.unwrap_or_default(),
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A role, and the group that gives it.
type Given = (Role, Option<ObjectId>);

/// The roles of somebody, before and after, and why.
struct Standing {
    name: String,
    own: [Role; 2],
    by_group: [Given; 2],
    /// The change names them, not only a group that they are in.
    is_named: bool,
}

impl Standing {
    fn role(&self, own: Role, by_group: Given) -> Role {
        own.max(by_group.0)
    }

    fn change(self, groups: &Groups) -> Option<RoleChange> {
        let [own_before, own] = self.own;
        let [by_group_before, by_group] = self.by_group;
        let before = self.role(own_before, by_group_before);
        let after = self.role(own, by_group);
        let source = match by_group {
            (role, Some(group)) if role > own => RoleSource::Group {
                name: groups.get(&group).cloned().unwrap_or_default(),
                object_id: group.to_string(),
            },
            _ if own > Role::User => RoleSource::Own,
            _ => RoleSource::Nothing,
        };
        (self.is_named || before != after).then_some(RoleChange {
            user: self.name,
            before,
            after,
            source: Some(source),
        })
    }
}

/// Takes everybody whom one assignment is about into `people`, and says how many they are.
fn look_at(
    connection: &Connection,
    moved: &Moved,
    people: &mut BTreeMap<ObjectKey, Standing>,
) -> Result<u64, StoreError> {
    let Moved {
        kind,
        key,
        before,
        after,
    } = *moved;
    let question = match kind {
        HolderKind::User => PERSON,
        HolderKind::Group => MEMBERS,
    };
    let mut statement = connection.prepare_cached(question)?;
    let mut rows = statement.query(params![key.tenant, key.object])?;
    let mut concerned = 0;
    while let Some(row) = rows.next()? {
        concerned += 1;
        let person = ObjectKey {
            tenant: key.tenant,
            object: row.get(0)?,
        };
        let standing = match people.entry(person) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let own = role(row.get(2)?)?;
                let other: Given = (role(row.get(3)?)?, row.get(4)?);
                new.insert(Standing {
                    name: row.get(1)?,
                    own: [own; 2],
                    by_group: [other; 2],
                    is_named: false,
                })
            }
        };
        match kind {
            HolderKind::User => {
                standing.own = [before, after];
                standing.is_named = true;
            }
            HolderKind::Group => {
                for (given, role) in standing.by_group.iter_mut().zip([before, after]) {
                    if role > given.0 {
                        *given = (role, Some(key.object));
                    }
                }
            }
        }
    }
    Ok(concerned)
}

/// What the groups give that the change does not name, as `role_by_group`; then which of them gives it.
macro_rules! by_others {
    ($column:literal) => {
        concat!(
            "(SELECT ",
            $column,
            " FROM state.group_roles AS g
              CROSS JOIN memberships AS m ON m.tenant = g.tenant AND m.parent = g.object
              WHERE g.tenant = u.tenant AND m.member = u.object
                AND NOT EXISTS (SELECT 1 FROM temp.named_groups AS n
                                WHERE n.tenant = g.tenant AND n.object = g.object)
              ORDER BY ",
            strength!(),
            " DESC, g.object LIMIT 1)"
        )
    };
}

const PERSON: &str = concat!(
    "SELECT u.object, u.name, r.role, ",
    by_others!("g.role"),
    ", ",
    by_others!("g.object"),
    " FROM users AS u
     LEFT JOIN state.roles AS r ON r.tenant = u.tenant AND r.object = u.object
     WHERE u.tenant = ?1 AND u.object = ?2 AND u.name IS NOT NULL AND u.displaced = 0"
);

const MEMBERS: &str = concat!(
    "SELECT u.object, u.name, r.role, ",
    by_others!("g.role"),
    ", ",
    by_others!("g.object"),
    " FROM memberships AS k
     CROSS JOIN users AS u ON u.tenant = k.tenant AND u.object = k.member
     LEFT JOIN state.roles AS r ON r.tenant = u.tenant AND r.object = u.object
     WHERE k.tenant = ?1 AND k.parent = ?2 AND u.name IS NOT NULL AND u.displaced = 0"
);
