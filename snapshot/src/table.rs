//! The hash tables (docs/snapshot.md, "Hash tables").
//!
//! Invariant: a bucket that decodes is the one that was written at this place of
//! this table in this generation; and every key that `place` was given is found
//! within [`PROBES_MAX`] buckets from its first one, with no bucket before it
//! that says "no further".

use std::collections::BTreeMap;

use crate::bytes::Cursor;
use crate::error::WriteError;
use crate::siphash::{DOMAIN_BUCKET, DOMAIN_KEY, siphash};

/// The four hash tables, in the order in which the header lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    UserName = 0,
    Uid = 1,
    GroupName = 2,
    Gid = 3,
}

impl Table {
    pub(crate) const ALL: [Self; 4] = [Self::UserName, Self::Uid, Self::GroupName, Self::Gid];

    /// This table's of four things.
    pub(crate) const fn of<T>(self, four: &[T; 4]) -> &T {
        let [user_name, uid, group_name, gid] = four;
        match self {
            Self::UserName => user_name,
            Self::Uid => uid,
            Self::GroupName => group_name,
            Self::Gid => gid,
        }
    }

    /// This table's of four things, to change it.
    pub(crate) const fn of_mut<T>(self, four: &mut [T; 4]) -> &mut T {
        let [user_name, uid, group_name, gid] = four;
        match self {
            Self::UserName => user_name,
            Self::Uid => uid,
            Self::GroupName => group_name,
            Self::Gid => gid,
        }
    }
}

/// Where one hash table lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// First byte of bucket 0.
    pub(crate) offset: u64,
    /// Number of buckets, at least one.
    pub(crate) buckets: u64,
}

/// Where a record lies, and 32 bits of its key's hash that spare reading
/// records of other keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) tag: u32,
    /// Length of the whole record in bytes.
    pub(crate) length: u32,
    /// First byte of the record; 0 in an empty slot.
    pub(crate) offset: u64,
}

/// Up to [`SLOTS`] slots, read by one `pread`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) slots: [Slot; SLOTS],
    /// Set when a key of this bucket went on to the next one.
    pub(crate) overflowed: bool,
}

impl Bucket {
    pub(crate) fn encode(&self, seed: u64, table: Table, index: u64) -> [u8; BUCKET_BYTES] {
        let mut body = Vec::with_capacity(BUCKET_BYTES);
        for slot in self.slots {
            body.extend_from_slice(&slot.tag.to_le_bytes());
            body.extend_from_slice(&slot.length.to_le_bytes());
            body.extend_from_slice(&slot.offset.to_le_bytes());
        }
        body.extend_from_slice(&u64::from(self.overflowed).to_le_bytes());
        let checksum = bucket_checksum(seed, table, index, &body);
        let mut bytes = [0; BUCKET_BYTES];
        for (to, from) in bytes
            .iter_mut()
            .zip(checksum.to_le_bytes().iter().chain(&body))
        {
            *to = *from;
        }
        bytes
    }

    /// Nothing if the checksum does not fit this place of this table.
    pub(crate) fn decode(
        bytes: &[u8; BUCKET_BYTES],
        seed: u64,
        table: Table,
        index: u64,
    ) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let checksum = cursor.take_u64()?;
        let (_, body) = bytes.split_first_chunk::<8>()?;
        if bucket_checksum(seed, table, index, body) != checksum {
            return None;
        }
        let mut bucket = Self::default();
        for slot in &mut bucket.slots {
            slot.tag = cursor.take_u32()?;
            slot.length = cursor.take_u32()?;
            slot.offset = cursor.take_u64()?;
        }
        bucket.overflowed = match cursor.take_u64()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        Some(bucket)
    }
}

fn bucket_checksum(seed: u64, table: Table, index: u64, body: &[u8]) -> u64 {
    siphash(seed, DOMAIN_BUCKET ^ ((table as u64) << 48) ^ index, body)
}

/// The hash of a key of a table: a name in lower case, or an id's four bytes.
pub(crate) fn key_hash(seed: u64, key: &[u8]) -> u64 {
    siphash(seed, DOMAIN_KEY, key)
}

/// The bucket at which the search for a hash begins: the high bits choose it,
/// so that the tag, the low bits, stays independent of it.
pub(crate) fn first_bucket(hash: u64, buckets: u64) -> u64 {
    ((u128::from(hash) * u128::from(buckets)) >> 64) as u64
}

/// Entries by the hash of their key; ordered, so that equal input gives equal
/// bytes.
pub(crate) type Entries = BTreeMap<u64, Entry>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) offset: u64,
    pub(crate) length: u32,
    /// The key is the name or uid of a user with a private group, and so taken
    /// for groups too.
    pub(crate) private_group: bool,
}

/// Puts every entry into its bucket or, if that is full, one of the next.
pub(crate) fn place(entries: &Entries) -> Result<Vec<Bucket>, WriteError> {
    let count = entries.len() / ENTRIES_PER_BUCKET + 1;
    let mut buckets = vec![Bucket::default(); count];
    for (hash, entry) in entries {
        let mut index = first_bucket(*hash, count as u64) as usize;
        let mut probes = 1;
        let slot = loop {
            let Some(bucket) = buckets.get_mut(index) else {
                index = 0;
                continue;
            };
            if let Some(free) = bucket.slots.iter().position(|slot| slot.offset == 0) {
                break buckets
                    .get_mut(index)
                    .and_then(|bucket| bucket.slots.get_mut(free));
            }
            bucket.overflowed = true;
            index += 1;
            probes += 1;
            if probes > PROBES_MAX {
                return Err(WriteError::TooLarge {
                    what: "table",
                    size: probes,
                    limit: PROBES_MAX,
                });
            }
        };
        if let Some(slot) = slot {
            *slot = Slot {
                tag: *hash as u32,
                length: entry.length,
                offset: entry.offset,
            };
        }
    }
    Ok(buckets)
}

/// Slots of a bucket: with checksum and overflow word they fill two cache lines.
pub(crate) const SLOTS: usize = 7;

/// Bytes of a bucket.
pub(crate) const BUCKET_BYTES: usize = 128;

/// Buckets that a lookup reads at most. At five entries to seven slots,
/// two million keys need four.
pub(crate) const PROBES_MAX: u64 = 64;

/// Five entries to seven slots leave few buckets that overflow.
const ENTRIES_PER_BUCKET: usize = SLOTS - 2;
