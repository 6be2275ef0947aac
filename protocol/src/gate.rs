//! The gate on local accounts in the messages of `admin.sock`: `local-auth show|set|confirm|prove|exempt`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The shortest trial of a setting, in seconds: a second sign-in takes a minute.
pub const TRIAL_SECONDS_MIN: u32 = 60;

/// The longest trial, in seconds: a day, as the modules have it too (`LONGEST_TRIAL` of the snapshot).
pub const TRIAL_SECONDS_MAX: u32 = 24 * 60 * 60;

/// How long a proof of a break-glass account counts, in seconds: thirty days.
pub const PROOF_SECONDS: u64 = 30 * 24 * 60 * 60;

/// Whether local accounts may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateMode {
    /// As without entra-login.
    Allow,
    /// Only while Entra ID can't be reached.
    Fallback,
    /// Only the exempt accounts.
    Deny,
}

impl GateMode {
    /// All of them, the open one first.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Fallback, Self::Deny];

    /// As it is typed and stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Fallback => "fallback",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for GateMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The gate, who is exempt, and whom it shuts out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalAuth {
    /// What it is set to; of a trial, what is tried.
    pub gate: GateMode,
    /// False while it has no effect: Entra sign-in is off.
    pub in_effect: bool,
    /// When it was set.
    #[serde(default)]
    pub set_at: Option<String>,
    /// The trial that is running.
    #[serde(default)]
    pub trial: Option<GateTrial>,
    /// The break-glass accounts.
    #[serde(default)]
    pub exempt: Vec<ExemptAccount>,
    /// Local accounts that can't sign in while it is shut: the first hundred.
    #[serde(default)]
    pub shut_out: Vec<String>,
    /// How many they are.
    #[serde(default)]
    pub shut_out_total: u64,
}

/// A setting that undoes itself unless it is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateTrial {
    /// When it does.
    pub ends: String,
    /// How long until then.
    pub seconds_left: u64,
    /// What the gate goes back to.
    pub before: GateMode,
}

/// A break-glass account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExemptAccount {
    /// Its name in `/etc/passwd`.
    pub name: String,
    /// When it was last proven that it can sign in.
    #[serde(default)]
    pub proven_at: Option<String>,
    /// How: `password` (root looked at it) or `session` (it opened one).
    #[serde(default)]
    pub proof: Option<String>,
    /// Whether the proof counts: it is younger than thirty days, and the account is still there.
    pub counts: bool,
}

/// How a verb of `local-auth` ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalAuthDone {
    /// The gate as it is now; of a dry run, as it would be.
    pub local_auth: LocalAuth,
    /// Whether anything was changed.
    pub changed: bool,
}
