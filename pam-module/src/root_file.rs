//! A small text file that counts only if it is root's own.
//!
//! Invariant: what is returned was written by root: a plain file that root owns and nobody else may write, opened
//! without following a link, looked at through the descriptor that is then read.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Bytes at most: some thousand lines.
const MAX_BYTES: u64 = 64 * 1024;

/// Bits of the mode with which others than the owner may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// What there is of such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RootFile {
    /// No such file, or none that this process may see.
    Absent,
    /// A file that does not count, and why.
    Unusable(String),
    /// Its text.
    Text(String),
}

/// Reads the file at `path`, which must belong to `owner`.
pub(crate) fn read(path: &Path, owner: u32) -> RootFile {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied
            ) =>
        {
            return RootFile::Absent;
        }
        Err(error) => return RootFile::Unusable(format!("can't be opened: {error}")),
    };
    let known = match file.metadata() {
        Ok(known) => known,
        Err(error) => return RootFile::Unusable(format!("can't be looked at: {error}")),
    };
    if !known.is_file() {
        return RootFile::Unusable("is no plain file".to_owned());
    }
    if known.uid() != owner || known.mode() & WRITABLE_BY_OTHERS != 0 {
        return RootFile::Unusable(format!(
            "must be root's, and nobody else's to write (uid {}, mode {:04o})",
            known.uid(),
            known.mode() & 0o7777
        ));
    }
    let mut text = String::new();
    match file.take(MAX_BYTES + 1).read_to_string(&mut text) {
        Ok(read) if u64::try_from(read).is_ok_and(|read| read <= MAX_BYTES) => RootFile::Text(text),
        Ok(_) => RootFile::Unusable(format!("is longer than {MAX_BYTES} bytes")),
        Err(error) => RootFile::Unusable(format!("can't be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;

    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn folder(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("entra-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// Whoever runs the tests stands for root.
    #[test]
    fn only_the_owners_own_plain_file_counts() {
        let folder = folder("root-file");
        let path = folder.0.join("file");
        assert_eq!(read(&path, 0), RootFile::Absent);
        fs::write(&path, "a = b\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let owner = fs::metadata(&path).unwrap().uid();
        assert_eq!(read(&path, owner), RootFile::Text("a = b\n".to_owned()));
        assert!(matches!(read(&path, owner + 1), RootFile::Unusable(_)));
        for mode in [0o664, 0o646] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(
                matches!(read(&path, owner), RootFile::Unusable(_)),
                "{mode:o}"
            );
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let link = folder.0.join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(read(&link, owner), RootFile::Unusable(_)));
        assert!(matches!(read(&folder.0, owner), RootFile::Unusable(_)));
        for bad in [vec![b'x'; 64 * 1024 + 1], vec![0xff, 0xfe]] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(read(&path, owner), RootFile::Unusable(_)));
        }
    }
}
