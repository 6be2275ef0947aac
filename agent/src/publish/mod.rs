//! From the databases to the snapshot that every process of the host reads.
//!
//! A publication takes what the directory holds, leaves out whom a local account stands in the way of
//! *now*, adds the role groups and the policy, and writes the next generation. It decides no names and no
//! ids; it reads `/etc/passwd` and `/etc/group` because these change between imports: whoever runs
//! `useradd alice` gets their alice, and the imported one is gone until that account is.
//!
//! Publications follow one another under a mutex and their generations only grow. One that fails leaves
//! the last snapshot.

mod draft;
mod error;
mod homes;
mod roles;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use entra_snapshot::{AbsolutePath, Name, Policy, Published, Snapshot, WriteError, Writer};

use crate::clock::{Clock, UnixSeconds};
use crate::config::{Config, Homes};
use crate::graph::RandomBytes;
use crate::identity::{ObjectKey, TenantId};
use crate::ids::{IdRange, IllegalRange};
use crate::names::LocalAccounts;
use crate::store::{Publication, Store};

use draft::Draft;

pub use error::PublishError;
pub use homes::{HomeFault, home_of, is_inside, shell_of};
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
    /// `/etc/subuid`.
    pub subuid: PathBuf,
    /// `/etc/subgid`.
    pub subgid: PathBuf,
}

impl Default for LocalFiles {
    fn default() -> Self {
        Self {
            passwd: PathBuf::from("/etc/passwd"),
            group: PathBuf::from("/etc/group"),
            shells: PathBuf::from("/etc/shells"),
            subuid: PathBuf::from("/etc/subuid"),
            subgid: PathBuf::from("/etc/subgid"),
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
            tenant: config.first_tenant().id,
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
        let (people, groups) = self.store.to_publish(self.tenant)?;
        let shell = shell_of(&self.homes.shell, &self.local.shells).map_err(WriteError::from)?;
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
        // Who was never imported has no account state that could count.
        let known_at = self.store.known_at()?.map_or(0, UnixSeconds::value);
        let seed = u64::from_le_bytes(first_half((self.random)()));
        let mut writer = Writer::create(&self.folder, policy, generation, known_at, seed)?
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
