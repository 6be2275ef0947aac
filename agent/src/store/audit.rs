//! The audit log: who changed what, who was refused, and what happened to the host's own rules by itself.
//!
//! Invariants:
//! - A change and its row are one transaction: there is neither a change without a row nor a row without
//!   its change.
//! - Rows are only ever added, and forgotten when they are older than `[audit] keep_days`. Their numbers
//!   grow by one, so that a row taken out of the middle leaves a gap.
//! - Each row is one line of the journal, too, once it is committed (`audit/journal.rs`).
//! - No row holds a secret: texts are names, numbers and the agent's own words. They are bounded and have
//!   no control characters.
//!
//! Anybody on the host may be refused as often as they like, so that is bounded ([`KEPT_OF_ONE`],
//! [`KEPT_OF_STRANGERS`]): what is beyond is counted in one row.

mod journal;
mod reading;

use entra_protocol::admin::{AuditOutcome, Failure, FailureKind, Role};
use rusqlite::{Connection, params};

use super::{Store, StoreError};
use crate::clock::UnixSeconds;

pub(super) use journal::{last, tell};
pub use reading::AuditFilter;

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

impl Actor {
    /// Nobody: the agent does by itself what is due, or notes what it is told.
    #[must_use]
    pub fn agent() -> Self {
        Self::this_host("entra-agent")
    }

    /// Nobody: it comes from this host itself, and `name` says from where, as in `agent.toml`.
    #[must_use]
    pub fn this_host(name: &str) -> Self {
        Self {
            uid: nix::unistd::geteuid().as_raw(),
            name: name.to_owned(),
            role: None,
        }
    }
}

/// A change that is being made, for one row.
pub(super) struct Event<'a> {
    pub(super) verb: &'a str,
    pub(super) object: &'a str,
    pub(super) before: Option<&'a str>,
    pub(super) after: Option<&'a str>,
}

impl Store {
    /// Adds a row for a run that begins now; its end adds another.
    ///
    /// # Errors
    /// What the database said.
    pub fn audit_begun(
        &self,
        actor: &Actor,
        verb: &str,
        object: &str,
        after: &str,
    ) -> Result<(), StoreError> {
        let at = self.now();
        let event = Event {
            verb,
            object,
            before: None,
            after: Some(after),
        };
        self.write(|transaction| {
            let how = How::of(AuditOutcome::Begun);
            insert(transaction, at, actor, &event, how)
        })
    }

    /// Adds a row for what was refused or failed; or counts it, if there were too many in this hour.
    ///
    /// # Errors
    /// What the database said.
    pub fn audit_not_done(
        &self,
        actor: &Actor,
        verb: &str,
        object: &str,
        failure: &Failure,
    ) -> Result<(), StoreError> {
        let at = self.now();
        let outcome = match failure.kind {
            FailureKind::Internal | FailureKind::Tenant | FailureKind::Unknown => {
                AuditOutcome::Failed
            }
            _ => AuditOutcome::Refused,
        };
        let event = Event {
            verb,
            object,
            before: None,
            after: None,
        };
        let how = How {
            outcome,
            reason: Some(&failure.message),
        };
        self.write(|transaction| match room(transaction, at, actor)? {
            Room::Left => insert(transaction, at, actor, &event, how),
            Room::None { of_strangers } => one_more(transaction, at, actor, of_strangers),
        })
    }

    /// Forgets rows that are older than so many days, at most [`FORGOTTEN_AT_ONCE`] of them. How many it
    /// were is the answer: with so many there may be more.
    ///
    /// # Errors
    /// What the database said.
    pub fn forget_audit(&self, keep_days: u32) -> Result<usize, StoreError> {
        let kept = u64::from(keep_days).saturating_mul(24 * HOUR);
        let oldest = UnixSeconds::new(self.now().value().saturating_sub(kept));
        let at_once = i64::try_from(FORGOTTEN_AT_ONCE).unwrap_or(i64::MAX);
        self.write(|transaction| {
            Ok(transaction
                .prepare_cached(
                    // Those before the first that stays: a clock that was set leaves no gap.
                    "DELETE FROM state.audit WHERE id IN
                     (SELECT id FROM state.audit
                      WHERE id < coalesce((SELECT min(id) FROM state.audit WHERE at >= ?1), ?3)
                      ORDER BY id LIMIT ?2)",
                )?
                .execute(params![oldest, at_once, i64::MAX])?)
        })
    }
}

/// Adds the row of a change to the transaction that makes it.
pub(super) fn append(
    connection: &Connection,
    at: UnixSeconds,
    actor: &Actor,
    event: &Event<'_>,
) -> Result<(), StoreError> {
    let how = How::of(AuditOutcome::Done);
    insert(connection, at, actor, event, how)
}

/// Adds a row for what was judged in a transaction, and refused there.
pub(super) fn append_refused(
    connection: &Connection,
    at: UnixSeconds,
    actor: &Actor,
    event: &Event<'_>,
    reason: &str,
) -> Result<(), StoreError> {
    let how = How {
        outcome: AuditOutcome::Refused,
        reason: Some(reason),
    };
    insert(connection, at, actor, event, how)
}

/// How it ended.
struct How<'a> {
    outcome: AuditOutcome,
    reason: Option<&'a str>,
}

impl How<'_> {
    fn of(outcome: AuditOutcome) -> Self {
        Self {
            outcome,
            reason: None,
        }
    }
}

fn insert(
    connection: &Connection,
    at: UnixSeconds,
    actor: &Actor,
    event: &Event<'_>,
    how: How<'_>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO state.audit
             (at, actor_uid, actor_name, actor_role, verb, object, before, after, outcome, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            at,
            actor.uid,
            actor.name,
            actor.role.map(Role::word),
            event.verb,
            bounded(event.object),
            event.before.map(bounded),
            event.after.map(bounded),
            how.outcome.word(),
            how.reason.map(bounded),
        ])?;
    Ok(())
}

/// Whether one more attempt that is not done has a row of its own.
enum Room {
    Left,
    None { of_strangers: bool },
}

fn room(connection: &Connection, at: UnixSeconds, actor: &Actor) -> Result<Room, StoreError> {
    let (own, strangers): (i64, i64) = connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE actor_uid = ?2),
                    count(*) FILTER (WHERE actor_role IS NULL AND actor_uid <> 0)
             FROM state.audit WHERE at >= ?1 AND outcome IN ('refused', 'failed')",
        )?
        .query_row(params![hour_of(at), actor.uid], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    if is_stranger(actor) && strangers >= KEPT_OF_STRANGERS {
        return Ok(Room::None { of_strangers: true });
    }
    if own >= KEPT_OF_ONE {
        return Ok(Room::None {
            of_strangers: false,
        });
    }
    Ok(Room::Left)
}

/// Counts an attempt in the row of this hour that stands for all that have none.
fn one_more(
    connection: &Connection,
    at: UnixSeconds,
    actor: &Actor,
    of_strangers: bool,
) -> Result<(), StoreError> {
    let object = match of_strangers {
        true => "of all who have no role, in this hour",
        false => "of this uid, in this hour",
    };
    let outcome = AuditOutcome::MoreRefused;
    let counted = connection
        .prepare_cached(
            "UPDATE state.audit SET count = count + 1
             WHERE at >= ?1 AND outcome = ?2 AND object = ?3 AND (?4 OR actor_uid = ?5)",
        )?
        .execute(params![
            hour_of(at),
            outcome.word(),
            object,
            of_strangers,
            actor.uid
        ])?;
    if counted > 0 {
        return Ok(());
    }
    let event = Event {
        verb: "any",
        object,
        before: None,
        after: None,
    };
    insert(connection, at, actor, &event, How::of(outcome))
}

/// Nobody knows how many uids somebody has who has no role: subuid(5) gives 65 536.
fn is_stranger(actor: &Actor) -> bool {
    actor.role.is_none() && actor.uid != 0
}

fn hour_of(at: UnixSeconds) -> UnixSeconds {
    UnixSeconds::new(at.value() - at.value() % HOUR)
}

/// The text in one line of bounded length.
fn bounded(text: &str) -> String {
    let mut kept: String = text
        .chars()
        .take(TEXT_KEPT)
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    kept
}

/// Seconds of the span that refusals are bounded over.
const HOUR: u64 = 60 * 60;

/// Attempts of one uid that were not done and have a row each in an hour: more than a person makes.
const KEPT_OF_ONE: i64 = 20;

/// The same of all together who have no role. At 300 bytes a row, 260 MB in a year of people who do nothing
/// else.
const KEPT_OF_STRANGERS: i64 = 100;

/// Characters of a text that are kept: an import may name a hundred thousand people.
const TEXT_KEPT: usize = 500;

/// Rows that are forgotten in one transaction: some milliseconds, for which a sign-in may have to wait.
pub const FORGOTTEN_AT_ONCE: usize = 1_000;

#[cfg(test)]
mod tests;
