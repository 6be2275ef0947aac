//! The gate on local accounts as `state.db` holds it: the setting, its trial, and the break-glass accounts.
//!
//! Invariant: whatever can't be understood reads as `allow`, and a trial whose dates can't be read is over. A
//! change is judged on what the same transaction reads, so that two administrators can't take away each the
//! proof on which the other's change stands.

use entra_protocol::admin::{GateMode, Role};
use rusqlite::{Connection, params};

use super::audit::{Actor, Event, append, append_refused};
use super::people::by_object;
use super::policy::{enabled, set, setting};
use super::{Store, StoreError};
use crate::clock::UnixSeconds;
use crate::identity::ObjectKey;

/// What the gate is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateSetting {
    /// The setting; of a trial, what is tried.
    pub gate: GateMode,
    /// Since when; `None` if it was never set.
    pub set_at: Option<UnixSeconds>,
    /// The trial that is running.
    pub trial: Option<Trial>,
}

/// A trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// When it is over, unless it was confirmed.
    pub ends: UnixSeconds,
    /// What the gate goes back to then.
    pub before: GateMode,
}

/// A local account that the gate never refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakGlass {
    /// Its name in `/etc/passwd`.
    pub name: String,
    /// When it was last proven that it can sign in.
    pub proven_at: Option<UnixSeconds>,
    /// How.
    pub proof: Option<Proof>,
}

/// How an account was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Root looked at its line in `/etc/shadow`.
    Password,
    /// It opened a session here.
    Session,
}

/// All that a change of the gate is judged on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateFacts {
    /// What it is set to.
    pub setting: GateSetting,
    /// Whether Entra sign-in is on.
    pub sign_in_enabled: bool,
    /// The administrator who was the last to sign in here through Entra, and when.
    pub administrator: Option<(String, UnixSeconds)>,
    /// The exempt accounts, by name.
    pub break_glass: Vec<BreakGlass>,
}

impl GateSetting {
    /// What a host has on which nobody ever set one.
    pub const OPEN: Self = Self {
        gate: GateMode::Allow,
        set_at: None,
        trial: None,
    };

    /// As the audit log has it.
    fn words(self) -> String {
        match self.trial {
            None => self.gate.word().to_owned(),
            Some(trial) => format!("{} until {}, then {}", self.gate, trial.ends, trial.before),
        }
    }
}

impl Proof {
    /// The word for it in rows and columns.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Session => "session",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        [Self::Password, Self::Session]
            .into_iter()
            .find(|proof| proof.word() == word)
    }
}

impl Store {
    /// What the gate is set to.
    ///
    /// # Errors
    /// What the database said.
    pub fn gate(&self) -> Result<GateSetting, StoreError> {
        gate(&self.reader())
    }

    /// What a change would be judged on now.
    ///
    /// # Errors
    /// What the database said.
    pub fn gate_facts(&self) -> Result<GateFacts, StoreError> {
        facts(&self.reader(), self.now())
    }

    /// The names of the exempt accounts.
    ///
    /// # Errors
    /// What the database said.
    pub fn break_glass_names(&self) -> Result<Vec<String>, StoreError> {
        let accounts = break_glass(&self.reader())?;
        Ok(accounts.into_iter().map(|account| account.name).collect())
    }

    /// Sets the gate to what `judge` makes of the facts; with `None` nothing is changed, and the audit log has
    /// a refusal. Publish after a change. Gives the facts as they were and the setting as it is.
    ///
    /// # Errors
    /// What the database said.
    pub fn change_gate(
        &self,
        actor: &Actor,
        verb: &str,
        judge: impl FnOnce(&GateFacts) -> Option<GateSetting>,
    ) -> Result<(GateFacts, Option<GateSetting>), StoreError> {
        let at = self.now();
        self.write(|transaction| {
            let before = facts(transaction, at)?;
            let after = judge(&before);
            if let Some(after) = after {
                write_gate(transaction, after)?;
            }
            let (before_words, after_words) =
                (before.setting.words(), after.map(GateSetting::words));
            let event = Event {
                verb,
                object: "local accounts",
                before: Some(&before_words),
                after: after_words.as_deref(),
            };
            match after {
                Some(_) => append(transaction, at, actor, &event)?,
                None => append_refused(transaction, at, actor, &event, "something is missing")?,
            }
            Ok((before, after))
        })
    }

    /// Ends the trial that ends at that instant, if it is still running: the gate goes back to what it was.
    /// Publish if this is true.
    ///
    /// # Errors
    /// What the database said.
    pub fn end_trial(&self, ends: UnixSeconds, actor: &Actor) -> Result<bool, StoreError> {
        let at = self.now();
        self.write(|transaction| {
            let before = gate(transaction)?;
            let Some(trial) = before.trial.filter(|trial| trial.ends == ends) else {
                return Ok(false);
            };
            let after = GateSetting {
                gate: trial.before,
                set_at: Some(at),
                trial: None,
            };
            write_gate(transaction, after)?;
            let event = Event {
                verb: "local-auth trial ended",
                object: "local accounts",
                before: Some(&before.words()),
                after: Some(&after.words()),
            };
            append(transaction, at, actor, &event)?;
            Ok(true)
        })
    }

    /// Exempts an account, or not any more, if `judge` agrees. Publish afterwards. Gives the facts as they
    /// are then, and whether it was agreed to.
    ///
    /// # Errors
    /// What the database said.
    pub fn exempt(
        &self,
        name: &str,
        exempt: bool,
        actor: &Actor,
        judge: impl FnOnce(&GateFacts) -> bool,
    ) -> Result<(GateFacts, bool), StoreError> {
        let at = self.now();
        self.write(|transaction| {
            let before = facts(transaction, at)?;
            let agreed = judge(&before);
            let was = before.break_glass.iter().any(|one| one.name == name);
            if agreed && exempt {
                transaction
                    .prepare_cached(
                        "INSERT INTO state.break_glass (name, added_at) VALUES (?1, ?2)
                         ON CONFLICT (name) DO NOTHING",
                    )?
                    .execute(params![name, at])?;
            } else if agreed {
                transaction
                    .prepare_cached("DELETE FROM state.break_glass WHERE name = ?1")?
                    .execute([name])?;
            }
            let word = |is_exempt| if is_exempt { "exempt" } else { "not exempt" };
            let event = Event {
                verb: "local-auth exempt",
                object: name,
                before: Some(word(was)),
                after: Some(word(exempt)),
            };
            // What is not agreed to is a failure of the verb, which is on record as such.
            if agreed {
                append(transaction, at, actor, &event)?;
            }
            Ok((facts(transaction, at)?, agreed))
        })
    }

    /// Notes that an exempt account can sign in. False if it is not exempt: nothing is noted then. A session
    /// within `QUIET` of an earlier one is no news, and neither written nor audited.
    ///
    /// # Errors
    /// What the database said.
    pub fn prove_break_glass(
        &self,
        name: &str,
        proof: Proof,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        /// Seconds: an account that is used all day leaves one row a day.
        const QUIET: u64 = 24 * 60 * 60;
        let at = self.now();
        let known = break_glass(&self.reader())?;
        let Some(account) = known.into_iter().find(|account| account.name == name) else {
            return Ok(false);
        };
        let is_news = proof == Proof::Password
            || account
                .proven_at
                .is_none_or(|proven| proven > at || at.since(proven) >= QUIET);
        if !is_news {
            return Ok(true);
        }
        self.write(|transaction| {
            let changed = transaction
                .prepare_cached(
                    "UPDATE state.break_glass SET proven_at = ?2, proof = ?3 WHERE name = ?1",
                )?
                .execute(params![name, at, proof.word()])?;
            if changed == 0 {
                return Ok(false);
            }
            let event = Event {
                verb: "local-auth prove",
                object: name,
                before: None,
                after: Some(proof.word()),
            };
            append(transaction, at, actor, &event)?;
            Ok(true)
        })
    }
}

/// Opens the gate and forgets what was tried, along with another change.
pub(super) fn open_gate(
    connection: &Connection,
    at: UnixSeconds,
    actor: &Actor,
) -> Result<(), StoreError> {
    let before = gate(connection)?;
    if before.gate == GateMode::Allow && before.trial.is_none() {
        return Ok(());
    }
    let open = GateSetting {
        set_at: Some(at),
        ..GateSetting::OPEN
    };
    write_gate(connection, open)?;
    let event = Event {
        verb: "local-auth set",
        object: "local accounts",
        before: Some(&before.words()),
        after: Some(&open.words()),
    };
    append(connection, at, actor, &event)
}

/// The setting; what can't be read is `allow`.
pub(super) fn gate(connection: &Connection) -> Result<GateSetting, StoreError> {
    let word = setting(connection, GATE)?.unwrap_or_default();
    let trial = match setting(connection, TRIAL)? {
        None => None,
        Some(text) if text.is_empty() => None,
        Some(text) => Some(read_trial(&text).unwrap_or(Trial {
            ends: UnixSeconds::new(0),
            before: GateMode::Allow,
        })),
    };
    let set_at = setting(connection, SET_AT)?.and_then(|text| text.parse().ok());
    let set_at = set_at.filter(|seconds| *seconds != 0);
    Ok(GateSetting {
        gate: mode(&word).unwrap_or(GateMode::Allow),
        set_at: set_at.map(UnixSeconds::new),
        trial,
    })
}

/// `ENDS BEFORE`, in seconds since 1970 and a word.
fn read_trial(text: &str) -> Option<Trial> {
    let (ends, before) = text.split_once(' ')?;
    Some(Trial {
        ends: UnixSeconds::new(ends.parse().ok()?),
        before: mode(before)?,
    })
}

fn mode(word: &str) -> Option<GateMode> {
    GateMode::ALL.into_iter().find(|mode| mode.word() == word)
}

fn write_gate(connection: &Connection, gate: GateSetting) -> Result<(), StoreError> {
    let trial = gate.trial.map_or_else(String::new, |trial| {
        format!("{} {}", trial.ends.value(), trial.before)
    });
    set(connection, GATE, gate.gate.word())?;
    set(connection, TRIAL, &trial)?;
    let set_at = gate.set_at.map_or(0, UnixSeconds::value);
    set(connection, SET_AT, &set_at.to_string())
}

fn facts(connection: &Connection, now: UnixSeconds) -> Result<GateFacts, StoreError> {
    Ok(GateFacts {
        setting: gate(connection)?,
        sign_in_enabled: enabled(connection)?,
        administrator: administrator_who_signed_in(connection, now)?,
        break_glass: break_glass(connection)?,
    })
}

/// By an effective role that counts now; a sign-in without the tenant proves nothing of it.
fn administrator_who_signed_in(
    connection: &Connection,
    now: UnixSeconds,
) -> Result<Option<(String, UnixSeconds)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT s.tenant, s.object, s.at FROM state.sign_ins AS s
         WHERE s.succeeded = 1 AND s.method NOT LIKE 'offline-%'
           AND (EXISTS (SELECT 1 FROM state.roles AS r
                        WHERE r.tenant = s.tenant AND r.object = s.object AND r.role = ?1)
             OR EXISTS (SELECT 1 FROM memberships AS m
                        JOIN state.group_roles AS g ON g.tenant = m.tenant AND g.object = m.parent
                        WHERE m.tenant = s.tenant AND m.member = s.object AND g.role = ?1))
         ORDER BY s.at DESC",
    )?;
    let mut rows = statement.query([Role::Administrator.word()])?;
    while let Some(row) = rows.next()? {
        let key = ObjectKey {
            tenant: row.get(0)?,
            object: row.get(1)?,
        };
        if let Some(person) = by_object(connection, &key)?
            && person.role_in_force(now) == Role::Administrator
        {
            return Ok(Some((person.name, row.get(2)?)));
        }
    }
    Ok(None)
}

fn break_glass(connection: &Connection) -> Result<Vec<BreakGlass>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT name, proven_at, proof FROM state.break_glass ORDER BY name")?;
    let rows = statement.query_map([], |row| {
        let proof: Option<String> = row.get(2)?;
        Ok(BreakGlass {
            name: row.get(0)?,
            proven_at: row.get(1)?,
            proof: proof.and_then(|word| Proof::of_word(&word)),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

const GATE: &str = "gate";
const SET_AT: &str = "gate_set_at";
const TRIAL: &str = "gate_trial";
