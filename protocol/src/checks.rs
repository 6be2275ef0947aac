//! What `doctor` finds in the messages of `admin.sock`: one [`Check`] for each step that sign-in needs.

use serde::{Deserialize, Serialize};

/// The name of every check, in the order of docs/doctor.md, which says what each is about.
pub const CHECKS: &[&str] = &[
    "nsswitch",
    "pam-auth",
    "pam-account",
    "pam-session",
    "sshd",
    "sshd-bursts",
    "sshd-penalties",
    "sudo",
    "other-software",
    "configuration",
    "sockets",
    "snapshot",
    "disk",
    "agent",
    "directory",
    "sign-in",
    "local-auth",
    "administrators",
    "id-range",
    "ids",
    "dns",
    "proxy",
    "login-service",
    "tls",
    "clock",
    "cloud",
    "domain",
    "sync-credential",
    "sync-permissions",
    "reads-users",
    "reads-groups",
    "login-registration",
    "device-code",
    "policies",
    "password-policy",
    "device-code-policy",
    "consent",
];

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What it is about: the domain of a tenant, or `host`.
    pub about: String,
    /// A word that scripts can hold on to, the same in every version (`sync-permissions`).
    pub name: String,
    /// How it stands.
    pub state: CheckState,
    /// What was found, in a clause.
    pub found: String,
    /// What to do about it; for what is well, nothing.
    #[serde(default)]
    pub cure: Option<String>,
    /// Ids to quote to Microsoft's support, if there are any.
    #[serde(default)]
    pub reference: Option<String>,
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// As it should be.
    Good,
    /// Works, and somebody should look at it.
    Warning,
    /// Must be mended.
    Bad,
    /// Could not be looked at; another check says why.
    Skipped,
    /// A state that this build does not know.
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::CHECKS;

    /// The rows of the tables of docs/doctor.md that begin with a name.
    #[test]
    fn the_manual_has_every_check_and_no_other() {
        let manual = include_str!("../../docs/doctor.md");
        let named: Vec<&str> = manual
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(named, CHECKS);
    }
}
