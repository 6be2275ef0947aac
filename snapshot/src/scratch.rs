//! Files that only a writer sees, for what does not fit into its memory.
//!
//! Invariant: such a file has mode 0600 and no name: it is removed from the folder
//! as soon as it is open, and its room is free again when the writer goes, however
//! it goes. A writer killed between the two leaves an empty file, under the prefix
//! that the next writer cleans up.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::WriteError;

/// Where a writer makes its scratch files.
#[derive(Clone, Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Beside the writer's own temporary file, on the disk that has to hold the
    /// directory anyway: /tmp may be memory.
    pub(crate) fn beside(temporary: &Path) -> Self {
        let mut path = temporary.as_os_str().to_owned();
        path.push(SUFFIX);
        Self { path: path.into() }
    }

    /// An empty file.
    pub(crate) fn file(&self) -> Result<File, WriteError> {
        let fault = |error| WriteError::Io {
            doing: "create a scratch file beside the directory file",
            error,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(fault)?;
        fs::remove_file(&self.path).map_err(fault)?;
        Ok(file)
    }
}

const SUFFIX: &str = ".scratch";
