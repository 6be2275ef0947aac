//! A configuration file is replaced whole: a new one beside it, synced, renamed over it.
//!
//! Invariant: a link stays a link, and what it leads to is replaced; owner and mode are those of before.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::Host;
use crate::host::files::relabel;
use crate::trouble::HostTrouble;

/// What a file says; `None` if it is not there.
///
/// # Errors
/// [`HostTrouble`] names the file.
pub(super) fn read(host: &Host, path: &str) -> Result<Option<Vec<u8>>, HostTrouble> {
    let path = host.path(path);
    match fs::read(&path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HostTrouble::file("read", &path, &error)),
    }
}

/// Makes a file say this; `None` removes it.
///
/// # Errors
/// [`HostTrouble`] names the file, which is as it was then.
pub(super) fn write(host: &Host, path: &str, content: Option<&[u8]>) -> Result<(), HostTrouble> {
    let path = host.path(path);
    let Some(content) = content else {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(HostTrouble::file("remove", &path, &error))
            }
            _ => Ok(()),
        };
    };
    over(host, &path, |new, old| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(new)?;
        file.write_all(content)?;
        like(&file, old)?;
        file.sync_all()
    })
}

/// Puts a kept file in its place. It is linked there, which takes no room: a full disk must not keep anybody
/// from taking a change back.
///
/// # Errors
/// [`HostTrouble`] names the file, which is as it was then.
pub(super) fn put_back(host: &Host, path: &str, kept: &Path) -> Result<(), HostTrouble> {
    let path = host.path(path);
    over(host, &path, |new, _| match fs::hard_link(kept, new) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            fs::copy(kept, new)?;
            let copy = File::open(new)?;
            like(&copy, Some(&fs::metadata(kept)?))?;
            copy.sync_all()
        }
        linked => linked,
    })
}

/// A copy that only its folder protects: with the owner and mode that the file has.
pub(super) fn keep(content: &[u8], kept: &Path, of: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(kept)?;
    file.write_all(content)?;
    like(&file, fs::metadata(of).ok().as_ref())?;
    file.sync_all()
}

fn over(
    host: &Host,
    path: &Path,
    make: impl FnOnce(&Path, Option<&fs::Metadata>) -> io::Result<()>,
) -> Result<(), HostTrouble> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut new = target.clone().into_os_string();
    new.push(NEW);
    let new = PathBuf::from(new);
    let made = (|| {
        // What a killed run left.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let old = fs::metadata(&target).ok();
        make(&new, old.as_ref())?;
        fs::rename(&new, &target)?;
        // rename(2) of two links to one file does nothing at all, and leaves both.
        let _ = fs::remove_file(&new);
        match target.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    })();
    if made.is_err() {
        let _ = fs::remove_file(&new);
    }
    made.map_err(|error| HostTrouble::file("replace", &target, &error))?;
    relabel(host, &target);
    Ok(())
}

/// Owner and mode of the file that was there; a new one is root's and everybody may read it.
fn like(file: &File, old: Option<&fs::Metadata>) -> io::Result<()> {
    let Some(old) = old else {
        return file.set_permissions(Permissions::from_mode(0o644));
    };
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        fchown(file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))
}

/// What a new file is called until it is whole. sshd's `*.conf` and PAM's service names pass it over.
const NEW: &str = ".entra-new";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_stays_a_link_and_modes_stay() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::below(folder.path(), true, |_| None);
        fs::create_dir_all(host.path("/etc/authselect")).unwrap();
        let real = host.path("/etc/authselect/nsswitch.conf");
        fs::write(&real, "before").unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
        symlink("authselect/nsswitch.conf", host.path("/etc/nsswitch.conf")).unwrap();
        let kept = host.path("/kept");
        keep(b"before", &kept, &real).unwrap();
        write(&host, "/etc/nsswitch.conf", Some(b"after")).unwrap();
        let is = |content: &str| {
            assert_eq!(fs::read_to_string(&real).unwrap(), content);
            assert!(host.path("/etc/nsswitch.conf").is_symlink());
            assert_eq!(fs::metadata(&real).unwrap().mode() & 0o7777, 0o640);
            assert_eq!(
                fs::read_dir(host.path("/etc/authselect")).unwrap().count(),
                1
            );
        };
        is("after");
        put_back(&host, "/etc/nsswitch.conf", &kept).unwrap();
        is("before");
        put_back(&host, "/etc/nsswitch.conf", &kept).unwrap();
        is("before");
    }
}
