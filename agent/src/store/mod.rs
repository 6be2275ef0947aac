//! The two databases: `directory.db`, what came from the tenant, and `state.db`, what exists only here.
//!
//! `directory.db` can be rebuilt by an import at any time. `state.db` can't: id allocations, names that
//! stay retired, homes, roles, enablement and the audit log. They are two files so that the first can be
//! thrown away without the second (design.md §1).
//!
//! Invariants:
//! - Both files are 0600 before anything is in them; SQLite gives their journals the same mode.
//! - A transaction is short and never spans a network wait: nothing in this folder is async. Async
//!   callers go through `tokio::task::spawn_blocking`.
//! - A transaction writes one of the two files. Where both change (an import), `state.db` comes first:
//!   an id that was allocated for an object that never arrives costs nothing.
//! - Whoever reads sees whole imports: the swap is one transaction, and readers have a connection of
//!   their own (WAL), so that they don't wait for it.
//!
//! What it does not do: it decides neither names nor ids (`names`, `ids`), nor who may call (`admin`).

mod adoptions;
mod allocations;
mod audit;
mod columns;
mod error;
mod gate;
mod groups;
mod names;
mod people;
mod planning;
mod policy;
mod prefixes;
mod publication;
mod reading;
mod refresh_tokens;
mod restrictions;
mod retired;
mod role_changes;
mod role_sources;
mod roles;
mod rounds;
mod runs;
mod schedules;
mod schema;
mod scopes;
mod sign_ins;
mod throttle;
mod verifiers;

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::clock::{Clock, UnixSeconds};

pub use adoptions::{Asking, NoAdoption};
pub use allocations::{HeldId, ID_ROWS_AT_ONCE, IdMove};
pub use audit::{Actor, AuditFilter, FORGOTTEN_AT_ONCE};
pub use error::StoreError;
pub use gate::{BreakGlass, GateFacts, GateSetting, Proof, Trial};
pub use groups::{DirectoryGroup, GroupKind, GroupMembers};
pub use names::ClaimedName;
pub use people::{Found, Person};
pub use planning::{Planning, temporary_folder};
pub use policy::Policy;
pub use publication::Publication;
pub use reading::{PrimaryGroup, PublishedGroup, PublishedPerson, Reading, Verdict};
pub use refresh_tokens::SealedToken;
pub use restrictions::{Barred, Restrict};
pub use retired::Release;
pub use roles::{Assign, RolesAssigned};
pub use rounds::{LiveSet, MemberCounts, OpenRound, RoundId, RoundKind, StagedPage, Stream};
pub use runs::Ordered;
pub use schedules::{Plan, Schedule};
pub use sign_ins::{Refusals, SignInRecord};
pub use throttle::{ThrottleLeft, ThrottleSubject, Unlocking};
pub use verifiers::{Kept, NewVerifier, VerifierKind};

/// The file that an import rebuilds.
pub const DIRECTORY_FILE: &str = "directory.db";

/// The file that nothing can rebuild.
pub const STATE_FILE: &str = "state.db";

/// How long a statement waits for another process that has the file (a backup, `sqlite3`): longer than
/// any transaction of ours, shorter than a person at a prompt waits.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

/// Bytes of a journal that stay on the disk between two checkpoints.
const JOURNAL_BYTES_KEPT: i64 = 16 * 1024 * 1024;

/// Prepared statements that a connection keeps: all that this folder has.
const STATEMENTS_KEPT: usize = 96;

/// Both databases; clones share them.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// The only connection that writes; the mutex makes every change of this process one after another.
    writer: Mutex<Connection>,
    /// For questions, so that a sign-in doesn't wait for an import's swap.
    reader: Mutex<Connection>,
    /// Held by the import that decides, and by whoever changes what it decides on.
    planning: Mutex<()>,
    /// The row of the audit log that the journal was told last.
    audit_told: AtomicI64,
    /// Dates what is written.
    clock: Arc<dyn Clock>,
    /// The two files, for connections that are made for one long task.
    files: [PathBuf; 2],
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens or creates both databases in `folder`, which must exist, and migrates them forward.
    ///
    /// # Errors
    /// [`StoreError::Newer`] if a later version of entra-login wrote one of them; it is not touched.
    /// Otherwise what the system or SQLite said.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Self::open_files(folder, clock).map_err(|error| error.below(folder))
    }

    fn open_files(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let directory = folder.join(DIRECTORY_FILE);
        let state = folder.join(STATE_FILE);
        make_private(&directory)?;
        make_private(&state)?;
        // Both are looked at before either is changed.
        schema::refuse_newer(&directory, &schema::DIRECTORY)?;
        schema::refuse_newer(&state, &schema::STATE)?;
        schema::migrate(&directory, &schema::DIRECTORY)?;
        schema::migrate(&state, &schema::STATE)?;
        let writer = connect(&directory, &state)?;
        Ok(Self {
            inner: Arc::new(Inner {
                audit_told: AtomicI64::new(audit::last(&writer)?),
                writer: Mutex::new(writer),
                reader: Mutex::new(connect(&directory, &state)?),
                planning: Mutex::new(()),
                clock,
                files: [directory, state],
            }),
        })
    }

    /// A connection for a task that reads for long: nobody else waits for it.
    fn further_connection(&self) -> Result<Connection, StoreError> {
        let [directory, state] = &self.inner.files;
        connect(directory, state)
    }

    /// The time of day, by the clock that dates what is written.
    pub(crate) fn now(&self) -> UnixSeconds {
        self.inner.clock.now()
    }

    /// A transaction that panicked was rolled back when it was dropped, so the connection behind a
    /// poisoned mutex is as good as before.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.inner
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `change` in one transaction; an error undoes all of it.
    fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Immediate, change)
    }

    /// As [`Store::write`], for what touches one of the two files only: the other is not locked.
    fn write_directory<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Deferred, change)
    }

    fn transact<T>(
        &self,
        behavior: TransactionBehavior,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self
            .inner
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let changed = (|| {
            let transaction = writer.transaction_with_behavior(behavior)?;
            let result = change(&transaction)?;
            transaction.commit()?;
            if matches!(behavior, TransactionBehavior::Immediate) {
                audit::tell(&writer, &self.inner.audit_told);
            }
            Ok(result)
        })();
        changed.map_err(|error: StoreError| error.below(self.folder()))
    }

    /// Where both files are.
    fn folder(&self) -> &Path {
        let [directory, _] = &self.inner.files;
        directory.parent().unwrap_or(directory)
    }
}

/// Creates the file empty and unreadable for others, or takes others' rights away.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let fault = |doing: &'static str| {
        move |error: io::Error| StoreError::File {
            doing,
            path: path.to_owned(),
            error,
        }
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_MODE)
        .open(path)
        .map_err(fault("open"))?;
    file.set_permissions(Permissions::from_mode(PRIVATE_MODE))
        .map_err(fault("set the mode of"))
}

/// One connection over both files: `directory.db` as `main`, `state.db` as `state`.
fn connect(directory: &Path, state: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(directory)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    let state = state.to_str().ok_or_else(|| StoreError::File {
        doing: "name in UTF-8",
        path: state.to_owned(),
        error: io::Error::from(io::ErrorKind::InvalidInput),
    })?;
    connection.execute("ATTACH DATABASE ?1 AS state", [state])?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A swap of a whole directory makes a long journal once; it does not stay.
    for file in ["main", "state"] {
        connection.pragma_update(Some(file), "journal_size_limit", JOURNAL_BYTES_KEPT)?;
    }
    // A sign-in's counters and a role must survive a power cut, not only a crash.
    connection.pragma_update(Some("state"), "synchronous", "FULL")?;
    connection.pragma_update(Some("main"), "synchronous", "NORMAL")?;
    Ok(connection)
}

/// Read and written by the agent's own user alone.
const PRIVATE_MODE: u32 = 0o600;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
pub(crate) mod fixture_import;
#[cfg(test)]
mod tests;
