//! Roles in the messages of `admin.sock`: who is given one, where somebody's role comes from, and what a change
//! means for whom.
//!
//! A role is given to a person or to a group by an assignment on this host. A person's *effective* role is
//! the strongest of their own assignment and of those of the groups that they are in, nested ones included. Where there
//! is no assignment the role is `user`, and to assign `user` is to take the assignment away.

use serde::{Deserialize, Serialize};

use crate::admin::Role;

/// Who can be given a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolderKind {
    /// One person.
    User,
    /// Everybody in a group.
    Group,
}

/// One assignment that is to be made, changed or taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleOrder {
    /// What `name` names.
    pub kind: HolderKind,
    /// A person by short name, UPN or object id; a group by name, display name or object id.
    pub name: String,
    /// The role to assign.
    pub role: Role,
    /// What was assigned when this was decided. If it is something else by now, nothing is done.
    #[serde(default)]
    pub expected: Option<Role>,
}

/// An assignment, as it is or as a change leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// Whose it is.
    pub kind: HolderKind,
    /// The name on this host; empty if the directory does not have them (any more).
    pub name: String,
    /// `displayName`; empty as `name`.
    #[serde(default)]
    pub display_name: String,
    /// The object id.
    pub object_id: String,
    /// The assigned role.
    pub role: Role,
    /// What was assigned before, in the answer to a change.
    #[serde(default)]
    pub before: Option<Role>,
    /// Of a group: its make, as in [`GroupRow::kind`](crate::admin::GroupRow::kind).
    #[serde(default)]
    pub group_kind: Option<String>,
    /// Of a group: how many published people are in it.
    #[serde(default)]
    pub people: Option<u64>,
    /// When it was given, in a list.
    #[serde(default)]
    pub given_at: Option<String>,
}

/// Where an effective role comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum RoleSource {
    /// Nothing was assigned: everybody is a `user`.
    Nothing,
    /// The person's own assignment, though a group may give as much.
    Own,
    /// A group that the person is in, because no assignment of their own gives as much.
    Group {
        /// Its name on this host; empty if it has none here.
        name: String,
        /// Its object id.
        object_id: String,
    },
}

/// Somebody whose effective role is more than `user`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleHeld {
    /// The person's canonical name.
    pub user: String,
    /// The object id.
    pub object_id: String,
    /// The effective role.
    pub role: Role,
    /// Where it comes from.
    pub source: RoleSource,
    /// False while the role counts for nothing: the account is disabled, blocked or past its end.
    pub counts: bool,
}

/// What a change of assignments means for a person: somebody who is named, or whose role changes through a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleChange {
    /// The person's canonical name.
    pub user: String,
    /// The effective role until now.
    pub before: Role,
    /// The effective role from now on.
    pub after: Role,
    /// Where the latter comes from; `None` from agents that don't say.
    #[serde(default)]
    pub source: Option<RoleSource>,
}
