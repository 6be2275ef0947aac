//! People and groups in the messages of `admin.sock`, and what they may administer.

use serde::{Deserialize, Serialize};

use crate::admin::RoleSource;

/// What a person may do (design.md §8). Later variants may do all that earlier ones may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sign in; see their own status.
    User,
    /// Read everything.
    Auditor,
    /// Run syncs, block and unlock people.
    Operator,
    /// Assign roles, change enablement; a member of `entra-admins`.
    Administrator,
}

impl Role {
    /// Every role, weakest first.
    pub const ALL: [Self; 4] = [
        Self::User,
        Self::Auditor,
        Self::Operator,
        Self::Administrator,
    ];

    /// The word for it on the command line and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What a shell completes names of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameKind {
    /// Imported people, by the name on this host.
    Users,
    /// Imported groups, by the name on this host.
    Groups,
    /// Imported groups, by their display name in the tenant.
    GroupLabels,
    /// Everything that has or had a name here.
    Objects,
    /// Names that were given up and not released.
    Retired,
    /// The tenants of this host, by domain.
    Domains,
    /// Runs by their number, the latest first.
    Runs,
}

/// One person in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// The canonical name on this host; empty for a member that has none.
    pub name: String,
    /// `userPrincipalName`.
    pub upn: String,
    /// `displayName`, stripped of control characters.
    pub display_name: String,
    /// The uid; `None` if the row failed.
    pub uid: Option<u32>,
    /// The effective role.
    pub role: Role,
    /// `accountEnabled` as last seen.
    pub enabled: bool,
    /// True if the tenant or the scope no longer has them and the shrink guard keeps them.
    #[serde(default)]
    pub withheld: bool,
    /// True if an operator of this host blocked the account.
    #[serde(default)]
    pub blocked: bool,
    /// From when on the account may not be used on this host, if it has an end.
    #[serde(default)]
    pub expires: Option<String>,
    /// True if that has come.
    #[serde(default)]
    pub expired: bool,
    /// The object id.
    pub object_id: String,
}

/// One person in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDetail {
    /// What a list shows.
    #[serde(flatten)]
    pub row: UserRow,
    /// The tenant's id.
    pub tenant_id: String,
    /// The private group's gid (equal to the uid unless the tenant says otherwise).
    pub gid: u32,
    /// The home directory, fixed at first publish.
    pub home: String,
    /// The login shell.
    pub shell: String,
    /// Names of the groups, nested ones included.
    pub groups: Vec<String>,
    /// Where the effective role comes from; `None` from agents that don't say.
    #[serde(default)]
    pub role_source: Option<RoleSource>,
    /// The last sign-in as an Entra ID user on this host.
    #[serde(default)]
    pub last_sign_in: Option<String>,
    /// By which method it was: `password`, `device-code`, `passcode`, or `offline-password` and
    /// `offline-passcode` while Entra ID was away.
    #[serde(default)]
    pub last_sign_in_method: Option<String>,
    /// Failed tries with a password that still count on this host.
    #[serde(default)]
    pub failed_tries: u32,
    /// Until when passwords of theirs are refused, if they are.
    #[serde(default)]
    pub passwords_refused_until: Option<String>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRow {
    /// The name on this host; empty if it is not imported.
    pub name: String,
    /// `displayName`.
    pub display_name: String,
    /// The gid, if it is imported.
    pub gid: Option<u32>,
    /// `security`, `mail-enabled-security`, `microsoft-365` or `distribution`.
    pub kind: String,
    /// Direct members that are users; `None` where the tenant was not asked.
    pub direct_users: Option<u64>,
    /// Direct members that are groups; `None` where the tenant was not asked.
    pub direct_groups: Option<u64>,
    /// Users in the closure, for imported groups.
    pub users: Option<u64>,
    /// True if this host has imported it.
    pub imported: bool,
    /// The object id.
    pub object_id: String,
}

/// An object that could not be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedObject {
    /// `user` or `group`.
    pub kind: String,
    /// The object id, or what was asked for if there is none.
    pub object_id: String,
    /// How the tenant names it.
    pub label: String,
    /// What is wrong, naming the field.
    pub reason: String,
    /// What to do about it.
    pub cure: String,
}

/// An account after `users block`, `users unblock` or `users expire`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChange {
    /// The user's canonical name.
    pub user: String,
    /// True if the account is blocked on this host.
    pub blocked: bool,
    /// From when on it may not be used on this host, if it has an end.
    #[serde(default)]
    pub expires: Option<String>,
    /// False if it was so before.
    pub changed: bool,
}

/// Somebody whose failed tries `users unlock` took away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlocked {
    /// `user` or `remote-host`.
    pub kind: String,
    /// The user's canonical name; the remote host as it is counted, an IPv6 one as its /64.
    pub name: String,
    /// How many tries counted; 0 if there was nothing to unlock.
    pub failed_tries: u32,
    /// Until when passwords would have been refused, if they were.
    #[serde(default)]
    pub passwords_refused_until: Option<String>,
}
