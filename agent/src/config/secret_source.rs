//! Where a secret comes from: a file, systemd, or a program that is asked for it.
//!
//! Invariant: nothing here holds a secret. A source is read again at each use, so that a new secret counts
//! without a restart.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::section::Section;
use super::{ConfigError, read_secret};

/// A place from which a secret can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that only root and the agent may read.
    File(PathBuf),
    /// The name of a credential that systemd hands to the unit (`LoadCredential=`, systemd.exec(5)).
    SystemdCredential(String),
    /// A program and its arguments; the secret is what it prints.
    Command(Vec<String>),
}

impl SecretSource {
    /// The secret, if it can be had from a file. `None` for a command, which is not run here.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file or the credential.
    pub fn read_file(&self) -> Result<Option<Zeroizing<String>>, ConfigError> {
        match self {
            Self::File(path) => read_secret(path).map(Some),
            Self::SystemdCredential(name) => match credentials_folder() {
                Some(folder) => read_secret(&folder.join(name)).map(Some),
                None => Err(ConfigError::NoCredentials(name.clone())),
            },
            Self::Command(_) => Ok(None),
        }
    }
}

/// For messages: what an administrator has to look at.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::SystemdCredential(name) => write!(f, "the systemd credential {name}"),
            Self::Command(words) => {
                write!(f, "the command {}", words.first().map_or("", |it| it))
            }
        }
    }
}

/// Where systemd put this unit's credentials; none if it was started otherwise.
pub(crate) fn credentials_folder() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// A credential's name at `key`: one file name.
pub(super) fn read_name(section: &mut Section, key: &str) -> Result<Option<String>, ConfigError> {
    let Some(name) = section.optional_text(key)? else {
        return Ok(None);
    };
    if Path::new(&name).file_name() == Some(name.as_ref()) {
        return Ok(Some(name));
    }
    Err(section.wrong_unshown(
        key,
        "the name of a credential of the unit, like \"sync-secret\"",
    ))
}

/// A program with its arguments at `key`.
pub(super) fn read_command(
    section: &mut Section,
    key: &str,
) -> Result<Option<Vec<String>>, ConfigError> {
    let Some(words) = section.optional_texts(key)? else {
        return Ok(None);
    };
    match words.first() {
        Some(program) if program.starts_with('/') => Ok(Some(words)),
        _ => Err(section.wrong_unshown(
            key,
            "a program by its whole path and its arguments, like [\"/usr/bin/vault\", \"read\"]",
        )),
    }
}
