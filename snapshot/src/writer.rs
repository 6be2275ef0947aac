//! Publishes a new generation of the file.
//!
//! Invariant: the published name always stands for one whole, verified file. A
//! new one is written under a temporary name in the same folder, synced, read
//! back record by record and slot by slot, and only then renamed over the old
//! one; whatever fails before leaves the old one in place.
//!
//! Memory does not grow with the directory: records go to disk as they are added,
//! and so do the keys for the tables when they are many (`keys`). What would make
//! an answer ambiguous, two entries with the same name, user principal name, uid
//! or gid, private groups included, is therefore found when the keys are sorted,
//! and nothing is published then (docs/decisions/0010). The writer does not know
//! the host's local accounts.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::FILE_NAME;
use crate::entry::{Group, Policy, User};
use crate::error::{ReadError, WriteError};
use crate::header::{HEADER_BYTES, Header, MINOR};
use crate::keys::{Key, Keys, Sorted};
use crate::members::Members;
use crate::reader::Snapshot;
use crate::record::{self, GroupRecord, NAMED_BYTES};
use crate::scratch::Scratch;
use crate::table::{BUCKET_BYTES, Extent, Placement, Table, buckets_for, key_hash};
use crate::verify::verify;

/// A generation that is being written.
///
/// Dropping it without [`Writer::publish`] removes what was written.
#[derive(Debug)]
pub struct Writer {
    header: Header,
    members_max: u32,
    folder: PathBuf,
    temporary: Temporary,
    file: BufWriter<File>,
    /// Where the next record goes.
    position: u64,
    keys: Keys,
    scratch: Scratch,
    /// The members of a group that came with a list of them.
    listed: Members,
}

/// What was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// As given to [`Writer::create`].
    pub generation: u64,
    /// Length of the file.
    pub bytes: u64,
    /// Number of users.
    pub users: u64,
    /// Number of groups, private groups not counted.
    pub groups: u64,
}

impl Writer {
    /// Begins a generation in `folder` under a temporary name, and removes the
    /// temporary files of writers that were killed.
    ///
    /// `known_at` is the instant as of which the tenant is known, in seconds since
    /// 1970. `seed` must be random and new
    /// for each generation: it keys the tables, and with it a slot or record of
    /// another generation does not pass for one of this.
    ///
    /// # Errors
    /// [`WriteError::Io`]; [`WriteError::Illegal`] and [`WriteError::TooLarge`]
    /// for the policy.
    pub fn create(
        folder: &Path,
        policy: Policy,
        generation: u64,
        known_at: u64,
        seed: u64,
    ) -> Result<Self, WriteError> {
        let header = Header {
            minor: MINOR,
            file_length: 0,
            generation,
            known_at,
            seed,
            user_count: 0,
            group_count: 0,
            records_end: HEADER_BYTES as u64,
            tables: [Extent::default(); 4],
            policy,
        };
        header.encode()?;
        remove_leftovers(folder)?;
        let temporary = Temporary {
            path: folder.join(format!("{TEMPORARY_PREFIX}{seed:016x}")),
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary.path)
            .map_err(doing("create the new directory file"))?;
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let scratch = Scratch::beside(&temporary.path);
        // An empty page holds the header's place: a file that was renamed by
        // mistake has no magic.
        file.write_all(&[0; HEADER_BYTES])
            .map_err(doing("write the new directory file"))?;
        Ok(Self {
            header,
            members_max: MEMBERS_MAX,
            folder: folder.to_owned(),
            temporary,
            file,
            position: HEADER_BYTES as u64,
            keys: Keys::new(scratch.clone()),
            listed: Members::new(scratch.clone()),
            scratch,
        })
    }

    /// Publishes member lists longer than this as empty lists, but for groups
    /// that are `always_whole`. Default [`MEMBERS_MAX`].
    #[must_use]
    pub fn with_members_max(mut self, members_max: u32) -> Self {
        self.members_max = members_max;
        self
    }

    /// An empty list of members for [`Writer::add_group_of`], which may be as long
    /// as a record allows.
    #[must_use]
    pub fn members(&self) -> Members {
        Members::new(self.scratch.clone())
    }

    /// Adds one user, and with it their private group if `gid` equals `uid`.
    ///
    /// # Errors
    /// [`WriteError::Illegal`] or [`WriteError::TooLarge`]: this user is left out,
    /// the writer goes on. [`WriteError::Io`]: drop the writer.
    pub fn add_user(&mut self, user: &User) -> Result<(), WriteError> {
        let seed = self.header.seed;
        let offset = self.position;
        let record = record::encode_user(user, seed, offset)?;
        self.put(&record)?;
        let length = record.len() as u32;
        let name = key_hash(seed, user.name.as_str().as_bytes());
        let upn = user
            .upn
            .as_ref()
            .map(|upn| key_hash(seed, upn.as_str().as_bytes()));
        let id = key_hash(seed, &user.uid.value().to_le_bytes());

        let key = |table, hash, claim| Key {
            table,
            hash,
            offset,
            length,
            claim,
        };
        self.keys.add(key(Table::UserName, name, false))?;
        if let Some(upn) = upn.filter(|upn| *upn != name) {
            self.keys.add(key(Table::UserName, upn, false))?;
        }
        self.keys.add(key(Table::Uid, id, false))?;
        if user.has_private_group() {
            self.keys.add(key(Table::GroupName, name, true))?;
            self.keys.add(key(Table::Gid, id, true))?;
        }
        self.header.user_count += 1;
        Ok(())
    }

    /// Adds one group. A private group is not added: readers answer it from its
    /// user.
    ///
    /// # Errors
    /// As [`Writer::add_user`].
    pub fn add_group(&mut self, group: &Group) -> Result<(), WriteError> {
        let empty = self.members();
        let mut listed = std::mem::replace(&mut self.listed, empty);
        listed.clear();
        let added = group
            .members
            .iter()
            .try_for_each(|member| listed.push(member))
            .and_then(|()| self.add_group_of(group, &listed));
        self.listed = listed;
        added
    }

    /// Adds one group with these members in place of `group.members`.
    ///
    /// # Errors
    /// As [`Writer::add_user`].
    pub fn add_group_of(&mut self, group: &Group, members: &Members) -> Result<(), WriteError> {
        let seed = self.header.seed;
        let offset = self.position;
        let listed = group.always_whole || members.count() <= self.members_max;
        let (count, bytes) = if listed {
            (members.count(), members.bytes())
        } else {
            (0, 0)
        };
        let pieces = |take: &mut dyn FnMut(&[u8]) -> Result<(), WriteError>| {
            if listed {
                members.each_piece(take)
            } else {
                Ok(())
            }
        };
        let GroupRecord { head, length } = record::encode_group(
            group,
            count,
            bytes,
            |checksum| {
                pieces(&mut |piece| {
                    checksum.write(piece);
                    Ok(())
                })
            },
            seed,
            offset,
        )?;
        self.put(&head)?;
        pieces(&mut |piece| self.put(piece))?;

        let name = key_hash(seed, group.name.as_str().as_bytes());
        let id = key_hash(seed, &group.gid.value().to_le_bytes());
        for (table, hash) in [(Table::GroupName, name), (Table::Gid, id)] {
            self.keys.add(Key {
                table,
                hash,
                offset,
                length,
                claim: false,
            })?;
        }
        self.header.group_count += 1;
        Ok(())
    }

    /// Completes the file, verifies it and puts it in the place of the old one
    /// (mode 0644).
    ///
    /// # Errors
    /// [`WriteError::Duplicate`] (by name of the entries), [`WriteError::Io`],
    /// [`WriteError::Unverified`] or [`WriteError::TooLarge`] (a table whose keys
    /// fell together: try another seed). What is then in place: see [`WriteError`].
    pub fn publish(mut self) -> Result<Published, WriteError> {
        self.header.records_end = self.position;
        let slots = Table::ALL.map(|table| self.keys.slots(table));
        let empty = Keys::new(self.scratch.clone());
        let mut sorted = std::mem::replace(&mut self.keys, empty).sorted()?;
        for table in Table::ALL {
            self.write_table(table, *table.of(&slots), &mut sorted)?;
        }
        drop(sorted);
        self.header.file_length = self.position;
        let page = self.header.encode()?;
        self.file
            .flush()
            .map_err(doing("write the new directory file"))?;
        let file = self.file.get_ref();
        file.write_all_at(&page, 0)
            .map_err(doing("write the new directory file"))?;
        file.set_permissions(Permissions::from_mode(0o644))
            .map_err(doing("set the mode of the new directory file"))?;
        file.sync_all()
            .map_err(doing("sync the new directory file"))?;
        let snapshot = Snapshot::open(&self.temporary.path)
            .and_then(Snapshot::paged)
            .map_err(WriteError::Unverified)?;
        if *snapshot.header() != self.header {
            let error = ReadError::Damaged {
                what: "header",
                offset: 0,
            };
            return Err(WriteError::Unverified(error));
        }
        verify(&snapshot).map_err(WriteError::Unverified)?;

        fs::rename(&self.temporary.path, self.folder.join(FILE_NAME))
            .map_err(doing("put the new directory file in place"))?;
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(doing("sync the directory file's folder"))?;
        Ok(Published {
            generation: self.header.generation,
            bytes: self.header.file_length,
            users: self.header.user_count,
            groups: self.header.group_count,
        })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.file
            .write_all(bytes)
            .map_err(doing("write the new directory file"))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Writes the table of these keys behind what was written so far.
    fn write_table(
        &mut self,
        table: Table,
        slots: u64,
        sorted: &mut Sorted,
    ) -> Result<(), WriteError> {
        let seed = self.header.seed;
        let extent = Extent {
            offset: self.position,
            buckets: buckets_for(slots),
        };
        *table.of_mut(&mut self.header.tables) = extent;
        let mut placement = Placement::new(extent.buckets);
        // The last keys may go on in the first buckets, which are written last.
        for _ in 0..placement.head_length() {
            self.put(&[0; BUCKET_BYTES])?;
        }
        let mut last: Option<Key> = None;
        while let Some(key) = sorted.next_of(table)? {
            if let Some(last) = last.filter(|last| last.hash == key.hash) {
                return Err(self.duplicate(last, key)?);
            }
            last = Some(key);
            if !key.claim {
                placement.add(key.hash, key.slot(), |index, bucket| {
                    self.put(&bucket.encode(seed, table, index))
                })?;
            }
        }
        let head =
            placement.finish(|index, bucket| self.put(&bucket.encode(seed, table, index)))?;
        self.file
            .flush()
            .map_err(doing("write the new directory file"))?;
        for (index, bucket) in (0..).zip(&head) {
            let offset = extent.offset + index * BUCKET_BYTES as u64;
            self.file
                .get_ref()
                .write_all_at(&bucket.encode(seed, table, index), offset)
                .map_err(doing("write the new directory file"))?;
        }
        Ok(())
    }

    /// The error for two keys with the same 64-bit hash, which counts as the same
    /// key: among a million that happens once in 37 million generations, and the
    /// next one has another seed.
    fn duplicate(&mut self, one: Key, other: Key) -> Result<WriteError, WriteError> {
        self.file
            .flush()
            .map_err(doing("write the new directory file"))?;
        Ok(WriteError::Duplicate {
            what: match other.table {
                Table::UserName => "user name or user principal name",
                Table::Uid => "uid",
                Table::GroupName => "group name",
                Table::Gid => "gid",
            },
            entries: [self.name_of(one)?, self.name_of(other)?],
        })
    }

    fn name_of(&self, key: Key) -> Result<String, WriteError> {
        let mut bytes = vec![0; NAMED_BYTES.min(key.length as usize)];
        self.file
            .get_ref()
            .read_exact_at(&mut bytes, key.offset)
            .map_err(doing("read the new directory file"))?;
        Ok(record::name_in(&bytes).unwrap_or_default().to_owned())
    }
}

/// The temporary file, removed when the writer goes; after the rename there is
/// nothing left to remove.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // If it cannot be removed, the next writer removes it.
        let _ = fs::remove_file(&self.path);
    }
}

fn remove_leftovers(folder: &Path) -> Result<(), WriteError> {
    let entries = fs::read_dir(folder).map_err(doing("list the directory file's folder"))?;
    for entry in entries {
        let entry = entry.map_err(doing("list the directory file's folder"))?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(TEMPORARY_PREFIX.as_bytes())
        {
            fs::remove_file(entry.path()).map_err(doing("remove an unfinished directory file"))?;
        }
    }
    Ok(())
}

fn doing(doing: &'static str) -> impl FnOnce(io::Error) -> WriteError {
    move |error| WriteError::Io { doing, error }
}

/// Members of a group that are listed by default: sshd asks for every group of
/// a user at each login, and each answer carries the whole list.
pub const MEMBERS_MAX: u32 = 5_000;

/// With the seed behind it, so that two writers never share a temporary file:
/// the later one removes the earlier one's, whose rename then fails.
const TEMPORARY_PREFIX: &str = ".directory.snapshot.";

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 256 << 10;
