//! The keys of a directory, sorted for the tables.
//!
//! Invariant: what goes in comes out once, by table and hash, with equal hashes
//! side by side. Memory holds [`BUFFER_KEYS`] keys; more go to a scratch file, one
//! sorted run after the other, and are merged from there.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::bytes::Cursor;
use crate::error::WriteError;
use crate::scratch::Scratch;
use crate::table::{Slot, Table};

/// A key of a record. The order is that of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) table: Table,
    pub(crate) hash: u64,
    /// First byte of the record.
    pub(crate) offset: u64,
    /// Length of the whole record in bytes.
    pub(crate) length: u32,
    /// The name or gid of a private group: nobody else may have it, but it gets no
    /// slot, as readers answer it from its user.
    pub(crate) claim: bool,
}

impl Key {
    pub(crate) const fn slot(self) -> Slot {
        Slot {
            tag: self.hash as u32,
            length: self.length,
            offset: self.offset,
        }
    }

    fn encode(self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.hash.to_le_bytes());
        into.extend_from_slice(&self.offset.to_le_bytes());
        into.extend_from_slice(&self.length.to_le_bytes());
        into.extend_from_slice(&[self.table as u8, u8::from(self.claim), 0, 0]);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let hash = cursor.take_u64()?;
        let offset = cursor.take_u64()?;
        let length = cursor.take_u32()?;
        let number = usize::from(cursor.take_u8()?);
        Some(Self {
            table: Table::ALL.get(number).copied()?,
            hash,
            offset,
            length,
            claim: cursor.take_u8()? != 0,
        })
    }
}

/// Keys in the order in which they are added.
#[derive(Debug)]
pub(crate) struct Keys {
    scratch: Scratch,
    buffer: Vec<Key>,
    /// Made when the buffer is full for the first time.
    file: Option<File>,
    /// Bytes in the file: whole runs of [`BUFFER_KEYS`] keys, then the last one.
    written: u64,
    /// Keys that get a slot, by table.
    slots: [u64; 4],
}

impl Keys {
    pub(crate) fn new(scratch: Scratch) -> Self {
        Self {
            scratch,
            buffer: Vec::new(),
            file: None,
            written: 0,
            slots: [0; 4],
        }
    }

    pub(crate) fn add(&mut self, key: Key) -> Result<(), WriteError> {
        if self.buffer.len() == BUFFER_KEYS {
            self.spill()?;
        }
        self.buffer.push(key);
        *key.table.of_mut(&mut self.slots) += u64::from(!key.claim);
        Ok(())
    }

    /// How many slots the table needs.
    pub(crate) const fn slots(&self, table: Table) -> u64 {
        *table.of(&self.slots)
    }

    /// All keys, sorted.
    pub(crate) fn sorted(mut self) -> Result<Sorted, WriteError> {
        if self.file.is_some() {
            self.spill()?;
        }
        let Some(file) = self.file else {
            self.buffer.sort_unstable();
            return Ok(Sorted {
                file: None,
                runs: vec![Run {
                    keys: self.buffer.into(),
                    next: 0,
                    end: 0,
                }],
                refill: 0,
                heads: None,
            });
        };
        let run_bytes = (BUFFER_KEYS * KEY_BYTES) as u64;
        let starts = (0..self.written).step_by(BUFFER_KEYS * KEY_BYTES);
        let runs: Vec<Run> = starts
            .map(|start| Run {
                keys: VecDeque::new(),
                next: start,
                end: self.written.min(start + run_bytes),
            })
            .collect();
        Ok(Sorted {
            file: Some(file),
            refill: (MERGE_KEYS / runs.len().max(1)).max(REFILL_KEYS_MIN),
            runs,
            heads: None,
        })
    }

    fn spill(&mut self) -> Result<(), WriteError> {
        self.buffer.sort_unstable();
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(self.scratch.file()?),
        };
        let mut bytes = Vec::with_capacity(PIECE_KEYS * KEY_BYTES);
        for piece in self.buffer.chunks(PIECE_KEYS) {
            bytes.clear();
            for key in piece {
                key.encode(&mut bytes);
            }
            file.write_all_at(&bytes, self.written).map_err(sorting)?;
            self.written += bytes.len() as u64;
        }
        self.buffer.clear();
        Ok(())
    }
}

/// Keys in the order of the tables.
pub(crate) struct Sorted {
    /// None if all keys fitted into memory.
    file: Option<File>,
    runs: Vec<Run>,
    /// Keys that a run reads at once.
    refill: usize,
    /// The first key of each run that is not empty, with the run's number; none
    /// before the first question.
    heads: Option<BinaryHeap<Reverse<(Key, usize)>>>,
}

/// A sorted stretch of the scratch file.
struct Run {
    /// Read, but not handed out yet.
    keys: VecDeque<Key>,
    /// First byte that was not read yet.
    next: u64,
    end: u64,
}

impl Sorted {
    /// The next key if it is one of this table.
    pub(crate) fn next_of(&mut self, table: Table) -> Result<Option<Key>, WriteError> {
        let mut heads = match self.heads.take() {
            Some(heads) => heads,
            None => self.first_heads()?,
        };
        let mut next = None;
        if let Some(Reverse((key, run))) = heads.peek().copied()
            && key.table == table
        {
            heads.pop();
            next = Some(key);
            if let Some(key) = self.take(run)? {
                heads.push(Reverse((key, run)));
            }
        }
        self.heads = Some(heads);
        Ok(next)
    }

    fn first_heads(&mut self) -> Result<BinaryHeap<Reverse<(Key, usize)>>, WriteError> {
        let mut heads = BinaryHeap::with_capacity(self.runs.len());
        for run in 0..self.runs.len() {
            if let Some(key) = self.take(run)? {
                heads.push(Reverse((key, run)));
            }
        }
        Ok(heads)
    }

    fn take(&mut self, run: usize) -> Result<Option<Key>, WriteError> {
        let Some(run) = self.runs.get_mut(run) else {
            return Ok(None);
        };
        if let (true, Some(file)) = (run.keys.is_empty() && run.next < run.end, &self.file) {
            let length = (run.end - run.next).min((self.refill * KEY_BYTES) as u64);
            let mut bytes = vec![0; length as usize];
            file.read_exact_at(&mut bytes, run.next).map_err(sorting)?;
            run.next += length;
            for bytes in bytes.chunks(KEY_BYTES) {
                let key =
                    Key::decode(bytes).ok_or_else(|| sorting(io::ErrorKind::InvalidData.into()))?;
                run.keys.push_back(key);
            }
        }
        Ok(run.keys.pop_front())
    }
}

fn sorting(error: io::Error) -> WriteError {
    WriteError::Io {
        doing: "sort the keys of the new directory file",
        error,
    }
}

/// Bytes of a key in the scratch file.
const KEY_BYTES: usize = 24;

/// Keys of a run: 1.5 MiB of memory.
const BUFFER_KEYS: usize = 64 << 10;

/// Keys that are encoded at once on their way to the scratch file: 24 KiB.
const PIECE_KEYS: usize = 1 << 10;

/// Keys that all runs together hold while they are merged: 1.5 MiB.
const MERGE_KEYS: usize = 64 << 10;

/// Keys that a run reads at least, so that ten thousand runs are no ten thousand
/// times as many reads. A thousand runs are 13 million users.
const REFILL_KEYS_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Numbers;

    #[test]
    fn keys_come_out_sorted_whether_they_fit_into_memory_or_not() {
        for count in [
            0,
            1,
            1_000,
            BUFFER_KEYS,
            BUFFER_KEYS + 1,
            3 * BUFFER_KEYS - 1,
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut keys = Keys::new(Scratch::beside(&folder.path().join("x")));
            let mut numbers = Numbers(7);
            let mut expected = Vec::new();
            for _ in 0..count {
                let key = Key {
                    table: Table::ALL[numbers.below(4) as usize],
                    hash: numbers.below(1 << 16) << 48,
                    offset: numbers.next(),
                    length: numbers.next() as u32,
                    claim: numbers.below(2) == 0,
                };
                expected.push(key);
                keys.add(key).unwrap();
            }
            expected.sort_unstable();
            for table in Table::ALL {
                let slots = expected
                    .iter()
                    .filter(|key| key.table == table && !key.claim);
                assert_eq!(keys.slots(table), slots.count() as u64);
            }
            let mut sorted = keys.sorted().unwrap();
            let mut found = Vec::new();
            for table in Table::ALL {
                while let Some(key) = sorted.next_of(table).unwrap() {
                    found.push(key);
                }
            }
            assert!(found == expected, "{count} keys");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
