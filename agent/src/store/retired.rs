//! Names that are nobody's any more, and how they become free.
//!
//! A name that an object gave up stays retired, because crontabs, mail, sudoers lines and homes are found
//! by it. Whoever has looked at what is left may free it; the id is never freed.

use entra_protocol::admin::ReleasedName;
use rusqlite::{Connection, OptionalExtension, params};

use super::audit::{Actor, Event, append};
use super::{Store, StoreError};
use crate::identity::{ObjectId, ObjectKey, TenantId};

/// What came of a wish to free a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Nobody ever had it.
    Unknown,
    /// An object has it now.
    Held {
        /// The object.
        key: ObjectKey,
        /// Whether the object is in the directory: if not, only an import knows that it is gone.
        here: bool,
    },
    /// It was freed, or would be.
    Free(ReleasedName),
}

impl Store {
    /// Frees a retired name, and the home that its object had if that is gone, with an audit row; or only
    /// says what that would do.
    ///
    /// # Errors
    /// What the database said; then nothing was freed.
    pub fn release_name(
        &self,
        name: &str,
        dry_run: bool,
        actor: &Actor,
    ) -> Result<Release, StoreError> {
        let at = self.now();
        let _turn = self.hold_imports();
        self.write(|transaction| {
            let row = transaction
                .query_row(
                    "SELECT tenant, object, kind, held FROM state.names WHERE name = ?1",
                    [name],
                    |row| {
                        Ok((
                            ObjectKey {
                                tenant: row.get(0)?,
                                object: row.get(1)?,
                            },
                            row.get::<_, String>(2)?,
                            row.get::<_, bool>(3)?,
                        ))
                    },
                )
                .optional()?;
            let Some((key, kind, held)) = row else {
                return Ok(Release::Unknown);
            };
            let here = is_here(transaction, key.tenant, key.object)?;
            if held {
                return Ok(Release::Held { key, here });
            }
            let named =
                "SELECT name FROM state.names WHERE tenant = ?1 AND object = ?2 AND held = 1";
            let renamed_to: Option<String> = text_of(transaction, named, key)?;
            let gone = !here && renamed_to.is_none();
            let home = "SELECT home FROM state.homes WHERE tenant = ?1 AND object = ?2";
            let home = text_of(transaction, home, key)?.filter(|_| gone);
            let id = transaction
                .query_row(
                    "SELECT id FROM state.ids WHERE tenant = ?1 AND object = ?2",
                    params![key.tenant, key.object],
                    |row| row.get(0),
                )
                .optional()?;
            let released = ReleasedName {
                name: name.to_owned(),
                kind,
                tenant_id: key.tenant.to_string(),
                object_id: key.object.to_string(),
                id,
                home,
                renamed_to,
                released: !dry_run,
            };
            if dry_run {
                return Ok(Release::Free(released));
            }
            transaction.execute("DELETE FROM state.names WHERE name = ?1", [name])?;
            if gone {
                transaction.execute(
                    "DELETE FROM state.homes WHERE tenant = ?1 AND object = ?2",
                    params![key.tenant, key.object],
                )?;
            }
            let before = format!("retired, of {key}");
            let event = Event {
                verb: "users release",
                object: name,
                before: Some(&before),
                after: Some("free"),
            };
            append(transaction, at, actor, &event)?;
            Ok(Release::Free(released))
        })
    }
}

fn is_here(
    connection: &Connection,
    tenant: TenantId,
    object: ObjectId,
) -> Result<bool, StoreError> {
    Ok(connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM users WHERE tenant = ?1 AND object = ?2)
             OR EXISTS (SELECT 1 FROM groups WHERE tenant = ?1 AND object = ?2)",
        params![tenant, object],
        |row| row.get(0),
    )?)
}

fn text_of(
    connection: &Connection,
    question: &str,
    key: ObjectKey,
) -> Result<Option<String>, StoreError> {
    Ok(connection
        .query_row(question, params![key.tenant, key.object], |row| row.get(0))
        .optional()?)
}

#[cfg(test)]
mod tests;
