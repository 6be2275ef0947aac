//! Why nothing was published. The snapshot that was there is still the one that is read.

use std::fmt;
use std::io;
use std::path::Path;

use entra_snapshot::WriteError;

use crate::names::LocalFileError;
use crate::store::{StoreError, temporary_folder};

/// What went wrong.
#[derive(Debug)]
pub enum PublishError {
    /// `/etc/passwd` or `/etc/group` can't be read: nobody knows what would be shadowed.
    Local(LocalFileError),
    /// The databases.
    Store(StoreError),
    /// The file.
    Write(WriteError),
}

impl PublishError {
    /// The same error, of a snapshot for `folder`: a full disk is told by its place.
    pub(super) fn below(self, folder: &Path) -> Self {
        match self {
            // What is read to be published is sorted in temporary tables.
            Self::Store(error) => Self::Store(error.below(&temporary_folder())),
            Self::Write(WriteError::Io { error, .. })
                if error.kind() == io::ErrorKind::StorageFull =>
            {
                Self::Store(StoreError::NoSpace {
                    folder: folder.to_owned(),
                })
            }
            other => other,
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the directory was not published: ")?;
        match self {
            Self::Local(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PublishError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Local(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Write(error) => Some(error),
        }
    }
}

impl From<LocalFileError> for PublishError {
    fn from(error: LocalFileError) -> Self {
        Self::Local(error)
    }
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<WriteError> for PublishError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}
