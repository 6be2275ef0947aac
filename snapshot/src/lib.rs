//! The directory file that the agent publishes and the modules read.
//!
//! This crate is one of the two contracts between the address spaces of
//! entra-login: `entra-agent` writes the file with [`Writer`], and
//! `libnss_entra.so.2` and `pam_entra.so` read it with [`Snapshot`]. The layout
//! is described field by field in `docs/snapshot.md`.
//!
//! Invariants:
//! - a published file is never changed, only replaced as a whole by a rename;
//! - a reader gives the true answer for the file's generation or an error; a
//!   damaged, truncated, missing or foreign file never gives a wrong answer,
//!   never panics and never makes the reader allocate more than the file holds;
//! - what leaves a reader is legal by type ([`Name`], [`Id`], [`AbsolutePath`],
//!   ...): the same types refuse it on the way in and on the way out.
//!
//! What it does not do: it knows nothing of Entra, of configuration, of
//! `/etc/passwd` or of who may sign in; it starts no thread, reads no
//! environment and keeps nothing between calls but the open file. The checksums
//! guard against damage, not against a writer who means harm: who may write the
//! folder may write a directory.
#![forbid(unsafe_code)]

mod bytes;
mod entry;
mod error;
mod header;
mod keys;
mod legal;
mod members;
mod paged;
mod reader;
mod record;
mod scratch;
mod siphash;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use entry::{Account, Gate, Group, NO_SERVICE, Policy, User};
pub use error::{ReadError, WriteError};
pub use legal::{AbsolutePath, Id, Illegal, Name, Text, Upn, may_be_a_group, may_be_a_user};
pub use members::Members;
pub use reader::Snapshot;
pub use source::ReadAt;
pub use writer::{MEMBERS_MAX, Published, Writer};

/// The folder that holds the published file and nothing else (mode 0755).
pub const PUBLIC_FOLDER: &str = "/var/lib/entra-login/public";

/// The file's name inside [`PUBLIC_FOLDER`].
pub const FILE_NAME: &str = "directory.snapshot";

/// Where the modules find the file.
pub const PATH: &str = "/var/lib/entra-login/public/directory.snapshot";
