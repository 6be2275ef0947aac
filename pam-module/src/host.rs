//! The machine around the module: `/etc/passwd`, NSS, the published directory, the agent, clock, journal.
//!
//! Invariant: every read is bounded and every wait has a limit, except NSS, which the application has
//! itself just asked about the same name. What it does not do: it judges nothing; `identity` and
//! `account` do.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use entra_protocol::limits::LOGIN_SOCKET;
use entra_protocol::login::{Screen, ToAgent, ToModule};
use entra_protocol::{ClientError, Connection};
use entra_snapshot::{Directory, PasswdFile, Policy, ReadError, Snapshot, Sources, User};

use crate::root_file::{self, RootFile};
use crate::system_ffi;

/// Which Entra groups are worth a local one; root's own.
const LOCAL_GROUPS: &str = "/etc/entra-login/local-groups";

/// The uid of root.
const ROOT: u32 = 0;

/// What the module asks of the machine.
pub(crate) trait Host: Sources {
    /// A conversation with the agent.
    type Agent: Agent;

    /// The policy alone.
    ///
    /// # Errors
    /// The snapshot's own.
    fn published_policy(&self) -> Result<Policy, ReadError>;

    /// `/etc/entra-login/local-groups`.
    fn local_groups_file(&self) -> RootFile;

    /// `/etc/group`, read as a file.
    ///
    /// # Errors
    /// Whatever kept it from being read whole.
    fn group_file(&self) -> io::Result<PasswdFile>;

    /// The object ids of the published groups that `user` is in.
    ///
    /// # Errors
    /// The snapshot's own.
    fn objects_of(&self, user: &User) -> Result<Vec<[u8; 16]>, ReadError>;

    /// Adds these gids to the groups of the calling process (setgroups(2)).
    ///
    /// # Errors
    /// The system's; `PermissionDenied` for whoever is not root.
    fn add_groups(&self, gids: &[u32]) -> io::Result<()>;

    /// Whether root started the process that called PAM: its real uid is 0.
    fn is_called_by_root(&self) -> bool;

    /// The terminal of the process that called PAM.
    fn screen(&self) -> Screen;

    /// Connects to the agent within `limit`.
    ///
    /// # Errors
    /// [`ClientError::Connect`].
    fn agent(&self, limit: Duration) -> Result<Self::Agent, ClientError>;

    /// The wall clock, in seconds since 1970.
    fn now(&self) -> u64;

    /// Writes one line of facts for the administrator; never a secret.
    fn journal(&self, line: &str);
}

/// One connection to the agent.
pub(crate) trait Agent {
    /// The uid of the other end, as the kernel says.
    fn peer_uid(&self) -> u32;

    /// Sends one message.
    ///
    /// # Errors
    /// As [`Connection::send`].
    fn send(&mut self, message: &ToAgent) -> Result<(), ClientError>;

    /// Waits up to `limit` for a message.
    ///
    /// # Errors
    /// As [`Connection::receive`].
    fn receive(&mut self, limit: Duration) -> Result<ToModule, ClientError>;
}

/// The machine that the module really runs on.
pub(crate) struct Machine;

impl Sources for Machine {
    fn passwd_file(&self) -> io::Result<PasswdFile> {
        PasswdFile::read(Path::new("/etc/passwd"))
    }

    fn uid_of(&self, name: &[u8]) -> Option<u32> {
        system_ffi::uid_of(name)
    }

    fn directory(&self, name: &[u8]) -> Result<Directory, ReadError> {
        Directory::read(entra_snapshot::PATH, name)
    }
}

impl Host for Machine {
    type Agent = Connection;

    fn published_policy(&self) -> Result<Policy, ReadError> {
        let snapshot = Snapshot::open(Path::new(entra_snapshot::PATH))?;
        Ok(snapshot.policy().clone())
    }

    fn is_called_by_root(&self) -> bool {
        system_ffi::real_uid() == 0
    }

    fn local_groups_file(&self) -> RootFile {
        root_file::read(Path::new(LOCAL_GROUPS), ROOT)
    }

    fn group_file(&self) -> io::Result<PasswdFile> {
        PasswdFile::read(Path::new("/etc/group"))
    }

    fn objects_of(&self, user: &User) -> Result<Vec<[u8; 16]>, ReadError> {
        Snapshot::open(Path::new(entra_snapshot::PATH))?.objects_of(user)
    }

    fn add_groups(&self, gids: &[u32]) -> io::Result<()> {
        system_ffi::add_groups(gids)
    }

    fn screen(&self) -> Screen {
        let (columns, rows) = system_ffi::terminal_size().unwrap_or_default();
        Screen {
            columns,
            rows,
            dumb: std::env::var_os("TERM").is_some_and(|kind| kind == "dumb"),
        }
    }

    fn agent(&self, limit: Duration) -> Result<Connection, ClientError> {
        Connection::open_within(Path::new(LOGIN_SOCKET), limit)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is handed"
    )]
    fn now(&self) -> u64 {
        // A clock before 1970 reads as 0, before every snapshot: its age then counts as unknown.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    }

    fn journal(&self, line: &str) {
        system_ffi::journal(line);
    }
}

impl Agent for Connection {
    fn peer_uid(&self) -> u32 {
        Connection::peer_uid(self)
    }

    fn send(&mut self, message: &ToAgent) -> Result<(), ClientError> {
        Connection::send(self, message)
    }

    fn receive(&mut self, limit: Duration) -> Result<ToModule, ClientError> {
        Connection::receive(self, limit)
    }
}
