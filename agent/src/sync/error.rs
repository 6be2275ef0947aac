//! Why an import did not happen. In every case but `Publish` the directory is the old one; after
//! `Publish` the new one is in the database and goes out with the next publication.

use std::fmt;

use entra_protocol::admin::{Failure, FailureKind};

use crate::graph::GraphError;
use crate::names::LocalFileError;
use crate::publish::PublishError;
use crate::store::StoreError;

/// What went wrong.
#[derive(Debug)]
pub enum SyncError {
    /// Another import is under way.
    Busy,
    /// The request makes no sense; a clause that says why.
    BadScope(String),
    /// Graph, or the token for it.
    Graph(GraphError),
    /// A name that several objects of the tenant have.
    Ambiguous {
        /// The name.
        name: String,
        /// The objects, each with its id.
        candidates: Vec<String>,
    },
    /// Nothing of what was named exists.
    NothingFound {
        /// The names.
        names: Vec<String>,
    },
    /// The answer holds no user who could be imported.
    Empty {
        /// How many users it holds who are guests.
        guests: u64,
    },
    /// `/etc/passwd` or `/etc/group` can't be read.
    Local(LocalFileError),
    /// The databases.
    Store(StoreError),
    /// The directory is imported but not published.
    Publish(PublishError),
    /// A task of the agent ended without an answer.
    Lost(String),
}

impl SyncError {
    /// The error as `entractl` and `status` show it.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let hint = |text: &str| Some(text.to_owned());
        let (kind, hint) = match self {
            Self::Busy => (
                FailureKind::Busy,
                hint("wait for it; entractl status shows its end"),
            ),
            Self::BadScope(_) => (FailureKind::BadRequest, None),
            Self::Graph(error) => (FailureKind::Tenant, error.hint()),
            Self::Ambiguous { .. } => (FailureKind::Ambiguous, hint("name it by its object id")),
            Self::NothingFound { .. } => (
                FailureKind::NotFound,
                hint(
                    "users are named by UPN, short name or object id, groups by display name or object id",
                ),
            ),
            Self::Empty { .. } => (
                FailureKind::Tenant,
                hint("check the tenant's id in agent.toml and the registration's permissions"),
            ),
            Self::Store(error) | Self::Publish(PublishError::Store(error)) => {
                (FailureKind::Internal, hint(error.hint()))
            }
            Self::Local(_) | Self::Publish(_) | Self::Lost(_) => (
                FailureKind::Internal,
                hint("journalctl -u entra-agent shows more"),
            ),
        };
        let reference = match self {
            Self::Graph(error) => error.reference(),
            _ => None,
        };
        Failure {
            kind,
            message: self.to_string(),
            hint,
            reference,
        }
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("another import is under way"),
            Self::BadScope(wrong) => f.write_str(wrong),
            Self::Graph(error) => error.fmt(f),
            Self::Ambiguous { name, candidates } => {
                write!(f, "\"{name}\" is ambiguous: {}", candidates.join("; "))
            }
            Self::NothingFound { names } => {
                write!(
                    f,
                    "the tenant has nothing of this name: {}",
                    names.join(", ")
                )
            }
            Self::Empty { guests: 0 } => f.write_str(
                "the tenant answered without a single user; the directory is kept as it was",
            ),
            Self::Empty { guests } => write!(
                f,
                "all {guests} users that the tenant answered with are guests, and guests are not \
                 imported; the directory is kept as it was"
            ),
            Self::Local(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Publish(error) => error.fmt(f),
            Self::Lost(facts) => write!(f, "the import was lost inside the agent: {facts}"),
        }
    }
}

impl std::error::Error for SyncError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Graph(error) => Some(error),
            Self::Local(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Publish(error) => Some(error),
            _ => None,
        }
    }
}

impl From<GraphError> for SyncError {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<LocalFileError> for SyncError {
    fn from(error: LocalFileError) -> Self {
        Self::Local(error)
    }
}

impl From<PublishError> for SyncError {
    fn from(error: PublishError) -> Self {
        Self::Publish(error)
    }
}
