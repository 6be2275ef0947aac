//! What `entractl setup` asks of `entra-agent --probe` before anything is written: whether answers are right.
//!
//! One [`Question`] as JSON on its stdin, one [`Finding`] as JSON on its stdout. Not a part of the sockets'
//! protocol: both programs come in one package, and the agent that serves is not asked.

use serde::{Deserialize, Serialize};

use crate::admin::Check;

/// Bytes of a question at most: an `agent.toml` and a little more.
pub const MAX_QUESTION: u64 = 2 * 1024 * 1024;

/// What is to be found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The `agent.toml` as it would be written. For [`Part::Tenant`] only its `[proxy]` counts, and it may
    /// lack the rest.
    pub agent_toml: String,
    /// Which part of it.
    pub part: Part,
}

/// A part of the configuration that the tenant itself can confirm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Which tenant a name means.
    Tenant {
        /// A verified domain, or the tenant's id.
        name: String,
        /// The cloud to look in; all of them if it isn't known.
        cloud: Option<String>,
    },
    /// Only whether the agent could read it; nobody is asked.
    Syntax,
    /// The registration that reads users and groups.
    Sync {
        /// The tenant's id.
        tenant: String,
    },
    /// The registration that people sign in through.
    Login {
        /// The tenant's id.
        tenant: String,
    },
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The tenant that the name means.
    Tenant {
        /// Its id.
        id: String,
        /// The word for the cloud that it lives in.
        cloud: String,
    },
    /// Each step of the part, as `doctor` names them.
    Checks(Vec<Check>),
    /// Why there is no answer.
    Failed {
        /// In a clause.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
}
