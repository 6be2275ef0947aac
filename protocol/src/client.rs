//! A blocking connection to the agent, for the module and for `entractl`.
//!
//! Invariant: no call blocks past the limit it was given. It has no thread, no runtime and no state
//! beyond its socket, so that it may live inside sshd and sudo.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::{self, FrameError};
use crate::limits::CONNECT_LIMIT;
use crate::socket_ffi;

/// Why there was no conversation, or no further one.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens at this path, or it is not ours to open.
    Connect(PathBuf, io::Error),
    /// The agent did not answer within the limit.
    Silent(Duration),
    /// The agent ended the connection before its last word.
    HungUp,
    /// The agent said something that this build can't read.
    Frame(FrameError),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(path, error) => {
                write!(f, "can't reach the agent at {}: {error}", path.display())
            }
            Self::Silent(limit) => write!(
                f,
                "the agent did not answer within {} ms",
                limit.as_millis()
            ),
            Self::HungUp => f.write_str("the agent closed the connection"),
            Self::Frame(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ClientError {}

/// One conversation with the agent.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    peer_uid: u32,
}

impl Connection {
    /// Connects to the agent's socket at `path` within [`CONNECT_LIMIT`].
    ///
    /// # Errors
    /// [`ClientError::Connect`] with the system's own reason.
    pub fn open(path: &Path) -> Result<Self, ClientError> {
        Self::open_within(path, CONNECT_LIMIT)
    }

    /// As [`Connection::open`], within `limit`, which also bounds each later send.
    ///
    /// # Errors
    /// [`ClientError::Connect`] with the system's own reason.
    pub fn open_within(path: &Path, limit: Duration) -> Result<Self, ClientError> {
        let refused = |error| ClientError::Connect(path.to_owned(), error);
        let socket = socket_ffi::connect(path, limit).map_err(refused)?;
        let peer_uid = socket_ffi::peer_uid(socket.as_fd()).map_err(refused)?;
        Ok(Self {
            stream: UnixStream::from(socket),
            peer_uid,
        })
    }

    /// Who holds the other end, as the kernel says: the agent's user, or root under socket activation.
    #[must_use]
    pub fn peer_uid(&self) -> u32 {
        self.peer_uid
    }

    /// Sends one message.
    ///
    /// # Errors
    /// [`ClientError::Frame`] if it can't be sent within the limit that `open` was given.
    pub fn send<T: Serialize>(&mut self, message: &T) -> Result<(), ClientError> {
        frame::write(&mut self.stream, message).map_err(ClientError::Frame)
    }

    /// Waits up to `limit` for the next message: the limit bounds the whole frame, not each read.
    ///
    /// # Errors
    /// [`ClientError::Silent`] past the limit, [`ClientError::HungUp`], [`ClientError::Frame`].
    pub fn receive<T: DeserializeOwned>(&mut self, limit: Duration) -> Result<T, ClientError> {
        let mut reader = Deadline {
            stream: &mut self.stream,
            until: Instant::now() + limit,
        };
        match frame::read(&mut reader) {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(ClientError::HungUp),
            Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                Err(ClientError::Silent(limit))
            }
            Err(FrameError::Io(error))
                if matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
                ) =>
            {
                Err(ClientError::HungUp)
            }
            Err(error) => Err(ClientError::Frame(error)),
        }
    }
}

/// A reader that gives up at one instant, however the bytes trickle in.
struct Deadline<'a> {
    stream: &'a mut UnixStream,
    until: Instant,
}

impl io::Read for Deadline<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        self.stream.set_read_timeout(Some(left))?;
        match self.stream.read(buffer) {
            // A socket's read timeout shows as EAGAIN (socket(7)).
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::Error::from(io::ErrorKind::TimedOut))
            }
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::{ToAgent, ToModule};
    use std::io::Write;
    use std::os::unix::net::UnixListener;

    fn socket(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("entra-protocol-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn a_trickling_agent_is_given_up_at_the_limit() {
        let path = socket("trickle");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // 255 bytes announced, then a byte at a time: each read succeeds, the frame never ends in time.
            stream.write_all(&[255, 0, 0, 0]).unwrap();
            while stream.write_all(b" ").is_ok() {
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
        let mut connection = Connection::open(&path).unwrap();
        let before = Instant::now();
        let result = connection.receive::<ToModule>(Duration::from_millis(200));
        assert!(matches!(result, Err(ClientError::Silent(_))), "{result:?}");
        assert!(before.elapsed() < Duration::from_secs(2));
        drop(connection);
        server.join().unwrap();
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_full_backlog_does_not_block_connect() {
        let path = socket("backlog");
        // A backlog of 128 that nobody accepts; connects beyond it would block for ever.
        let listener = UnixListener::bind(&path).unwrap();
        let before = Instant::now();
        let mut held = Vec::new();
        let refused = loop {
            match Connection::open_within(&path, Duration::from_millis(100)) {
                Ok(connection) => held.push(connection),
                Err(error) => break error,
            }
            assert!(held.len() < 10_000, "the backlog never filled");
        };
        assert!(matches!(refused, ClientError::Connect(..)), "{refused}");
        assert!(before.elapsed() < Duration::from_secs(30));
        drop(listener);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_peer_is_who_the_kernel_says_and_a_missing_socket_is_named() {
        let path = socket("peer");
        let missing = Connection::open(&path).unwrap_err().to_string();
        assert!(missing.contains("entra-protocol-"), "{missing}");
        let listener = UnixListener::bind(&path).unwrap();
        let mut connection = Connection::open(&path).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mine = std::fs::metadata(&path)
            .map(|m| std::os::unix::fs::MetadataExt::uid(&m))
            .unwrap();
        assert_eq!(connection.peer_uid(), mine);
        connection.send(&ToAgent::CannotPrompt).unwrap();
        let heard: ToAgent = frame::read(&mut server).unwrap().unwrap();
        assert!(matches!(heard, ToAgent::CannotPrompt));
        drop(server);
        assert!(matches!(
            connection.receive::<ToModule>(Duration::from_secs(1)),
            Err(ClientError::HungUp)
        ));
        std::fs::remove_file(&path).unwrap();
    }
}
