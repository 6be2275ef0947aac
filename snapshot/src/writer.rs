//! Publishes a new generation of the file.
//!
//! Invariant: the published name always stands for one whole, verified file. A
//! new one is written under a temporary name in the same folder, synced, read
//! back record by record and slot by slot, and only then renamed over the old
//! one; whatever fails before leaves the old one in place. Records go to disk as
//! they are added; memory holds the tables only.
//!
//! The writer refuses on its own what would make an answer ambiguous: a second
//! entry with the same name, user principal name, uid or gid, private groups
//! included. It does not know the host's local accounts.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::FILE_NAME;
use crate::entry::{Group, Policy, User};
use crate::error::{ReadError, WriteError};
use crate::header::{HEADER_BYTES, Header, MINOR};
use crate::reader::Snapshot;
use crate::record;
use crate::table::{Entries, Entry, Extent, Table, key_hash, place};
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
    tables: [Entries; 4],
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
            tables: Default::default(),
        })
    }

    /// Publishes member lists longer than this as empty lists, but for groups
    /// that are `always_whole`. Default [`MEMBERS_MAX`].
    #[must_use]
    pub fn with_members_max(mut self, members_max: u32) -> Self {
        self.members_max = members_max;
        self
    }

    /// Adds one user, and with it their private group if `gid` equals `uid`.
    ///
    /// # Errors
    /// [`WriteError::Duplicate`], [`WriteError::Illegal`] or
    /// [`WriteError::TooLarge`]: this user is left out, the writer goes on.
    /// [`WriteError::Io`]: drop the writer.
    pub fn add_user(&mut self, user: &User) -> Result<(), WriteError> {
        let seed = self.header.seed;
        let name = key_hash(seed, user.name.as_str().as_bytes());
        let upn = user
            .upn
            .as_ref()
            .map(|upn| key_hash(seed, upn.as_str().as_bytes()));
        let id = key_hash(seed, &user.uid.value().to_le_bytes());
        let private = user.has_private_group();

        self.refuse_taken(Table::UserName, name, "user name", user.name.as_str())?;
        if let (Some(hash), Some(upn)) = (upn, &user.upn) {
            self.refuse_taken(Table::UserName, hash, "user principal name", upn.as_str())?;
        }
        self.refuse_taken(Table::Uid, id, "uid", user.uid.value())?;
        if private {
            self.refuse_taken(Table::GroupName, name, "group name", user.name.as_str())?;
            self.refuse_taken(Table::Gid, id, "gid", user.gid.value())?;
        }

        let record = record::encode_user(user, seed, self.position)?;
        let entry = self.append(&record)?;
        self.table(Table::UserName).insert(
            name,
            Entry {
                private_group: private,
                ..entry
            },
        );
        if let Some(upn) = upn.filter(|upn| *upn != name) {
            self.table(Table::UserName).insert(upn, entry);
        }
        self.table(Table::Uid).insert(
            id,
            Entry {
                private_group: private,
                ..entry
            },
        );
        self.header.user_count += 1;
        Ok(())
    }

    /// Adds one group. A private group is not added: readers answer it from its
    /// user.
    ///
    /// # Errors
    /// As [`Writer::add_user`].
    pub fn add_group(&mut self, group: &Group) -> Result<(), WriteError> {
        let seed = self.header.seed;
        let name = key_hash(seed, group.name.as_str().as_bytes());
        let id = key_hash(seed, &group.gid.value().to_le_bytes());

        self.refuse_taken(Table::GroupName, name, "group name", group.name.as_str())?;
        self.refuse_taken(Table::Gid, id, "gid", group.gid.value())?;
        let is_private = |entries: &Entries, hash| {
            entries
                .get(&hash)
                .is_some_and(|entry: &Entry| entry.private_group)
        };
        if is_private(self.table(Table::UserName), name) {
            return Err(duplicate("group name", group.name.as_str()));
        }
        if is_private(self.table(Table::Uid), id) {
            return Err(duplicate("gid", group.gid.value()));
        }

        let listed = group.always_whole || group.members.len() as u64 <= self.members_max.into();
        let members = if listed {
            group.members.as_slice()
        } else {
            &[]
        };
        let record = record::encode_group(group, members, seed, self.position)?;
        let entry = self.append(&record)?;
        self.table(Table::GroupName).insert(name, entry);
        self.table(Table::Gid).insert(id, entry);
        self.header.group_count += 1;
        Ok(())
    }

    /// Completes the file, verifies it and puts it in the place of the old one
    /// (mode 0644).
    ///
    /// # Errors
    /// [`WriteError::Io`], [`WriteError::Unverified`] or
    /// [`WriteError::TooLarge`] (a table whose keys fell together: try another
    /// seed). What is then in place: see [`WriteError`].
    pub fn publish(mut self) -> Result<Published, WriteError> {
        self.header.records_end = self.position;
        for table in Table::ALL {
            self.write_table(table)?;
        }
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
        let snapshot = Snapshot::open(&self.temporary.path).map_err(WriteError::Unverified)?;
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

    fn table(&mut self, table: Table) -> &mut Entries {
        table.of_mut(&mut self.tables)
    }

    /// Two keys with the same 64-bit hash count as the same key: among a million
    /// that happens once in 37 million generations, and the next one has another
    /// seed.
    fn refuse_taken(
        &mut self,
        table: Table,
        hash: u64,
        what: &'static str,
        value: impl ToString,
    ) -> Result<(), WriteError> {
        if self.table(table).contains_key(&hash) {
            Err(duplicate(what, value))
        } else {
            Ok(())
        }
    }

    fn append(&mut self, record: &[u8]) -> Result<Entry, WriteError> {
        let offset = self.position;
        self.put(record)?;
        Ok(Entry {
            offset,
            length: record.len() as u32,
            private_group: false,
        })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.file
            .write_all(bytes)
            .map_err(doing("write the new directory file"))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn write_table(&mut self, table: Table) -> Result<(), WriteError> {
        let entries = std::mem::take(self.table(table));
        let buckets = place(&entries)?;
        *table.of_mut(&mut self.header.tables) = Extent {
            offset: self.position,
            buckets: buckets.len() as u64,
        };
        for (index, bucket) in (0..).zip(&buckets) {
            self.put(&bucket.encode(self.header.seed, table, index))?;
        }
        Ok(())
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

fn duplicate(what: &'static str, value: impl ToString) -> WriteError {
    WriteError::Duplicate {
        what,
        value: value.to_string(),
    }
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
