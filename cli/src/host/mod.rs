//! What `entractl` sees and changes on the host itself, with the caller's own rights.
//!
//! Some verbs have a half that the agent can't do, since it is nobody special: `users release` looks at what
//! an old name left behind, `users adopt`, run by root, takes a local account out of the host's files and
//! puts it back, `pam`, run by root, wires sign-in into PAM, NSS and sshd. Everything is found below one folder, `/` but in tests.
//!
//! Invariant: the account files are replaced whole, under the lock that useradd(8) and passwd(1) take, and
//! what is taken out is written down before.

pub(crate) mod account;
pub(crate) mod belongings;
pub(crate) mod break_glass;
pub(crate) mod files;
pub(crate) mod pam;
pub(crate) mod replace;
pub(crate) mod saved;
mod sources;
pub(crate) mod wiring;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::unistd::{User, geteuid};

/// The host as this process sees it.
pub(crate) struct Host {
    /// `/`.
    root: PathBuf,
    /// Whether this process is root's.
    pub(crate) is_root: bool,
    /// The uid that a name has, asked of NSS as every program does.
    pub(crate) resolve: fn(&str) -> Option<u32>,
    /// The time of day, in seconds since 1970.
    pub(crate) now: u64,
}

impl Host {
    /// The host that this process runs on.
    pub(crate) fn of_this_process() -> Self {
        Self {
            root: PathBuf::from("/"),
            is_root: geteuid().is_root(),
            resolve: |name| {
                let user = User::from_name(name).ok().flatten()?;
                Some(user.uid.as_raw())
            },
            now: seconds_now(),
        }
    }

    /// A host below a folder, for tests.
    #[cfg(test)]
    pub(crate) fn below(
        root: &std::path::Path,
        is_root: bool,
        resolve: fn(&str) -> Option<u32>,
    ) -> Self {
        Self {
            root: root.to_owned(),
            is_root,
            resolve,
            now: 0,
        }
    }

    /// A path of the host.
    pub(crate) fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the time of day enters"
)]
fn seconds_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
