//! What can go wrong, for the reader and for the writer.
//!
//! Invariant: no variant carries a secret; the file holds none. The texts are
//! facts for the journal. A module that has a person before it says its own
//! sentence; the NSS module says nothing but a status.

use std::fmt;
use std::io;

use crate::legal::Illegal;

/// Why a reader has no answer. In every case the directory counts as
/// unavailable, not as empty.
#[derive(Debug)]
pub enum ReadError {
    /// There is no such file: nothing was published yet.
    Missing,
    /// The system refused to open or read it.
    Unreadable(io::Error),
    /// The file is not what a writer of this version writes.
    Damaged {
        /// The part that is wrong.
        what: &'static str,
        /// Where that part begins, in bytes.
        offset: u64,
    },
    /// A newer writer with another layout wrote it.
    NewerVersion,
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("no directory has been published yet"),
            Self::Unreadable(error) => write!(formatter, "the directory cannot be read: {error}"),
            Self::Damaged { what, offset } => {
                write!(
                    formatter,
                    "the directory is damaged: {what} at byte {offset}"
                )
            }
            Self::NewerVersion => {
                formatter.write_str("the directory was written by a newer version of entra-login")
            }
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(error) => Some(error),
            Self::Missing | Self::Damaged { .. } | Self::NewerVersion => None,
        }
    }
}

/// Why the writer refused an entry or could not publish.
///
/// After `Illegal` or `TooLarge` from an `add_…` call the entry is left out and the
/// writer goes on; after `Io` it should be dropped. `Duplicate` comes from
/// `publish`, once all entries are known, and then nothing is published. The
/// published file is then still the old one, unless syncing its folder failed:
/// the new one is then in place but may be lost with the power.
#[derive(Debug)]
pub enum WriteError {
    /// Two entries have the same name or id, private groups included.
    Duplicate {
        /// `user name or user principal name`, `uid`, `group name` or `gid`.
        what: &'static str,
        /// The names of the two entries.
        entries: [String; 2],
    },
    /// A free string of the entry or of the policy is not legal.
    Illegal(Illegal),
    /// The entry, the policy or a table is larger than readers accept.
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes (of a table: the probes a lookup would take).
        size: u64,
        /// The most that readers accept.
        limit: u64,
    },
    /// The system refused.
    Io {
        /// What was being done, as in "could not …".
        doing: &'static str,
        /// The system's answer.
        error: io::Error,
    },
    /// What was read back is not what was written; it was not published.
    Unverified(ReadError),
}

impl fmt::Display for WriteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate {
                what,
                entries: [one, other],
            } => {
                write!(formatter, "\"{one}\" and \"{other}\" have the same {what}")
            }
            Self::Illegal(illegal) => illegal.fmt(formatter),
            Self::TooLarge { what, size, limit } => {
                write!(
                    formatter,
                    "the {what} is too large: {size}, the limit is {limit}"
                )
            }
            Self::Io { doing, error } => write!(formatter, "could not {doing}: {error}"),
            Self::Unverified(error) => {
                write!(
                    formatter,
                    "the new directory was read back and is wrong: {error}"
                )
            }
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::Illegal(illegal) => Some(illegal),
            Self::Unverified(error) => Some(error),
            Self::Duplicate { .. } | Self::TooLarge { .. } => None,
        }
    }
}

impl From<Illegal> for WriteError {
    fn from(illegal: Illegal) -> Self {
        Self::Illegal(illegal)
    }
}
