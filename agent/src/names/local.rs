//! The accounts that this host has of its own: `/etc/passwd` and `/etc/group`, read as files.
//!
//! Read afresh at every import and every publication, so that a later `useradd alice` wins over the
//! imported alice. Never asked through NSS: that would ask the very module that this agent feeds.
//!
//! A line that can't be read is skipped, as glibc does; a file that can't be read is an error, since
//! without it nobody knows what an imported name would shadow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Names and ids that are taken on this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalAccounts {
    /// In lower case, and the file that has it.
    names: BTreeMap<String, &'static str>,
    ids: BTreeSet<u32>,
    /// Uids of `/etc/passwd` by name, as it is written.
    users: BTreeMap<String, u32>,
    /// Those of them whose shell only says no.
    without_shell: BTreeSet<String>,
    /// Gids of `/etc/group`.
    groups: BTreeSet<u32>,
    /// First and last id of each line, and the file that has it.
    subordinate: Vec<(u32, u32, &'static str)>,
}

/// A file that can't be read.
#[derive(Debug)]
pub struct LocalFileError {
    /// The file.
    pub path: PathBuf,
    /// The system's answer.
    pub error: io::Error,
}

impl fmt::Display for LocalFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not read {}: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for LocalFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl LocalAccounts {
    /// Reads both files.
    ///
    /// # Errors
    /// [`LocalFileError`] names the file that can't be read or is absurdly large.
    pub fn read(passwd: &Path, group: &Path) -> Result<Self, LocalFileError> {
        Ok(Self::parse(&contents(passwd)?, &contents(group)?))
    }

    /// Reads `/etc/subuid` and `/etc/subgid`, too. A host without them gives no such ids away.
    ///
    /// # Errors
    /// [`LocalFileError`] names the file that is there and can't be read.
    pub fn and_subordinate(mut self, subuid: &Path, subgid: &Path) -> Result<Self, LocalFileError> {
        for (path, shown) in [(subuid, "/etc/subuid"), (subgid, "/etc/subgid")] {
            match contents(path) {
                Ok(file) => self = self.with_subordinate(&file, shown),
                Err(fault) if fault.error.kind() == io::ErrorKind::NotFound => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(self)
    }

    /// Takes the files' contents, in any encoding.
    #[must_use]
    pub fn parse(passwd: &[u8], group: &[u8]) -> Self {
        let mut accounts = Self::default();
        accounts.add(group, "/etc/group", &[2]);
        accounts.groups = accounts.ids.clone();
        accounts.add(passwd, "/etc/passwd", &[2, 3]);
        accounts
    }

    fn add(&mut self, file: &[u8], shown: &'static str, id_fields: &[usize]) {
        for line in String::from_utf8_lossy(file).lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let Some(name) = fields.first().map(|name| name.trim()) else {
                continue;
            };
            // `+` and `-` lines are NIS's; comments are nobody's.
            if name.is_empty() || name.starts_with(['#', '+', '-']) {
                continue;
            }
            self.names.insert(name.to_lowercase(), shown);
            if id_fields.len() > 1
                && let Some(Ok(uid)) = fields.get(2).map(|uid| uid.trim().parse())
            {
                self.users.insert(name.to_owned(), uid);
                let shell = fields.get(6).map(|shell| shell.trim());
                if shell
                    .is_some_and(|shell| shell.ends_with("/nologin") || shell.ends_with("/false"))
                {
                    self.without_shell.insert(name.to_owned());
                }
            }
            let ids = id_fields
                .iter()
                .filter_map(|field| fields.get(*field)?.trim().parse::<u32>().ok());
            self.ids.extend(ids);
        }
    }

    /// Takes the contents of `/etc/subuid` or `/etc/subgid` (subuid(5): owner, first id, count).
    #[must_use]
    pub fn with_subordinate(mut self, file: &[u8], shown: &'static str) -> Self {
        for line in String::from_utf8_lossy(file).lines() {
            let mut fields = line
                .split(':')
                .skip(1)
                .map(|field| field.trim().parse::<u32>());
            if let (Some(Ok(first)), Some(Ok(count))) = (fields.next(), fields.next())
                && count > 0
            {
                let last = first.saturating_add(count - 1);
                self.subordinate.push((first, last, shown));
            }
        }
        self
    }

    /// The file that gives this id to a user's containers.
    #[must_use]
    pub fn file_with_subordinate_id(&self, id: u32) -> Option<&'static str> {
        self.subordinate
            .iter()
            .find(|(first, last, _)| (first..=last).contains(&&id))
            .map(|(_, _, file)| *file)
    }

    /// The uid of the local account of this name.
    #[must_use]
    pub fn uid_of(&self, name: &str) -> Option<u32> {
        self.users.get(name).copied()
    }

    /// The accounts of `/etc/passwd` whose shell lets somebody sign in, by name, with their uids.
    pub fn people(&self) -> impl Iterator<Item = (&str, u32)> {
        self.users
            .iter()
            .filter(|(name, _)| !self.without_shell.contains(*name))
            .map(|(name, uid)| (name.as_str(), *uid))
    }

    /// Whether a local group has this gid.
    #[must_use]
    pub fn has_group(&self, gid: u32) -> bool {
        self.groups.contains(&gid)
    }

    /// The file that has this name, in whatever case.
    #[must_use]
    pub fn file_with_name(&self, name: &str) -> Option<&'static str> {
        self.names.get(name).copied()
    }

    /// Whether a local account or group has this uid or gid.
    #[must_use]
    pub fn has_id(&self, id: u32) -> bool {
        self.ids.contains(&id)
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, LocalFileError> {
    let fault = |error| LocalFileError {
        path: path.to_owned(),
        error,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fault)?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(fault)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(fault(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    Ok(bytes)
}

/// Bytes of one file at most: half a million local accounts, a hundred times what is known anywhere.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_of_both_files_are_taken() {
        let accounts = LocalAccounts::parse(
            b"root:x:0:0:root:/root:/bin/bash\nAlice:x:1000:1007::/home/a:/bin/sh\n\
              #bob:x:5:5::/:/x\n+@nis::::::\nbroken\n\xff\xfe:x:1001:1001::/:/x\n\n",
            b"docker:x:998:alice\nvideo\n",
        );
        assert_eq!(accounts.file_with_name("alice"), Some("/etc/passwd"));
        assert_eq!(accounts.file_with_name("docker"), Some("/etc/group"));
        assert_eq!(accounts.file_with_name("broken"), Some("/etc/passwd"));
        assert_eq!(accounts.file_with_name("bob"), None);
        for id in [0, 1000, 1007, 998, 1001] {
            assert!(accounts.has_id(id), "{id}");
        }
        assert!(!accounts.has_id(5));
        assert!(accounts.has_group(998) && !accounts.has_group(1007));
        assert_eq!(accounts.uid_of("Alice"), Some(1000));
        assert_eq!(
            (accounts.uid_of("docker"), accounts.uid_of("video")),
            (None, None)
        );
    }

    #[test]
    fn subordinate_ids_are_known_with_their_file() {
        let accounts = LocalAccounts::default()
            .with_subordinate(b"alice:100000:65536\n#x\nbob:7:0\nbad:x:1\n", "/etc/subuid");
        assert_eq!(
            accounts.file_with_subordinate_id(100_000),
            Some("/etc/subuid")
        );
        assert_eq!(
            accounts.file_with_subordinate_id(165_535),
            Some("/etc/subuid")
        );
        for id in [99_999, 165_536, 7, 1] {
            assert_eq!(accounts.file_with_subordinate_id(id), None, "{id}");
        }
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let passwd = folder.path().join("passwd");
        std::fs::write(&passwd, "root:x:0:0::/:/x\n").unwrap();
        let missing = folder.path().join("group");
        let error = LocalAccounts::read(&passwd, &missing).unwrap_err();
        assert_eq!(error.path, missing);
    }
}
