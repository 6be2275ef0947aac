//! What the PAM module reads when it asks whom a name belongs to, read here likewise.

use std::io;

use entra_snapshot::{Directory, PATH, PasswdFile, ReadError, Sources};

use super::Host;

impl Sources for Host {
    fn passwd_file(&self) -> io::Result<PasswdFile> {
        PasswdFile::read(&self.path("/etc/passwd"))
    }

    fn directory(&self, name: &[u8]) -> Result<Directory, ReadError> {
        Directory::read(self.path(PATH), name)
    }

    fn uid_of(&self, name: &[u8]) -> Option<u32> {
        (self.resolve)(std::str::from_utf8(name).ok()?)
    }
}
