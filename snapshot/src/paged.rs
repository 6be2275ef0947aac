//! A file that is read through memory, for whoever reads all of it in small pieces.
//!
//! The writer looks every key of a new file up before it is published: two reads of records and three of tables for
//! each user, each a system call. Records are read one after the other, so a window of them is kept; tables are read
//! everywhere at once, so they are kept whole if they are no longer than [`TABLES_MAX`], and read piece by
//! piece if they are: a cache that is too small would read more than it saves. Memory is bounded by the two. Not for
//! the readers in other people's processes, which read one record and close.

use std::cell::RefCell;
use std::fs::File;
use std::io;

use crate::source::ReadAt;

/// The file and what of it is in memory.
#[derive(Debug)]
pub(crate) struct Paged {
    file: File,
    length: u64,
    /// Where the tables begin.
    tables_at: u64,
    /// The tables, or nothing.
    tables: Vec<u8>,
    /// The records that were read last.
    window: RefCell<Window>,
}

#[derive(Debug, Default)]
struct Window {
    begin: u64,
    bytes: Vec<u8>,
}

impl Paged {
    /// The records end, and the tables begin, at `tables_at`.
    pub(crate) fn new(file: File, tables_at: u64) -> io::Result<Self> {
        let length = file.length()?;
        let mut tables = Vec::new();
        let tables_length = length.saturating_sub(tables_at);
        if tables_length <= TABLES_MAX {
            tables.resize(tables_length as usize, 0);
            ReadAt::read_exact_at(&file, &mut tables, tables_at)?;
        }
        Ok(Self {
            file,
            length,
            tables_at,
            tables,
            window: RefCell::default(),
        })
    }
}

impl ReadAt for Paged {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if let Some(begin) = offset.checked_sub(self.tables_at) {
            return match self.tables.is_empty() {
                true => ReadAt::read_exact_at(&self.file, buffer, offset),
                false => self.tables.as_slice().read_exact_at(buffer, begin),
            };
        }
        if buffer.len() > WINDOW_BYTES {
            return ReadAt::read_exact_at(&self.file, buffer, offset);
        }
        let mut window = self.window.borrow_mut();
        let held = |window: &Window, buffer: &mut [u8]| {
            offset
                .checked_sub(window.begin)
                .is_some_and(|begin| window.bytes.as_slice().read_exact_at(buffer, begin).is_ok())
        };
        if held(&window, buffer) {
            return Ok(());
        }
        let left = self.length.saturating_sub(offset);
        let length = left.min(WINDOW_BYTES as u64) as usize;
        let mut bytes = std::mem::take(&mut window.bytes);
        bytes.resize(length, 0);
        ReadAt::read_exact_at(&self.file, &mut bytes, offset)?;
        *window = Window {
            begin: offset,
            bytes,
        };
        match held(&window, buffer) {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.length)
    }
}

/// Bytes of tables in memory at most: those of some hundred and fifty thousand users, of 80 bytes each.
const TABLES_MAX: u64 = 12 << 20;

/// Bytes of records in memory: those of a thousand users.
const WINDOW_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn content(length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect()
    }

    /// A file that nobody else has.
    fn file(content: &[u8]) -> File {
        let path = std::env::temp_dir().join(format!(
            "entra-paged-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let mut file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(path).unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn it_reads_what_the_file_has_in_whichever_order() {
        for (records, tables) in [
            (3 * WINDOW_BYTES + 17, 5_000),
            (1_000, TABLES_MAX as usize + 1),
        ] {
            let content = content(records + tables);
            let paged = Paged::new(file(&content), records as u64).unwrap();
            assert_eq!(paged.tables.len() == tables, tables < 10_000);
            let last = content.len();
            let mut at = 1_usize;
            for _ in 0..2_000 {
                at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(97) % last;
                let length = (at % 300).min(last - at);
                // What stands before the tables is never read together with them.
                let length = match at < records {
                    true => length.min(records - at),
                    false => length,
                };
                let mut buffer = vec![0; length];
                paged.read_exact_at(&mut buffer, at as u64).unwrap();
                assert_eq!(buffer, content[at..at + length], "{at} {length}");
            }
            let mut buffer = vec![0; WINDOW_BYTES + 1];
            if records > buffer.len() {
                paged.read_exact_at(&mut buffer, 9).unwrap();
                assert_eq!(buffer, content[9..9 + WINDOW_BYTES + 1]);
            }
        }
    }

    #[test]
    fn it_ends_where_the_file_ends() {
        for tables in [0, 5] {
            let content = content(1_000);
            let paged = Paged::new(file(&content), 1_000 - tables).unwrap();
            let mut buffer = [0; 6];
            for offset in [995, 1_000, 1_001, 1 << 40] {
                let error = paged.read_exact_at(&mut buffer, offset).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{offset}");
            }
            paged.read_exact_at(&mut buffer[..5], 995).unwrap();
            assert_eq!(buffer[..5], content[995..]);
        }
    }
}
