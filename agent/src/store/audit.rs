//! The audit log: who changed what, and who was refused.
//!
//! Rows are only ever added. A change and its row are one transaction, so that there is neither a change
//! without a row nor a row without its change.

use entra_protocol::admin::Role;
use rusqlite::{Connection, params};

use super::{Store, StoreError};
use crate::clock::UnixSeconds;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The uid that the kernel named.
    pub uid: u32,
    /// `root`, an imported person's name, or `local user`.
    pub name: String,
    /// The role then; `None` for root and for local users.
    pub role: Option<Role>,
}

/// What happened, for one row.
pub(super) struct Event<'a> {
    pub(super) verb: &'a str,
    pub(super) object: &'a str,
    pub(super) before: Option<&'a str>,
    pub(super) after: Option<&'a str>,
    pub(super) refused: bool,
}

impl Store {
    /// Adds a row for something that changed nothing in the databases: a refusal, an import that began.
    /// Changes made by methods of this store write their own.
    ///
    /// # Errors
    /// What the database said.
    pub fn audit(
        &self,
        actor: &Actor,
        verb: &str,
        object: &str,
        before: Option<&str>,
        after: Option<&str>,
        refused: bool,
    ) -> Result<(), StoreError> {
        let at = self.now();
        self.write(|transaction| {
            append(
                transaction,
                at,
                actor,
                &Event {
                    verb,
                    object,
                    before,
                    after,
                    refused,
                },
            )
        })
    }
}

pub(super) fn append(
    connection: &Connection,
    at: UnixSeconds,
    actor: &Actor,
    event: &Event<'_>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO state.audit
             (at, actor_uid, actor_name, actor_role, verb, object, before, after, refused)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            at,
            actor.uid,
            actor.name,
            actor.role.map(Role::word),
            event.verb,
            event.object,
            event.before,
            event.after,
            event.refused,
        ])?;
    Ok(())
}
