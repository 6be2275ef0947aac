//! The two listening sockets that systemd hands over.
//!
//! The agent does not make them itself: only root may write in `/run/entra-login` (whoever could would
//! be able to put a socket of their own there and be told passwords), and the agent is never root.
#![expect(
    unsafe_code,
    reason = "a descriptor that is inherited has to be taken over by its number"
)]

use std::fmt;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener;

use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getsockname, sockopt};

/// Both sockets, listening.
#[derive(Debug)]
pub struct Sockets {
    /// `login.sock`.
    pub login: UnixListener,
    /// `admin.sock`.
    pub admin: UnixListener,
}

/// Why the sockets aren't there.
#[derive(Debug)]
pub enum ActivationError {
    /// The agent was not started by its sockets.
    NotActivated,
    /// A socket of this name is missing among those that were handed over.
    Missing(&'static str),
    /// What was handed over under this name is no listening Unix stream socket.
    NotASocket(&'static str),
    /// The system refused.
    System(io::Error),
}

impl fmt::Display for ActivationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotActivated => f.write_str(
                "no sockets were handed over; entra-agent is started by systemd: \
                 systemctl enable --now entra-agent-login.socket entra-agent-admin.socket",
            ),
            Self::Missing(name) => write!(
                f,
                "no socket with FileDescriptorName={name} was handed over; \
                 is entra-agent-{name}.socket enabled?"
            ),
            Self::NotASocket(name) => write!(
                f,
                "what was handed over as {name} is no listening Unix stream socket"
            ),
            Self::System(error) => write!(f, "can't take over the sockets: {error}"),
        }
    }
}

impl std::error::Error for ActivationError {}

/// Takes over what systemd handed to this process (`sd_listen_fds`(3)). To be called once.
///
/// # Errors
/// [`ActivationError`].
pub fn take_sockets() -> Result<Sockets, ActivationError> {
    let handed = sd_notify::listen_fds_with_names().map_err(ActivationError::System)?;
    let mut login = None;
    let mut admin = None;
    let mut any = false;
    for (number, name) in handed {
        any = true;
        // SAFETY: systemd opened this descriptor for this process (LISTEN_PID was checked), nobody else
        // in it owns it, and this function runs once.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
        match name.as_str() {
            "login" => login = Some(descriptor),
            "admin" => admin = Some(descriptor),
            // Not ours: closed again.
            _ => {}
        }
    }
    if !any {
        return Err(ActivationError::NotActivated);
    }
    Ok(Sockets {
        login: listener("login", login)?,
        admin: listener("admin", admin)?,
    })
}

fn listener(
    name: &'static str,
    descriptor: Option<OwnedFd>,
) -> Result<UnixListener, ActivationError> {
    let descriptor = descriptor.ok_or(ActivationError::Missing(name))?;
    if !is_listening_unix_stream(&descriptor) {
        return Err(ActivationError::NotASocket(name));
    }
    let listener = UnixListener::from(descriptor);
    listener
        .set_nonblocking(true)
        .map_err(ActivationError::System)?;
    Ok(listener)
}

fn is_listening_unix_stream(descriptor: &OwnedFd) -> bool {
    use std::os::fd::AsRawFd;
    let listening = nix::sys::socket::getsockopt(descriptor, sockopt::AcceptConn);
    let kind = nix::sys::socket::getsockopt(descriptor, sockopt::SockType);
    let family = getsockname::<SockaddrStorage>(descriptor.as_raw_fd())
        .ok()
        .and_then(|address| address.family());
    listening == Ok(true)
        && kind == Ok(nix::sys::socket::SockType::Stream)
        && family == Some(AddressFamily::Unix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_listening_unix_stream_socket_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let listening = UnixListener::bind(folder.path().join("s")).unwrap();
        assert!(listener("login", Some(listening.into())).is_ok());
        let file = tempfile::tempfile().unwrap();
        assert!(matches!(
            listener("login", Some(file.into())),
            Err(ActivationError::NotASocket("login"))
        ));
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(matches!(
            listener("admin", Some(one.into())),
            Err(ActivationError::NotASocket("admin"))
        ));
        assert!(matches!(
            listener("admin", None),
            Err(ActivationError::Missing("admin"))
        ));
    }
}
