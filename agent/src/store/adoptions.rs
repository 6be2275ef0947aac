//! Local accounts that became imported people's, and how that is taken back.
//!
//! A person whose name `/etc/passwd` has is a failed row: they have an id that was never used, and neither
//! a name nor a home here. An adoption gives them the account's name, uid, home, gid and shell; it counts as
//! soon as the account is gone from `/etc/passwd`, and until then changes nothing that anybody sees.
//!
//! Invariant: only an id that was never used is given up, and it stays out of everybody's reach under the
//! tenant 0, so that [`Store::unadopt`] can always give it back.

use entra_protocol::admin::{Adoption, LocalAccount};
use rusqlite::{Connection, OptionalExtension, params};

use super::allocations::{GIVEN_UP, pin};
use super::audit::{Actor, Event, append};
use super::policy;
use super::{Store, StoreError};
use crate::graph::MemberKind;
use crate::identity::{ObjectId, ObjectKey};

/// A person who asks for a name that a local account has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// Who it is.
    pub key: ObjectKey,
    /// `userPrincipalName`.
    pub upn: String,
}

/// What stands in the way of an adoption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAdoption {
    /// The account was adopted by somebody else.
    Adopted(ObjectKey),
    /// The name is or was another object's.
    Name(ObjectKey),
    /// The person has been here under another name, and may have files with this id.
    Used(u32),
    /// The uid is another object's on this host.
    Uid(ObjectKey),
    /// The home is another object's on this host.
    Home(ObjectKey),
}

impl Store {
    /// The people whose row failed for one of these reasons, in the order of their UPNs.
    ///
    /// # Errors
    /// What the database said.
    pub fn people_who_failed_for(&self, reasons: &[String]) -> Result<Vec<Asking>, StoreError> {
        let reader = self.reader();
        let mut statement =
            reader.prepare("SELECT object_id FROM failures WHERE kind = ?1 AND reason = ?2")?;
        let mut people = Vec::new();
        for reason in reasons {
            let rows = statement.query_map(params![MemberKind::User.word(), reason], |row| {
                row.get::<_, String>(0)
            })?;
            for object in rows {
                let Ok(object) = object?.parse::<ObjectId>() else {
                    continue;
                };
                let mut users = reader.prepare_cached(
                    "SELECT tenant, upn FROM users WHERE object = ?1 AND name IS NULL",
                )?;
                let found = users.query_map([object], |row| {
                    let key = ObjectKey {
                        tenant: row.get(0)?,
                        object,
                    };
                    Ok(Asking {
                        key,
                        upn: row.get(1)?,
                    })
                })?;
                for person in found {
                    people.push(person?);
                }
            }
        }
        people.sort_by(|a, b| (&a.upn, a.key).cmp(&(&b.upn, b.key)));
        people.dedup();
        Ok(people)
    }

    /// Who has adopted an account of this name.
    ///
    /// # Errors
    /// What the database said.
    pub fn adopter(&self, name: &str) -> Result<Option<ObjectKey>, StoreError> {
        adopter(&self.reader(), name)
    }

    /// Gives the person the account, with an audit row; with `dry_run` says only what that would be. The
    /// account's fields must be legal. Doing it twice is doing it once.
    ///
    /// # Errors
    /// What the database said; then nothing has changed.
    pub fn adopt(
        &self,
        key: ObjectKey,
        account: &LocalAccount,
        dry_run: bool,
        actor: &Actor,
    ) -> Result<Result<Adoption, NoAdoption>, StoreError> {
        let at = self.now();
        let _turn = self.hold_imports();
        self.write(|transaction| {
            let adopter = adopter(transaction, &account.name)?;
            if adopter == Some(key) {
                return adoption(transaction, key, &account.name).map(Ok);
            }
            if let Some(no) = in_the_way(transaction, key, account, adopter)? {
                return Ok(Err(no));
            }
            let answer = Adoption {
                uid: account.uid,
                ..adoption(transaction, key, &account.name)?
            };
            if dry_run {
                return Ok(Ok(answer));
            }
            transaction.execute(
                "UPDATE state.ids SET tenant = ?3 WHERE tenant = ?1 AND object = ?2 AND id <> ?4",
                params![key.tenant, key.object, GIVEN_UP, account.uid],
            )?;
            if owner(transaction, "ids", "id", &account.uid)?.is_none() {
                pin(transaction, key, account.uid, None, at)?;
            }
            transaction.execute(
                "INSERT INTO state.adoptions (name, tenant, object, uid, adopted_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![account.name, key.tenant, key.object, account.uid, at],
            )?;
            transaction.execute(
                "INSERT INTO state.names (name, tenant, object, kind, held, since)
                 VALUES (?1, ?2, ?3, ?4, 1, ?5)
                 ON CONFLICT (name) DO UPDATE SET held = 1, since = excluded.since",
                params![
                    account.name,
                    key.tenant,
                    key.object,
                    MemberKind::User.word(),
                    at
                ],
            )?;
            transaction.execute(
                "INSERT INTO state.homes (tenant, object, home, fixed_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (tenant, object) DO UPDATE SET home = excluded.home",
                params![key.tenant, key.object, account.home, at],
            )?;
            transaction.execute(
                "INSERT INTO state.person_overrides (tenant, object, gid, shell)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (tenant, object)
                 DO UPDATE SET gid = excluded.gid, shell = excluded.shell",
                params![
                    key.tenant,
                    key.object,
                    (account.gid != account.uid).then_some(account.gid),
                    account.shell
                ],
            )?;
            let after = format!("{key}, uid {}", account.uid);
            let event = Event {
                verb: "users adopt",
                object: &account.name,
                before: Some("a local account"),
                after: Some(&after),
            };
            append(transaction, at, actor, &event)?;
            Ok(Ok(answer))
        })
    }

    /// Puts the person who adopted `name` into the directory under it; publish afterwards. `None` if
    /// nobody did.
    ///
    /// # Errors
    /// What the database said.
    pub fn name_adopted(&self, name: &str) -> Result<Option<Adoption>, StoreError> {
        let _turn = self.hold_imports();
        self.write(|transaction| {
            let Some(key) = adopter(transaction, name)? else {
                return Ok(None);
            };
            transaction.execute(
                "UPDATE users SET name = ?3 WHERE tenant = ?1 AND object = ?2 AND name IS NULL",
                params![key.tenant, key.object, name],
            )?;
            transaction.execute(
                "DELETE FROM failures WHERE kind = ?1 AND object_id = ?2",
                params![MemberKind::User.word(), key.object.to_string()],
            )?;
            adoption(transaction, key, name).map(Some)
        })
    }

    /// Takes back an adoption, with an audit row: the person has the id that they had before, and neither
    /// name nor home; publish afterwards. `None` if there was none.
    ///
    /// # Errors
    /// What the database said; then nothing has changed.
    pub fn unadopt(
        &self,
        name: &str,
        dry_run: bool,
        actor: &Actor,
    ) -> Result<Option<Adoption>, StoreError> {
        let at = self.now();
        let _turn = self.hold_imports();
        let ended = self.write(|transaction| {
            let Some(key) = adopter(transaction, name)? else {
                return Ok(None);
            };
            let answer = adoption(transaction, key, name)?;
            if dry_run {
                return Ok(Some((key, answer)));
            }
            for statement in [
                "DELETE FROM state.ids WHERE tenant = ?1 AND object = ?2",
                "DELETE FROM state.names WHERE tenant = ?1 AND object = ?2",
                "DELETE FROM state.homes WHERE tenant = ?1 AND object = ?2",
                "DELETE FROM state.person_overrides WHERE tenant = ?1 AND object = ?2",
                "DELETE FROM state.adoptions WHERE tenant = ?1 AND object = ?2",
            ] {
                transaction.execute(statement, params![key.tenant, key.object])?;
            }
            transaction.execute(
                "UPDATE state.ids SET tenant = ?1, used_at = NULL WHERE tenant = ?3 AND object = ?2",
                params![key.tenant, key.object, GIVEN_UP],
            )?;
            let before = format!("{key}, uid {}", answer.uid);
            let event = Event {
                verb: "users adopt --undo",
                object: name,
                before: Some(&before),
                after: Some("a local account"),
            };
            append(transaction, at, actor, &event)?;
            Ok(Some((key, answer)))
        })?;
        let Some((key, answer)) = ended else {
            return Ok(None);
        };
        if !dry_run {
            self.write(|transaction| {
                transaction.execute(
                    "UPDATE users SET name = NULL WHERE tenant = ?1 AND object = ?2",
                    params![key.tenant, key.object],
                )?;
                Ok(())
            })?;
        }
        Ok(Some(answer))
    }
}

fn in_the_way(
    connection: &Connection,
    key: ObjectKey,
    account: &LocalAccount,
    adopter: Option<ObjectKey>,
) -> Result<Option<NoAdoption>, StoreError> {
    if let Some(other) = adopter {
        return Ok(Some(NoAdoption::Adopted(other)));
    }
    let used: Option<u32> = connection
        .query_row(
            "SELECT id FROM state.ids WHERE tenant = ?1 AND object = ?2 AND used_at IS NOT NULL",
            params![key.tenant, key.object],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(id) = used {
        return Ok(Some(NoAdoption::Used(id)));
    }
    let others = [
        (
            owner(connection, "names", "name", &account.name)?,
            NoAdoption::Name as fn(ObjectKey) -> NoAdoption,
        ),
        (
            owner(connection, "ids", "id", &account.uid)?,
            NoAdoption::Uid,
        ),
        (
            owner(connection, "homes", "home", &account.home)?,
            NoAdoption::Home,
        ),
    ];
    Ok(others
        .into_iter()
        .find_map(|(owner, no)| owner.filter(|owner| *owner != key).map(no)))
}

/// Whose row of a table of `state.db` this is.
fn owner(
    connection: &Connection,
    table: &str,
    column: &str,
    value: &dyn rusqlite::ToSql,
) -> Result<Option<ObjectKey>, StoreError> {
    let question = format!("SELECT tenant, object FROM state.{table} WHERE {column} = ?1");
    Ok(connection
        .query_row(&question, [value], |row| {
            Ok(ObjectKey {
                tenant: row.get(0)?,
                object: row.get(1)?,
            })
        })
        .optional()?)
}

fn adopter(connection: &Connection, name: &str) -> Result<Option<ObjectKey>, StoreError> {
    owner(connection, "adoptions", "name", &name)
}

/// The person as they stand now, adopted or not.
fn adoption(connection: &Connection, key: ObjectKey, name: &str) -> Result<Adoption, StoreError> {
    let person = connection
        .query_row(
            "SELECT upn, display_name, enabled FROM users WHERE tenant = ?1 AND object = ?2",
            params![key.tenant, key.object],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let (upn, display_name, enabled) = person.unwrap_or_default();
    let id = |tenant| {
        connection
            .query_row(
                "SELECT id FROM state.ids WHERE tenant = ?1 AND object = ?2",
                params![tenant, key.object],
                |row| row.get::<_, u32>(0),
            )
            .optional()
    };
    let adopted = adopter(connection, name)? == Some(key);
    let now = id(key.tenant)?;
    Ok(Adoption {
        name: name.to_owned(),
        upn,
        display_name,
        tenant_id: key.tenant.to_string(),
        object_id: key.object.to_string(),
        uid: now.unwrap_or(0),
        id_before: if adopted { id(GIVEN_UP)? } else { now },
        enabled,
        sign_in_enabled: policy::enabled(connection)?,
    })
}

#[cfg(test)]
mod tests;
