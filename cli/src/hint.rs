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
    /// `unreachable`, `silent`, `broken_off`, `protocol`, `bad_request`, `precondition`, `given_up` or
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
        Trouble::Output(error) => Explained {
            kind: Kind::Here("output"),
            message: format!("can't write to standard output: {error}"),
            hint: None,
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
                    "see `systemctl status entra-agent`",
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
                    AGENT_LOG,
                ),
                _ => here(
                    "unreachable",
                    format!("can't reach the agent at {path}: {reason}"),
                    "see `systemctl status entra-agent`",
                ),
            }
        }
        ClientError::Silent(limit) => here(
            "silent",
            format!("the agent has said nothing for {} s", limit.as_secs()),
            AGENT_LOG,
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
                AGENT_LOG,
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
            assert_eq!(
                explained.hint.unwrap(),
                "see `systemctl status entra-agent`"
            );
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
}
