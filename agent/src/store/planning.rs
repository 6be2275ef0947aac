//! A connection on which one import decides.
//!
//! An import compares what the tenant has with what this host has, object by object, and a tenant may have
//! a million of them. So it works in temporary tables of a connection of its own: they spill to the disk,
//! cost the memory of a few pages, lock nobody, and are gone with the connection. What it decided is made
//! true by [`Planning::commit`], in two transactions that only touch what differs.
//!
//! One import decides at a time, of whichever tenant: names and ids are one space for all of them.
//! Whoever else changes ids, names or homes takes the same turn (`Store::hold_imports`).

use std::env;
use std::path::PathBuf;
use std::sync::{MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{Store, StoreError, connect};

/// An import that is being decided on.
pub struct Planning<'a> {
    store: &'a Store,
    connection: Connection,
    _turn: MutexGuard<'a, ()>,
}

impl std::fmt::Debug for Planning<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Planning")
    }
}

impl Store {
    /// Opens a connection to decide on. Waits for another import that decides; that takes seconds.
    ///
    /// # Errors
    /// What the database said.
    pub fn planning(&self) -> Result<Planning<'_>, StoreError> {
        let turn = self.hold_imports();
        let [directory, state] = &self.inner.files;
        let connection = connect(directory, state)?;
        // Sorting and temporary tables go to a file, whatever SQLite was built for.
        connection.pragma_update(None, "temp_store", "FILE")?;
        connection.pragma_update(Some("temp"), "cache_size", -TEMPORARY_CACHE_KIB)?;
        connection.pragma_update(Some("main"), "cache_size", -DIRECTORY_CACHE_KIB)?;
        Ok(Planning {
            store: self,
            connection,
            _turn: turn,
        })
    }

    /// Keeps imports from deciding for as long as the guard lives.
    pub(super) fn hold_imports(&self) -> MutexGuard<'_, ()> {
        self.inner
            .planning
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Planning<'_> {
    /// The connection: both files, and the temporary tables that the caller makes.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Makes a decision true: first `state`, which may only write `state.db`, then `directory`, which may
    /// only write `directory.db` and is the swap that readers see. A kill between the two leaves ids,
    /// names and homes for objects that are not in the directory: the next import finds and uses them.
    ///
    /// # Errors
    /// What either said; what it had written is undone.
    pub fn commit<T>(
        &mut self,
        state: impl FnOnce(&Transaction<'_>) -> Result<(), StoreError>,
        directory: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // The other writers of this process wait their turn rather than SQLite's five seconds.
        let _writer = self
            .store
            .inner
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let connection = &mut self.connection;
        let committed = (|| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            state(&transaction)?;
            transaction.commit()?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            let result = directory(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })();
        committed.map_err(|error: StoreError| error.below(self.store.folder()))
    }
}

/// Where SQLite puts temporary tables.
#[must_use]
pub fn temporary_folder() -> PathBuf {
    ["SQLITE_TMPDIR", "TMPDIR"]
        .iter()
        .find_map(|name| Some(PathBuf::from(env::var_os(name)?)))
        .unwrap_or_else(|| PathBuf::from("/var/tmp"))
}

/// KiB of temporary tables that stay in memory. With twice that an import of a million people takes 20 % more
/// memory and 4 % less time.
const TEMPORARY_CACHE_KIB: i64 = 8 * 1024;

/// KiB of `directory.db` that stay in memory while an import decides.
const DIRECTORY_CACHE_KIB: i64 = 8 * 1024;
