//! From the databases to the snapshot that every process of the host reads.
//!
//! A publication takes what the directory holds of the configured tenants, leaves out whom a local account
//! stands in the way of *now*, adds the role groups and the policy, and writes the next generation. It
//! decides no names and no ids; it reads `/etc/passwd` and `/etc/group` because these change between
//! imports: whoever runs `useradd alice` gets their alice, and the imported one is gone until that account
//! is.
//!
//! Memory does not grow with the directory: rows come one by one, and go to the file one by one.
//!
//! Publications follow one another under a mutex and their generations only grow. One that fails leaves
//! the last snapshot.

mod entries;
mod error;
mod granted;
mod homes;
mod left_out;
mod roles;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use entra_snapshot::{Policy, Published, Snapshot, WriteError, Writer};

use crate::clock::{Clock, UnixSeconds};
use crate::config::{Access, Config, Homes};
use crate::graph::RandomBytes;
use crate::identity::TenantId;
use crate::ids::{IdRange, IllegalRange};
use crate::names::{LocalAccounts, LocalFileError};
use crate::store::{Publication, Reading, Store, Verdict};

use entries::Rules;
use granted::Granted;
use left_out::LeftOutList;
use roles::RoleLists;

pub use error::PublishError;
pub use homes::{HomeFault, Shells, home_of, is_inside};
pub use left_out::LeftOut;
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

impl LocalFiles {
    /// The names and ids that are the host's own, subordinate ids included.
    ///
    /// # Errors
    /// [`LocalFileError`] names the file that can't be read.
    pub fn accounts(&self) -> Result<LocalAccounts, LocalFileError> {
        LocalAccounts::read(&self.passwd, &self.group)?.and_subordinate(&self.subuid, &self.subgid)
    }
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
    /// Whose objects are published.
    tenants: Vec<TenantId>,
    range: IdRange,
    homes: Homes,
    members_max: u32,
    enumerate: bool,
    /// Who may use which service.
    access: Access,
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
    /// Who of the directory is not in it, each with the reason; the first thousand of them.
    pub left_out: Vec<LeftOut>,
    /// How many are not in it.
    pub left_out_total: u64,
}

impl Publisher {
    /// A publisher of what `store` holds of the configured tenants, into `folder`.
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
            tenants: config.tenants.iter().map(|tenant| tenant.id).collect(),
            range: IdRange::new(config.ids)?,
            homes: config.homes.clone(),
            members_max: config.groups.members_max,
            enumerate: config.enumerate,
            access: config.access.clone(),
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
        self.write().map_err(|error| error.below(&self.folder))
    }

    fn write(&self) -> Result<PublishOutcome, PublishError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let local = LocalAccounts::read(&self.local.passwd, &self.local.group)?;
        let shells = Shells::read(&self.local.shells);
        let shell = shells
            .default(&self.homes.shell)
            .map_err(WriteError::from)?;
        let rules = Rules {
            local: &local,
            shells: &shells,
            shell: &shell,
            range: self.range,
        };
        // Before the rows: an import that ends between the two makes nothing look younger than it is.
        let known_at = self.store.known_at()?;
        let reading = self.store.read_to_publish(&self.tenants)?;
        let mut writer = self.begin(known_at)?;
        let mut left_out = LeftOutList::default();
        self.add_entries(&reading, &mut writer, &rules, &mut left_out)?;
        let published_at = self.clock.now();
        let Published {
            generation,
            users,
            groups,
            ..
        } = writer.publish()?;
        let publication = Publication {
            generation,
            published_at,
        };
        let listed: Vec<&str> = shells.listed().collect();
        self.store
            .note_publication(publication, shell.as_str(), &listed, &reading)?;
        let (left_out, left_out_total) = left_out.told();
        Ok(PublishOutcome {
            generation,
            users,
            groups,
            left_out,
            left_out_total,
        })
    }

    /// The next generation, empty.
    fn begin(&self, known_at: Option<UnixSeconds>) -> Result<Writer, PublishError> {
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
        // Who was never imported has no account state that could count.
        let known_at = known_at.map_or(0, UnixSeconds::value);
        let seed = u64::from_le_bytes(first_half((self.random)()));
        let writer = Writer::create(&self.folder, policy, generation, known_at, seed)?;
        Ok(writer.with_members_max(self.members_max))
    }

    /// Decides about the groups first, so that people find the gids they belong to; then writes the people,
    /// who decide the lists of their groups; then the groups, and last the role groups.
    fn add_entries(
        &self,
        reading: &Reading,
        writer: &mut Writer,
        rules: &Rules<'_>,
        left_out: &mut LeftOutList,
    ) -> Result<(), PublishError> {
        let mut granted = Granted::new(&self.access);
        reading.each_group(|group| {
            Ok::<_, PublishError>(match rules.group(group) {
                Ok(_) => {
                    granted.published(group);
                    Verdict::Published
                }
                Err(reason) => left_out.add(group.key, &group.name, reason),
            })
        })?;
        let mut roles = RoleLists::new(self.range, writer)?;
        let now = self.clock.now();
        reading.each_person(|person| {
            let (key, role) = (person.key, person.role_in_force(now));
            let mut user = match rules.user(&person) {
                Ok(user) => user,
                Err(reason) => return Ok(left_out.add(key, &person.name, reason)),
            };
            user.account.services = granted.services_of(&person);
            user.gids.extend(roles.gids_of(role));
            match writer.add_user(&user) {
                Ok(()) => {
                    roles.add(role, &user.name)?;
                    Ok::<_, PublishError>(Verdict::Published)
                }
                Err(error) => left_out.add_refused(key, &person.name, error),
            }
        })?;
        let mut members = writer.members();
        // One more than is listed tells the writer that the list is too long.
        let limit = u64::from(self.members_max).saturating_add(1);
        reading.each_published_group(|group| {
            let entry = match rules.group(group) {
                Ok(entry) => entry,
                Err(reason) => return Ok(left_out.add(group.key, &group.name, reason)),
            };
            members.clear();
            reading.each_member(&group.key, limit, |name| {
                let name = entra_snapshot::Name::new(name).map_err(WriteError::from)?;
                Ok::<_, PublishError>(members.push(&name)?)
            })?;
            match writer.add_group_of(&entry, &members) {
                Ok(()) => Ok(Verdict::Published),
                Err(error) => left_out.add_refused(group.key, &group.name, error),
            }
        })?;
        // A role group is nobody's object: without it the snapshot is not right.
        Ok(roles.write(writer)?)
    }
}

fn first_half(random: [u8; 16]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = random;
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
pub(crate) mod tests;
