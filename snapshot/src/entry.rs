//! What the directory holds: users, groups, and the policy of the host.
//!
//! Invariant: every field that reaches a passwd or group line has a type of
//! `legal`; the few free strings (PAM services, local account names) are checked
//! by the writer and again by the reader.
//!
//! A user's private group (same name, gid equal to the uid) is no entry of its
//! own: readers answer it from the user's record.

use crate::legal::{AbsolutePath, Id, Name, Text, Upn};

/// An imported person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The canonical name, always shown as `pw_name`.
    pub name: Name,
    /// The user principal name, a second key; none if it is the name already or
    /// cannot be one.
    pub upn: Option<Upn>,
    /// The user id.
    pub uid: Id,
    /// The primary group; equal to `uid` when the user has a private group.
    pub gid: Id,
    /// Shown as gecos.
    pub display_name: Text,
    /// The home folder.
    pub home: AbsolutePath,
    /// The login shell.
    pub shell: AbsolutePath,
    /// The tenant's id, bytes of the GUID as it is written.
    pub tenant_id: [u8; 16],
    /// The object's id, bytes of the GUID as it is written.
    pub object_id: [u8; 16],
    /// What the account phase has to know when the agent does not answer.
    pub account: Account,
    /// Every group the user belongs to, nested ones included: the authority for
    /// `initgroups`. The primary group need not be among them.
    pub gids: Vec<Id>,
}

impl User {
    /// Whether the user has a private group: one of the same name whose gid is
    /// the uid, and which has no record of its own.
    #[must_use]
    pub fn has_private_group(&self) -> bool {
        self.gid == self.uid
    }

    /// The private group, if the user has one. It lists no members: membership
    /// by primary group is not repeated in `gr_mem`.
    #[must_use]
    pub fn private_group(&self) -> Option<Group> {
        self.has_private_group().then(|| Group {
            name: self.name.clone(),
            gid: self.gid,
            object_id: self.object_id,
            members: Vec::new(),
            always_whole: false,
        })
    }
}

/// Whether and where a user may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Enabled in Entra (`accountEnabled`).
    pub enabled: bool,
    /// Blocked on this host by an operator.
    pub blocked: bool,
    /// The instant at which the account ends on this host, in seconds since
    /// 1970; none if it does not.
    pub expires: Option<u64>,
    /// The PAM services the user may use; empty means every service,
    /// [`NO_SERVICE`] alone means none.
    pub services: Vec<String>,
}

/// In [`Account::services`], for users who may use none: no file in /etc/pam.d
/// has this name, so that older readers refuse every service, too.
pub const NO_SERVICE: &str = "(none)";

/// An imported group, or one of the role groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The canonical name.
    pub name: Name,
    /// The group id.
    pub gid: Id,
    /// The object's id; of role groups, sixteen zero bytes.
    pub object_id: [u8; 16],
    /// The names of the members; empty also when there are too many to list.
    pub members: Vec<Name>,
    /// Set for role groups: the members are listed however many they are.
    pub always_whole: bool,
}

/// What the modules must know of the host's policy when the agent is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether people may sign in through Entra at all.
    pub sign_in_enabled: bool,
    /// Whether `getent passwd` and `getent group` list imported entries.
    pub enumerate: bool,
    /// Whether local accounts may sign in.
    pub gate: Gate,
    /// The instant, in seconds since 1970, from which `gate` reads as
    /// [`Gate::Allow`] because a trial was not confirmed.
    pub gate_trial_ends: Option<u64>,
    /// Seconds after the snapshot's `known_at` for which the account state counts without
    /// the agent.
    pub offline_maximum_age: u32,
    /// Local accounts that the gate never refuses.
    pub break_glass: Vec<String>,
}

/// The gate on local accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Local accounts sign in as ever.
    Allow,
    /// Only while Entra cannot be reached.
    Fallback,
    /// Only the break-glass accounts.
    Deny,
}
