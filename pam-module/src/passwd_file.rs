//! `/etc/passwd`, or `/etc/group`, as a file, not as NSS shows it: what is written there is local, whoever else claims it.
//!
//! Invariant: at most [`MAX_BYTES`] are read, and a file that was not read whole is an error rather than
//! a file without the rest of its lines. Names are compared byte by byte, as glibc does.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of `/etc/passwd` at most: some 200,000 local accounts. More is not a passwd file.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The file's whole content.
#[derive(Debug, Clone)]
pub(crate) struct PasswdFile(Vec<u8>);

impl PasswdFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// The system's, or `FileTooLarge` past [`MAX_BYTES`].
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let mut content = Vec::new();
        let read = File::open(path)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut content)?;
        if u64::try_from(read).is_ok_and(|read| read <= MAX_BYTES) {
            Ok(Self(content))
        } else {
            Err(io::Error::from(io::ErrorKind::FileTooLarge))
        }
    }

    /// Whether a line of the file is for `name`.
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.line(name).is_some()
    }

    /// The uid on the first line for `name`.
    pub(crate) fn uid_of(&self, name: &[u8]) -> Option<u32> {
        let field = self.line(name)?.nth(1)?;
        std::str::from_utf8(field).ok()?.parse().ok()
    }

    /// The same of `/etc/group`, whose lines have the gid in that place (group(5)).
    pub(crate) fn gid_of(&self, name: &[u8]) -> Option<u32> {
        self.uid_of(name)
    }

    /// The fields after the name on the first line for `name`.
    fn line(&self, name: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
        self.0.split(|byte| *byte == b'\n').find_map(|line| {
            let mut fields = line.split(|byte| *byte == b':');
            let found = fields.next() == Some(name) && !name.is_empty();
            found.then_some(fields)
        })
    }
}

#[cfg(test)]
impl From<&str> for PasswdFile {
    fn from(content: &str) -> Self {
        Self(content.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_at_the_start_of_a_line_count() {
        let file =
            PasswdFile::from("root:x:0:0::/root:/bin/sh\nalice2:x:1001:\n::5:\nodd\nbob:x:no");
        assert!(file.has(b"root") && file.has(b"alice2") && file.has(b"odd"));
        assert!(!file.has(b"alice") && !file.has(b"x") && !file.has(b"Root") && !file.has(b""));
        assert_eq!(file.uid_of(b"alice2"), Some(1001));
        assert_eq!((file.uid_of(b"bob"), file.uid_of(b"odd")), (None, None));
    }

    #[test]
    fn a_file_that_cannot_be_read_whole_is_an_error() {
        assert!(PasswdFile::read(Path::new("/nonexistent/passwd")).is_err());
        let endless = PasswdFile::read(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(endless.kind(), io::ErrorKind::FileTooLarge);
    }
}
