//! Refresh tokens, sealed: rows alone, what is in them is `offline`'s business.
//!
//! Invariant: there is none without a passcode of the same person.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError, VerifierKind};
use crate::identity::ObjectKey;

/// A refresh token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedToken {
    /// The id of the key that it was sealed with.
    pub key_id: [u8; 16],
    /// Drawn for it.
    pub nonce: [u8; 12],
    /// The token, encrypted and authenticated.
    pub sealed: Vec<u8>,
}

impl Store {
    /// Keeps this refresh token, if the person has a passcode.
    ///
    /// # Errors
    /// What the database said.
    pub fn keep_refresh_token(
        &self,
        key: &ObjectKey,
        token: &SealedToken,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO state.refresh_tokens
                     (tenant, object, key_id, nonce, sealed)
                     SELECT tenant, object, ?4, ?5, ?6 FROM state.verifiers
                     WHERE tenant = ?1 AND object = ?2 AND kind = ?3",
                )?
                .execute(params![
                    key.tenant,
                    key.object,
                    VerifierKind::Passcode.word(),
                    token.key_id,
                    token.nonce,
                    token.sealed,
                ])?;
            Ok(())
        })
    }

    /// The person's refresh token.
    ///
    /// # Errors
    /// What the database said.
    pub fn refresh_token(&self, key: &ObjectKey) -> Result<Option<SealedToken>, StoreError> {
        Ok(self
            .reader()
            .prepare_cached(
                "SELECT key_id, nonce, sealed FROM state.refresh_tokens
                 WHERE tenant = ?1 AND object = ?2",
            )?
            .query_row((key.tenant, key.object), |row| {
                Ok(SealedToken {
                    key_id: row.get(0)?,
                    nonce: row.get(1)?,
                    sealed: row.get(2)?,
                })
            })
            .optional()?)
    }

    /// Forgets the person's refresh token, and nothing else; whether there was one.
    ///
    /// # Errors
    /// What the database said.
    pub fn drop_refresh_token(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let rows = transaction
                .prepare_cached(
                    "DELETE FROM state.refresh_tokens WHERE tenant = ?1 AND object = ?2",
                )?
                .execute((key.tenant, key.object))?;
            Ok(rows > 0)
        })
    }
}

/// A refresh token goes with the passcode that needs it.
pub(super) fn drop_alone(connection: &Connection) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM state.refresh_tokens AS t WHERE NOT EXISTS (
                 SELECT 1 FROM state.verifiers AS v
                 WHERE v.tenant = t.tenant AND v.object = t.object AND v.kind = ?1)",
        )?
        .execute([VerifierKind::Passcode.word()])?;
    Ok(())
}
