//! What a publication leaves behind: who is displaced now, the shells, and the generation. What it reads
//! is in `reading`.

use rusqlite::{Connection, params};

use super::policy::{set, setting};
use super::reading::{Reading, Table};
use super::{Store, StoreError};
use crate::clock::UnixSeconds;
use crate::identity::TenantId;

/// The snapshot that is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// Its generation.
    pub generation: u64,
    /// When it was published.
    pub published_at: UnixSeconds,
}

impl Store {
    /// Takes the next generation, never one that was taken before or that `at_least` excludes. A
    /// publication that fails leaves a gap, which means nothing.
    ///
    /// # Errors
    /// What the database said.
    pub fn next_generation(&self, at_least: u64) -> Result<u64, StoreError> {
        self.write(|transaction| {
            let taken = number(transaction, GENERATION)?.unwrap_or(0);
            let next = taken.saturating_add(1).max(at_least);
            set(transaction, GENERATION, &next.to_string())?;
            Ok(next)
        })
    }

    /// Notes that this generation is out, with which shell and which others may be used, and who is kept
    /// out of it: to the rest of the agent those do not exist until they are published again. Ends the
    /// reading.
    ///
    /// # Errors
    /// What the database said.
    pub fn note_publication(
        &self,
        publication: Publication,
        shell: &str,
        shells: &[&str],
        reading: &Reading,
    ) -> Result<(), StoreError> {
        // A reader that stays keeps the journal from being emptied.
        reading.end()?;
        self.write(|transaction| {
            set(transaction, PUBLISHED, &publication.generation.to_string())?;
            set(
                transaction,
                PUBLISHED_AT,
                &publication.published_at.value().to_string(),
            )?;
            set(transaction, SHELL, shell)?;
            set(transaction, SHELLS, &shells.join("\n"))
        })?;
        self.write(|transaction| {
            for table in Table::ALL {
                let mut update = transaction.prepare_cached(&format!(
                    "UPDATE main.{} SET displaced = ?3
                     WHERE tenant = ?1 AND object = ?2 AND displaced <> ?3",
                    table.name()
                ))?;
                reading.each_change(table, |key, displaced| {
                    update.execute(params![key.tenant, key.object, displaced])?;
                    Ok(())
                })?;
            }
            Ok(())
        })
    }

    /// The instant as of which the tenants are known: the end of the last import, however often was
    /// published since; of several tenants, that of the one whose last import is the oldest.
    ///
    /// # Errors
    /// What the database said.
    pub fn known_at(&self) -> Result<Option<UnixSeconds>, StoreError> {
        Ok(number(&self.reader(), KNOWN_AT)?.map(UnixSeconds::new))
    }

    /// The end of this tenant's own last import.
    ///
    /// # Errors
    /// What the database said.
    pub fn known_at_of(&self, tenant: TenantId) -> Result<Option<UnixSeconds>, StoreError> {
        let key = format!("{KNOWN_AT}:{tenant}");
        Ok(number(&self.reader(), &key)?.map(UnixSeconds::new))
    }

    /// Notes that an import of the tenant has come to its end. What is known as a whole is as old as the
    /// oldest of what the configured tenants' last imports brought.
    ///
    /// # Errors
    /// What the database said.
    pub fn note_known_at(
        &self,
        tenant: TenantId,
        configured: &[TenantId],
        at: UnixSeconds,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            let key = |tenant: &TenantId| format!("{KNOWN_AT}:{tenant}");
            set(transaction, &key(&tenant), &at.value().to_string())?;
            let mut oldest = at.value();
            for tenant in configured {
                oldest = oldest.min(number(transaction, &key(tenant))?.unwrap_or(u64::MAX));
            }
            set(transaction, KNOWN_AT, &oldest.to_string())
        })
    }

    /// The snapshot that is out, if there is one.
    ///
    /// # Errors
    /// What the database said.
    pub fn publication(&self) -> Result<Option<Publication>, StoreError> {
        let reader = self.reader();
        let generation = number(&reader, PUBLISHED)?;
        let published_at = number(&reader, PUBLISHED_AT)?;
        Ok(generation
            .zip(published_at)
            .map(|(generation, at)| Publication {
                generation,
                published_at: UnixSeconds::new(at),
            }))
    }
}

fn number(connection: &Connection, key: &str) -> Result<Option<u64>, StoreError> {
    let Some(text) = setting(connection, key)? else {
        return Ok(None);
    };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(StoreError::Damaged {
            what: "a setting",
            value: text,
        }),
    }
}

/// The last generation that was taken; [`PUBLISHED`] is the last one that is out.
const GENERATION: &str = "generation";
const PUBLISHED: &str = "published_generation";
const PUBLISHED_AT: &str = "published_at";
/// Written along with the import itself.
pub(super) const KNOWN_AT: &str = "known_at";
/// Also read by `people`, as is [`SHELLS`]: the lines of `/etc/shells` at that time.
const SHELL: &str = "shell";
const SHELLS: &str = "shells";
