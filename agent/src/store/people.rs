//! Imported people, as the rest of the agent sees them.
//!
//! Invariant: whoever these questions return is published, under exactly this name and uid: not a row
//! that failed, not a person whose name a local account has taken since. Everyone else does not exist
//! here, so that a sign-in can't be decided on them.

use entra_protocol::admin::{Role, UserRow};
use rusqlite::{Connection, Row, ToSql, named_params};

use super::columns::{count, strongest};
use super::roles::role_by_group;
use super::{Store, StoreError};
use crate::clock::{UnixSeconds, rfc3339};
use crate::identity::{ObjectId, ObjectKey, TenantId};

/// A published person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who it is.
    pub key: ObjectKey,
    /// The canonical name here.
    pub name: String,
    /// `userPrincipalName`, as the tenant writes it: what a password sign-in sends.
    pub upn: String,
    /// `displayName`, stripped.
    pub display_name: String,
    /// The uid.
    pub uid: u32,
    /// The primary group's gid: the uid, unless the person has another group in place of a private one.
    pub gid: u32,
    /// The home directory, fixed when the person was first published.
    pub home: String,
    /// The login shell as last published; empty before the first publication.
    pub shell: String,
    /// `accountEnabled` as last seen, or false since a sign-in was told otherwise.
    pub enabled: bool,
    /// True if an operator of this host blocked the account.
    pub blocked: bool,
    /// From when on the account may not be used here, if it has an end.
    pub expires: Option<UnixSeconds>,
    /// True while the shrink guard alone keeps the person: nobody may be let in on this row without
    /// asking Entra ID (design.md §6).
    pub withheld: bool,
    /// The effective role.
    pub role: Role,
    /// `lastPasswordChangeDateTime`.
    pub password_changed_at: Option<UnixSeconds>,
    /// `signInSessionsValidFromDateTime`.
    pub sessions_valid_from: Option<UnixSeconds>,
}

impl Person {
    /// The person as a row of a list.
    #[must_use]
    pub fn row(&self, now: UnixSeconds) -> UserRow {
        UserRow {
            name: self.name.clone(),
            upn: self.upn.clone(),
            display_name: self.display_name.clone(),
            uid: Some(self.uid),
            role: self.role,
            enabled: self.enabled,
            withheld: self.withheld,
            blocked: self.blocked,
            expires: self.expires.map(rfc3339),
            expired: self.expires.is_some_and(|expires| now >= expires),
            object_id: self.key.object.to_string(),
        }
    }
}

/// What a name that a person typed stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// Nothing.
    None,
    /// Exactly this.
    One(T),
    /// Several; the caller shows their ids.
    Many(Vec<T>),
}

impl<T> Found<T> {
    pub(super) fn of(mut list: Vec<T>) -> Self {
        match list.len() {
            0 | 1 => list.pop().map_or(Self::None, Self::One),
            _ => Self::Many(list),
        }
    }
}

impl Store {
    /// The person who signs in as `name`: short name or UPN, in any case. `None` also if the text is
    /// one person's name and another's UPN.
    ///
    /// # Errors
    /// What the database said.
    pub fn person_by_login(&self, name: &str) -> Result<Option<Person>, StoreError> {
        match by_login(&self.reader(), name)? {
            Found::One(person) => Ok(Some(person)),
            Found::None | Found::Many(_) => Ok(None),
        }
    }

    /// The person with this uid.
    ///
    /// # Errors
    /// What the database said.
    pub fn person_by_uid(&self, uid: u32) -> Result<Option<Person>, StoreError> {
        let mut found = select(
            &self.reader(),
            "AND i.id = :uid",
            named_params! {":uid": uid},
        )?;
        Ok(found.pop())
    }

    /// The person with this identity.
    ///
    /// # Errors
    /// What the database said.
    pub fn person_by_object(&self, key: &ObjectKey) -> Result<Option<Person>, StoreError> {
        by_object(&self.reader(), key)
    }

    /// Whom a text typed by an administrator means: short name, UPN or object id.
    ///
    /// # Errors
    /// What the database said.
    pub fn person_by_any(&self, text: &str) -> Result<Found<Person>, StoreError> {
        let text = text.trim();
        if let Ok(object) = text.parse::<ObjectId>() {
            let found = select(
                &self.reader(),
                "AND u.object = :object",
                named_params! {":object": object},
            )?;
            return Ok(Found::of(found));
        }
        by_login(&self.reader(), text)
    }

    /// The next `limit` people published whose names come after this one, by name.
    ///
    /// # Errors
    /// What the database said.
    pub fn people_after(&self, name: &str, limit: u32) -> Result<Vec<Person>, StoreError> {
        select(
            &self.reader(),
            "AND u.name > :name ORDER BY u.name LIMIT :limit",
            named_params! {":name": name, ":limit": limit},
        )
    }

    /// Shows the name and the UPN of everybody published, in no order.
    ///
    /// # Errors
    /// What the database said.
    pub fn each_login(&self, mut show: impl FnMut(&str, &str)) -> Result<(), StoreError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT name, upn FROM users WHERE name IS NOT NULL AND displaced = 0",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
            show(text(0)?, text(1)?);
        }
        Ok(())
    }

    /// How many people of the tenant the directory has, those whose row failed included.
    ///
    /// # Errors
    /// What the database said.
    pub fn users_of(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let rows = self
            .reader()
            .prepare_cached("SELECT count(*) FROM users WHERE tenant = ?1")?
            .query_row([tenant], |row| row.get(0))?;
        Ok(count(rows))
    }

    /// How many people are published.
    ///
    /// # Errors
    /// What the database said.
    pub fn people_count(&self) -> Result<u64, StoreError> {
        let rows = self.reader().query_row(
            "SELECT count(*) FROM users WHERE name IS NOT NULL AND displaced = 0",
            [],
            |row| row.get(0),
        )?;
        Ok(count(rows))
    }
}

/// The person with this identity, over a connection or inside a transaction.
pub(super) fn by_object(
    connection: &Connection,
    key: &ObjectKey,
) -> Result<Option<Person>, StoreError> {
    let mut found = select(
        connection,
        "AND u.tenant = :tenant AND u.object = :object",
        named_params! {":tenant": key.tenant, ":object": key.object},
    )?;
    Ok(found.pop())
}

fn by_login(connection: &Connection, name: &str) -> Result<Found<Person>, StoreError> {
    // Both keys are stored in lower case; Entra's own comparison ignores case, too.
    let key = name.trim().to_ascii_lowercase();
    let found = select(
        connection,
        "AND (u.name = :key OR u.upn_key = :key)",
        named_params! {":key": key},
    )?;
    Ok(Found::of(found))
}

fn select(
    connection: &Connection,
    rest: &str,
    parameters: &[(&str, &dyn ToSql)],
) -> Result<Vec<Person>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{PERSON} {rest}"))?;
    let mut rows = statement.query(parameters)?;
    let mut people = Vec::new();
    while let Some(row) = rows.next()? {
        people.push(person(row)?);
    }
    Ok(people)
}

fn person(row: &Row<'_>) -> Result<Person, StoreError> {
    Ok(Person {
        key: ObjectKey {
            tenant: row.get(0)?,
            object: row.get(1)?,
        },
        name: row.get(2)?,
        upn: row.get(3)?,
        display_name: row.get(4)?,
        uid: row.get(5)?,
        gid: row.get(13)?,
        home: row.get(6)?,
        shell: row.get(7)?,
        enabled: row.get(8)?,
        blocked: row.get(14)?,
        expires: row.get(15)?,
        withheld: row.get(12)?,
        role: strongest(row.get(9)?, row.get(16)?)?,
        password_changed_at: row.get(10)?,
        sessions_valid_from: row.get(11)?,
    })
}

/// A person who lacks an id or a home was never published, hence the inner joins. A shell of a person's
/// own counts if `/etc/shells` had it at the last publication.
const PERSON: &str = concat!(
    "
SELECT u.tenant, u.object, u.name, u.upn, u.display_name, i.id, h.home,
       coalesce(
           iif(instr(char(10) || (SELECT value FROM state.settings WHERE key = 'shells') || char(10),
                     char(10) || coalesce(o.shell, u.shell) || char(10)) > 0, coalesce(o.shell, u.shell), NULL),
           (SELECT value FROM state.settings WHERE key = 'shell'), ''),
       u.enabled, r.role, u.password_changed_at, u.sessions_valid_from, u.withheld,
       coalesce(o.gid, u.gid_number, i.id), coalesce(x.blocked, 0), x.expires, ",
    role_by_group!(),
    "
FROM users AS u
JOIN state.ids AS i ON i.tenant = u.tenant AND i.object = u.object
JOIN state.homes AS h ON h.tenant = u.tenant AND h.object = u.object
LEFT JOIN state.roles AS r ON r.tenant = u.tenant AND r.object = u.object
LEFT JOIN state.person_overrides AS o ON o.tenant = u.tenant AND o.object = u.object
LEFT JOIN state.restrictions AS x ON x.tenant = u.tenant AND x.object = u.object
WHERE u.name IS NOT NULL AND u.displaced = 0"
);
