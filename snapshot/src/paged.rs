//! A file that is read through pages in memory, for whoever reads all of it in small pieces.
//!
//! The writer looks every key of a new file up before it is published, which is five system calls a user; through
//! pages it is one for some sixty users. Memory stays at [`PAGES`] times [`PAGE_BYTES`], however long the file
//! is. Not for the readers in other people's processes, which read one record and close.

use std::cell::RefCell;
use std::fs::File;
use std::io;

use crate::source::ReadAt;

/// The file and the pages of it that were read last.
#[derive(Debug)]
pub(crate) struct Paged {
    file: File,
    length: u64,
    /// A page has one place, by its number; another with the same place takes it.
    pages: RefCell<Vec<Page>>,
}

#[derive(Debug, Default)]
struct Page {
    /// Which page of the file it is; none while it has no bytes.
    number: u64,
    bytes: Vec<u8>,
}

impl Paged {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let length = file.length()?;
        let mut pages = Vec::new();
        pages.resize_with(PAGES, Page::default);
        Ok(Self {
            file,
            length,
            pages: RefCell::new(pages),
        })
    }
}

impl ReadAt for Paged {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut pages = self.pages.borrow_mut();
        let mut offset = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let number = offset / PAGE_BYTES as u64;
            let begin = number * PAGE_BYTES as u64;
            let place = (number % PAGES as u64) as usize;
            let page = pages.get_mut(place).ok_or(io::ErrorKind::UnexpectedEof)?;
            if page.number != number || page.bytes.is_empty() {
                // Nothing stands for a page that could not be read.
                page.bytes.clear();
                let left = self.length.saturating_sub(begin);
                let mut bytes = std::mem::take(&mut page.bytes);
                bytes.resize(left.min(PAGE_BYTES as u64) as usize, 0);
                self.file.read_exact_at(&mut bytes, begin)?;
                *page = Page { number, bytes };
            }
            let from = (offset - begin) as usize;
            let found = page.bytes.get(from..).unwrap_or_default();
            let length = found.len().min(rest.len());
            let (Some(found), Some((target, more))) =
                (found.get(..length), rest.split_at_mut_checked(length))
            else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            target.copy_from_slice(found);
            offset += length as u64;
            rest = more;
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.length)
    }
}

/// Bytes of a page: records of some sixty users.
const PAGE_BYTES: usize = 16 << 10;

/// Pages in memory: the tables of a hundred thousand users, and what is read of the records meanwhile.
const PAGES: usize = 512;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Bytes of which no two pages have the same.
    fn content(length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect()
    }

    fn file(content: &[u8]) -> File {
        let mut file = tempfile();
        file.write_all(content).unwrap();
        file
    }

    fn tempfile() -> File {
        let path = std::env::temp_dir().join(format!(
            "entra-paged-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(path).unwrap();
        file
    }

    #[test]
    fn it_reads_what_the_file_has_in_whichever_order() {
        // More pages than there are places, and no whole number of them.
        let content = content(PAGE_BYTES * (PAGES + 3) + 17);
        let paged = Paged::new(file(&content)).unwrap();
        let last = content.len();
        let mut at = 1_usize;
        for _ in 0..5_000 {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(97) % last;
            let length = (at % (PAGE_BYTES + 100)).min(last - at);
            let mut buffer = vec![0; length];
            paged.read_exact_at(&mut buffer, at as u64).unwrap();
            assert_eq!(buffer, content[at..at + length], "{at} {length}");
        }
    }

    #[test]
    fn it_ends_where_the_file_ends() {
        let content = content(PAGE_BYTES + 5);
        let paged = Paged::new(file(&content)).unwrap();
        let end = content.len() as u64;
        let mut buffer = [0; 6];
        for offset in [end - 5, end, end + 1, u64::MAX - 20, 2 * PAGE_BYTES as u64] {
            let error = paged.read_exact_at(&mut buffer, offset).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{offset}");
        }
        paged.read_exact_at(&mut buffer[..5], end - 5).unwrap();
        assert_eq!(buffer[..5], content[content.len() - 5..]);
        assert!(paged.read_exact_at(&mut [], end + 9).is_ok());
    }
}
