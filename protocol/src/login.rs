//! The messages of `login.sock`: the module asks, the agent drives the conversation until a verdict.
//!
//! The module sends [`ToAgent::Begin`]; the agent answers with any number of [`ToModule::Show`],
//! [`ToModule::Ask`], [`ToModule::AskSecret`] and [`ToModule::Wait`], and ends with
//! [`ToModule::Verdict`]. Every `Ask` and `AskSecret` is answered by [`ToAgent::Answer`],
//! [`ToAgent::SecretAnswer`] or [`ToAgent::CannotPrompt`]; nothing else is ever sent unasked.

use serde::{Deserialize, Serialize};

use crate::Secret;

/// From the module to the agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToAgent {
    /// The first message of a connection.
    Begin(Begin),
    /// What was typed at an [`ToModule::Ask`].
    Answer {
        /// The line, without its end.
        text: String,
    },
    /// What was typed at an [`ToModule::AskSecret`].
    SecretAnswer {
        /// The secret.
        secret: Secret,
    },
    /// The application can't show this prompt (its conversation answered `PAM_CONV_ERR`, as sshd's
    /// `password` method does for a visible prompt). The agent may go on without it or end.
    CannotPrompt,
}

/// What the module asks about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Which PAM entry point is running.
    pub phase: Phase,
    /// `PAM_USER` as it stands, in any case, short or as a UPN.
    pub user: String,
    /// `PAM_SERVICE`; believed only from root.
    #[serde(default)]
    pub service: String,
    /// `PAM_TTY`, empty if there is none.
    #[serde(default)]
    pub tty: String,
    /// `PAM_RHOST`, empty if there is none; believed only from root.
    #[serde(default)]
    pub rhost: String,
    /// True if the application asked for silence (`PAM_SILENT`).
    #[serde(default)]
    pub silent: bool,
    /// The terminal that texts will be shown on, as far as the module can see it.
    #[serde(default)]
    pub screen: Screen,
}

/// A person's terminal. Over ssh it is at the other end and nothing is known of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Screen {
    /// Characters in a line; 0 if unknown.
    pub columns: u16,
    /// Lines; 0 if unknown.
    pub rows: u16,
    /// True for a terminal that shows lines of plain text and nothing else (`TERM=dumb`).
    pub dumb: bool,
}

/// The PAM entry point that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// `pam_sm_authenticate`.
    Auth,
    /// `pam_sm_acct_mgmt`: answered at once, without a prompt.
    Account,
    /// `pam_sm_open_session`: reported, never refused.
    OpenSession,
    /// `pam_sm_chauthtok`.
    Password,
    /// `pam_sm_authenticate` or `pam_sm_acct_mgmt` of a *local* account, while the gate is `fallback`: can
    /// Entra be reached? Answered at once.
    LocalAccount,
}

/// From the agent to the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToModule {
    /// Text for the person; no answer is expected. sshd keeps it until the next prompt.
    Show {
        /// One or more lines.
        text: String,
        /// True for `PAM_ERROR_MSG`, false for `PAM_TEXT_INFO`.
        #[serde(default)]
        error: bool,
    },
    /// A visible prompt.
    Ask {
        /// The prompt, with its trailing blank.
        prompt: String,
    },
    /// A hidden prompt.
    AskSecret {
        /// The prompt, with its trailing blank.
        prompt: String,
        /// True if a following success makes this answer `PAM_AUTHTOK`, for the modules after this one;
        /// an `Ask` in between takes that back.
        #[serde(default)]
        authtok: bool,
    },
    /// The next message may take this long; the module widens its limit once, up to `MAX_WAIT`.
    Wait {
        /// Seconds from now.
        seconds: u32,
    },
    /// The end of the conversation.
    Verdict(Verdict),
}

/// How a phase ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What the entry point returns.
    pub outcome: Outcome,
    /// A plain sentence for the person, if there is one to say.
    #[serde(default)]
    pub message: Option<String>,
}

/// The PAM results that an agent can ask for, for an imported user. About a local one it can say no more
/// than [`Outcome::Reachable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// `PAM_SUCCESS`.
    Success,
    /// `PAM_AUTH_ERR`: refused, by Entra or by a wrong secret.
    AuthError,
    /// `PAM_PERM_DENIED`: known, but not allowed here.
    PermissionDenied,
    /// `PAM_ACCT_EXPIRED`: disabled or expired.
    AccountExpired,
    /// `PAM_AUTHINFO_UNAVAIL`: no verdict could be had.
    Unavailable,
    /// `PAM_MAXTRIES`: too many failed attempts.
    MaxTries,
    /// Of [`Phase::LocalAccount`] only: Entra can be reached, so that the gate is shut. Every other answer to
    /// that phase, and none, leaves it open.
    Reachable,
    /// `PAM_USER_UNKNOWN`: the agent knows no such imported user.
    UserUnknown,
    /// Something that this build does not know: the module refuses.
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_of_a_newer_agent_is_read_as_unknown() {
        let verdict: Verdict = serde_json::from_str(r#"{"outcome":"ascend"}"#).unwrap();
        assert_eq!(
            verdict,
            Verdict {
                outcome: Outcome::Unknown,
                message: None
            }
        );
    }

    #[test]
    fn begin_needs_only_phase_and_user() {
        let begin: Begin = serde_json::from_str(r#"{"phase":"account","user":"alice"}"#).unwrap();
        assert_eq!((begin.phase, begin.silent), (Phase::Account, false));
        assert_eq!(begin.screen, Screen::default());
        assert!(serde_json::from_str::<Begin>(r#"{"phase":"account"}"#).is_err());
    }
}
