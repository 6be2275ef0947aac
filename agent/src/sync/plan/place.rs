//! Ids, names and homes for the objects that count.
//!
//! One object after the other, the oldest first (`createdDateTime`, unset first, then the object id), so
//! that hosts that see the same set agree. Ids are given also to objects whose row fails, but for those
//! that fail over the id itself.

use std::collections::BTreeSet;

use entra_snapshot::{AbsolutePath, Id, Name};
use rusqlite::{Connection, OptionalExtension, params};

use super::super::{Rules, SyncError};
use crate::config::Homes;
use crate::graph::MemberKind;
use crate::identity::{ObjectId, ObjectKey};
use crate::ids::first_free;
use crate::names::{Holders, LocalAccounts, NameFault, settle};
use crate::publish::home_of;
use crate::store::{ClaimedName, StoreError};

/// Gives ids to those that have none: first to whom the tenant names one.
pub(super) fn ids(
    connection: &Connection,
    rules: &Rules,
    local: &LocalAccounts,
) -> Result<(), SyncError> {
    let is_taken = |id: u32| -> Result<bool, SyncError> {
        if local.has_id(id) || local.file_with_subordinate_id(id).is_some() {
            return Ok(true);
        }
        Ok(connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM state.ids WHERE id = ?1)
                     OR EXISTS (SELECT 1 FROM new_ids WHERE id = ?1)",
            )?
            .query_row([id], |row| row.get(0))?)
    };
    for (question, named) in [(WITH_WANTED_ID, true), (WITHOUT_ID, false)] {
        let mut statement = connection.prepare(question)?;
        let mut rows = statement.query([rules.tenant])?;
        while let Some(row) = rows.next()? {
            let object: ObjectId = row.get(0)?;
            let wanted: Option<u32> = row.get(1)?;
            let candidate: Option<String> = row.get(2)?;
            if let (Some(id), Some(name)) = (wanted, &candidate)
                && local.uid_of(name) == Some(id)
            {
                // The person's own old account: their row fails over the name, which `users adopt` cures,
                // and the id stays free for that.
                continue;
            }
            let placed = match wanted.filter(|_| named) {
                Some(id) => wanted_id(id, rules, local, &is_taken)?.map(|id| (0, id)),
                None => first_free(rules.range, rules.key(object), &is_taken)?.ok_or_else(|| {
                    NameFault {
                        reason: "there is no free id left in the range of [ids]".to_owned(),
                        cure:
                            "ask the developers how to add a range: the present one must not move"
                                .to_owned(),
                    }
                }),
            };
            match placed {
                Ok((attempt, id)) => {
                    connection
                        .prepare_cached(
                            "INSERT INTO new_ids (id, object, attempt) VALUES (?1, ?2, ?3)",
                        )?
                        .execute(params![id, object, attempt])?;
                }
                Err(fault) => deny(connection, object, &fault)?,
            }
        }
    }
    Ok(())
}

/// The id that the tenant wants an object to have, if it may have it.
fn wanted_id(
    id: u32,
    rules: &Rules,
    local: &LocalAccounts,
    is_taken: &impl Fn(u32) -> Result<bool, SyncError>,
) -> Result<Result<u32, NameFault>, SyncError> {
    let fault = |reason: String| {
        Ok(Err(NameFault {
            reason,
            cure: "correct the attribute in Entra ID, or leave it out of [tenant.posix]".to_owned(),
        }))
    };
    if let Err(illegal) = Id::new(id) {
        return fault(format!("the tenant wants the id {id}: {}", illegal.reason));
    }
    if let Some(file) = local.file_with_subordinate_id(id) {
        return fault(format!(
            "the tenant wants the id {id}, which is in {file} on this host"
        ));
    }
    if local.has_id(id) {
        return fault(format!(
            "the tenant wants the id {id}, which is in /etc/passwd or /etc/group on this host"
        ));
    }
    if rules.range.is_role_gid(id) {
        return fault(format!(
            "the tenant wants the id {id}, which is a role group's"
        ));
    }
    if is_taken(id)? {
        return fault(format!(
            "the tenant wants the id {id}, which is another object's"
        ));
    }
    Ok(Ok(id))
}

/// Settles who is called what.
pub(super) fn names(
    connection: &Connection,
    rules: &Rules,
    local: &LocalAccounts,
) -> Result<(), SyncError> {
    let holders = InTables { connection, rules };
    let mut statement = connection.prepare(
        "SELECT object, kind, candidate FROM claims
         WHERE candidate IS NOT NULL AND reason IS NULL ORDER BY created_at, object",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let object: ObjectId = row.get(0)?;
        let kind: String = row.get(1)?;
        let text: String = row.get(2)?;
        let key = rules.key(object);
        let outcome = match Name::new(&text) {
            Ok(name) => settle(&name, key, MemberKind::of_word(&kind)?, &holders, local)?,
            Err(illegal) => Err(NameFault {
                reason: format!("the name \"{text}\" can't be kept: {}", illegal.reason),
                cure: "set [names.overrides] for the object".to_owned(),
            }),
        };
        if let Err(fault) = outcome {
            deny(connection, object, &fault)?;
            continue;
        }
        connection
            .prepare_cached("INSERT INTO given (name, object) VALUES (?1, ?2)")?
            .execute(params![text, object])?;
        connection
            .prepare_cached("UPDATE claims SET name = ?2 WHERE object = ?1")?
            .execute(params![object, text])?;
        if !holders.known(&text)?.is_some_and(|claimed| claimed.held) {
            connection
                .prepare_cached("INSERT INTO claimed (name, object, kind) VALUES (?1, ?2, ?3)")?
                .execute(params![text, object, kind])?;
        }
    }
    // Whose row fails keeps the names it holds: the cure brings them back.
    connection
        .prepare(
            "INSERT INTO retired (name)
             SELECT n.name FROM state.names AS n
             LEFT JOIN claims AS c ON c.object = n.object
             WHERE n.tenant = ?1 AND n.held = 1
               AND NOT EXISTS (SELECT 1 FROM given AS g WHERE g.name = n.name AND g.object = n.object)
               AND (c.object IS NULL OR c.name IS NOT NULL)",
        )?
        .execute([rules.tenant])?;
    Ok(())
}

/// Who has which name, in the tables.
struct InTables<'a> {
    connection: &'a Connection,
    rules: &'a Rules,
}

impl Holders for InTables<'_> {
    type Error = SyncError;

    fn known(&self, name: &str) -> Result<Option<ClaimedName>, SyncError> {
        let found = self
            .connection
            .prepare_cached("SELECT tenant, object, kind, held FROM state.names WHERE name = ?1")?
            .query_row([name], |row| {
                let key = ObjectKey {
                    tenant: row.get(0)?,
                    object: row.get(1)?,
                };
                Ok((key, row.get::<_, String>(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((key, kind, held)) = found else {
            return Ok(None);
        };
        let kind = MemberKind::of_word(&kind)?;
        Ok(Some(ClaimedName { key, kind, held }))
    }

    fn given(&self, name: &str) -> Result<Option<ObjectKey>, SyncError> {
        let object = self
            .connection
            .prepare_cached("SELECT object FROM given WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        Ok(object.map(|object| self.rules.key(object)))
    }

    fn label(&self, key: ObjectKey) -> Result<Option<String>, SyncError> {
        let question = if key.tenant == self.rules.tenant {
            "SELECT label FROM claims WHERE object = ?2 AND ?1 IS NOT NULL"
        } else {
            "SELECT upn FROM users WHERE tenant = ?1 AND object = ?2
             UNION ALL SELECT display_name FROM groups WHERE tenant = ?1 AND object = ?2"
        };
        Ok(self
            .connection
            .prepare_cached(question)?
            .query_row(params![key.tenant, key.object], |row| row.get(0))
            .optional()?)
    }
}

/// Homes for the named who have none yet. Who can't have one loses the name's use, not the name.
pub(super) fn homes(connection: &Connection, rules: &Rules) -> Result<(), SyncError> {
    let mut statement = connection.prepare(
        "SELECT c.object, c.name, c.wanted_home FROM claims AS c
         LEFT JOIN state.homes AS h ON h.tenant = ?1 AND h.object = c.object
         WHERE c.kind = 'user' AND c.name IS NOT NULL AND h.object IS NULL ORDER BY c.object",
    )?;
    let mut rows = statement.query([rules.tenant])?;
    while let Some(row) = rows.next()? {
        let object: ObjectId = row.get(0)?;
        let name: String = row.get(1)?;
        let wanted: Option<String> = row.get(2)?;
        let home = match home(&name, wanted.as_deref(), &rules.homes) {
            Ok(home) => home,
            Err(fault) => {
                deny(connection, object, &fault)?;
                continue;
            }
        };
        let taken: bool = connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM state.homes WHERE home = ?1)
                     OR EXISTS (SELECT 1 FROM new_homes WHERE home = ?1)",
            )?
            .query_row([home.as_str()], |row| row.get(0))?;
        if taken {
            let fault = NameFault {
                reason: format!("the home {} is another object's", home.as_str()),
                cure: HOME_CURE.to_owned(),
            };
            deny(connection, object, &fault)?;
            continue;
        }
        connection
            .prepare_cached("INSERT INTO new_homes (home, object) VALUES (?1, ?2)")?
            .execute(params![home.as_str(), object])?;
    }
    Ok(())
}

fn home(name: &str, wanted: Option<&str>, homes: &Homes) -> Result<AbsolutePath, NameFault> {
    let fault = |reason: String, cure: &str| NameFault {
        reason,
        cure: cure.to_owned(),
    };
    if let Some(wanted) = wanted {
        let home = AbsolutePath::new(wanted)
            .map_err(|illegal| fault(format!("unixHomeDirectory: {illegal}"), HOME_CURE))?;
        return if crate::publish::is_inside(&home, homes) {
            Ok(home)
        } else {
            let reason = format!("unixHomeDirectory {wanted} lies outside of [homes] roots");
            Err(fault(reason, HOME_CURE))
        };
    }
    let name = Name::new(name).map_err(|illegal| fault(illegal.to_string(), HOME_CURE))?;
    home_of(&name, homes).map_err(|home| fault(home.reason, HOME_CURE))
}

/// Primary groups that the tenant names: the private group, or a group that is there.
pub(super) fn primary_groups(
    connection: &Connection,
    rules: &Rules,
    local: &LocalAccounts,
) -> Result<(), SyncError> {
    let mut statement = connection.prepare(
        "SELECT u.object, u.gid_number, coalesce(i.id, n.id) FROM want_users AS u
         JOIN claims AS c ON c.object = u.object AND c.name IS NOT NULL
         LEFT JOIN state.ids AS i ON i.tenant = ?1 AND i.object = u.object
         LEFT JOIN new_ids AS n ON n.object = u.object
         WHERE u.gid_number IS NOT NULL",
    )?;
    let mut known_groups = BTreeSet::new();
    let mut rows = statement.query([rules.tenant])?;
    while let Some(row) = rows.next()? {
        let object: ObjectId = row.get(0)?;
        let gid: u32 = row.get(1)?;
        let uid: Option<u32> = row.get(2)?;
        if uid == Some(gid) {
            connection
                .prepare_cached("UPDATE want_users SET gid_number = NULL WHERE object = ?1")?
                .execute([object])?;
            continue;
        }
        let is_there = known_groups.contains(&gid) || local.has_group(gid) || {
            connection
                .prepare_cached(
                    "SELECT EXISTS (
                         SELECT 1 FROM claims AS c
                         LEFT JOIN state.ids AS i ON i.tenant = ?1 AND i.object = c.object
                         LEFT JOIN new_ids AS n ON n.object = c.object
                         WHERE c.kind = 'group' AND c.name IS NOT NULL
                           AND c.object IN (SELECT object FROM state.ids WHERE id = ?2
                                            UNION ALL SELECT object FROM new_ids WHERE id = ?2))",
                )?
                .query_row(params![rules.tenant, gid], |row| row.get(0))?
        };
        if is_there && Id::new(gid).is_ok() {
            // Few groups are primary ones, and many people share them.
            if known_groups.len() < PRIMARY_GROUPS_KEPT {
                known_groups.insert(gid);
            }
            continue;
        }
        let fault = NameFault {
            reason: format!("gidNumber: no group of this import or of this host has the gid {gid}"),
            cure: "import a group with this gidNumber, or correct the attribute in Entra ID"
                .to_owned(),
        };
        deny(connection, object, &fault)?;
    }
    Ok(())
}

/// The object's row fails.
fn deny(connection: &Connection, object: ObjectId, fault: &NameFault) -> Result<(), SyncError> {
    connection
        .prepare_cached(
            "UPDATE claims SET name = NULL, reason = coalesce(reason, ?2), cure = coalesce(cure, ?3)
             WHERE object = ?1",
        )
        .map_err(StoreError::from)?
        .execute(params![object, fault.reason, fault.cure])?;
    Ok(())
}

const WITH_WANTED_ID: &str = "
SELECT c.object, c.wanted_id, c.candidate FROM claims AS c
LEFT JOIN state.ids AS i ON i.tenant = ?1 AND i.object = c.object
WHERE i.id IS NULL AND c.wanted_id IS NOT NULL ORDER BY c.created_at, c.object";

const WITHOUT_ID: &str = "
SELECT c.object, NULL, NULL FROM claims AS c
LEFT JOIN state.ids AS i ON i.tenant = ?1 AND i.object = c.object
WHERE i.id IS NULL AND c.wanted_id IS NULL ORDER BY c.created_at, c.object";

const HOME_CURE: &str =
    "correct [homes] in agent.toml, or the person's unixHomeDirectory in Entra ID";

/// Gids that are remembered to be there, so that not every person costs a question.
const PRIMARY_GROUPS_KEPT: usize = 1_000;
