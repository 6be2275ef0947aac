//! One question to the agent: opens the socket, sends the request's frames, gathers the answer.
//!
//! Invariant: an answer is whole or it is an error. A stream that ends without `Done` or `Failed`, or whose
//! `Done::Rows` counts other than what came, never looks like a short list. No wait is longer than the
//! silence limit; the agent's progress keeps a long verb alive.
//!
//! The peer's uid is not checked, unlike in the PAM module: no secret is sent here, and the default socket
//! lies in a folder that only root can write.

use std::io;
use std::path::Path;
use std::time::Duration;

use entra_protocol::admin::{Done, Progress, Reply, Request, Row};
use entra_protocol::{ClientError, Connection, FrameError};

use crate::trouble::Trouble;

/// What the agent said, from first to last.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The rows, in the agent's order.
    pub(crate) rows: Vec<Row>,
    /// Its last word.
    pub(crate) done: Done,
}

/// How a command asks: a request is one frame, or several for a bulk verb.
pub(crate) type Ask<'a> = &'a mut dyn FnMut(&[Request]) -> Result<Answer, Trouble>;

/// Asks the agent at `socket`, giving up after `silence` without a frame; `watch` hears of every progress.
///
/// # Errors
/// [`Trouble::Refused`] with the agent's own words; otherwise why there was no whole answer.
pub(crate) fn ask(
    socket: &Path,
    silence: Duration,
    requests: &[Request],
    watch: &mut dyn FnMut(&Progress),
) -> Result<Answer, Trouble> {
    let mut connection = Connection::open(socket).map_err(Trouble::Client)?;
    for request in requests {
        match connection.send(request) {
            Ok(()) => {}
            Err(ClientError::Frame(FrameError::TooLong(bytes))) => {
                return Err(Trouble::RequestTooLong(bytes));
            }
            // The agent may refuse a bulk request at its first frame and hang up: what it said is still there.
            Err(ClientError::Frame(FrameError::Io(error))) if hung_up(&error) => {
                return Err(match connection.receive(silence) {
                    Ok(Reply::Failed(failure)) => Trouble::Refused(failure),
                    _ => Trouble::Client(ClientError::HungUp),
                });
            }
            Err(error) => return Err(Trouble::Client(error)),
        }
    }
    gather(&mut connection, silence, watch)
}

fn hung_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

fn gather(
    connection: &mut Connection,
    silence: Duration,
    watch: &mut dyn FnMut(&Progress),
) -> Result<Answer, Trouble> {
    let mut rows = Vec::new();
    loop {
        match connection.receive(silence).map_err(Trouble::Client)? {
            Reply::Progress(progress) => watch(&progress),
            Reply::Row(row) => rows.push(row),
            Reply::Failed(failure) => return Err(Trouble::Refused(failure)),
            Reply::Done(done) => {
                if let Done::Rows { count } = *done
                    && usize::try_from(count).ok() != Some(rows.len())
                {
                    return Err(Trouble::RowsLost {
                        announced: count,
                        came: rows.len(),
                    });
                }
                return Ok(Answer { rows, done: *done });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::PathBuf;
    use std::time::Instant;

    /// One agent for one connection, on a socket of its own.
    fn with_agent<T>(
        name: &str,
        script: impl FnOnce(&mut UnixStream) + Send + 'static,
        caller: impl FnOnce(&Path) -> T,
    ) -> T {
        let path: PathBuf =
            std::env::temp_dir().join(format!("entractl-agent-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || script(&mut listener.accept().unwrap().0));
        let result = caller(&path);
        server.join().unwrap();
        std::fs::remove_file(&path).unwrap();
        result
    }

    #[test]
    fn a_silent_agent_is_given_up_and_progress_keeps_it_alive() {
        let limit = Duration::from_millis(300);
        let before = Instant::now();
        let result = with_agent(
            "silent",
            move |stream| {
                let _: Option<Request> = entra_protocol::read(stream).unwrap();
                for done in 0..3 {
                    std::thread::park_timeout(limit / 2);
                    let progress = Progress {
                        stage: "reading users".into(),
                        done,
                        total: None,
                    };
                    entra_protocol::write(stream, &Reply::Progress(progress)).unwrap();
                }
                // Silent from here on, until the caller hangs up.
                assert!(entra_protocol::read::<Request>(stream).unwrap().is_none());
            },
            |path| {
                let mut heard = 0;
                let result = ask(path, limit, &[Request::Status {}], &mut |_| heard += 1);
                assert_eq!(heard, 3);
                result
            },
        );
        assert!(
            matches!(result, Err(Trouble::Client(ClientError::Silent(_)))),
            "{result:?}"
        );
        assert!(before.elapsed() >= 2 * limit);
    }

    #[test]
    fn a_request_beyond_one_frame_is_not_sent() {
        let result = with_agent(
            "long",
            |stream| assert!(entra_protocol::read::<Request>(stream).unwrap().is_none()),
            |path| {
                let request = Request::Import {
                    users: vec!["x".repeat(100); 1000],
                    groups: Vec::new(),
                    accept_removals: false,
                    tenant: None,
                    include: Vec::new(),
                    dry_run: false,
                };
                ask(path, Duration::from_secs(5), &[request], &mut |_| {})
            },
        );
        assert!(
            matches!(result, Err(Trouble::RequestTooLong(bytes)) if bytes > 100_000),
            "{result:?}"
        );
    }
}
