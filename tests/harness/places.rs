//! What a host is made from, and where it may be made.
//!
//! `cargo xtask test` makes these folders and names them in the environment;
//! the demo hands them over directly.

use std::path::PathBuf;

use crate::Trouble;

/// The folders behind a host.
#[derive(Debug, Clone)]
pub struct Places {
    /// Read-only folders whose union is the host's file system, topmost first:
    /// the artefacts, then the wired Debian root.
    pub layers: Vec<PathBuf>,
    /// Microsoft's Python packages, seen by the host as `/opt/python`.
    pub python: PathBuf,
    /// A folder in which hosts make their mount points.
    pub work: PathBuf,
}

/// The variables that `cargo xtask test` sets for the behaviour tests:
/// the layers separated by `:`, and one folder each.
pub(crate) const LAYERS: &str = "ENTRA_TEST_LAYERS";
/// See [`LAYERS`].
pub(crate) const PYTHON: &str = "ENTRA_TEST_PYTHON";
/// See [`LAYERS`].
pub(crate) const WORK: &str = "ENTRA_TEST_WORK";

impl Places {
    /// Reads what `cargo xtask test` has set.
    ///
    /// # Errors
    /// When a variable is missing: the tests were started in another way.
    pub fn from_environment() -> Result<Self, Trouble> {
        let value = |name: &str| {
            std::env::var_os(name).ok_or_else(|| {
                Trouble::new(format!(
                    "{name} is not set: behaviour tests need a host image; run `cargo xtask test`"
                ))
            })
        };
        Ok(Self {
            layers: std::env::split_paths(&value(LAYERS)?).collect(),
            python: value(PYTHON)?.into(),
            work: value(WORK)?.into(),
        })
    }

    /// The same, as variables for a child process.
    ///
    /// # Errors
    /// When a folder's path holds a `:`.
    pub fn to_environment(&self) -> Result<Vec<(&'static str, std::ffi::OsString)>, Trouble> {
        let layers = std::env::join_paths(&self.layers)
            .map_err(|error| Trouble::new(format!("a layer's path can't be used: {error}")))?;
        Ok(vec![
            (LAYERS, layers),
            (PYTHON, self.python.clone().into()),
            (WORK, self.work.clone().into()),
        ])
    }
}
