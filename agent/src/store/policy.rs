//! What operators change while the agent runs: enablement and the gate.
//!
//! The gate's own half is in `gate`. Without Entra sign-in there is no gate: switching it off opens it.

use entra_protocol::admin::{AuthState, GateMode};
use entra_snapshot::Gate;
use rusqlite::{Connection, OptionalExtension};

use super::audit::{Actor, Event, append};
use super::gate::{gate, open_gate};
use super::{Store, StoreError};
use crate::clock::{UnixSeconds, rfc3339};

/// The policy that `state.db` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether imported people may sign in. Off until an administrator enables it.
    pub sign_in_enabled: bool,
    /// Whether local accounts may sign in.
    pub gate: Gate,
    /// When the trial of it is over, if one is running.
    pub gate_trial_ends: Option<UnixSeconds>,
    /// When it was set.
    pub gate_set_at: Option<UnixSeconds>,
}

impl Policy {
    /// Whether the gate reads as `allow` at that instant, as the published policy does then.
    #[must_use]
    pub fn reads_as_open(&self, now: UnixSeconds) -> bool {
        let published = entra_snapshot::Policy {
            // A trial goes on while it has no effect.
            sign_in_enabled: true,
            enumerate: false,
            gate: self.gate,
            gate_trial_ends: self.gate_trial_ends.map(UnixSeconds::value),
            gate_set_at: self.gate_set_at.map(UnixSeconds::value),
            offline_maximum_age: 0,
            break_glass: Vec::new(),
        };
        published.gate_at(now.value()) == Gate::Allow
    }
}

impl Store {
    /// The policy as it stands.
    ///
    /// # Errors
    /// What the database said.
    pub fn policy(&self) -> Result<Policy, StoreError> {
        let reader = self.reader();
        let setting = gate(&reader)?;
        Ok(Policy {
            sign_in_enabled: enabled(&reader)?,
            gate: match setting.gate {
                GateMode::Allow => Gate::Allow,
                GateMode::Fallback => Gate::Fallback,
                GateMode::Deny => Gate::Deny,
            },
            gate_trial_ends: setting.trial.map(|trial| trial.ends),
            gate_set_at: setting.set_at,
        })
    }

    /// Enablement, gate and the number of administrators, as `auth status` shows them.
    ///
    /// # Errors
    /// What the database said.
    pub fn auth_state(&self) -> Result<AuthState, StoreError> {
        let setting = self.gate()?;
        Ok(AuthState {
            enabled: self.policy()?.sign_in_enabled,
            local_auth: setting.gate.word().to_owned(),
            local_auth_trial_ends: setting.trial.map(|trial| rfc3339(trial.ends)),
            administrators: self.administrators()?,
        })
    }

    /// Lets imported people sign in, or nobody; then local accounts are not held back any more. Publish
    /// afterwards.
    ///
    /// # Errors
    /// What the database said.
    pub fn set_sign_in_enabled(&self, on: bool, actor: &Actor) -> Result<(), StoreError> {
        let at = self.now();
        self.write(|transaction| {
            let before = enabled(transaction)?;
            set(transaction, ENABLED, word(on))?;
            if !on {
                open_gate(transaction, at, actor)?;
            }
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
