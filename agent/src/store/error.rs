//! What can go wrong with the databases.
//!
//! `Display` gives facts for the journal. What a person is told is the caller's sentence: nobody at a
//! prompt can do anything about a disk.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use entra_protocol::admin::Role;

use crate::identity::ObjectKey;

/// Why the store did not do what was asked; in every case nothing was changed.
#[derive(Debug)]
pub enum StoreError {
    /// The system refused the file.
    File {
        /// What was being done, as in "could not …".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// A later version of entra-login wrote the file; it was not touched.
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema's number.
        found: i64,
        /// The latest number that this build knows.
        known: i64,
    },
    /// The disk is full.
    NoSpace {
        /// A folder on it.
        folder: PathBuf,
    },
    /// SQLite refused.
    Database(rusqlite::Error),
    /// A value in the database is not one that this program writes.
    Damaged {
        /// Which column.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// A staged round was to be taken before its last page had come.
    UnfinishedRound {
        /// The stream that has further pages.
        stream: String,
    },
    /// Somebody's account was to be changed by somebody with a weaker role.
    Outranked {
        /// Whose account.
        name: String,
        /// Their role.
        role: Role,
    },
    /// The change would leave nobody who may assign roles.
    LastAdministrator,
    /// Nobody published has this identity.
    UnknownPerson(ObjectKey),
    /// No published group has this identity.
    UnknownGroup(ObjectKey),
    /// An assigned role is not any more what somebody saw who decided to change it.
    RoleMoved {
        /// Whose.
        holder: String,
        /// What it was then.
        expected: Role,
        /// What it is.
        found: Role,
    },
}

impl StoreError {
    /// The same error, of something that was written below `folder`: a full disk is told by its place.
    #[must_use]
    pub fn below(self, folder: &Path) -> Self {
        match self {
            Self::Database(rusqlite::Error::SqliteFailure(error, _)) if is_full(error) => {
                Self::NoSpace {
                    folder: folder.to_owned(),
                }
            }
            other => other,
        }
    }

    /// What to do about it, as a clause.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoSpace { .. } => {
                "make room there and run it again; until then the last good directory serves"
            }
            _ => "see journalctl -u entra-agent",
        }
    }
}

/// SQLite has two words for it: of a write, and of the index of its journal.
fn is_full(error: rusqlite::ffi::Error) -> bool {
    error.code == rusqlite::ErrorCode::DiskFull
        || error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { doing, path, error } => {
                write!(f, "could not {doing} {}: {error}", path.display())
            }
            Self::Newer { path, found, known } => write!(
                f,
                "{} was written by a newer version of entra-login (schema {found}, this build knows {known})",
                path.display()
            ),
            Self::NoSpace { folder } => {
                write!(f, "no space left on the disk of {}", folder.display())
            }
            Self::Database(error) => write!(f, "database: {error}"),
            Self::Damaged { what, value } => write!(f, "database: {what} holds {value:?}"),
            Self::UnfinishedRound { stream } => {
                write!(
                    f,
                    "the staged round is not whole: {stream} has further pages"
                )
            }
            Self::Outranked { name, role } => {
                write!(f, "{name} has the role {role}, which is above yours")
            }
            Self::LastAdministrator => {
                f.write_str("this would leave no administrator who can sign in")
            }
            Self::UnknownPerson(key) => write!(f, "no imported person has the id {key}"),
            Self::UnknownGroup(key) => write!(f, "no imported group has the id {key}"),
            Self::RoleMoved {
                holder,
                expected,
                found,
            } => write!(
                f,
                "the role of {holder} has become {found} meanwhile, where it was {expected}"
            ),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { error, .. } => Some(error),
            Self::Database(error) => Some(error),
            Self::Newer { .. }
            | Self::NoSpace { .. }
            | Self::Damaged { .. }
            | Self::UnfinishedRound { .. }
            | Self::LastAdministrator
            | Self::Outranked { .. }
            | Self::UnknownPerson(_)
            | Self::UnknownGroup(_)
            | Self::RoleMoved { .. } => None,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}
