//! Why a command was not done.
//!
//! One enum for the whole program: what the agent refused, what went wrong on the way to it, and what
//! went wrong on the way to the reader. The wording of each is in `hint.rs`.

use std::io;

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
}
