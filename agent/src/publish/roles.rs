//! The groups that say on this host what role somebody has, for sshd, sudoers and polkit.
//!
//! Roles contain one another (`Role`: a later one may do all that an earlier one may), and so do the
//! groups: an administrator is in all four. A rule for `entra-auditors` then need not name the others,
//! and nobody loses a right by being given a higher role. `entra-admins` alone grants sudo.
//!
//! Whoever is disabled, blocked or past an expiry here is in `entra-users` alone (docs/decisions/0051).

use entra_protocol::admin::Role;
use entra_snapshot::{Group, Id, Members, Name, WriteError, Writer};

use crate::ids::IdRange;

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

/// The role groups of a snapshot that is being written. `entra-users` has everybody: the lists are the
/// writer's, which go to disk when they are long.
pub(super) struct RoleLists {
    lists: Vec<RoleList>,
}

struct RoleList {
    least: Role,
    group: Group,
    members: Members,
}

impl RoleLists {
    pub(super) fn new(range: IdRange, writer: &Writer) -> Result<Self, WriteError> {
        let mut lists = Vec::with_capacity(ROLE_GROUPS.len());
        for (position, RoleGroup { name, least }) in (0..).zip(ROLE_GROUPS) {
            lists.push(RoleList {
                least,
                group: Group {
                    name: Name::new(name)?,
                    gid: Id::new(range.role_gid(position))?,
                    object_id: [0; 16],
                    members: Vec::new(),
                    always_whole: true,
                },
                members: writer.members(),
            });
        }
        Ok(Self { lists })
    }

    /// Of the groups that somebody with this role is in.
    pub(super) fn gids_of(&self, role: Role) -> impl Iterator<Item = Id> {
        let lists = self.lists.iter().filter(move |list| role >= list.least);
        lists.map(|list| list.group.gid)
    }

    /// Puts somebody with this role into their lists.
    pub(super) fn add(&mut self, role: Role, name: &Name) -> Result<(), WriteError> {
        let mut lists = self.lists.iter_mut().filter(|list| role >= list.least);
        lists.try_for_each(|list| list.members.push(name))
    }

    pub(super) fn write(&self, writer: &mut Writer) -> Result<(), WriteError> {
        let mut lists = self.lists.iter();
        lists.try_for_each(|list| writer.add_group_of(&list.group, &list.members))
    }
}
