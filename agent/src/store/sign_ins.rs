//! What sign-ins leave behind: the last success and the last failure of each person, and a cut-off.
//!
//! Two rows a person, however often somebody tries: the history of tries is the journal's.

use rusqlite::{OptionalExtension, params};

use super::columns::count;
use super::{Store, StoreError};
use crate::clock::UnixSeconds;
use crate::identity::{ObjectKey, TenantId};

/// A sign-in that came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInRecord<'a> {
    /// The PAM service.
    pub service: &'a str,
    /// `password`, `device-code`, `passcode`, `offline-password`, `offline-passcode`, or `none` if it came to no
    /// method.
    pub method: &'a str,
    /// Whether the person was let in.
    pub succeeded: bool,
    /// Why not, in a word or an AADSTS code; empty for a success.
    pub detail: &'a str,
}

/// How many people were last refused in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals {
    /// As in [`SignInRecord`].
    pub method: String,
    /// As in [`SignInRecord`].
    pub detail: String,
    /// How many.
    pub people: u64,
}

impl Store {
    /// Keeps this as the person's last success or last failure.
    ///
    /// # Errors
    /// What the database said.
    pub fn record_sign_in(
        &self,
        key: &ObjectKey,
        record: &SignInRecord<'_>,
    ) -> Result<(), StoreError> {
        let at = self.now();
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO state.sign_ins
                     (tenant, object, succeeded, at, service, method, detail)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    key.tenant,
                    key.object,
                    record.succeeded,
                    at,
                    record.service,
                    record.method,
                    record.detail,
                ])?;
            Ok(())
        })
    }

    /// Why people of a tenant were last refused, for those whose last sign-in failed within so many seconds:
    /// each method and detail with the number of people.
    ///
    /// # Errors
    /// What the database said.
    pub fn refusals_since(
        &self,
        tenant: TenantId,
        seconds: u64,
    ) -> Result<Vec<Refusals>, StoreError> {
        let since = UnixSeconds::new(self.now().value().saturating_sub(seconds));
        let reader = self.reader();
        let mut rows = reader.prepare_cached(
            "SELECT method, detail, count(*) FROM state.sign_ins AS failed
             WHERE tenant = ?1 AND succeeded = 0 AND at >= ?2 AND NOT EXISTS (
                 SELECT 1 FROM state.sign_ins AS later
                 WHERE later.tenant = failed.tenant AND later.object = failed.object
                   AND later.succeeded = 1 AND later.at > failed.at)
             GROUP BY method, detail ORDER BY method, detail",
        )?;
        let rows = rows.query_map((tenant, since), |row| {
            Ok(Refusals {
                method: row.get(0)?,
                detail: row.get(1)?,
                people: count(row.get(2)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the person last signed in here and by which method, be it while Entra ID was away.
    ///
    /// # Errors
    /// What the database said.
    pub fn last_sign_in(
        &self,
        key: &ObjectKey,
    ) -> Result<Option<(UnixSeconds, String)>, StoreError> {
        Ok(self
            .reader()
            .prepare_cached(
                "SELECT at, method FROM state.sign_ins
                 WHERE tenant = ?1 AND object = ?2 AND succeeded = 1",
            )?
            .query_row((key.tenant, key.object), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?)
    }

    /// Cuts the person off: a sign-in was told that the account is disabled or gone (design.md §6). It
    /// lasts until the tenant says something about the account that is newer than this; what an import
    /// has from before does not count. True if that is news; then publish.
    ///
    /// # Errors
    /// What the database said.
    pub fn mark_disabled(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        let now = self.now();
        self.write_directory(|transaction| {
            let changed = transaction
                .prepare_cached(
                    "UPDATE users SET enabled = 0, cut_off_at = ?3
                     WHERE tenant = ?1 AND object = ?2 AND enabled = 1",
                )?
                .execute(params![key.tenant, key.object, now])?;
            Ok(changed > 0)
        })
    }

    /// Dates cut-offs that lie in the future to now. A clock that was ahead and was set back would
    /// otherwise keep people out until it gets there again, whatever the tenant says.
    ///
    /// # Errors
    /// What the database said.
    pub fn date_cut_offs_back(&self, now: UnixSeconds) -> Result<(), StoreError> {
        self.write_directory(|transaction| {
            transaction
                .prepare_cached("UPDATE users SET cut_off_at = ?1 WHERE cut_off_at > ?1")?
                .execute([now])?;
            Ok(())
        })
    }
}
