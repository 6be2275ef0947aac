//! The hash tables (docs/snapshot.md, "Hash tables").
//!
//! Invariant: a bucket that decodes is the one that was written at this place of
//! this table in this generation; and every key that a [`Placement`] was given is
//! found within [`PROBES_MAX`] buckets from its first one, with no bucket before
//! it that says "no further".
//!
//! A table of any size is placed in a few kilobytes: keys come in the order of
//! their hashes, so that all but the last few buckets are final.

use std::collections::VecDeque;

use crate::bytes::Cursor;
use crate::error::WriteError;
use crate::siphash::{DOMAIN_BUCKET, DOMAIN_KEY, siphash};

/// The four hash tables, in the order in which the header lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// The buckets that `keys` keys get.
pub(crate) const fn buckets_for(keys: u64) -> u64 {
    keys / KEYS_PER_BUCKET + 1
}

/// A table that is being placed, front to back.
///
/// Only what can still change is in memory: the buckets from the last key's first
/// one on, and the first few of the table, where the keys of the last few go on.
pub(crate) struct Placement {
    buckets: u64,
    /// Buckets 0 to [`PROBES_MAX`], or all if there are fewer.
    head: Vec<Bucket>,
    /// The buckets from `next` on that were touched.
    window: VecDeque<Bucket>,
    /// The first bucket that was not handed out yet, those of `head` left out.
    next: u64,
}

impl Placement {
    pub(crate) fn new(buckets: u64) -> Self {
        let head = PROBES_MAX.min(buckets);
        Self {
            buckets,
            head: vec![Bucket::default(); head as usize],
            window: VecDeque::new(),
            next: head,
        }
    }

    /// How many buckets [`Placement::finish`] will give back.
    pub(crate) fn head_length(&self) -> usize {
        self.head.len()
    }

    /// Puts a key's slot into its bucket or, if that is full, one of the next, and
    /// hands out the buckets that are final. Hashes must not decrease.
    pub(crate) fn add(
        &mut self,
        hash: u64,
        slot: Slot,
        mut hand_out: impl FnMut(u64, &Bucket) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let first = first_bucket(hash, self.buckets);
        while self.next < first {
            let bucket = self.window.pop_front().unwrap_or_default();
            hand_out(self.next, &bucket)?;
            self.next += 1;
        }
        let mut index = first;
        for _ in 0..PROBES_MAX {
            if let Some(bucket) = self.bucket(index) {
                if let Some(free) = bucket.slots.iter_mut().find(|slot| slot.offset == 0) {
                    *free = slot;
                    return Ok(());
                }
                bucket.overflowed = true;
            }
            index = (index + 1) % self.buckets;
        }
        Err(WriteError::TooLarge {
            what: "table",
            size: PROBES_MAX + 1,
            limit: PROBES_MAX,
        })
    }

    /// Hands out the rest and gives back the head, the only buckets that were not
    /// handed out.
    pub(crate) fn finish(
        mut self,
        mut hand_out: impl FnMut(u64, &Bucket) -> Result<(), WriteError>,
    ) -> Result<Vec<Bucket>, WriteError> {
        while self.next < self.buckets {
            let bucket = self.window.pop_front().unwrap_or_default();
            hand_out(self.next, &bucket)?;
            self.next += 1;
        }
        Ok(self.head)
    }

    /// A bucket that was not handed out. A key gets at most [`PROBES_MAX`] - 1
    /// buckets beyond its first one, and so past the last one only into the head.
    fn bucket(&mut self, index: u64) -> Option<&mut Bucket> {
        if let Some(bucket) = self.head.get_mut(index as usize) {
            return Some(bucket);
        }
        let position = index.checked_sub(self.next)? as usize;
        while self.window.len() <= position {
            self.window.push_back(Bucket::default());
        }
        self.window.get_mut(position)
    }
}

/// Slots of a bucket: with checksum and overflow word they fill two cache lines.
pub(crate) const SLOTS: usize = 7;

/// Bytes of a bucket.
pub(crate) const BUCKET_BYTES: usize = 128;

/// Buckets that a lookup reads at most. At five keys to seven slots,
/// two million keys need four.
pub(crate) const PROBES_MAX: u64 = 64;

/// Five keys to seven slots leave few buckets that overflow.
const KEYS_PER_BUCKET: u64 = SLOTS as u64 - 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Numbers;

    /// Every key into its first bucket with room, one after the other, with the
    /// whole table in memory.
    fn placed_at_once(buckets: u64, hashes: &[u64]) -> Option<Vec<Bucket>> {
        let mut table = vec![Bucket::default(); buckets as usize];
        for hash in hashes {
            let first = first_bucket(*hash, buckets) as usize;
            let mut probes = (0..PROBES_MAX as usize).map(|step| (first + step) % buckets as usize);
            let found = probes.find_map(|index| {
                let free = table[index].slots.iter().position(|slot| slot.offset == 0);
                table[index].overflowed |= free.is_none();
                Some((index, free?))
            });
            let (index, free) = found?;
            table[index].slots[free] = slot(*hash);
        }
        Some(table)
    }

    fn placed_front_to_back(buckets: u64, hashes: &[u64]) -> Option<Vec<Bucket>> {
        let mut placement = Placement::new(buckets);
        let head = placement.head_length();
        let mut rest = Vec::new();
        let mut hand_out = |index, bucket: &Bucket| {
            assert_eq!(index as usize, head + rest.len(), "in order, each once");
            rest.push(bucket.clone());
            Ok(())
        };
        for hash in hashes {
            placement.add(*hash, slot(*hash), &mut hand_out).ok()?;
        }
        let mut table = placement.finish(&mut hand_out).unwrap();
        table.append(&mut rest);
        Some(table)
    }

    fn slot(hash: u64) -> Slot {
        Slot {
            tag: hash as u32,
            length: 1,
            offset: (hash >> 1) + 1,
        }
    }

    #[test]
    fn placing_front_to_back_gives_the_table_that_placing_at_once_gives() {
        let mut refused = 0;
        for seed in 1..400 {
            let mut numbers = Numbers(seed);
            let buckets = numbers.below(200) + 1;
            // Up to a third more than the writer puts in, so that much overflows;
            // and in every second table many keys at the very end.
            let count = numbers.below(buckets * 7);
            let mut hashes: Vec<u64> = (0..count)
                .map(|_| match seed % 2 {
                    0 if numbers.below(4) == 0 => u64::MAX - numbers.below(1 << 54),
                    _ => numbers.next(),
                })
                .collect();
            hashes.sort_unstable();
            let expected = placed_at_once(buckets, &hashes);
            refused += u32::from(expected.is_none());
            assert_eq!(placed_front_to_back(buckets, &hashes), expected, "{seed}");
        }
        assert!(refused > 0, "no table was too full");
    }
}
