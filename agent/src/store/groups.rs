//! Imported groups, their direct members and the closure.
//!
//! `edges` keeps the nesting as the tenant has it; `memberships` is what follows from it for people.
//! What is shown of a group's members are the direct ones, what counts on the host is the closure.

use entra_protocol::admin::{GroupRow, Role, UserRow};
use rusqlite::{Connection, Row, ToSql, named_params};

use super::columns::{count, strongest};
use super::people::Found;
use super::roles::role_by_group;
use super::{Store, StoreError};
use crate::clock::{UnixSeconds, rfc3339};
use crate::graph::GroupObject;
use crate::identity::{ObjectId, ObjectKey};
use crate::publish::role_groups_of;

/// What the tenant calls a group of this make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// `securityEnabled`, no mail.
    Security,
    /// `securityEnabled` and `mailEnabled`, not unified.
    MailEnabledSecurity,
    /// `groupTypes` has `Unified`.
    Microsoft365,
    /// Mail only.
    Distribution,
}

impl GroupKind {
    const ALL: [Self; 4] = [
        Self::Security,
        Self::MailEnabledSecurity,
        Self::Microsoft365,
        Self::Distribution,
    ];

    /// The word for it in rows and columns.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::MailEnabledSecurity => "mail-enabled-security",
            Self::Microsoft365 => "microsoft-365",
            Self::Distribution => "distribution",
        }
    }

    /// The make of a group with these properties.
    #[must_use]
    pub fn of(group: &GroupObject) -> Self {
        match (group.unified, group.security, group.mail) {
            (true, _, _) => Self::Microsoft365,
            (false, true, true) => Self::MailEnabledSecurity,
            (false, true, false) => Self::Security,
            (false, false, _) => Self::Distribution,
        }
    }

    pub(super) fn of_word(word: &str) -> Result<Self, StoreError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or_else(|| StoreError::Damaged {
                what: "a group's kind",
                value: word.to_owned(),
            })
    }
}

/// A published group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryGroup {
    /// Which it is.
    pub key: ObjectKey,
    /// The canonical name here.
    pub name: String,
    /// `displayName`.
    pub display_name: String,
    /// The gid.
    pub gid: u32,
    /// Its make.
    pub kind: GroupKind,
    /// Direct members that are users.
    pub direct_users: u64,
    /// Direct members that are groups.
    pub direct_groups: u64,
    /// People in the closure who are published.
    pub users: u64,
}

impl DirectoryGroup {
    /// The group as a row of a list.
    #[must_use]
    pub fn row(&self) -> GroupRow {
        GroupRow {
            name: self.name.clone(),
            display_name: self.display_name.clone(),
            gid: Some(self.gid),
            kind: self.kind.word().to_owned(),
            direct_users: Some(self.direct_users),
            direct_groups: Some(self.direct_groups),
            users: Some(self.users),
            imported: true,
            object_id: self.key.object.to_string(),
        }
    }
}

/// A group's direct members that the directory knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupMembers {
    /// People; those whose row failed have neither name nor uid.
    pub users: Vec<UserRow>,
    /// Groups; those that are not imported have neither name nor gid.
    pub groups: Vec<GroupRow>,
}

impl Store {
    /// Every published group, by name.
    ///
    /// # Errors
    /// What the database said.
    pub fn groups(&self) -> Result<Vec<DirectoryGroup>, StoreError> {
        select(&self.reader(), "ORDER BY g.name", &[])
    }

    /// How many groups are published; role groups and private groups are not counted.
    ///
    /// # Errors
    /// What the database said.
    pub fn groups_count(&self) -> Result<u64, StoreError> {
        let rows = self.reader().query_row(
            "SELECT count(*) FROM groups WHERE name IS NOT NULL AND displaced = 0",
            [],
            |row| row.get(0),
        )?;
        Ok(count(rows))
    }

    /// Which group a text means: name here, display name in the tenant, or object id.
    ///
    /// # Errors
    /// What the database said.
    pub fn group_by_any(&self, text: &str) -> Result<Found<DirectoryGroup>, StoreError> {
        let reader = self.reader();
        let text = text.trim();
        if let Ok(object) = text.parse::<ObjectId>() {
            let found = select(
                &reader,
                "AND g.object = :object",
                named_params! {":object": object},
            )?;
            return Ok(Found::of(found));
        }
        let key = text.to_ascii_lowercase();
        let found = select(&reader, "AND g.name = :key", named_params! {":key": key})?;
        if !found.is_empty() {
            return Ok(Found::of(found));
        }
        let found = select(
            &reader,
            "AND lower(g.display_name) = :key ORDER BY g.name",
            named_params! {":key": key},
        )?;
        Ok(Found::of(found))
    }

    /// The direct members of a group, by name.
    ///
    /// # Errors
    /// What the database said.
    pub fn group_members(&self, key: &ObjectKey) -> Result<GroupMembers, StoreError> {
        let now = self.now();
        let reader = self.reader();
        let parameters = named_params! {":tenant": key.tenant, ":parent": key.object};
        let mut members = GroupMembers::default();
        let mut statement = reader.prepare_cached(MEMBER_USERS)?;
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            let expires: Option<UnixSeconds> = row.get(9)?;
            members.users.push(UserRow {
                name: row.get::<_, Option<String>>(0)?.unwrap_or_default(),
                upn: row.get(1)?,
                display_name: row.get(2)?,
                uid: row.get(3)?,
                role: strongest(row.get(4)?, row.get(10)?)?,
                enabled: row.get(5)?,
                withheld: row.get(7)?,
                blocked: row.get(8)?,
                expires: expires.map(rfc3339),
                expired: expires.is_some_and(|expires| now >= expires),
                object_id: row.get::<_, ObjectId>(6)?.to_string(),
            });
        }
        let mut statement = reader.prepare_cached(MEMBER_GROUPS)?;
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            let name: Option<String> = row.get(0)?;
            members.groups.push(GroupRow {
                imported: name.is_some(),
                name: name.unwrap_or_default(),
                display_name: row.get(1)?,
                gid: row.get(2)?,
                kind: row.get(3)?,
                direct_users: None,
                direct_groups: None,
                users: None,
                object_id: row.get::<_, ObjectId>(4)?.to_string(),
            });
        }
        Ok(members)
    }

    /// Whether this person is in this group, or in one within it. Nobody is in a group that is not published.
    ///
    /// # Errors
    /// What the database said.
    pub fn is_member(&self, group: &ObjectKey, person: &ObjectKey) -> Result<bool, StoreError> {
        if group.tenant != person.tenant {
            return Ok(false);
        }
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT 1 FROM memberships AS m
             JOIN groups AS g ON g.tenant = m.tenant AND g.object = m.parent
             WHERE m.tenant = ?1 AND m.parent = ?2 AND m.member = ?3
               AND g.name IS NOT NULL AND g.displaced = 0",
        )?;
        Ok(statement.exists((group.tenant, group.object, person.object))?)
    }

    /// Names of the groups that a person of this role is in on this host: imported ones, nested ones
    /// included, and the role groups. By name.
    ///
    /// # Errors
    /// What the database said.
    pub fn groups_of(&self, key: &ObjectKey, role: Role) -> Result<Vec<String>, StoreError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT g.name FROM memberships AS m
             JOIN groups AS g ON g.tenant = m.tenant AND g.object = m.parent
             WHERE m.tenant = ?1 AND m.member = ?2 AND g.name IS NOT NULL AND g.displaced = 0",
        )?;
        let mut names = statement
            .query_map((key.tenant, key.object), |row| row.get(0))?
            .collect::<Result<Vec<String>, _>>()?;
        names.extend(role_groups_of(role).map(|group| group.name.to_owned()));
        names.sort();
        Ok(names)
    }
}

fn select(
    connection: &Connection,
    rest: &str,
    parameters: &[(&str, &dyn ToSql)],
) -> Result<Vec<DirectoryGroup>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{GROUP} {rest}"))?;
    let mut rows = statement.query(parameters)?;
    let mut groups = Vec::new();
    while let Some(row) = rows.next()? {
        groups.push(group(row)?);
    }
    Ok(groups)
}

fn group(row: &Row<'_>) -> Result<DirectoryGroup, StoreError> {
    Ok(DirectoryGroup {
        key: ObjectKey {
            tenant: row.get(0)?,
            object: row.get(1)?,
        },
        name: row.get(2)?,
        display_name: row.get(3)?,
        gid: row.get(4)?,
        kind: GroupKind::of_word(&row.get::<_, String>(5)?)?,
        direct_users: count(row.get(6)?),
        direct_groups: count(row.get(7)?),
        users: count(row.get(8)?),
    })
}

const GROUP: &str = "
SELECT g.tenant, g.object, g.name, g.display_name, i.id, g.kind,
       (SELECT count(*) FROM edges AS e
        WHERE e.tenant = g.tenant AND e.parent = g.object AND e.kind = 'user'),
       (SELECT count(*) FROM edges AS e
        WHERE e.tenant = g.tenant AND e.parent = g.object AND e.kind = 'group'),
       (SELECT count(*) FROM memberships AS m
        JOIN users AS u ON u.tenant = m.tenant AND u.object = m.member
        WHERE m.tenant = g.tenant AND m.parent = g.object
          AND u.name IS NOT NULL AND u.displaced = 0)
FROM groups AS g
JOIN state.ids AS i ON i.tenant = g.tenant AND i.object = g.object
WHERE g.name IS NOT NULL AND g.displaced = 0";

const MEMBER_USERS: &str = concat!(
    "
SELECT iif(u.displaced, NULL, u.name), u.upn, u.display_name,
       iif(u.name IS NULL OR u.displaced, NULL, i.id), r.role, u.enabled, u.object,
       u.withheld, coalesce(x.blocked, 0), x.expires, ",
    role_by_group!(),
    "
FROM edges AS e
JOIN users AS u ON u.tenant = e.tenant AND u.object = e.member
LEFT JOIN state.ids AS i ON i.tenant = u.tenant AND i.object = u.object
LEFT JOIN state.roles AS r ON r.tenant = u.tenant AND r.object = u.object
LEFT JOIN state.restrictions AS x ON x.tenant = u.tenant AND x.object = u.object
WHERE e.tenant = :tenant AND e.parent = :parent
ORDER BY u.name IS NULL, u.name, u.upn_key"
);

const MEMBER_GROUPS: &str = "
SELECT iif(g.displaced, NULL, g.name), g.display_name,
       iif(g.name IS NULL OR g.displaced, NULL, i.id), g.kind, g.object
FROM edges AS e
JOIN groups AS g ON g.tenant = e.tenant AND g.object = e.member
LEFT JOIN state.ids AS i ON i.tenant = g.tenant AND i.object = g.object
WHERE e.tenant = :tenant AND e.parent = :parent
ORDER BY g.name IS NULL, g.name, g.display_name";
