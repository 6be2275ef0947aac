//! What the next snapshot will hold, gathered entry by entry.
//!
//! Groups first, so that people find the gids they belong to; then people, who put their names into the
//! lists of their groups; then the role groups. Whoever a local account stands in the way of, by name or
//! by id, is left out with the reason: never shadowed, never renamed.

use std::collections::BTreeMap;

use entra_snapshot::{AbsolutePath, Account, Group, Id, Illegal, Name, Text, Upn, User};

use super::{LeftOut, ROLE_GROUPS};
use crate::identity::{ObjectId, ObjectKey};
use crate::ids::IdRange;
use crate::names::LocalAccounts;
use crate::store::{PublishedGroup, PublishedPerson};

/// What the next snapshot will hold.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) users: Vec<(ObjectKey, User)>,
    /// Role groups have no key.
    pub(super) groups: Vec<(Option<ObjectKey>, Group)>,
    /// Where in `groups` an object is.
    positions: BTreeMap<ObjectId, usize>,
    /// Positions in [`ROLE_GROUPS`] and their members.
    role_members: BTreeMap<usize, Vec<Name>>,
    pub(super) left_out: Vec<LeftOut>,
}

impl Draft {
    pub(super) fn take_groups(&mut self, groups: Vec<PublishedGroup>, local: &LocalAccounts) {
        for group in groups {
            match entry(&group, local) {
                Ok(entry) => {
                    self.positions.insert(group.key.object, self.groups.len());
                    self.groups.push((Some(group.key), entry));
                }
                Err(reason) => {
                    self.left_out.push(LeftOut {
                        key: group.key,
                        name: group.name,
                        reason,
                    });
                }
            }
        }
    }

    pub(super) fn take_people(
        &mut self,
        people: Vec<PublishedPerson>,
        local: &LocalAccounts,
        shell: &AbsolutePath,
    ) {
        for person in people {
            match self.user(&person, local, shell) {
                Ok(user) => self.users.push((person.key, user)),
                Err(reason) => {
                    self.left_out.push(LeftOut {
                        key: person.key,
                        name: person.name,
                        reason,
                    });
                }
            }
        }
    }

    /// The person's record, and their name in the lists of their groups.
    fn user(
        &mut self,
        person: &PublishedPerson,
        local: &LocalAccounts,
        shell: &AbsolutePath,
    ) -> Result<User, String> {
        refuse_local(&person.name, person.uid, local)?;
        let uid = Id::new(person.uid).map_err(sentence)?;
        let name = Name::new(&person.name).map_err(sentence)?;
        let home = AbsolutePath::new(&person.home).map_err(sentence)?;
        let upn = person.upn.to_ascii_lowercase();
        let mut gids = Vec::with_capacity(person.groups.len());
        for object in &person.groups {
            if let Some(position) = self.positions.get(object)
                && let Some((_, group)) = self.groups.get_mut(*position)
            {
                group.members.push(name.clone());
                gids.push(group.gid);
            }
        }
        for (position, group) in ROLE_GROUPS.iter().enumerate() {
            if person.role >= group.least {
                self.role_members
                    .entry(position)
                    .or_default()
                    .push(name.clone());
            }
        }
        Ok(User {
            // A UPN that is the name already is found as the name.
            upn: Upn::new(&upn)
                .ok()
                .filter(|upn| upn.as_str() != name.as_str()),
            name,
            uid,
            gid: uid,
            display_name: Text::cleaned(&person.display_name),
            home,
            shell: shell.clone(),
            tenant_id: person.key.tenant.to_bytes(),
            object_id: person.key.object.to_bytes(),
            account: Account {
                enabled: person.enabled,
                blocked: false,
                expires: None,
                services: Vec::new(),
            },
            gids,
        })
    }

    pub(super) fn add_role_groups(&mut self, range: IdRange) {
        let mut members = std::mem::take(&mut self.role_members);
        let mut gids = BTreeMap::new();
        for (position, group) in ROLE_GROUPS.iter().enumerate() {
            let gid = range.role_gid(u32::try_from(position).unwrap_or(u32::MAX));
            let (Ok(name), Ok(gid)) = (Name::new(group.name), Id::new(gid)) else {
                continue;
            };
            let members = members.remove(&position).unwrap_or_default();
            for member in &members {
                gids.entry(member.clone())
                    .or_insert_with(Vec::new)
                    .push(gid);
            }
            let entry = Group {
                name,
                gid,
                object_id: [0; 16],
                members,
                always_whole: true,
            };
            self.groups.push((None, entry));
        }
        for (_, user) in &mut self.users {
            user.gids
                .extend(gids.remove(&user.name).unwrap_or_default());
        }
    }
}

fn entry(group: &PublishedGroup, local: &LocalAccounts) -> Result<Group, String> {
    refuse_local(&group.name, group.gid, local)?;
    Ok(Group {
        name: Name::new(&group.name).map_err(sentence)?,
        gid: Id::new(group.gid).map_err(sentence)?,
        object_id: group.key.object.to_bytes(),
        members: Vec::new(),
        always_whole: false,
    })
}

fn refuse_local(name: &str, id: u32, local: &LocalAccounts) -> Result<(), String> {
    if let Some(file) = local.file_with_name(name) {
        return Err(format!("the name \"{name}\" is in {file} on this host"));
    }
    if local.has_id(id) {
        return Err(format!(
            "the id {id} is in /etc/passwd or /etc/group on this host"
        ));
    }
    Ok(())
}

fn sentence(illegal: Illegal) -> String {
    illegal.to_string()
}
