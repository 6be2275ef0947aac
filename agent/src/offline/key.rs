//! The key outside the database, without which what is kept of people is worth nothing.
//!
//! It is the unit's credential `offline-key` if systemd handed one over (`LoadCredentialEncrypted=` binds it to
//! the TPM), else a file of this host's own, made when something is first kept. Invariants:
//! - It is read at each use, so that one that was taken away counts for nothing at once.
//! - The file has its mode before its content, and is whole or not there. One with another mode, owner or size is
//!   an error, never mended and never replaced: somebody has to look at it.
//! - A credential that can't be used is an error: the file is not taken in its place.
//! - It is used for nothing itself: each use has a key derived from it under a label of its own.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::{hmac, rand};
use nix::libc;
use zeroize::Zeroizing;

/// The credential's name in the unit.
const CREDENTIAL: &str = "offline-key";

/// The file in the folder of the databases.
const FILE: &str = "offline.key";

/// The file while it is written.
const UNFINISHED: &str = "offline.key.new";

/// Bytes of our own file: as many as the strength of all that is derived from it.
const LENGTH: usize = 32;

/// Bytes of a credential: at least that, and no whole file by mistake.
const CREDENTIAL_LENGTHS: std::ops::RangeInclusive<u64> = 32..=4096;

/// Read and written by the agent's own user alone.
const MODE: u32 = 0o600;

/// What each derived key is for. A label is never used for anything else.
const LABEL_OF_ID: &[u8] = b"entra-login 1: id of the offline key";
const LABEL_OF_VERIFIERS: &[u8] = b"entra-login 1: verifiers";
const LABEL_OF_TOKENS: &[u8] = b"entra-login 1: refresh tokens";

/// Where the key is.
#[derive(Debug, Clone)]
pub struct KeySource {
    /// The folder of the unit's credentials.
    credentials: Option<PathBuf>,
    /// The folder of the databases.
    state: PathBuf,
}

/// The key.
pub struct OfflineKey {
    id: [u8; 16],
    verifiers: Zeroizing<[u8; LENGTH]>,
    tokens: Zeroizing<[u8; LENGTH]>,
}

/// Why there is no key.
#[derive(Debug)]
pub struct KeyError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Io(&'static str, io::Error),
    Mode(u32),
    Owner(u32),
    Size(u64),
    NotAFile,
    CredentialMode(u32),
    CredentialSize(u64),
    NoRandom,
}

impl KeySource {
    /// Of a unit with these credentials, and its databases in `state`.
    #[must_use]
    pub fn new(credentials: Option<PathBuf>, state: &Path) -> Self {
        Self {
            credentials,
            state: state.to_owned(),
        }
    }

    /// The key, if there is one.
    ///
    /// # Errors
    /// [`KeyError`]: there is something that is no key.
    pub fn read(&self) -> Result<Option<OfflineKey>, KeyError> {
        if let Some(path) = self.credential() {
            let bytes = read_checked(&path, *CREDENTIAL_LENGTHS.end(), |found| {
                let mode = found.mode() & 0o7777;
                if mode & 0o007 != 0 {
                    return Err(Problem::CredentialMode(mode));
                }
                if !CREDENTIAL_LENGTHS.contains(&found.len()) {
                    return Err(Problem::CredentialSize(found.len()));
                }
                Ok(())
            });
            return bytes.map(|bytes| Some(OfflineKey::of(&bytes)));
        }
        let path = self.state.join(FILE);
        let us = nix::unistd::geteuid().as_raw();
        let bytes = read_checked(&path, LENGTH as u64, |found| {
            let mode = found.mode() & 0o7777;
            if mode != MODE {
                return Err(Problem::Mode(mode));
            }
            if found.uid() != us {
                return Err(Problem::Owner(found.uid()));
            }
            if found.len() != LENGTH as u64 {
                return Err(Problem::Size(found.len()));
            }
            Ok(())
        });
        match bytes {
            Ok(bytes) => Ok(Some(OfflineKey::of(&bytes))),
            Err(KeyError {
                problem: Problem::Io(_, error),
                ..
            }) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The key; a new one in a file, if there is none.
    ///
    /// # Errors
    /// [`KeyError`]: there is something that is no key, or none could be made.
    pub fn read_or_make(&self) -> Result<OfflineKey, KeyError> {
        // Two first sign-ins at once must not write into one unfinished file.
        static MAKING: Mutex<()> = Mutex::new(());
        if let Some(key) = self.read()? {
            return Ok(key);
        }
        let making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        // What counts is what is there: another sign-in may have been first.
        if self.read()?.is_none() {
            self.make()?;
        }
        drop(making);
        self.read()?.ok_or_else(|| KeyError {
            path: self.state.join(FILE),
            problem: Problem::Io("make", io::ErrorKind::NotFound.into()),
        })
    }

    fn make(&self) -> Result<(), KeyError> {
        let (path, unfinished) = (self.state.join(FILE), self.state.join(UNFINISHED));
        let failed = |doing: &'static str| {
            let path = unfinished.clone();
            move |error| KeyError {
                path,
                problem: Problem::Io(doing, error),
            }
        };
        let mut bytes = Zeroizing::new([0; LENGTH]);
        rand::fill(bytes.as_mut()).map_err(|_| KeyError {
            path: path.clone(),
            problem: Problem::NoRandom,
        })?;
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove")(error));
            }
            _ => {}
        }
        let named = (|| {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(MODE)
                .open(&unfinished)
                .map_err(failed("make"))?;
            file.write_all(bytes.as_ref()).map_err(failed("write"))?;
            file.sync_all().map_err(failed("write"))?;
            // A link, not a rename: it never takes the place of a key that is there.
            match fs::hard_link(&unfinished, &path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    Err(failed("name")(error))
                }
                _ => Ok(()),
            }
        })();
        // A full disk leaves nothing behind.
        let removed = fs::remove_file(&unfinished);
        named?;
        removed.map_err(failed("remove"))?;
        let folder = File::open(&self.state).and_then(|folder| folder.sync_all());
        folder.map_err(failed("write the folder of"))
    }

    fn credential(&self) -> Option<PathBuf> {
        let path = self.credentials.as_ref()?.join(CREDENTIAL);
        path.symlink_metadata().is_ok().then_some(path)
    }
}

/// Where somebody has to look.
impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.credential() {
            Some(_) => write!(f, "the systemd credential {CREDENTIAL}"),
            None => self.state.join(FILE).display().fmt(f),
        }
    }
}

impl OfflineKey {
    /// What tells this key from others and nothing of it.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.id
    }

    pub(super) fn of_verifiers(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.verifiers.as_ref())
    }

    pub(super) fn of_tokens(&self) -> &[u8] {
        self.tokens.as_ref()
    }

    fn of(bytes: &[u8]) -> Self {
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(derived(bytes, LABEL_OF_ID).iter()) {
            *to = *from;
        }
        Self {
            id,
            verifiers: derived(bytes, LABEL_OF_VERIFIERS),
            tokens: derived(bytes, LABEL_OF_TOKENS),
        }
    }
}

impl fmt::Debug for OfflineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfflineKey([redacted])")
    }
}

/// What the key gives under a label: HMAC-SHA-256 is a pseudo-random function of it, so that nothing that is
/// derived tells of the key or of anything else that is (NIST SP 800-108).
fn derived(bytes: &[u8], label: &[u8]) -> Zeroizing<[u8; LENGTH]> {
    let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), label);
    let mut out = Zeroizing::new([0; LENGTH]);
    for (to, from) in out.iter_mut().zip(signed.as_ref()) {
        *to = *from;
    }
    out
}

/// Reads the file whose metadata, as opened, `check` lets pass.
fn read_checked(
    path: &Path,
    limit: u64,
    check: impl FnOnce(&fs::Metadata) -> Result<(), Problem>,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let fault = |problem| KeyError {
        path: path.to_owned(),
        problem,
    };
    let failed = |error| fault(Problem::Io("read", error));
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(fault(Problem::NotAFile));
    }
    check(&found).map_err(fault)?;
    // Sized once: a buffer that grew would leave the key behind.
    let room = usize::try_from(limit).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    (&mut file)
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 != found.len() {
        return Err(fault(Problem::Size(bytes.len() as u64)));
    }
    Ok(bytes)
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            Problem::Io(doing, error) => write!(f, "can't {doing} {path}: {error}"),
            Problem::Mode(mode) => write!(
                f,
                "{path} has mode {mode:04o} and must have {MODE:04o}: others may have read it. Remove it, and \
                 everybody signs in with Entra ID once"
            ),
            Problem::Owner(uid) => write!(
                f,
                "{path} belongs to uid {uid}, not to the agent. Remove it, and everybody signs in with Entra \
                 ID once"
            ),
            Problem::Size(size) => write!(
                f,
                "{path} has {size} bytes and must have {LENGTH}. Remove it, and everybody signs in with \
                 Entra ID once"
            ),
            Problem::NotAFile => write!(f, "{path} is no plain file"),
            Problem::CredentialMode(mode) => {
                write!(f, "everyone may read {path} (mode {mode:04o})")
            }
            Problem::CredentialSize(size) => write!(
                f,
                "{path} has {size} bytes; the credential {CREDENTIAL} must have {} to {}, random ones",
                CREDENTIAL_LENGTHS.start(),
                CREDENTIAL_LENGTHS.end()
            ),
            Problem::NoRandom => write!(f, "can't make {path}: the system gives no random bytes"),
        }
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests;
