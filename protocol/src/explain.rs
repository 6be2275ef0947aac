//! What `explain` says in the messages of `admin.sock`: one [`Step`] for each thing that decides about a sign-in.

use serde::{Deserialize, Serialize};

/// One thing that decides, or part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Who decides it: `host`, what every program here reads, or `agent`.
    pub by: String,
    /// A word that scripts can hold on to (docs/json.md).
    pub name: String,
    /// What comes of it.
    pub outcome: StepOutcome,
    /// Why, in a clause.
    pub found: String,
}

/// What comes of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    /// It stands in nobody's way.
    Passes,
    /// The sign-in ends here, or this way of signing in is not to be had.
    Refuses,
    /// The person is asked for something.
    Asks,
    /// Decided by others: another PAM module.
    Left,
    /// It can't be told.
    Unknown,
}

impl StepOutcome {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Refuses => "refuses",
            Self::Asks => "asks",
            Self::Left => "left",
            Self::Unknown => "unknown",
        }
    }
}
