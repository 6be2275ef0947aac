//! Who may not use their account on this host although Entra ID lets them: blocked, or past an expiry.
//!
//! Both are this host's own and stand in `state.db` by object id: a row stays when its person leaves the
//! directory, and counts again for the same object that comes back. Invariant: no change takes the last
//! administrator who can sign in, nor the last one whose account has no end.

use entra_protocol::admin::{AccountChange, Role};
use rusqlite::{Connection, params};

use super::audit::{Actor, Event, append};
use super::columns::count;
use super::people::by_object;
use super::roles::{Administrators, administrators};
use super::verifiers::drop_verifiers_of;
use super::{Person, Store, StoreError};
use crate::clock::{UnixSeconds, rfc3339};
use crate::identity::ObjectKey;

/// What is changed about an account here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restrict {
    /// It may not be used.
    Block,
    /// It may again.
    Unblock,
    /// It may not be used from this instant on; `None`: it has no end.
    Expire(Option<UnixSeconds>),
}

impl Restrict {
    /// The verb, as the audit log names it.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Block => "users block",
            Self::Unblock => "users unblock",
            Self::Expire(_) => "users expire",
        }
    }

    /// What stands of this in the audit log, before or after.
    fn word(self, blocked: bool, expires: Option<UnixSeconds>) -> String {
        match (self, expires) {
            (Self::Block | Self::Unblock, _) if blocked => "blocked".to_owned(),
            (Self::Block | Self::Unblock, _) => "not blocked".to_owned(),
            (Self::Expire(_), Some(instant)) => rfc3339(instant),
            (Self::Expire(_), None) => "never".to_owned(),
        }
    }
}

/// Why this host does not let somebody use their account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// An operator blocked it.
    Blocked,
    /// Its expiry has passed.
    Expired,
}

impl Person {
    /// The role that counts at `now`: whoever may not use their account has no rights on this host, and is in no
    /// role group but that of all users.
    #[must_use]
    pub fn role_in_force(&self, now: UnixSeconds) -> Role {
        match self.enabled && self.barred(now).is_none() {
            true => self.role,
            false => Role::User,
        }
    }

    /// What stands against the account on this host at `now`.
    #[must_use]
    pub fn barred(&self, now: UnixSeconds) -> Option<Barred> {
        if self.blocked {
            Some(Barred::Blocked)
        } else if self.expires.is_some_and(|expires| now >= expires) {
            Some(Barred::Expired)
        } else {
            None
        }
    }
}

impl Store {
    /// Changes this about the accounts of all of `people`, or of none, with an audit row for each that was
    /// otherwise before. Publish afterwards. People named twice count once.
    ///
    /// # Errors
    /// [`StoreError::UnknownPerson`] for one who is not published, [`StoreError::Outranked`] for one whose role is
    /// above the actor's, [`StoreError::LastAdministrator`], or what the database said; then nothing has changed.
    pub fn restrict(
        &self,
        people: &[ObjectKey],
        change: Restrict,
        actor: &Actor,
    ) -> Result<Vec<AccountChange>, StoreError> {
        let at = self.now();
        let mut people = people.to_vec();
        people.sort_unstable();
        people.dedup();
        self.write(|transaction| {
            let before = administrators(transaction, at)?;
            let mut changes = Vec::with_capacity(people.len());
            for key in &people {
                changes.push(restrict_one(transaction, key, change, at, actor)?);
            }
            Administrators::refuse_loss(before, administrators(transaction, at)?)?;
            changes.sort_by(|a, b| a.user.cmp(&b.user));
            Ok(changes)
        })
    }

    /// How many published people are blocked, and how many others are past their expiry.
    ///
    /// # Errors
    /// What the database said.
    pub fn barred(&self) -> Result<(u64, u64), StoreError> {
        let rows: (i64, i64) = self
            .reader()
            .prepare_cached(
                "SELECT count(*) FILTER (WHERE x.blocked),
                        count(*) FILTER (WHERE NOT x.blocked AND x.expires <= ?1)
                 FROM state.restrictions AS x
                 JOIN users AS u ON u.tenant = x.tenant AND u.object = x.object
                 WHERE u.name IS NOT NULL AND u.displaced = 0",
            )?
            .query_row([self.now()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((count(rows.0), count(rows.1)))
    }
}

fn restrict_one(
    connection: &Connection,
    key: &ObjectKey,
    change: Restrict,
    at: UnixSeconds,
    actor: &Actor,
) -> Result<AccountChange, StoreError> {
    let person = by_object(connection, key)?.ok_or(StoreError::UnknownPerson(*key))?;
    // As of this transaction: they may have been given it since somebody looked.
    if actor.role.is_some_and(|role| role < person.role) {
        return Err(StoreError::Outranked {
            name: person.name,
            role: person.role,
        });
    }
    let was = (person.blocked, person.expires);
    let (blocked, expires) = match change {
        Restrict::Block => (true, was.1),
        Restrict::Unblock => (false, was.1),
        Restrict::Expire(end) => (was.0, end),
    };
    let changed = was != (blocked, expires);
    if changed {
        connection
            .prepare_cached(
                "INSERT INTO state.restrictions (tenant, object, blocked, expires)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (tenant, object)
                 DO UPDATE SET blocked = excluded.blocked, expires = excluded.expires",
            )?
            .execute(params![key.tenant, key.object, blocked, expires])?;
        if blocked && !was.0 {
            drop_verifiers_of(connection, key)?;
        }
        let event = Event {
            verb: change.verb(),
            object: &format!("{} ({})", person.name, key.object),
            before: Some(&change.word(was.0, was.1)),
            after: Some(&change.word(blocked, expires)),
        };
        append(connection, at, actor, &event)?;
    }
    Ok(AccountChange {
        user: person.name,
        blocked,
        expires: expires.map(rfc3339),
        changed,
    })
}
