//! What the publisher reads and leaves behind.
//!
//! It reads every named row, those of displaced people too: whether a local account stands in the way is
//! decided anew at each publication. It leaves who is displaced now, the shell, and the generation.

use std::collections::{BTreeMap, BTreeSet};

use entra_protocol::admin::Role;
use rusqlite::{Connection, params};

use super::columns::role;
use super::policy::{set, setting};
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
    /// `userPrincipalName`.
    pub upn: String,
    /// `displayName`, stripped.
    pub display_name: String,
    /// The uid.
    pub uid: u32,
    /// The home directory.
    pub home: String,
    /// `accountEnabled`.
    pub enabled: bool,
    /// The effective role.
    pub role: Role,
    /// The imported groups, nested ones included.
    pub groups: Vec<ObjectId>,
}

/// A group as the publisher needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedGroup {
    /// Which it is.
    pub key: ObjectKey,
    /// The canonical name.
    pub name: String,
    /// The gid.
    pub gid: u32,
}

/// The snapshot that is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// Its generation.
    pub generation: u64,
    /// When it was published.
    pub published_at: UnixSeconds,
}

impl Store {
    /// Every named person and group of the tenant, by name, of one and the same import.
    ///
    /// # Errors
    /// What the database said.
    pub fn to_publish(
        &self,
        tenant: TenantId,
    ) -> Result<(Vec<PublishedPerson>, Vec<PublishedGroup>), StoreError> {
        let mut reader = self.reader();
        // One transaction, so that no import swaps the directory between two questions.
        let transaction = reader.transaction()?;
        Ok((people(&transaction, tenant)?, groups(&transaction, tenant)?))
    }

    /// Takes the next generation, never one that was taken before or that `at_least` excludes. A
    /// publication that fails leaves a gap, which means nothing.
    ///
    /// # Errors
    /// What the database said.
    pub fn next_generation(&self, at_least: u64) -> Result<u64, StoreError> {
        self.write(|transaction| {
            let taken = number(transaction, GENERATION)?.unwrap_or(0);
            let next = taken.saturating_add(1).max(at_least);
            set(transaction, GENERATION, &next.to_string())?;
            Ok(next)
        })
    }

    /// Notes that this generation is out, with which shell, and who is kept out of it by local accounts:
    /// to the rest of the agent those do not exist until they are published again.
    ///
    /// # Errors
    /// What the database said.
    pub fn note_publication(
        &self,
        publication: Publication,
        shell: &str,
        displaced: &BTreeSet<ObjectKey>,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            set(transaction, PUBLISHED, &publication.generation.to_string())?;
            set(
                transaction,
                PUBLISHED_AT,
                &publication.published_at.value().to_string(),
            )?;
            set(transaction, SHELL, shell)
        })?;
        self.write(|transaction| {
            for table in ["users", "groups"] {
                transaction
                    .prepare_cached(&format!(
                        "UPDATE {table} SET displaced = 0 WHERE displaced <> 0"
                    ))?
                    .execute([])?;
                let mut update = transaction.prepare_cached(&format!(
                    "UPDATE {table} SET displaced = 1 WHERE tenant = ?1 AND object = ?2"
                ))?;
                for key in displaced {
                    update.execute(params![key.tenant, key.object])?;
                }
            }
            Ok(())
        })
    }

    /// The instant as of which the tenants are known: the end of the last import, however often was
    /// published since; of several tenants, that of the one whose last import is the oldest.
    ///
    /// # Errors
    /// What the database said.
    pub fn known_at(&self) -> Result<Option<UnixSeconds>, StoreError> {
        Ok(number(&self.reader(), KNOWN_AT)?.map(UnixSeconds::new))
    }

    /// Notes that an import of the tenant has come to its end. What is known as a whole is as old as the
    /// oldest of what the configured tenants' last imports brought.
    ///
    /// # Errors
    /// What the database said.
    pub fn note_known_at(
        &self,
        tenant: TenantId,
        configured: &[TenantId],
        at: UnixSeconds,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            let key = |tenant: &TenantId| format!("{KNOWN_AT}:{tenant}");
            set(transaction, &key(&tenant), &at.value().to_string())?;
            let mut oldest = at.value();
            for tenant in configured {
                oldest = oldest.min(number(transaction, &key(tenant))?.unwrap_or(u64::MAX));
            }
            set(transaction, KNOWN_AT, &oldest.to_string())
        })
    }

    /// The snapshot that is out, if there is one.
    ///
    /// # Errors
    /// What the database said.
    pub fn publication(&self) -> Result<Option<Publication>, StoreError> {
        let reader = self.reader();
        let generation = number(&reader, PUBLISHED)?;
        let published_at = number(&reader, PUBLISHED_AT)?;
        Ok(generation
            .zip(published_at)
            .map(|(generation, at)| Publication {
                generation,
                published_at: UnixSeconds::new(at),
            }))
    }
}

fn people(connection: &Connection, tenant: TenantId) -> Result<Vec<PublishedPerson>, StoreError> {
    let mut groups = closure(connection, tenant)?;
    let mut statement = connection.prepare_cached(
        "SELECT u.object, u.name, u.upn, u.display_name, i.id, h.home, u.enabled, r.role
         FROM users AS u
         JOIN state.ids AS i ON i.tenant = u.tenant AND i.object = u.object
         JOIN state.homes AS h ON h.tenant = u.tenant AND h.object = u.object
         LEFT JOIN state.roles AS r ON r.tenant = u.tenant AND r.object = u.object
         WHERE u.name IS NOT NULL AND u.tenant = ?1 ORDER BY u.name",
    )?;
    let mut rows = statement.query([tenant])?;
    let mut people = Vec::new();
    while let Some(row) = rows.next()? {
        let object = row.get(0)?;
        people.push(PublishedPerson {
            key: ObjectKey { tenant, object },
            name: row.get(1)?,
            upn: row.get(2)?,
            display_name: row.get(3)?,
            uid: row.get(4)?,
            home: row.get(5)?,
            enabled: row.get(6)?,
            role: role(row.get(7)?)?,
            groups: groups.remove(&object).unwrap_or_default(),
        });
    }
    Ok(people)
}

fn groups(connection: &Connection, tenant: TenantId) -> Result<Vec<PublishedGroup>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT g.object, g.name, i.id FROM groups AS g
         JOIN state.ids AS i ON i.tenant = g.tenant AND i.object = g.object
         WHERE g.name IS NOT NULL AND g.tenant = ?1 ORDER BY g.name",
    )?;
    let rows = statement.query_map([tenant], |row| {
        let key = ObjectKey {
            tenant,
            object: row.get(0)?,
        };
        Ok(PublishedGroup {
            key,
            name: row.get(1)?,
            gid: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn closure(
    connection: &Connection,
    tenant: TenantId,
) -> Result<BTreeMap<ObjectId, Vec<ObjectId>>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT member, parent FROM memberships WHERE tenant = ?1")?;
    let mut rows = statement.query([tenant])?;
    let mut groups: BTreeMap<ObjectId, Vec<ObjectId>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        groups.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(groups)
}

fn number(connection: &Connection, key: &str) -> Result<Option<u64>, StoreError> {
    let Some(text) = setting(connection, key)? else {
        return Ok(None);
    };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(StoreError::Damaged {
            what: "a setting",
            value: text,
        }),
    }
}

/// The last generation that was taken; [`PUBLISHED`] is the last one that is out.
const GENERATION: &str = "generation";
const PUBLISHED: &str = "published_generation";
const PUBLISHED_AT: &str = "published_at";
/// Written along with the import itself.
pub(super) const KNOWN_AT: &str = "known_at";
/// Also read by `people`.
const SHELL: &str = "shell";
