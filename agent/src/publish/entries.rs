//! From a row of the directory to an entry of the snapshot, or to the reason why there is none.
//!
//! Whoever a local account stands in the way of, by name or by id, is left out: never shadowed, never
//! renamed. So is who would make an answer ambiguous, and who would get a group of the host that is not
//! there or not meant.

use entra_snapshot::{AbsolutePath, Account, Group, Id, Illegal, Name, Text, Upn, User};

use super::{ROLE_GROUPS, Shells};
use crate::clock::UnixSeconds;
use crate::ids::IdRange;
use crate::names::LocalAccounts;
use crate::store::{PrimaryGroup, PublishedGroup, PublishedPerson};

/// What decides.
pub(super) struct Rules<'a> {
    pub(super) local: &'a LocalAccounts,
    pub(super) shells: &'a Shells,
    /// Of those who have no usable one of their own.
    pub(super) shell: &'a AbsolutePath,
    pub(super) range: IdRange,
}

impl Rules<'_> {
    /// The group without its members.
    pub(super) fn group(&self, group: &PublishedGroup) -> Result<Group, String> {
        let gid = self.refuse(&group.name, group.gid, group.clash.as_ref())?;
        Ok(Group {
            name: Name::new(&group.name).map_err(sentence)?,
            gid: Id::new(gid).map_err(sentence)?,
            object_id: group.key.object.to_bytes(),
            members: Vec::new(),
            always_whole: false,
        })
    }

    /// The person, in their groups but for those of their role.
    pub(super) fn user(&self, person: &PublishedPerson) -> Result<User, String> {
        let uid = self.refuse(&person.name, person.uid, person.clash.as_ref())?;
        let gid = person.gid.unwrap_or(uid);
        self.refuse_primary(gid, person.primary)?;
        let uid = Id::new(uid).map_err(sentence)?;
        let gid = Id::new(gid).map_err(sentence)?;
        let name = Name::new(&person.name).map_err(sentence)?;
        let home = person.home.as_deref().ok_or("there is no home for it")?;
        let home = AbsolutePath::new(home).map_err(sentence)?;
        let mut gids = Vec::with_capacity(person.gids.len());
        for gid in &person.gids {
            gids.push(Id::new(*gid).map_err(sentence)?);
        }
        let own_shell = person.shell.as_deref();
        Ok(User {
            // A UPN that is the name already is found as the name.
            upn: Upn::new(&person.upn)
                .ok()
                .filter(|upn| upn.as_str() != name.as_str()),
            name,
            uid,
            gid,
            display_name: Text::cleaned(&person.display_name),
            home,
            shell: own_shell
                .and_then(|shell| self.shells.usable(shell))
                .unwrap_or_else(|| self.shell.clone()),
            tenant_id: person.key.tenant.to_bytes(),
            object_id: person.key.object.to_bytes(),
            account: Account {
                enabled: person.enabled,
                blocked: person.blocked,
                expires: person.expires.map(UnixSeconds::value),
                services: Vec::new(),
            },
            gids,
        })
    }

    /// The id, unless name or id is another's.
    fn refuse(&self, name: &str, id: Option<u32>, clash: Option<&String>) -> Result<u32, String> {
        let id = id.ok_or("there is no id for it")?;
        if let Some(file) = self.local.file_with_name(name) {
            return Err(format!("the name \"{name}\" is in {file} on this host"));
        }
        if self.local.has_id(id) {
            return Err(format!(
                "the id {id} is in /etc/passwd or /etc/group on this host"
            ));
        }
        if self.range.is_for_roles(id) || ROLE_GROUPS.iter().any(|group| group.name == name) {
            return Err(format!("\"{name}\" or {id} is a role group's"));
        }
        clash.map_or(Ok(id), |reason| Err(reason.clone()))
    }

    /// A local group that took the gid of an imported one since is not the one that was meant.
    fn refuse_primary(&self, gid: u32, primary: PrimaryGroup) -> Result<(), String> {
        match primary {
            PrimaryGroup::Private | PrimaryGroup::Published => Ok(()),
            PrimaryGroup::Unknown if self.local.has_group(gid) => Ok(()),
            PrimaryGroup::Unpublished | PrimaryGroup::Unknown => Err(format!(
                "the primary group {gid} is neither published nor in /etc/group"
            )),
        }
    }
}

fn sentence(illegal: Illegal) -> String {
    illegal.to_string()
}
