//! The groups that say on this host what role somebody has, for sshd, sudoers and polkit.
//!
//! Roles contain one another (`Role`: a later one may do all that an earlier one may), and so do the
//! groups: an administrator is in all four. A rule for `entra-auditors` then need not name the others,
//! and nobody loses a right by being given a higher role. `entra-admins` alone grants sudo.

use entra_protocol::admin::Role;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleGroup {
    /// Its name; reserved, no imported object has it.
    pub name: &'static str,
    /// Members have this role or a higher one.
    pub least: Role,
}

/// All of them. The position is the offset of the gid in the 16 ids above the range: it never changes.
pub const ROLE_GROUPS: [RoleGroup; 4] = [
    RoleGroup {
        name: "entra-users",
        least: Role::User,
    },
    RoleGroup {
        name: "entra-auditors",
        least: Role::Auditor,
    },
    RoleGroup {
        name: "entra-operators",
        least: Role::Operator,
    },
    RoleGroup {
        name: "entra-admins",
        least: Role::Administrator,
    },
];

/// Those that somebody with this role is in.
pub fn role_groups_of(role: Role) -> impl Iterator<Item = &'static RoleGroup> {
    ROLE_GROUPS.iter().filter(move |group| role >= group.least)
}
