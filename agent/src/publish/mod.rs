//! From the databases to the snapshot that every process of the host reads.
//!
//! A publication takes what the directory holds, leaves out whom a local account stands in the way of
//! *now*, adds the role groups and the policy, and writes the next generation. It decides no names and no
//! ids; it reads `/etc/passwd` and `/etc/group` because these change between imports: whoever runs
//! `useradd alice` gets their alice, and the imported one is gone until that account is.
//!
//! Publications follow one another under a mutex and their generations only grow. One that fails leaves
//! the last snapshot.

mod error;
mod homes;
mod roles;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use entra_snapshot::{
    AbsolutePath, Account, Group, Id, Illegal, Name, Policy, Published, Snapshot, Text, Upn, User,
    WriteError, Writer,
};

use crate::clock::Clock;
use crate::config::{Config, Homes};
use crate::graph::RandomBytes;
use crate::identity::{ObjectId, ObjectKey, TenantId};
use crate::ids::{IdRange, IllegalRange};
use crate::names::LocalAccounts;
use crate::store::{Publication, PublishedGroup, PublishedPerson, Store};

pub use error::PublishError;
pub use homes::{HomeFault, home_of, shell_of};
pub use roles::{ROLE_GROUPS, RoleGroup, role_groups_of};

/// The host's own files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFiles {
    /// `/etc/passwd`.
    pub passwd: PathBuf,
    /// `/etc/group`.
    pub group: PathBuf,
    /// `/etc/shells`.
    pub shells: PathBuf,
}

impl Default for LocalFiles {
    fn default() -> Self {
        Self {
            passwd: PathBuf::from("/etc/passwd"),
            group: PathBuf::from("/etc/group"),
            shells: PathBuf::from("/etc/shells"),
        }
    }
}

/// Writes snapshots.
pub struct Publisher {
    store: Store,
    tenant: TenantId,
    range: IdRange,
    homes: Homes,
    members_max: u32,
    enumerate: bool,
    /// Seconds for which the snapshot's account states count without the agent.
    offline_maximum_age: u32,
    local: LocalFiles,
    /// Where the snapshot goes.
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// Seeds each generation's tables.
    random: RandomBytes,
    /// One publication after another.
    turn: Mutex<()>,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publisher({})", self.folder.display())
    }
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishOutcome {
    /// The snapshot's generation.
    pub generation: u64,
    /// People in it.
    pub users: u64,
    /// Groups in it, role groups included, private groups not.
    pub groups: u64,
    /// Who of the directory is not in it, each with the reason.
    pub left_out: Vec<LeftOut>,
}

/// A person or group of the directory that is not in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Which it is.
    pub key: ObjectKey,
    /// Its canonical name.
    pub name: String,
    /// What stands in the way.
    pub reason: String,
}

impl Publisher {
    /// A publisher of what `store` holds of the configured tenant, into `folder`.
    ///
    /// # Errors
    /// [`IllegalRange`] if `[ids]` holds ids that imported objects must not have.
    pub fn new(
        store: Store,
        config: &Config,
        local: LocalFiles,
        folder: &Path,
        clock: Arc<dyn Clock>,
        random: RandomBytes,
    ) -> Result<Self, IllegalRange> {
        Ok(Self {
            store,
            tenant: config.tenant.id,
            range: IdRange::new(config.ids)?,
            homes: config.homes.clone(),
            members_max: config.groups.members_max,
            enumerate: config.enumerate,
            offline_maximum_age: u32::try_from(config.offline.maximum_age.as_secs())
                .unwrap_or(u32::MAX),
            local,
            folder: folder.to_owned(),
            clock,
            random,
            turn: Mutex::new(()),
        })
    }

    /// The host's own files, which a watcher republishes after.
    #[must_use]
    pub fn local_files(&self) -> &LocalFiles {
        &self.local
    }

    /// Publishes the directory as it stands. Blocks for as long as the file takes to write.
    ///
    /// # Errors
    /// [`PublishError`]; the last snapshot is then still the one that is read.
    pub fn publish(&self) -> Result<PublishOutcome, PublishError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let local = LocalAccounts::read(&self.local.passwd, &self.local.group)?;
        let people = self.store.people_to_publish(self.tenant)?;
        let groups = self.store.groups_to_publish(self.tenant)?;
        let shell = shell_of(&self.homes.shell, &self.local.shells);
        let mut draft = Draft::default();
        draft.take_groups(groups, &local);
        draft.take_people(people, &local, &shell);
        draft.add_role_groups(self.range);
        self.write(draft, &shell)
    }

    fn write(
        &self,
        mut draft: Draft,
        shell: &AbsolutePath,
    ) -> Result<PublishOutcome, PublishError> {
        let policy = self.store.policy()?;
        let policy = Policy {
            sign_in_enabled: policy.sign_in_enabled,
            enumerate: self.enumerate,
            gate: policy.gate,
            gate_trial_ends: None,
            offline_maximum_age: self.offline_maximum_age,
            break_glass: vec!["root".to_owned()],
        };
        // A rebuilt state.db must not go back behind what readers have seen.
        let last = Snapshot::open(self.folder.join(entra_snapshot::FILE_NAME))
            .map_or(0, |snapshot| snapshot.generation());
        let generation = self.store.next_generation(last.saturating_add(1))?;
        let published_at = self.clock.now();
        let seed = u64::from_le_bytes(first_half((self.random)()));
        let mut writer =
            Writer::create(&self.folder, policy, generation, published_at.value(), seed)?
                .with_members_max(self.members_max);
        for (key, user) in &draft.users {
            if let Err(error) = writer.add_user(user) {
                draft.left_out.push(left_out(*key, &user.name, error)?);
            }
        }
        for (key, group) in &draft.groups {
            if let Err(error) = writer.add_group(group) {
                // A role group is nobody's object: without it the snapshot is not right.
                let Some(key) = key else {
                    return Err(error.into());
                };
                draft.left_out.push(left_out(*key, &group.name, error)?);
            }
        }
        let Published {
            generation,
            users,
            groups,
            ..
        } = writer.publish()?;
        let displaced: BTreeSet<ObjectKey> = draft.left_out.iter().map(|out| out.key).collect();
        for out in &draft.left_out {
            tracing::warn!(name = out.name, object = %out.key, reason = out.reason, "not published");
        }
        self.store.note_publication(
            Publication {
                generation,
                published_at,
            },
            shell.as_str(),
            &displaced,
        )?;
        Ok(PublishOutcome {
            generation,
            users,
            groups,
            left_out: draft.left_out,
        })
    }
}

/// What the next snapshot will hold.
#[derive(Default)]
struct Draft {
    users: Vec<(ObjectKey, User)>,
    /// Role groups have no key.
    groups: Vec<(Option<ObjectKey>, Group)>,
    /// Where in `groups` an object is.
    positions: BTreeMap<ObjectId, usize>,
    /// Positions in [`ROLE_GROUPS`] and their members.
    role_members: BTreeMap<usize, Vec<Name>>,
    left_out: Vec<LeftOut>,
}

impl Draft {
    fn take_groups(&mut self, groups: Vec<PublishedGroup>, local: &LocalAccounts) {
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

    fn take_people(
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

    fn add_role_groups(&mut self, range: IdRange) {
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

/// An entry that the writer refused; trouble with the file itself ends the publication.
fn left_out(key: ObjectKey, name: &Name, error: WriteError) -> Result<LeftOut, PublishError> {
    match error {
        WriteError::Duplicate { .. } | WriteError::Illegal(_) | WriteError::TooLarge { .. } => {
            Ok(LeftOut {
                key,
                name: name.as_str().to_owned(),
                reason: error.to_string(),
            })
        }
        WriteError::Io { .. } | WriteError::Unverified(_) => Err(error.into()),
    }
}

fn first_half(random: [u8; 16]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = random;
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
pub(crate) mod tests;
