//! The directory as one import left it, read piece by piece for the publisher.
//!
//! A reading has a connection and a read transaction of its own: whatever is imported meanwhile, it sees
//! one import from its first row to its last, and no sign-in waits for it. Rows come by cursors in the
//! order of their keys, so that memory does not grow with the directory; what has to be remembered
//! between two passes is in temporary tables, which SQLite keeps in files of its own.
//!
//! It reads every named row, those of displaced people too: whether a local account stands in the way is
//! decided anew at each publication, by the caller, row by row. What the caller decides is remembered
//! here: a group that is left out is nobody's, and who is left out is in no list of members.
//!
//! Invariant: of the rows that are handed out without a clash no two share a name, a user principal name,
//! a uid or a gid, private groups included (docs/decisions/0010). The tables see to names and ids; the
//! rest is looked up when the reading begins.

use entra_protocol::admin::Role;
use rusqlite::{Connection, Row, params};

use super::columns::role;
use super::{Store, StoreError};
use crate::clock::UnixSeconds;
use crate::identity::{ObjectId, ObjectKey, TenantId};

/// A person as the publisher needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPerson {
    /// Who it is.
    pub key: ObjectKey,
    /// The canonical name.
    pub name: String,
    /// `userPrincipalName`, in lower case.
    pub upn: String,
    /// `displayName`, stripped.
    pub display_name: String,
    /// The uid; none if the person was never given one.
    pub uid: Option<u32>,
    /// The gid of the primary group; equal to the uid unless this person has another one.
    pub gid: Option<u32>,
    /// What is known of that group.
    pub primary: PrimaryGroup,
    /// The home directory; none if the person was never given one.
    pub home: Option<String>,
    /// The shell, if this person has another than the host's.
    pub shell: Option<String>,
    /// `accountEnabled`.
    pub enabled: bool,
    /// True if an operator of this host blocked the account.
    pub blocked: bool,
    /// From when on the account may not be used here, if it has an end.
    pub expires: Option<UnixSeconds>,
    /// The effective role.
    pub role: Role,
    /// The gids of the published groups that the person is in, nested ones included.
    pub gids: Vec<u32>,
    /// Why nobody can be sure who is meant by one of this person's keys.
    pub clash: Option<String>,
}

impl PublishedPerson {
    /// The role that counts at `now`, as [`Person::role_in_force`](super::Person::role_in_force).
    #[must_use]
    pub fn role_in_force(&self, now: UnixSeconds) -> Role {
        let is_open =
            self.enabled && !self.blocked && self.expires.is_none_or(|expires| now < expires);
        if is_open { self.role } else { Role::User }
    }
}

/// What a gid stands for that is to be a person's primary group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrimaryGroup {
    /// The person's private group: the gid is the uid.
    Private,
    /// A group that is published.
    Published,
    /// A group or person of the directory, but none that is published as this gid.
    Unpublished,
    /// Nothing that the directory knows.
    Unknown,
}

/// A group as the publisher needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedGroup {
    /// Which it is.
    pub key: ObjectKey,
    /// The canonical name.
    pub name: String,
    /// The gid; none if the group was never given one.
    pub gid: Option<u32>,
    /// Why nobody can be sure who is meant by its name.
    pub clash: Option<String>,
}

/// What the publisher decided about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the snapshot.
    Published,
    /// It is not, and does not exist to the rest of the agent.
    LeftOut,
}

/// Which table a row is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Users,
    Groups,
}

impl Table {
    pub(super) const ALL: [Self; 2] = [Self::Users, Self::Groups];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
        }
    }
}

/// One import's directory of some tenants.
pub struct Reading {
    connection: Connection,
    /// Each once.
    tenants: Vec<TenantId>,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reading({:?})", self.tenants)
    }
}

impl Store {
    /// Begins to read what these tenants' last imports left.
    ///
    /// # Errors
    /// What the database said.
    pub fn read_to_publish(&self, tenants: &[TenantId]) -> Result<Reading, StoreError> {
        let mut reading = Reading {
            connection: self.further_connection()?,
            tenants: Vec::new(),
        };
        reading.connection.execute_batch(TEMPORARY_TABLES)?;
        // The directory's state is taken first: an import commits it last, so that nobody in it lacks an
        // id or a home here.
        reading.connection.execute_batch("BEGIN")?;
        for question in [
            "SELECT count(*) FROM (SELECT 1 FROM main.users LIMIT 1)",
            "SELECT count(*) FROM (SELECT 1 FROM state.ids LIMIT 1)",
        ] {
            reading
                .connection
                .query_row(question, [], |row| row.get::<_, i64>(0))?;
        }
        for tenant in tenants {
            let added = reading.connection.execute(
                "INSERT OR IGNORE INTO temp.published_tenants VALUES (?1)",
                [tenant],
            )?;
            if added > 0 {
                reading.tenants.push(*tenant);
            }
        }
        reading.connection.execute_batch(CLASHES)?;
        for table in Table::ALL {
            reading.leave_out_other_tenants(table)?;
        }
        Ok(reading)
    }
}

impl Reading {
    /// Every named group, one after the other. Comes first.
    ///
    /// # Errors
    /// What `decide` or the database said.
    pub fn each_group<E: From<StoreError>>(
        &self,
        mut decide: impl FnMut(&PublishedGroup) -> Result<Verdict, E>,
    ) -> Result<(), E> {
        for tenant in &self.tenants {
            let mut statement = self.prepare(GROUPS)?;
            let mut rows = statement.query([tenant]).map_err(StoreError::from)?;
            while let Some(row) = rows.next().map_err(StoreError::from)? {
                let group = group(*tenant, row)?;
                let was_displaced = row.get(4).map_err(StoreError::from)?;
                let verdict = decide(&group)?;
                self.note(Table::Groups, &group.key, was_displaced, verdict)?;
                if verdict == Verdict::Published {
                    self.prepare("INSERT INTO temp.published_groups VALUES (?1, ?2, ?3)")?
                        .execute(params![group.key.tenant, group.key.object, group.gid])
                        .map_err(StoreError::from)?;
                }
            }
        }
        Ok(())
    }

    /// Every named person, one after the other, with the gids of the groups that were decided to be
    /// published.
    ///
    /// # Errors
    /// What `decide` or the database said.
    pub fn each_person<E: From<StoreError>>(
        &self,
        mut decide: impl FnMut(PublishedPerson) -> Result<Verdict, E>,
    ) -> Result<(), E> {
        for tenant in &self.tenants {
            // Both cursors go by the person's id: a merge.
            let mut statement = self.prepare(MEMBERSHIPS)?;
            let mut memberships = statement.query([tenant]).map_err(StoreError::from)?;
            let mut next = membership(memberships.next().map_err(StoreError::from)?)?;
            let mut statement = self.prepare(PEOPLE)?;
            let mut rows = statement.query([tenant]).map_err(StoreError::from)?;
            while let Some(row) = rows.next().map_err(StoreError::from)? {
                let mut person = person(*tenant, row)?;
                while let Some((member, gid, by_group)) = next
                    && member <= person.key.object
                {
                    if member == person.key.object {
                        person.gids.extend(gid);
                        person.role = person.role.max(by_group);
                    }
                    next = membership(memberships.next().map_err(StoreError::from)?)?;
                }
                let key = person.key;
                let was_displaced = row.get(12).map_err(StoreError::from)?;
                let verdict = decide(person)?;
                self.note(Table::Users, &key, was_displaced, verdict)?;
                if verdict == Verdict::LeftOut {
                    self.prepare("INSERT INTO temp.people_left_out VALUES (?1, ?2)")?
                        .execute(params![key.tenant, key.object])
                        .map_err(StoreError::from)?;
                }
            }
        }
        Ok(())
    }

    /// Every group that was decided to be published, again, for its members. A group that can't be written
    /// is left out after all.
    ///
    /// # Errors
    /// What `decide` or the database said.
    pub fn each_published_group<E: From<StoreError>>(
        &self,
        mut decide: impl FnMut(&PublishedGroup) -> Result<Verdict, E>,
    ) -> Result<(), E> {
        for tenant in &self.tenants {
            let mut statement = self.prepare(PUBLISHED_GROUPS)?;
            let mut rows = statement.query([tenant]).map_err(StoreError::from)?;
            while let Some(row) = rows.next().map_err(StoreError::from)? {
                let group = group(*tenant, row)?;
                let verdict = decide(&group)?;
                if verdict == Verdict::LeftOut {
                    self.note(Table::Groups, &group.key, false, verdict)?;
                }
            }
        }
        Ok(())
    }

    /// The names of a group's members, nested ones included, `limit` of them at most. Comes after
    /// [`Reading::each_person`], which decides who is a member of anything.
    ///
    /// # Errors
    /// What `take` or the database said.
    pub fn each_member<E: From<StoreError>>(
        &self,
        group: &ObjectKey,
        limit: u64,
        mut take: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.prepare(MEMBERS)?;
        let mut rows = statement
            .query(params![group.tenant, group.object, limit])
            .map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            let name = row.get_ref(0).map_err(StoreError::from)?;
            let name = name.as_str().map_err(rusqlite::Error::from);
            take(name.map_err(StoreError::from)?)?;
        }
        Ok(())
    }

    /// Ends the transaction; what was decided stays known.
    pub(super) fn end(&self) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    /// Every row whose `displaced` has to be so from now on.
    pub(super) fn each_change(
        &self,
        table: Table,
        mut take: impl FnMut(&ObjectKey, bool) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.prepare(
            "SELECT tenant, object, displaced FROM temp.changes WHERE kind = ?1 ORDER BY rowid",
        )?;
        let mut rows = statement.query([table.name()])?;
        while let Some(row) = rows.next()? {
            let key = ObjectKey {
                tenant: row.get(0)?,
                object: row.get(1)?,
            };
            take(&key, row.get(2)?)?;
        }
        Ok(())
    }

    /// Remembers what has to be written of a decision: who is left out in any case, in case an import
    /// makes the row anew meanwhile, and who is not left out any more.
    fn note(
        &self,
        table: Table,
        key: &ObjectKey,
        was_displaced: bool,
        verdict: Verdict,
    ) -> Result<(), StoreError> {
        let displaced = verdict == Verdict::LeftOut;
        if displaced || was_displaced {
            self.prepare("INSERT INTO temp.changes VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![table.name(), key.tenant, key.object, displaced])?;
        }
        Ok(())
    }

    /// Whose tenant is not configured any more is not published, and so does not exist either. Goes from
    /// tenant to tenant by the primary key.
    fn leave_out_other_tenants(&self, table: Table) -> Result<(), StoreError> {
        let name = table.name();
        let next = format!("SELECT min(tenant) FROM main.{name} WHERE tenant > ?1");
        let leave_out = format!(
            "INSERT INTO temp.changes SELECT '{name}', tenant, object, 1 FROM main.{name}
             WHERE tenant = ?1 AND name IS NOT NULL AND displaced = 0"
        );
        // Before every id.
        let mut found: Option<TenantId> = self
            .connection
            .query_row(&next, [[0_u8; 0]], |row| row.get(0))?;
        while let Some(tenant) = found {
            if !self.tenants.contains(&tenant) {
                self.connection.execute(&leave_out, [tenant])?;
            }
            found = self
                .connection
                .query_row(&next, [tenant], |row| row.get(0))?;
        }
        Ok(())
    }

    fn prepare(&self, sql: &str) -> Result<rusqlite::CachedStatement<'_>, StoreError> {
        Ok(self.connection.prepare_cached(sql)?)
    }
}

fn group(tenant: TenantId, row: &Row<'_>) -> Result<PublishedGroup, StoreError> {
    Ok(PublishedGroup {
        key: ObjectKey {
            tenant,
            object: row.get(0)?,
        },
        name: row.get(1)?,
        gid: row.get(2)?,
        clash: row.get(3)?,
    })
}

fn person(tenant: TenantId, row: &Row<'_>) -> Result<PublishedPerson, StoreError> {
    let uid = row.get(4)?;
    let gid = row.get(5)?;
    Ok(PublishedPerson {
        key: ObjectKey {
            tenant,
            object: row.get(0)?,
        },
        name: row.get(1)?,
        upn: row.get(2)?,
        display_name: row.get(3)?,
        uid,
        gid,
        primary: match (row.get(6)?, row.get(7)?) {
            _ if uid == gid => PrimaryGroup::Private,
            (true, _) => PrimaryGroup::Published,
            (false, true) => PrimaryGroup::Unpublished,
            (false, false) => PrimaryGroup::Unknown,
        },
        home: row.get(8)?,
        shell: row.get(9)?,
        enabled: row.get(10)?,
        blocked: row.get(14)?,
        expires: row.get(15)?,
        role: role(row.get(11)?)?,
        gids: Vec::new(),
        clash: row.get(13)?,
    })
}

/// Who is in a group, its gid if it is published, and the role that it gives.
type Membership = (ObjectId, Option<u32>, Role);

fn membership(row: Option<&Row<'_>>) -> Result<Option<Membership>, StoreError> {
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some((row.get(0)?, row.get(1)?, role(row.get(2)?)?)))
}

/// `changes` has the rows that are to be marked, in whatever order.
const TEMPORARY_TABLES: &str = "
CREATE TEMP TABLE published_tenants (tenant BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE clashes (
    tenant BLOB, object BLOB, reason TEXT NOT NULL, PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE published_groups (
    tenant BLOB, object BLOB, gid INTEGER NOT NULL, PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE people_left_out (
    tenant BLOB, object BLOB, PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE changes (kind TEXT, tenant BLOB, object BLOB, displaced INTEGER) STRICT;
";

/// People whose user principal name is somebody's name, or somebody else's user principal name: in the
/// first case whoever has the name keeps it, in the second the lowest ids. Only names with a domain can
/// be user principal names, and whose own is the name has only one key.
const CLASHES: &str = "
INSERT OR IGNORE INTO temp.clashes
SELECT u.tenant, u.object, 'the user principal name ' || u.upn_key || ' is the name of another person'
FROM main.users AS owner CROSS JOIN main.users AS u ON u.upn_key = owner.name
WHERE owner.name > '' AND instr(owner.name, '@') > 0
  AND owner.tenant IN (SELECT tenant FROM temp.published_tenants)
  AND u.tenant IN (SELECT tenant FROM temp.published_tenants)
  AND u.name IS NOT NULL AND u.name <> u.upn_key;

INSERT OR IGNORE INTO temp.clashes
SELECT u.tenant, u.object, 'the user principal name ' || u.upn_key || ' is another person''s too'
FROM (SELECT upn_key FROM main.users GROUP BY upn_key HAVING count(*) > 1) AS several
CROSS JOIN main.users AS u ON u.upn_key = several.upn_key
WHERE instr(u.upn_key, '@') > 0
  AND u.tenant IN (SELECT tenant FROM temp.published_tenants)
  AND u.name IS NOT NULL AND u.name <> u.upn_key
  AND EXISTS (SELECT 1 FROM main.users AS first
              WHERE first.upn_key = u.upn_key AND (first.tenant, first.object) < (u.tenant, u.object)
                AND first.tenant IN (SELECT tenant FROM temp.published_tenants)
                AND first.name IS NOT NULL AND first.name <> first.upn_key);
";

const GROUPS: &str = "
SELECT g.object, g.name, i.id,
       iif(EXISTS (SELECT 1 FROM main.users AS u
                   WHERE u.name = g.name AND u.tenant IN (SELECT tenant FROM temp.published_tenants)),
           'the name ' || g.name || ' is a person''s', NULL),
       g.displaced
FROM main.groups AS g
LEFT JOIN state.ids AS i ON i.tenant = g.tenant AND i.object = g.object
WHERE g.tenant = ?1 AND g.name IS NOT NULL
ORDER BY g.object";

const PUBLISHED_GROUPS: &str = "
SELECT p.object, g.name, p.gid, NULL
FROM temp.published_groups AS p
CROSS JOIN main.groups AS g ON g.tenant = p.tenant AND g.object = p.object
WHERE p.tenant = ?1
ORDER BY p.object";

/// The one place that says where a person's primary gid and shell come from, this host before the tenant;
/// `people` says the same for one person.
const PEOPLE: &str = "
SELECT u.object, u.name, u.upn_key, u.display_name, i.id, coalesce(o.gid, u.gid_number, i.id),
       coalesce(o.gid, u.gid_number) IS NOT NULL AND EXISTS (
           SELECT 1 FROM state.ids AS its
           CROSS JOIN temp.published_groups AS p ON p.tenant = its.tenant AND p.object = its.object
           WHERE its.id = coalesce(o.gid, u.gid_number)),
       coalesce(o.gid, u.gid_number) IS NOT NULL AND EXISTS (SELECT 1 FROM state.ids AS its WHERE its.id = coalesce(o.gid, u.gid_number)),
       h.home, coalesce(o.shell, u.shell), u.enabled, r.role, u.displaced, c.reason,
       coalesce(x.blocked, 0), x.expires
FROM main.users AS u
LEFT JOIN state.ids AS i ON i.tenant = u.tenant AND i.object = u.object
LEFT JOIN state.homes AS h ON h.tenant = u.tenant AND h.object = u.object
LEFT JOIN state.roles AS r ON r.tenant = u.tenant AND r.object = u.object
LEFT JOIN state.person_overrides AS o ON o.tenant = u.tenant AND o.object = u.object
LEFT JOIN state.restrictions AS x ON x.tenant = u.tenant AND x.object = u.object
LEFT JOIN temp.clashes AS c ON c.tenant = u.tenant AND c.object = u.object
WHERE u.tenant = ?1 AND u.name IS NOT NULL
ORDER BY u.object";

/// A group gives its role whether it is published or not.
const MEMBERSHIPS: &str = "
SELECT m.member, p.gid, r.role
FROM main.memberships AS m
LEFT JOIN temp.published_groups AS p ON p.tenant = m.tenant AND p.object = m.parent
LEFT JOIN state.group_roles AS r ON r.tenant = m.tenant AND r.object = m.parent
WHERE m.tenant = ?1 AND (p.gid IS NOT NULL OR r.role IS NOT NULL)
ORDER BY m.member, m.parent";

const MEMBERS: &str = "
SELECT u.name
FROM main.memberships AS m
CROSS JOIN main.users AS u ON u.tenant = m.tenant AND u.object = m.member
WHERE m.tenant = ?1 AND m.parent = ?2 AND u.name IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM temp.people_left_out AS l
                  WHERE l.tenant = m.tenant AND l.object = m.member)
ORDER BY m.member
LIMIT ?3";
