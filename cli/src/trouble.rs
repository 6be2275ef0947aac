//! Why a command was not done.
//!
//! One enum for the whole program: what the agent refused, what went wrong on the way to it, and what
//! went wrong on the way to the reader. The wording of each is in `hint.rs`.

use std::io;
use std::path::Path;

use entra_protocol::ClientError;
use entra_protocol::admin::Failure;

/// Why a command was not done.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The agent said why; its words are shown.
    Refused(Failure),
    /// The agent could not be reached, fell silent, hung up or can't be understood.
    Client(ClientError),
    /// The request has more bytes than one frame may have; nothing was sent.
    RequestTooLong(usize),
    /// The list that came is not the list that the agent counted; it is not shown.
    RowsLost {
        /// The agent's count.
        announced: u64,
        /// What came.
        came: usize,
    },
    /// The agent's answer belongs to another question.
    WrongAnswer,
    /// The agent was asked, and what it said shows that the command makes no sense.
    Unmet {
        /// What stands in the way.
        message: String,
        /// What to do instead.
        hint: String,
    },
    /// The person left a question without an answer.
    GivenUp,
    /// Stdout can't be written.
    Output(io::Error),
    /// Something on this host is not as the command needs it.
    Host(HostTrouble),
    /// The answer was shown, and says itself why nothing was done.
    Told,
}

/// What on this host is not as a command needs it, in a clause.
#[derive(Debug)]
pub(crate) struct HostTrouble {
    /// What it is, naming the file.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl HostTrouble {
    /// A file that the system refused.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self {
            message: format!("can't {doing} {}: {error}", path.display()),
            hint: (error.kind() == io::ErrorKind::StorageFull)
                .then(|| "make room on that disk and run it again".to_owned()),
        }
    }
}

impl From<HostTrouble> for Trouble {
    fn from(trouble: HostTrouble) -> Self {
        Self::Host(trouble)
    }
}
