//! A group's members, gathered before the group is written.
//!
//! Invariant: the names are held as the bytes that the record will have, so that
//! its length is known before its first byte is written. Memory holds
//! [`BUFFER_BYTES`]; a longer list goes on in a scratch file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::bytes::put_text;
use crate::error::WriteError;
use crate::legal::Name;
use crate::scratch::Scratch;

/// The members of a group, however many; made by [`crate::Writer::members`].
#[derive(Debug)]
pub struct Members {
    scratch: Scratch,
    /// What is not in the file yet.
    buffer: Vec<u8>,
    /// Made when the buffer is full for the first time.
    file: Option<File>,
    /// Bytes in the file that belong to this list.
    filed: u64,
    count: u32,
}

impl Members {
    pub(crate) const fn new(scratch: Scratch) -> Self {
        Self {
            scratch,
            buffer: Vec::new(),
            file: None,
            filed: 0,
            count: 0,
        }
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`WriteError::Io`] if the list has to go to disk and can't.
    pub fn push(&mut self, name: &Name) -> Result<(), WriteError> {
        let bytes = size_of::<u16>() + name.as_str().len();
        if self.buffer.len() + bytes > BUFFER_BYTES {
            self.spill()?;
        }
        if self.buffer.capacity() == 0 {
            self.buffer.reserve_exact(BUFFER_BYTES);
        }
        // A name is far shorter than what a u16 can say, and a list far shorter than
        // four thousand million names: its record would be too large before.
        if put_text(&mut self.buffer, name.as_str()).is_some() {
            self.count = self.count.saturating_add(1);
        }
        Ok(())
    }

    /// Forgets them all, for the next group.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.filed = 0;
        self.count = 0;
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the list in a record.
    pub(crate) fn bytes(&self) -> u64 {
        self.filed + self.buffer.len() as u64
    }

    /// The bytes, piece by piece.
    pub(crate) fn each_piece(
        &self,
        mut take: impl FnMut(&[u8]) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        if let Some(file) = self.file.as_ref().filter(|_| self.filed > 0) {
            let mut piece = vec![0; BUFFER_BYTES];
            let mut position = 0;
            while position < self.filed {
                let length = (self.filed - position).min(BUFFER_BYTES as u64);
                let piece = piece.get_mut(..length as usize).unwrap_or_default();
                file.read_exact_at(piece, position).map_err(gathering)?;
                take(piece)?;
                position += length;
            }
        }
        take(&self.buffer)
    }

    fn spill(&mut self) -> Result<(), WriteError> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(self.scratch.file()?),
        };
        file.write_all_at(&self.buffer, self.filed)
            .map_err(gathering)?;
        self.filed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

fn gathering(error: io::Error) -> WriteError {
    WriteError::Io {
        doing: "gather the members of a group",
        error,
    }
}

/// Bytes of a list that are held in memory: five thousand members of twelve bytes
/// each, the most that an ordinary group lists by default.
const BUFFER_BYTES: usize = 64 << 10;
