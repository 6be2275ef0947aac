//! What is kept of people's secrets for times without the tenant, and how often they were tried in vain.
//!
//! Rows alone: what a tag is worth and what stands against it is decided in `offline`. Invariants: a row is
//! written for an imported person who is enabled, in the transaction that looks; a try is counted before anybody
//! knows what comes of it, and `state.db` is synced at each commit, so that neither a crash nor a power cut
//! takes one back.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::columns::count;
use super::{Person, SealedToken, Store, StoreError, people, refresh_tokens};
use crate::clock::UnixSeconds;
use crate::identity::ObjectKey;

/// Which secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifierKind {
    /// The person's password in the tenant.
    Password,
    /// The person's passcode for this host.
    Passcode,
}

impl VerifierKind {
    /// The word for it in rows; part of what is authenticated.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passcode => "passcode",
        }
    }
}

/// What there is to keep of a secret.
#[derive(Debug, Clone, Copy)]
pub struct NewVerifier {
    /// Which secret.
    pub kind: VerifierKind,
    /// The id of the key that it was made with.
    pub key_id: [u8; 16],
    /// How it was made.
    pub scheme: u32,
    /// Its salt.
    pub salt: [u8; 16],
    /// What recognises the secret.
    pub tag: [u8; 32],
}

/// What is kept of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The id of the key that it was made with.
    pub key_id: [u8; 16],
    /// How it was made.
    pub scheme: u32,
    /// Its salt.
    pub salt: [u8; 16],
    /// What recognises the secret.
    pub tag: [u8; 32],
    /// When the secret was kept.
    pub made_at: UnixSeconds,
    /// When the person last signed in with the tenant.
    pub proven_at: UnixSeconds,
    /// Wrong tries in a row.
    pub tries: u32,
    /// When the last of them was.
    pub tried_at: Option<UnixSeconds>,
}

impl Store {
    /// Keeps this for a person, in place of what was kept before, with no tries. Nothing is kept of somebody who
    /// is not imported, or is disabled.
    ///
    /// # Errors
    /// What the database said.
    pub fn keep_verifier(&self, key: &ObjectKey, new: &NewVerifier) -> Result<(), StoreError> {
        let now = self.now();
        self.write(|transaction| {
            if !people::by_object(transaction, key)?.is_some_and(|person| person.enabled) {
                return Ok(());
            }
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO state.verifiers
                     (tenant, object, kind, key_id, scheme, salt, tag, made_at, proven_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
                )?
                .execute(params![
                    key.tenant,
                    key.object,
                    new.kind.word(),
                    new.key_id,
                    new.scheme,
                    new.salt,
                    new.tag,
                    now,
                ])?;
            Ok(())
        })
    }

    /// Keeps a passcode in place of the one before, and the refresh token of the sign-in that it was set by; without
    /// one, the passcode before was the proof, and the last sign-in with the tenant is as long ago as it was.
    ///
    /// # Errors
    /// What the database said; then all is as it was.
    pub fn keep_passcode(
        &self,
        key: &ObjectKey,
        new: &NewVerifier,
        token: Option<&SealedToken>,
    ) -> Result<(), StoreError> {
        let before = self.verifier(key, new.kind)?;
        self.keep_verifier(key, new)?;
        match (token, before) {
            (Some(token), _) => self.keep_refresh_token(key, token),
            (None, Some(before)) => self.write(|transaction| {
                transaction
                    .prepare_cached(
                        "UPDATE state.verifiers SET proven_at = ?4
                         WHERE tenant = ?1 AND object = ?2 AND kind = ?3",
                    )?
                    .execute(params![
                        key.tenant,
                        key.object,
                        new.kind.word(),
                        before.proven_at
                    ])?;
                Ok(())
            }),
            (None, None) => Ok(()),
        }
    }

    /// The person has just signed in with the tenant: what this kind of secret stands for is as young as that.
    ///
    /// # Errors
    /// What the database said.
    pub fn mark_proven(&self, key: &ObjectKey, kind: VerifierKind) -> Result<(), StoreError> {
        let now = self.now();
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "UPDATE state.verifiers SET proven_at = ?4
                     WHERE tenant = ?1 AND object = ?2 AND kind = ?3",
                )?
                .execute(params![key.tenant, key.object, kind.word(), now])?;
            Ok(())
        })
    }

    /// What is kept.
    ///
    /// # Errors
    /// What the database said.
    pub fn verifier(
        &self,
        key: &ObjectKey,
        kind: VerifierKind,
    ) -> Result<Option<Kept>, StoreError> {
        Ok(self
            .reader()
            .prepare_cached(KEPT)?
            .query_row(params![key.tenant, key.object, kind.word()], kept)
            .optional()?)
    }

    /// Counts a try, and gives what it may be compared with; what stands against it if `decide` says so, and
    /// then nothing is counted. `None` if nothing is kept, or of nobody who is imported. On the disk when this
    /// returns.
    ///
    /// # Errors
    /// What the database said; then nothing may be compared.
    pub fn charge_try<A>(
        &self,
        key: &ObjectKey,
        kind: VerifierKind,
        decide: impl FnOnce(&Kept, &Person) -> Result<(), A>,
    ) -> Result<Option<Result<Kept, A>>, StoreError> {
        let now = self.now();
        self.write(|transaction| {
            let found = transaction
                .prepare_cached(KEPT)?
                .query_row(params![key.tenant, key.object, kind.word()], kept)
                .optional()?;
            let (Some(kept), Some(person)) = (found, people::by_object(transaction, key)?) else {
                return Ok(None);
            };
            if let Err(against) = decide(&kept, &person) {
                return Ok(Some(Err(against)));
            }
            transaction
                .prepare_cached(
                    "UPDATE state.verifiers SET tries = tries + 1, tried_at = ?4
                     WHERE tenant = ?1 AND object = ?2 AND kind = ?3",
                )?
                .execute(params![key.tenant, key.object, kind.word(), now])?;
            Ok(Some(Ok(kept)))
        })
    }

    /// The secret was right: no try counts any more.
    ///
    /// # Errors
    /// What the database said.
    pub fn forgive_tries(&self, key: &ObjectKey, kind: VerifierKind) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "UPDATE state.verifiers SET tries = 0, tried_at = NULL
                     WHERE tenant = ?1 AND object = ?2 AND kind = ?3",
                )?
                .execute(params![key.tenant, key.object, kind.word()])?;
            Ok(())
        })
    }

    /// The wrong tries of a person and when the last was, of the secret that has the most.
    ///
    /// # Errors
    /// What the database said.
    pub fn offline_tries(
        &self,
        key: &ObjectKey,
    ) -> Result<Option<(u32, Option<UnixSeconds>)>, StoreError> {
        Ok(self
            .reader()
            .prepare_cached(
                "SELECT tries, tried_at FROM state.verifiers
                 WHERE tenant = ?1 AND object = ?2 AND tries > 0 ORDER BY tries DESC LIMIT 1",
            )?
            .query_row((key.tenant, key.object), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?)
    }

    /// Forgets all that is kept of these; how much that was.
    ///
    /// # Errors
    /// What the database said.
    pub fn drop_verifiers(&self, keys: &[ObjectKey]) -> Result<u64, StoreError> {
        self.write(|transaction| {
            let mut rows = 0_usize;
            for key in keys {
                rows = rows.saturating_add(drop_verifiers_of(transaction, key)?);
            }
            Ok(u64::try_from(rows).unwrap_or(u64::MAX))
        })
    }

    /// Forgets one secret of a person; whether there was one.
    ///
    /// # Errors
    /// What the database said.
    pub fn drop_verifier(&self, key: &ObjectKey, kind: VerifierKind) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let rows = transaction
                .prepare_cached(
                    "DELETE FROM state.verifiers
                     WHERE tenant = ?1 AND object = ?2 AND kind = ?3",
                )?
                .execute(params![key.tenant, key.object, kind.word()])?;
            refresh_tokens::drop_alone(transaction)?;
            Ok(rows > 0)
        })
    }

    /// Forgets one kind of secret, of everybody; how many.
    ///
    /// # Errors
    /// What the database said.
    pub fn drop_verifiers_of_kind(&self, kind: VerifierKind) -> Result<u64, StoreError> {
        self.write(|transaction| {
            let rows = transaction
                .prepare_cached("DELETE FROM state.verifiers WHERE kind = ?1")?
                .execute([kind.word()])?;
            refresh_tokens::drop_alone(transaction)?;
            Ok(u64::try_from(rows).unwrap_or(u64::MAX))
        })
    }

    /// Forgets what is kept of those who are gone or disabled, or whose password or sessions the tenant ended
    /// since: it must not come back to life when they do. After each import.
    ///
    /// # Errors
    /// What the database said.
    pub fn forget_dead_verifiers(&self) -> Result<u64, StoreError> {
        self.write(|transaction| {
            let rows = transaction
                .prepare_cached(
                    "DELETE FROM state.verifiers AS v WHERE NOT EXISTS (
                         SELECT 1 FROM main.users AS u
                         WHERE u.tenant = v.tenant AND u.object = v.object
                           AND u.name IS NOT NULL AND u.enabled = 1
                           AND (v.kind <> ?1 OR coalesce(u.password_changed_at, 0) <= v.made_at)
                           AND coalesce(u.sessions_valid_from, 0) <= v.proven_at)",
                )?
                .execute([VerifierKind::Password.word()])?;
            refresh_tokens::drop_alone(transaction)?;
            Ok(u64::try_from(rows).unwrap_or(u64::MAX))
        })
    }

    /// Of how many people something is kept that was made with another key than this one.
    ///
    /// # Errors
    /// What the database said.
    pub fn verifiers_of_other_keys(&self, key_id: Option<[u8; 16]>) -> Result<u64, StoreError> {
        let rows = self
            .reader()
            .prepare_cached(
                "SELECT count(DISTINCT tenant || object) FROM state.verifiers
                 WHERE key_id IS NOT ?1",
            )?
            .query_row([key_id], |row| row.get(0))?;
        Ok(count(rows))
    }
}

/// No wrong try of these counts any more, in the transaction of whoever says so.
pub(super) fn unlock(transaction: &Transaction<'_>, key: &ObjectKey) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "UPDATE state.verifiers SET tries = 0, tried_at = NULL
             WHERE tenant = ?1 AND object = ?2",
        )?
        .execute((key.tenant, key.object))?;
    Ok(())
}

/// Forgets all that is kept of this person, in the transaction of whoever closes their account.
pub(super) fn drop_verifiers_of(
    connection: &Connection,
    key: &ObjectKey,
) -> Result<usize, StoreError> {
    let rows = connection
        .prepare_cached("DELETE FROM state.verifiers WHERE tenant = ?1 AND object = ?2")?
        .execute((key.tenant, key.object))?;
    refresh_tokens::drop_alone(connection)?;
    Ok(rows)
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        key_id: row.get(0)?,
        scheme: row.get(1)?,
        salt: row.get(2)?,
        tag: row.get(3)?,
        made_at: row.get(4)?,
        proven_at: row.get(5)?,
        tries: row.get(6)?,
        tried_at: row.get(7)?,
    })
}

const KEPT: &str = "
SELECT key_id, scheme, salt, tag, made_at, proven_at, tries, tried_at FROM state.verifiers
WHERE tenant = ?1 AND object = ?2 AND kind = ?3";
