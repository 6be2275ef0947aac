//! The wording of every trouble: one sentence for what happened, one for what to do, a kind for scripts.
//!
//! The agent's own sentences are passed on as they are; here stand those for the cases in which it gave
//! none, and a hint for each kind of refusal that came without one.

use std::io;

use entra_protocol::admin::{Failure, FailureKind};
use entra_protocol::limits::MAX_FRAME;
use entra_protocol::{ClientError, FrameError};
use serde::Serialize;

use crate::trouble::Trouble;

/// A trouble in words; the `error` of a JSON document.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Explained {
    /// For scripts.
    pub(crate) kind: Kind,
    /// What happened.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// Ids to quote to Microsoft's support.
    pub(crate) reference: Option<String>,
}

/// The agent's own kind, or one of ours where it said nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Kind {
    /// The agent refused.
    Agent(FailureKind),
    /// `unreachable`, `silent`, `broken_off`, `protocol`, `bad_request`, `precondition`, `given_up`, `host` or
    /// `output`.
    Here(&'static str),
}

/// Puts a trouble into words.
pub(crate) fn explain(trouble: &Trouble) -> Explained {
    match trouble {
        Trouble::Refused(failure) => refused(failure),
        Trouble::Client(error) => client(error),
        Trouble::RequestTooLong(bytes) => here(
            "bad_request",
            format!(
                "the names make a request of {bytes} bytes; the agent takes at most {MAX_FRAME}"
            ),
            "name fewer objects at once, or name a group that holds them",
        ),
        Trouble::RowsLost { announced, came } => here(
            "broken_off",
            format!("the agent counted {announced} rows, but {came} came"),
            AGENT_LOG,
        ),
        Trouble::WrongAnswer => here(
            "protocol",
            "the agent answered something else than what was asked".to_owned(),
            OTHER_VERSION,
        ),
        Trouble::Unmet { message, hint } => here("precondition", message.clone(), hint),
        Trouble::GivenUp => here(
            "given_up",
            "nothing was chosen, and nothing was changed".to_owned(),
            "Enter confirms a choice",
        ),
        Trouble::Host(trouble) => Explained {
            kind: Kind::Here("host"),
            message: trouble.message.clone(),
            hint: trouble.hint.clone(),
            reference: None,
        },
        Trouble::Told => Explained {
            kind: Kind::Here("refused"),
            message: "nothing was changed".to_owned(),
            hint: None,
            reference: None,
        },
        Trouble::Output(error) => Explained {
            kind: Kind::Here("output"),
            message: format!("can't write to standard output: {error}"),
            hint: (error.kind() == io::ErrorKind::StorageFull).then(|| OUTPUT_FULL.to_owned()),
            reference: None,
        },
    }
}

fn refused(failure: &Failure) -> Explained {
    let hint = failure
        .hint
        .clone()
        .or_else(|| usual_hint(failure.kind).map(str::to_owned));
    Explained {
        kind: Kind::Agent(failure.kind),
        message: failure.message.clone(),
        hint,
        reference: failure.reference.clone(),
    }
}

/// What mostly helps, where the agent had no better advice.
fn usual_hint(kind: FailureKind) -> Option<&'static str> {
    match kind {
        FailureKind::Forbidden => Some(
            "`entractl status` shows your role; an administrator gives roles with `entractl role set`",
        ),
        FailureKind::NotFound => Some(
            "`entractl users list` and `entractl groups list` show what is imported, `entractl groups fetch` what the tenant has",
        ),
        FailureKind::Ambiguous => Some("use the object id"),
        FailureKind::Busy => Some("`entractl status` shows the directory; try again in a while"),
        FailureKind::Internal => Some(AGENT_LOG),
        FailureKind::BadRequest
        | FailureKind::Tenant
        | FailureKind::Precondition
        | FailureKind::Unknown => None,
    }
}

fn client(error: &ClientError) -> Explained {
    match error {
        ClientError::Connect(path, reason) => {
            let path = path.display();
            match reason.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => here(
                    "unreachable",
                    format!("the agent is not running: nobody listens at {path}"),
                    NOT_RUNNING,
                ),
                io::ErrorKind::PermissionDenied => here(
                    "unreachable",
                    format!("you may not open the agent's socket at {path}"),
                    "everybody may by default: look at the modes of the socket and of its folder",
                ),
                // A full backlog shows as EAGAIN once the limit on connect is over (unix(7)).
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => here(
                    "silent",
                    format!("the agent does not take calls at {path}"),
                    HANGS,
                ),
                _ => here(
                    "unreachable",
                    format!("can't reach the agent at {path}: {reason}"),
                    NOT_RUNNING,
                ),
            }
        }
        ClientError::Silent(limit) => here(
            "silent",
            format!("the agent has said nothing for {} s", limit.as_secs()),
            HANGS,
        ),
        ClientError::HungUp => here(
            "broken_off",
            "the agent hung up before it was done".to_owned(),
            "`entractl status` shows what stands; `journalctl -u entra-agent` says why it hung up",
        ),
        // A send that went over its limit shows as EAGAIN (socket(7), SO_SNDTIMEO).
        ClientError::Frame(FrameError::Io(reason))
            if matches!(
                reason.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            ) =>
        {
            here(
                "silent",
                "the agent stopped reading the request".to_owned(),
                HANGS,
            )
        }
        ClientError::Frame(FrameError::Io(reason)) => here(
            "broken_off",
            format!("the connection to the agent broke: {reason}"),
            "`entractl status` shows what stands; `journalctl -u entra-agent` says why it broke",
        ),
        ClientError::Frame(reason) => here(
            "protocol",
            format!("the agent said something that this entractl can't read: {reason}"),
            OTHER_VERSION,
        ),
    }
}

fn here(kind: &'static str, message: String, hint: &str) -> Explained {
    Explained {
        kind: Kind::Here(kind),
        message,
        hint: Some(hint.to_owned()),
        reference: None,
    }
}

const OUTPUT_FULL: &str = "make room where the output goes, and look with `entractl status` before running it again: the agent has done its part";
const NOT_RUNNING: &str =
    "`systemctl start entra-agent` starts it; `journalctl -u entra-agent` says why it ended";
const HANGS: &str =
    "`journalctl -u entra-agent` says what it was doing; `systemctl restart entra-agent` ends that";
const AGENT_LOG: &str = "see `journalctl -u entra-agent`";
const OTHER_VERSION: &str = "entractl and the agent are of different versions: compare `entractl --version` with `entra-agent --version`, and restart the agent after an upgrade";

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn connect(kind: io::ErrorKind) -> Explained {
        let path = PathBuf::from("/run/entra-login/admin.sock");
        explain(&Trouble::Client(ClientError::Connect(
            path,
            io::Error::from(kind),
        )))
    }

    #[test]
    fn a_dead_agent_is_one_clear_sentence_and_a_hint() {
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused] {
            let explained = connect(kind);
            assert_eq!(
                explained.message,
                "the agent is not running: nobody listens at /run/entra-login/admin.sock"
            );
            assert_eq!(explained.hint.unwrap(), NOT_RUNNING);
        }
        assert_eq!(
            connect(io::ErrorKind::WouldBlock).kind,
            Kind::Here("silent")
        );
    }

    #[test]
    fn the_agents_own_hint_wins_over_the_usual_one() {
        let mut failure = Failure {
            kind: FailureKind::Forbidden,
            message: "role user may not import".into(),
            hint: None,
            reference: Some("AADSTS700016".into()),
        };
        let usual = explain(&Trouble::Refused(failure.clone()));
        assert!(usual.hint.unwrap().contains("entractl role set"));
        failure.hint = Some("ask dora".into());
        let own = explain(&Trouble::Refused(failure));
        assert_eq!(own.hint.unwrap(), "ask dora");
        assert_eq!(own.reference.unwrap(), "AADSTS700016");
    }

    #[test]
    fn kinds_are_words_in_json() {
        let words = [
            Kind::Agent(FailureKind::NotFound),
            Kind::Agent(FailureKind::Unknown),
            Kind::Here("silent"),
        ]
        .map(|kind| serde_json::to_string(&kind).unwrap());
        assert_eq!(words, ["\"not_found\"", "\"unknown\"", "\"silent\""]);
    }

    /// Every trouble that there is, as it is told.
    fn troubles() -> Vec<(&'static str, Trouble)> {
        let connect = |kind| {
            let path = PathBuf::from("/run/entra-login/admin.sock");
            Trouble::Client(ClientError::Connect(path, io::Error::from(kind)))
        };
        let frame = |kind: io::ErrorKind| {
            Trouble::Client(ClientError::Frame(FrameError::Io(io::Error::from(kind))))
        };
        let refused = |kind, message: &str| {
            Trouble::Refused(Failure {
                kind,
                message: message.into(),
                hint: None,
                reference: None,
            })
        };
        let host = |kind: io::ErrorKind| {
            let path = PathBuf::from("/etc/passwd");
            Trouble::Host(crate::trouble::HostTrouble::file(
                "write",
                &path,
                &kind.into(),
            ))
        };
        vec![
            (
                "The agent's socket is not there",
                connect(io::ErrorKind::NotFound),
            ),
            (
                "Nobody listens at the socket",
                connect(io::ErrorKind::ConnectionRefused),
            ),
            (
                "The socket is somebody else's",
                connect(io::ErrorKind::PermissionDenied),
            ),
            (
                "The agent takes no calls",
                connect(io::ErrorKind::WouldBlock),
            ),
            (
                "The system says something else",
                connect(io::ErrorKind::Other),
            ),
            (
                "The agent is silent",
                Trouble::Client(ClientError::Silent(
                    entra_protocol::limits::ADMIN_SILENCE_LIMIT,
                )),
            ),
            ("The agent hangs up", Trouble::Client(ClientError::HungUp)),
            (
                "The agent reads no further",
                frame(io::ErrorKind::WouldBlock),
            ),
            (
                "The connection breaks",
                frame(io::ErrorKind::ConnectionReset),
            ),
            (
                "The agent says what no frame is",
                Trouble::Client(ClientError::Frame(FrameError::TooLong(4_294_967_295))),
            ),
            ("The agent answers another question", Trouble::WrongAnswer),
            (
                "Rows are lost",
                Trouble::RowsLost {
                    announced: 2,
                    came: 1,
                },
            ),
            (
                "Too many names for a request",
                Trouble::RequestTooLong(100_000),
            ),
            (
                "Forbidden, without a hint of the agent's",
                refused(
                    FailureKind::Forbidden,
                    "`import` takes the role operator; alice has the role user",
                ),
            ),
            (
                "Not found, likewise",
                refused(
                    FailureKind::NotFound,
                    "no imported user is called \"alise\"",
                ),
            ),
            (
                "Ambiguous, likewise",
                refused(
                    FailureKind::Ambiguous,
                    "\"lab\" means several: Lab (1), Lab (2)",
                ),
            ),
            (
                "Busy, likewise",
                refused(FailureKind::Busy, "an import is under way"),
            ),
            (
                "The agent's own trouble, likewise",
                refused(
                    FailureKind::Internal,
                    "the agent's database failed: database: locked",
                ),
            ),
            ("A list is left without a choice", Trouble::GivenUp),
            (
                "Stdout is on a full disk",
                Trouble::Output(io::ErrorKind::StorageFull.into()),
            ),
            (
                "A file of the host is on a full disk",
                host(io::ErrorKind::StorageFull),
            ),
            (
                "A file of the host may not be written",
                host(io::ErrorKind::PermissionDenied),
            ),
        ]
    }

    /// Read it as a document; `BLESS=1` writes what is said now.
    #[test]
    fn every_trouble_is_told_as_the_page_has_it() {
        let mut page = "# What went wrong, in words\nExit code 1.\n".to_owned();
        for (when, trouble) in troubles() {
            let told = crate::output::error_text(&explain(&trouble));
            page.push_str(&format!("\n## {when}\n```\n{told}\n```\n"));
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/_errors.md");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            kept, page,
            "BLESS=1 cargo test --release -p entractl, if the new wording is meant"
        );
    }
}
