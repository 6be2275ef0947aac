//! What each tenant's directory on this host is made of: the scope of the last import that did its work.
//!
//! `sync` and the schedule take it from here. An import that fails leaves it as it was: the directory on
//! the host is still that of the scope before.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError, runs};
use crate::clock::UnixSeconds;
use crate::identity::TenantId;
use crate::sync::Scope;

impl Store {
    /// The tenant's scope; `None` before its first import.
    ///
    /// # Errors
    /// What the database said, or a scope that this build can't read.
    pub fn scope(&self, tenant: TenantId) -> Result<Option<Scope>, StoreError> {
        of(&self.reader(), tenant)
    }
}

/// The tenant's scope.
pub(super) fn of(connection: &Connection, tenant: TenantId) -> Result<Option<Scope>, StoreError> {
    let text: Option<String> = connection
        .prepare_cached("SELECT scope FROM state.scopes WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))
        .optional()?;
    let Some(text) = text else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| StoreError::Damaged {
            what: "a scope",
            value: error.to_string(),
        })
}

/// Sets the tenant's scope. Whoever does writes the audit row.
pub(super) fn set(
    connection: &Connection,
    tenant: TenantId,
    scope: &Scope,
    at: UnixSeconds,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO state.scopes (tenant, scope, set_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant) DO UPDATE SET scope = excluded.scope, set_at = excluded.set_at",
        )?
        .execute(params![tenant, runs::json(scope)?, at])?;
    Ok(())
}
