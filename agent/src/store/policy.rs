//! What operators change while the agent runs: enablement and the gate.
//!
//! The gate is always `allow` in this version: nothing writes another value, and a value that this build
//! does not know reads as `allow` for local accounts, who must never be locked out by a file.

use entra_protocol::admin::AuthState;
use entra_snapshot::Gate;
use rusqlite::{Connection, OptionalExtension};

use super::audit::{Actor, Event, append};
use super::{Store, StoreError};

/// The policy that `state.db` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether imported people may sign in. Off until an administrator enables it.
    pub sign_in_enabled: bool,
    /// Whether local accounts may sign in.
    pub gate: Gate,
}

impl Store {
    /// The policy as it stands.
    ///
    /// # Errors
    /// What the database said.
    pub fn policy(&self) -> Result<Policy, StoreError> {
        Ok(Policy {
            sign_in_enabled: enabled(&self.reader())?,
            gate: Gate::Allow,
        })
    }

    /// Enablement, gate and the number of administrators, as `auth status` shows them.
    ///
    /// # Errors
    /// What the database said.
    pub fn auth_state(&self) -> Result<AuthState, StoreError> {
        let policy = self.policy()?;
        let local_auth = match policy.gate {
            Gate::Allow => "allow",
            Gate::Fallback => "fallback",
            Gate::Deny => "deny",
        };
        Ok(AuthState {
            enabled: policy.sign_in_enabled,
            local_auth: local_auth.to_owned(),
            administrators: self.administrators()?,
        })
    }

    /// Lets imported people sign in, or nobody. Publish afterwards.
    ///
    /// # Errors
    /// What the database said.
    pub fn set_sign_in_enabled(&self, on: bool, actor: &Actor) -> Result<(), StoreError> {
        let at = self.now();
        self.write(|transaction| {
            let before = enabled(transaction)?;
            set(transaction, ENABLED, word(on))?;
            let event = Event {
                verb: if on { "auth enable" } else { "auth disable" },
                object: "sign-in",
                before: Some(word(before)),
                after: Some(word(on)),
            };
            append(transaction, at, actor, &event)
        })
    }
}

/// Whether imported people may sign in.
pub(super) fn enabled(connection: &Connection) -> Result<bool, StoreError> {
    Ok(setting(connection, ENABLED)?.as_deref() == Some(word(true)))
}

fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// A value of `state.settings`.
pub(super) fn setting(connection: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT value FROM state.settings WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?)
}

/// Sets a value of `state.settings`.
pub(super) fn set(connection: &Connection, key: &str, value: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO state.settings (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?
        .execute([key, value])?;
    Ok(())
}

const ENABLED: &str = "sign_in_enabled";
