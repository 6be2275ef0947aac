//! What failed tries with a password still count for, so that a restart forgets none of them.
//!
//! A row is what was left at one instant: the time until all is forgiven, and the time for which passwords
//! are refused. Whoever reads it subtracts what has passed since. An instant in the future was written by a
//! wrong clock (decision 19): nothing has passed since, and the row is dated back to now, so that it lasts as
//! long as it would have and not until that instant.

use std::time::Duration;

use rusqlite::{Connection, Transaction, params};

use super::audit::{Actor, Event, append};
use super::{Store, StoreError, verifiers};
use crate::clock::UnixSeconds;
use crate::identity::ObjectKey;

/// Whose failures are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ThrottleSubject {
    /// Tries as this person.
    Person(ObjectKey),
    /// Tries from this remote host.
    RemoteHost(String),
}

/// What is left of somebody's failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleLeft {
    /// The time until all is forgiven.
    pub owed: Duration,
    /// The time for which passwords are refused; zero if they aren't.
    pub refused: Duration,
}

/// Somebody whose failures an administrator takes away.
#[derive(Debug)]
pub struct Unlocking {
    /// Who.
    pub subject: ThrottleSubject,
    /// How the audit log names them.
    pub label: String,
    /// What was taken away, in words.
    pub before: String,
}

impl Store {
    /// All that is not forgiven yet. What is, and what a wrong clock has dated, is put right on the way;
    /// where that can't be written (a full disk), what was read counts all the same.
    ///
    /// # Errors
    /// What the database said to the question.
    pub fn throttle(&self) -> Result<Vec<(ThrottleSubject, ThrottleLeft)>, StoreError> {
        let now = self.now();
        let rows = rows(&self.reader(), now)?;
        let tidied = self.write(|transaction| {
            for table in TABLES {
                transaction.execute(&format!("UPDATE {table} SET at = ?1 WHERE at > ?1"), [now])?;
            }
            forget(transaction, now)
        });
        if let Err(error) = tidied {
            tracing::error!("can't tidy up what is kept of failed tries: {error}");
        }
        Ok(rows)
    }

    /// Keeps what is left for each of these, or that nothing is. They are asked for when it is this
    /// change's turn to be written, so that the last one written is the last one there was.
    ///
    /// # Errors
    /// What the database said.
    pub fn keep_throttle(
        &self,
        now_left: impl FnOnce() -> Vec<(ThrottleSubject, Option<ThrottleLeft>)>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        self.write(|transaction| {
            for (subject, left) in now_left() {
                match left {
                    Some(left) => put(transaction, now, &subject, left)?,
                    None => remove(transaction, &subject)?,
                }
            }
            forget(transaction, now)
        })
    }

    /// Takes the failures of all of these away, each with an audit row.
    ///
    /// # Errors
    /// What the database said; then nothing has changed.
    pub fn unlock(&self, unlocked: &[Unlocking], actor: &Actor) -> Result<(), StoreError> {
        let at = self.now();
        self.write(|transaction| {
            for one in unlocked {
                remove(transaction, &one.subject)?;
                if let ThrottleSubject::Person(key) = &one.subject {
                    verifiers::unlock(transaction, key)?;
                }
                let event = Event {
                    verb: "users unlock",
                    object: &one.label,
                    before: Some(&one.before),
                    after: Some("forgotten"),
                };
                append(transaction, at, actor, &event)?;
            }
            Ok(())
        })
    }
}

fn rows(
    connection: &Connection,
    now: UnixSeconds,
) -> Result<Vec<(ThrottleSubject, ThrottleLeft)>, StoreError> {
    let mut found = Vec::new();
    let mut people = connection
        .prepare_cached("SELECT tenant, object, at, owed, refused FROM state.throttled_people")?;
    let mut rows = people.query([])?;
    while let Some(row) = rows.next()? {
        let key = ObjectKey {
            tenant: row.get(0)?,
            object: row.get(1)?,
        };
        let left = left(now, row.get(2)?, row.get(3)?, row.get(4)?);
        found.push((ThrottleSubject::Person(key), left));
    }
    let mut hosts =
        connection.prepare_cached("SELECT host, at, owed, refused FROM state.throttled_hosts")?;
    let mut rows = hosts.query([])?;
    while let Some(row) = rows.next()? {
        let left = left(now, row.get(1)?, row.get(2)?, row.get(3)?);
        found.push((ThrottleSubject::RemoteHost(row.get(0)?), left));
    }
    found.retain(|(_, left)| !left.owed.is_zero());
    Ok(found)
}

fn left(now: UnixSeconds, at: UnixSeconds, owed: i64, refused: i64) -> ThrottleLeft {
    let passed = now.since(at);
    let left = |seconds: i64| {
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
            .saturating_sub(Duration::from_secs(passed))
    };
    ThrottleLeft {
        owed: left(owed),
        refused: left(refused),
    }
}

fn put(
    transaction: &Transaction<'_>,
    now: UnixSeconds,
    subject: &ThrottleSubject,
    left: ThrottleLeft,
) -> Result<(), StoreError> {
    let (owed, refused) = (seconds(left.owed), seconds(left.refused));
    match subject {
        ThrottleSubject::Person(key) => transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO state.throttled_people (tenant, object, at, owed, refused)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![key.tenant, key.object, now, owed, refused])?,
        ThrottleSubject::RemoteHost(host) => transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO state.throttled_hosts (host, at, owed, refused)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![host, now, owed, refused])?,
    };
    Ok(())
}

fn remove(transaction: &Transaction<'_>, subject: &ThrottleSubject) -> Result<(), StoreError> {
    match subject {
        ThrottleSubject::Person(key) => transaction
            .prepare_cached("DELETE FROM state.throttled_people WHERE tenant = ?1 AND object = ?2")?
            .execute(params![key.tenant, key.object])?,
        ThrottleSubject::RemoteHost(host) => transaction
            .prepare_cached("DELETE FROM state.throttled_hosts WHERE host = ?1")?
            .execute([host])?,
    };
    Ok(())
}

/// Deletes what is forgiven.
fn forget(transaction: &Transaction<'_>, now: UnixSeconds) -> Result<(), StoreError> {
    for table in TABLES {
        transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE at + owed <= ?1"))?
            .execute([now])?;
    }
    Ok(())
}

/// Whole seconds, a begun one counted: waits never get shorter by being written down.
fn seconds(left: Duration) -> i64 {
    let begun = u64::from(left.subsec_nanos() > 0);
    i64::try_from(left.as_secs().saturating_add(begun)).unwrap_or(i64::MAX)
}

const TABLES: [&str; 2] = ["state.throttled_people", "state.throttled_hosts"];

#[cfg(test)]
mod tests;
