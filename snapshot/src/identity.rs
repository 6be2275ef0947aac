//! Whose sign-in is this? (design: "Who is imported".)
//!
//! Invariant: a name is imported only if three sources agree: the published directory has a record for
//! it, NSS answers exactly that record's uid, and `/etc/passwd`, read as a file, has neither the name
//! that was given nor the record's own. Everybody else is none of ours, and a name on a line of `/etc/passwd` is
//! local before anything else is looked at: no directory, no agent and no NSS can change it. What the gate
//! says to local accounts is the business of `gate`.
//!
//! One case is neither: NSS answers, but it can't be told whether the answer is an imported user. Such a
//! name is refused, since calling it local would let pam_unix's account phase admit it (it succeeds for
//! a user whose `pw_passwd` is `*`). No line of `/etc/passwd` and no system uid ever gets there.

use std::fmt;
use std::io;

use crate::entry::{Policy, User};
use crate::error::ReadError;
use crate::legal::Id;
use crate::passwd_file::PasswdFile;
use crate::reader::Snapshot;

/// Bytes of a name at most: more than any name of a record, and what the login protocol carries.
pub const MAX_USER: usize = 256;

/// The three sources, each asked only if the ones before it leave something open.
pub trait Sources {
    /// `/etc/passwd`, read as a file.
    ///
    /// # Errors
    /// Whatever kept it from being read whole.
    fn passwd_file(&self) -> io::Result<PasswdFile>;

    /// The policy, and the record of `name` if it has one.
    ///
    /// # Errors
    /// The snapshot's own.
    fn directory(&self, name: &[u8]) -> Result<Directory, ReadError>;

    /// The uid that NSS gives `name` (getpwnam_r(3)); none also if NSS could not say.
    fn uid_of(&self, name: &[u8]) -> Option<u32>;
}

/// What one look into the published directory gave.
#[derive(Debug, Clone)]
pub struct Directory {
    /// The host's policy.
    pub policy: Policy,
    /// As of when the directory knows the tenant, in seconds since 1970.
    pub known_at: u64,
    /// The record of the name asked for.
    pub user: Option<User>,
}

impl Directory {
    /// Looks `name` up in the file at `path`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(path: impl AsRef<std::path::Path>, name: &[u8]) -> Result<Self, ReadError> {
        let snapshot = Snapshot::open(path)?;
        Ok(Self {
            policy: snapshot.policy().clone(),
            known_at: snapshot.known_at(),
            user: snapshot.user_by_name(name)?,
        })
    }
}

/// Whom a name belongs to.
#[derive(Debug)]
pub enum Identity {
    /// A line of `/etc/passwd`.
    Local {
        /// Its number, if it can be read.
        uid: Option<u32>,
    },
    /// Not ours: an account of another NSS module.
    Other,
    /// Nobody's: neither the directory nor NSS knows the name.
    Unknown {
        /// Whether people sign in through Entra here at all.
        sign_in_enabled: bool,
    },
    /// An imported user.
    Imported(Box<Imported>),
    /// Perhaps an imported user: refused.
    Doubtful(Doubt),
}

/// The directory's view of an imported user, read once for the whole call.
#[derive(Debug)]
pub struct Imported {
    /// `PAM_USER` as it was given.
    pub name: String,
    /// The user's record.
    pub user: User,
    /// The host's policy.
    pub policy: Policy,
    /// As of when the directory knows the tenant, in seconds since 1970.
    pub known_at: u64,
}

/// Why it can't be told whether a user is imported.
#[derive(Debug)]
pub enum Doubt {
    /// The directory is there but can't be read.
    Directory(ReadError),
    /// The user would be imported, but `/etc/passwd` can't be read.
    PasswdFile(io::Error),
    /// The name leads to an imported user whose own name a local account has taken since.
    Displaced,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(error) => write!(f, "can't tell whether it is imported: {error}"),
            Self::PasswdFile(error) => {
                write!(f, "can't tell whether it is local: /etc/passwd: {error}")
            }
            Self::Displaced => {
                f.write_str("a line of /etc/passwd has taken the imported user's name")
            }
        }
    }
}

/// Decides whom `name` belongs to.
#[must_use]
pub fn identify(host: &impl Sources, name: &[u8]) -> Identity {
    if name.is_empty() || name.len() > MAX_USER {
        return Identity::Other;
    }
    let passwd = host.passwd_file();
    if let Ok(file) = &passwd
        && file.has(name)
    {
        return Identity::Local {
            uid: file.uid_of(name),
        };
    }
    let directory = match host.directory(name) {
        Ok(directory) => directory,
        // Nothing was ever published: there are no imported users.
        Err(ReadError::Missing) => return Identity::Other,
        Err(error) => return without_directory(host, name, error),
    };
    let Directory {
        policy,
        known_at,
        user,
    } = directory;
    let uid = host.uid_of(name);
    let Some(user) = user else {
        return match uid {
            Some(_) => Identity::Other,
            None => Identity::Unknown {
                sign_in_enabled: policy.sign_in_enabled,
            },
        };
    };
    if uid != Some(user.uid.value()) {
        return Identity::Other;
    }
    match passwd {
        Err(error) => Identity::Doubtful(Doubt::PasswdFile(error)),
        Ok(file) if file.has(user.name.as_str().as_bytes()) => Identity::Doubtful(Doubt::Displaced),
        Ok(_) => Identity::Imported(Box::new(Imported {
            name: String::from_utf8_lossy(name).into_owned(),
            user,
            policy,
            known_at,
        })),
    }
}

/// The directory is damaged and NSS may still answer for its people (nscd keeps answers for minutes). A
/// uid that no record may have is not one of them.
fn without_directory(host: &impl Sources, name: &[u8], error: ReadError) -> Identity {
    match host.uid_of(name) {
        Some(uid) if Id::new(uid).is_ok() => Identity::Doubtful(Doubt::Directory(error)),
        _ => Identity::Other,
    }
}
