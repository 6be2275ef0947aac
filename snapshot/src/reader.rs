//! Answers from a published file.
//!
//! Invariant: an entry is returned only after its own bytes proved to be whole
//! and to carry the key that was asked for, so a wrong answer is impossible; and
//! "there is none" is said only by buckets that proved to be whole. Anything
//! else is an error.
//!
//! A lookup costs open, fstat, one `pread` for the header with the policy, one
//! for a bucket, one for the record, close. Nothing is kept across calls but the
//! open file, nothing is locked, and no memory is reserved before the file was
//! seen to be long enough to fill it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::entry::{Group, Policy, User};
use crate::error::ReadError;
use crate::header::{HEADER_BYTES, Header};
use crate::legal::{Id, lower_case, may_be_a_group, may_be_a_user};
use crate::paged::Paged;
use crate::record::{self, Kind, PREFIX_BYTES, Prefix, Record};
use crate::source::ReadAt;
use crate::table::{BUCKET_BYTES, Bucket, PROBES_MAX, Slot, Table, first_bucket, key_hash};
use crate::verify;

/// One generation of the directory, open for reading.
///
/// It stays the same generation however often the file is replaced meanwhile.
#[derive(Debug)]
pub struct Snapshot<R: ReadAt = File> {
    source: R,
    header: Header,
}

impl Snapshot<File> {
    /// Opens the file at `path` ([`crate::PATH`] in the modules).
    ///
    /// # Errors
    /// [`ReadError::Missing`] if there is none; else as [`Snapshot::from_source`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OPEN_FLAGS)
            .open(path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => ReadError::Missing,
                _ => ReadError::Unreadable(error),
            })?;
        Self::from_source(file)
    }

    /// The same, for whoever reads all of it.
    pub(crate) fn paged(self) -> Result<Snapshot<Paged>, ReadError> {
        Ok(Snapshot {
            source: Paged::new(self.source, self.header.records_end)
                .map_err(ReadError::Unreadable)?,
            header: self.header,
        })
    }
}

impl<R: ReadAt> Snapshot<R> {
    /// Reads and checks the header.
    ///
    /// # Errors
    /// [`ReadError::Unreadable`], [`ReadError::Damaged`] (also when the length is
    /// not the one the header names) or [`ReadError::NewerVersion`].
    pub fn from_source(source: R) -> Result<Self, ReadError> {
        let length = source.length().map_err(ReadError::Unreadable)?;
        let mut page = [0; HEADER_BYTES];
        if length < HEADER_BYTES as u64 {
            return Err(ReadError::Damaged {
                what: "file length",
                offset: 0,
            });
        }
        fill(&source, &mut page, 0, "header")?;
        let header = Header::decode(&page, length)?;
        Ok(Self { source, header })
    }

    /// Reads the whole file: every record, every key that leads to one, and that nothing else does.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] with the first place that is wrong, or [`ReadError::Unreadable`].
    pub fn verify(&self) -> Result<(), ReadError> {
        verify::verify(self)
    }

    /// Which publication this is; grows with every one.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.header.generation
    }

    /// The instant as of which the tenant is known, in seconds since 1970: the end
    /// of the last import, however often the file was published since.
    #[must_use]
    pub const fn known_at(&self) -> u64 {
        self.header.known_at
    }

    /// The host's policy at that time.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.header.policy
    }

    /// Number of users.
    #[must_use]
    pub const fn user_count(&self) -> u64 {
        self.header.user_count
    }

    /// Number of groups, private groups not counted.
    #[must_use]
    pub const fn group_count(&self) -> u64 {
        self.header.group_count
    }

    /// The user whose name or user principal name is `key`, in any case.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] or [`ReadError::Unreadable`].
    pub fn user_by_name(&self, key: &[u8]) -> Result<Option<User>, ReadError> {
        let Some(key) = lower_case(key).filter(|key| may_be_a_user(key)) else {
            return Ok(None);
        };
        self.find(Table::UserName, &key, |record| match record {
            Record::User(user)
                if user.name.as_str().as_bytes() == key
                    || user
                        .upn
                        .as_ref()
                        .is_some_and(|upn| upn.as_str().as_bytes() == key) =>
            {
                Some(user)
            }
            Record::User(_) | Record::Group(_) => None,
        })
    }

    /// The user with this uid.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] or [`ReadError::Unreadable`].
    pub fn user_by_uid(&self, uid: u32) -> Result<Option<User>, ReadError> {
        let Ok(uid) = Id::new(uid) else {
            return Ok(None);
        };
        self.find(
            Table::Uid,
            &uid.value().to_le_bytes(),
            |record| match record {
                Record::User(user) if user.uid == uid => Some(user),
                Record::User(_) | Record::Group(_) => None,
            },
        )
    }

    /// The group whose name is `key`, in any case; private groups included.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] or [`ReadError::Unreadable`].
    pub fn group_by_name(&self, key: &[u8]) -> Result<Option<Group>, ReadError> {
        let Some(key) = lower_case(key).filter(|key| may_be_a_group(key)) else {
            return Ok(None);
        };
        let found = self.find(Table::GroupName, &key, |record| match record {
            Record::Group(group) if group.name.as_str().as_bytes() == key => Some(group),
            Record::User(_) | Record::Group(_) => None,
        })?;
        if found.is_some() {
            return Ok(found);
        }
        let owner = self.user_by_name(&key)?;
        Ok(owner
            .filter(|user| user.name.as_str().as_bytes() == key)
            .and_then(|user| user.private_group()))
    }

    /// The group with this gid; private groups included.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] or [`ReadError::Unreadable`].
    pub fn group_by_gid(&self, gid: u32) -> Result<Option<Group>, ReadError> {
        let Ok(gid) = Id::new(gid) else {
            return Ok(None);
        };
        let found = self.find(
            Table::Gid,
            &gid.value().to_le_bytes(),
            |record| match record {
                Record::Group(group) if group.gid == gid => Some(group),
                Record::User(_) | Record::Group(_) => None,
            },
        )?;
        if found.is_some() {
            return Ok(found);
        }
        Ok(self
            .user_by_uid(gid.value())?
            .and_then(|user| user.private_group()))
    }

    /// The object ids of the groups that `user` is in, those of the role groups
    /// included. Reads no list of members apart: a role group may have everybody.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] or [`ReadError::Unreadable`].
    pub fn objects_of(&self, user: &User) -> Result<Vec<[u8; 16]>, ReadError> {
        let mut objects = Vec::with_capacity(user.gids.len());
        for gid in &user.gids {
            let found = self.search(Table::Gid, &gid.value().to_le_bytes(), |slot| {
                let bytes = self.record_bytes(slot.offset, slot.length)?;
                let group = record::decode_group_head(&bytes, self.header.seed, slot.offset)?;
                Ok(group.filter(|group| group.gid == *gid))
            })?;
            objects.extend(found.map(|group| group.object_id));
        }
        Ok(objects)
    }

    /// The first user at or after `position`, and the position to go on from;
    /// nothing at the end. Begin with 0. Positions mean nothing in another
    /// generation.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] (also for a position that is none) or
    /// [`ReadError::Unreadable`].
    pub fn next_user(&self, position: u64) -> Result<Option<(User, u64)>, ReadError> {
        self.next(position, |record| match record {
            Record::User(user) => Some(user),
            Record::Group(_) => None,
        })
    }

    /// The first group at or after `position`, private groups included, and the
    /// position to go on from; nothing at the end. Begin with 0.
    ///
    /// # Errors
    /// As [`Snapshot::next_user`].
    pub fn next_group(&self, position: u64) -> Result<Option<(Group, u64)>, ReadError> {
        self.next(position, |record| match record {
            Record::Group(group) => Some(group),
            Record::User(user) => user.private_group(),
        })
    }

    /// All users, in the order in which they were written. Ends after the first
    /// error.
    pub fn users(&self) -> impl Iterator<Item = Result<User, ReadError>> + '_ {
        walk(move |position| self.next_user(position))
    }

    /// All groups, private groups included, in the order in which they were
    /// written. Ends after the first error.
    pub fn groups(&self) -> impl Iterator<Item = Result<Group, ReadError>> + '_ {
        walk(move |position| self.next_group(position))
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn bucket(&self, table: Table, index: u64) -> Result<Bucket, ReadError> {
        let extent = table.of(&self.header.tables);
        let offset = extent
            .offset
            .saturating_add(index.saturating_mul(BUCKET_BYTES as u64));
        let mut bytes = [0; BUCKET_BYTES];
        fill(&self.source, &mut bytes, offset, "bucket")?;
        Bucket::decode(&bytes, self.header.seed, table, index).ok_or(ReadError::Damaged {
            what: "bucket",
            offset,
        })
    }

    /// The prefix of the record at `position`; nothing at the end of the records.
    pub(crate) fn prefix_at(&self, position: u64) -> Result<Option<Prefix>, ReadError> {
        if position == self.header.records_end {
            return Ok(None);
        }
        let damaged = || ReadError::Damaged {
            what: "record prefix",
            offset: position,
        };
        if !self.holds_record(position, PREFIX_BYTES as u32) {
            return Err(damaged());
        }
        let mut bytes = [0; PREFIX_BYTES];
        fill(&self.source, &mut bytes, position, "record prefix")?;
        Prefix::decode(&bytes).map(Some).ok_or_else(damaged)
    }

    pub(crate) fn record_at(&self, offset: u64, length: u32) -> Result<Record, ReadError> {
        let bytes = self.record_bytes(offset, length)?;
        record::decode(&bytes, self.header.seed, offset, self.header.minor)
    }

    fn record_bytes(&self, offset: u64, length: u32) -> Result<Vec<u8>, ReadError> {
        let limit = Kind::Group.bytes_max();
        if length > limit || !self.holds_record(offset, length) {
            return Err(ReadError::Damaged {
                what: "record extent",
                offset,
            });
        }
        // The process is other people's: short of memory it gets an error, where
        // an ordinary allocation would end it.
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(length as usize)
            .map_err(|_| ReadError::Unreadable(io::ErrorKind::OutOfMemory.into()))?;
        bytes.resize(length as usize, 0);
        fill(&self.source, &mut bytes, offset, "record")?;
        Ok(bytes)
    }

    /// Fills `buffer` with bytes of the record `what` from `offset`.
    pub(crate) fn bytes_at(
        &self,
        buffer: &mut [u8],
        offset: u64,
        what: &'static str,
    ) -> Result<(), ReadError> {
        if !self.holds_record(offset, buffer.len() as u32) {
            return Err(ReadError::Damaged { what, offset });
        }
        fill(&self.source, buffer, offset, what)
    }

    /// Whether a search for `key` ends at the slot of the record at `offset`:
    /// [`Snapshot::find`] would come to it before any other record for which
    /// `carries` is true.
    pub(crate) fn leads_to(
        &self,
        table: Table,
        key: &[u8],
        offset: u64,
        length: u32,
        carries: impl Fn(&Record) -> bool,
    ) -> Result<bool, ReadError> {
        let hash = key_hash(self.header.seed, key);
        let buckets = table.of(&self.header.tables).buckets;
        let mut index = first_bucket(hash, buckets);
        for _ in 0..PROBES_MAX.min(buckets) {
            let bucket = self.bucket(table, index)?;
            let candidate = |slot: &&Slot| slot.offset != 0 && slot.tag == hash as u32;
            for slot in bucket.slots.iter().filter(candidate) {
                if slot.offset == offset {
                    return Ok(slot.length == length);
                }
                if carries(&self.record_at(slot.offset, slot.length)?) {
                    return Ok(false);
                }
            }
            if !bucket.overflowed {
                return Ok(false);
            }
            index = (index + 1) % buckets;
        }
        Ok(false)
    }

    /// Records that are passed over are read whole too: an unproven prefix could
    /// lead past one that was wanted.
    fn next<T>(
        &self,
        position: u64,
        wanted: impl Fn(Record) -> Option<T>,
    ) -> Result<Option<(T, u64)>, ReadError> {
        let mut position = position.max(HEADER_BYTES as u64);
        while let Some(prefix) = self.prefix_at(position)? {
            let record = self.record_at(position, prefix.length)?;
            position = position.saturating_add(u64::from(prefix.length));
            if let Some(entry) = wanted(record) {
                return Ok(Some((entry, position)));
            }
        }
        Ok(None)
    }

    fn holds_record(&self, offset: u64, length: u32) -> bool {
        let end = offset.checked_add(u64::from(length));
        offset >= HEADER_BYTES as u64 && end.is_some_and(|end| end <= self.header.records_end)
    }

    /// Searches one table; `wanted` gives the entry if a record has the key.
    fn find<T>(
        &self,
        table: Table,
        key: &[u8],
        wanted: impl Fn(Record) -> Option<T>,
    ) -> Result<Option<T>, ReadError> {
        self.search(table, key, |slot| {
            Ok(wanted(self.record_at(slot.offset, slot.length)?))
        })
    }

    /// The same; `wanted` reads the record of a slot by itself.
    fn search<T>(
        &self,
        table: Table,
        key: &[u8],
        wanted: impl Fn(&Slot) -> Result<Option<T>, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        let hash = key_hash(self.header.seed, key);
        let buckets = table.of(&self.header.tables).buckets;
        let mut index = first_bucket(hash, buckets);
        for _ in 0..PROBES_MAX.min(buckets) {
            let bucket = self.bucket(table, index)?;
            let candidate = |slot: &&Slot| slot.offset != 0 && slot.tag == hash as u32;
            for slot in bucket.slots.iter().filter(candidate) {
                if let Some(found) = wanted(slot)? {
                    return Ok(Some(found));
                }
            }
            if !bucket.overflowed {
                return Ok(None);
            }
            index = (index + 1) % buckets;
        }
        Ok(None)
    }
}

fn walk<T>(
    next: impl Fn(u64) -> Result<Option<(T, u64)>, ReadError>,
) -> impl Iterator<Item = Result<T, ReadError>> {
    let mut position = Some(0);
    std::iter::from_fn(move || match next(position?) {
        Ok(Some((entry, after))) => {
            position = Some(after);
            Some(Ok(entry))
        }
        Ok(None) => {
            position = None;
            None
        }
        Err(error) => {
            position = None;
            Some(Err(error))
        }
    })
}

/// Reads that end early are damage: the header named the length.
fn fill(
    source: &impl ReadAt,
    buffer: &mut [u8],
    offset: u64,
    what: &'static str,
) -> Result<(), ReadError> {
    source
        .read_exact_at(buffer, offset)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::Damaged { what, offset },
            _ => ReadError::Unreadable(error),
        })
}

/// `O_NONBLOCK`, so that a pipe in the file's place does not hang every process
/// of the host, and `O_NOFOLLOW`, so that a link does not make root open a
/// device. The numbers are Linux's; they differ by architecture, and the crate
/// does without `libc` for two of them.
#[cfg(any(target_arch = "x86_64", target_arch = "x86", target_arch = "riscv64"))]
const OPEN_FLAGS: i32 = 0o4000 | 0o400_000;
#[cfg(any(
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "powerpc64"
))]
const OPEN_FLAGS: i32 = 0o4000 | 0o100_000;
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "x86",
    target_arch = "riscv64",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "powerpc64"
)))]
const OPEN_FLAGS: i32 = 0;
