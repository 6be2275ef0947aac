//! `/etc/passwd`, `shadow`, `group` and `gshadow`: read as bytes, replaced whole.
//!
//! A line is taken out or put back without touching any other byte. A file is replaced by a new one with the
//! same owner and mode, synced and renamed over it, so that nobody ever reads half of it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};

use super::Host;
use crate::trouble::HostTrouble;

/// The four files, in the order in which an account disappears: without its passwd line nobody finds the rest.
pub(crate) const FILES: [&str; 4] = ["passwd", "shadow", "group", "gshadow"];

/// The lock of lckpwdf(3), which useradd, usermod, passwd and systemd-sysusers take.
const LOCK: &str = "/etc/.pwd.lock";

/// How long lckpwdf(3) itself waits.
const LOCK_LIMIT: Duration = Duration::from_secs(15);

/// Between two tries for the lock: others hold it for some milliseconds.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// What SELinux hosts label a new file with, and how they know that they are such hosts.
const RESTORECON: &str = "/usr/sbin/restorecon";
const SELINUX: &str = "/sys/fs/selinux/enforce";

/// A line of one of the four files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Which of [`FILES`].
    pub(crate) file: &'static str,
    /// The name on the line before it; `None` if it was the first.
    pub(crate) after: Option<Vec<u8>>,
    /// The line with its line end, if it had one.
    pub(crate) bytes: Vec<u8>,
}

impl Line {
    /// The name that the line is about.
    pub(crate) fn name(&self) -> &[u8] {
        name_of(&self.bytes)
    }
}

/// The contents of the four files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents([Vec<u8>; 4]);

impl Contents {
    /// Reads them. A host without shadow files has none.
    ///
    /// # Errors
    /// [`HostTrouble`] names the file.
    pub(crate) fn read(host: &Host) -> Result<Self, HostTrouble> {
        let mut contents = Self::default();
        for (file, content) in FILES.iter().zip(&mut contents.0) {
            let path = host.path(&format!("/etc/{file}"));
            match fs::read(&path) {
                Ok(bytes) => *content = bytes,
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && file.ends_with("shadow") => {}
                Err(error) => return Err(HostTrouble::file("read", &path, &error)),
            }
        }
        Ok(contents)
    }

    #[cfg(test)]
    pub(crate) fn of(passwd: &str, shadow: &str, group: &str, gshadow: &str) -> Self {
        Self([passwd, shadow, group, gshadow].map(|text| text.as_bytes().to_vec()))
    }

    fn of_file(&self, file: &str) -> &[u8] {
        let place = FILES.iter().position(|one| *one == file);
        place
            .and_then(|place| self.0.get(place))
            .map_or(&[], Vec::as_slice)
    }

    /// The lines of one file.
    pub(crate) fn lines(&self, file: &'static str) -> Vec<Line> {
        let mut after = None;
        let mut lines = Vec::new();
        for bytes in self.of_file(file).split_inclusive(|byte| *byte == b'\n') {
            let line = Line {
                file,
                after: after.take(),
                bytes: bytes.to_vec(),
            };
            after = Some(line.name().to_vec());
            lines.push(line);
        }
        lines
    }

    /// Without these lines.
    pub(crate) fn without(&self, lines: &[Line]) -> Self {
        let mut rest = Self::default();
        for (file, content) in FILES.iter().zip(&mut rest.0) {
            for line in self.lines(file) {
                if !lines
                    .iter()
                    .any(|gone| gone.file == line.file && gone.bytes == line.bytes)
                {
                    content.extend_from_slice(&line.bytes);
                }
            }
        }
        rest
    }

    /// With these lines where they were; those that are there already stay where they are.
    ///
    /// # Errors
    /// A sentence if a file has another line of that name.
    pub(crate) fn with(&self, lines: &[Line]) -> Result<Self, String> {
        let mut whole = self.clone();
        for line in lines {
            let present = whole.lines(line.file);
            if let Some(there) = present.iter().find(|there| there.name() == line.name()) {
                if there.bytes.trim_ascii_end() == line.bytes.trim_ascii_end() {
                    continue;
                }
                return Err(format!(
                    "/etc/{} has another line for \"{}\" now",
                    line.file,
                    String::from_utf8_lossy(line.name())
                ));
            }
            // Behind the line that stood before it; behind all if that one is gone.
            let place = match &line.after {
                None => 0,
                Some(after) => present
                    .iter()
                    .position(|there| there.name() == after.as_slice())
                    .map_or(present.len(), |place| place.saturating_add(1)),
            };
            let mut content = Vec::new();
            for there in present.iter().take(place) {
                push_line(&mut content, &there.bytes);
            }
            push_line(&mut content, &line.bytes);
            for there in present.iter().skip(place) {
                push_line(&mut content, &there.bytes);
            }
            if let Some(slot) = FILES.iter().position(|one| *one == line.file)
                && let Some(slot) = whole.0.get_mut(slot)
            {
                *slot = content;
            }
        }
        Ok(whole)
    }

    /// Replaces the files that differ from `before`: on the way out passwd first, on the way back last.
    ///
    /// # Errors
    /// [`HostTrouble`] names the file; those before it are replaced.
    pub(crate) fn write(&self, before: &Self, way: Way, host: &Host) -> Result<(), HostTrouble> {
        let mut order = FILES;
        if way == Way::Back {
            order.reverse();
        }
        for file in order {
            if self.of_file(file) != before.of_file(file) {
                replace(host, &format!("/etc/{file}"), self.of_file(file))?;
            }
        }
        Ok(())
    }
}

/// Whether an account goes or comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It goes.
    Out,
    /// It comes back.
    Back,
}

/// The text before the first colon.
fn name_of(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii_end();
    line.split(|byte| *byte == b':').next().unwrap_or(line)
}

/// Appends a line; one that had no line end gets none, but never runs into the next.
fn push_line(content: &mut Vec<u8>, line: &[u8]) {
    if content.last().is_some_and(|last| *last != b'\n') {
        content.push(b'\n');
    }
    content.extend_from_slice(line);
}

/// A new file over the old one, with its owner and mode.
fn replace(host: &Host, path: &str, content: &[u8]) -> Result<(), HostTrouble> {
    let path = host.path(path);
    let mut new = path.clone().into_os_string();
    new.push(NEW);
    let new = PathBuf::from(new);
    let written = write_new(&path, &new, content);
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.map_err(|error| HostTrouble::file("replace", &path, &error))?;
    relabel(host, &path);
    Ok(())
}

fn write_new(path: &Path, new: &Path, content: &[u8]) -> io::Result<()> {
    let old = fs::metadata(path)?;
    // What a killed run left; the lock says that nobody else is at it.
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)?;
    file.write_all(content)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
    file.sync_all()?;
    fs::rename(new, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// A new file has its folder's label on SELinux hosts; this gives it its own.
pub(crate) fn relabel(host: &Host, path: &Path) {
    let tool = host.path(RESTORECON);
    if host.path(SELINUX).exists() && tool.exists() {
        // Best effort: without it the file reads all the same, and the next relabelling mends it.
        let _ = Command::new(tool)
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// What a new file is called until it is whole.
const NEW: &str = ".entra-new";

/// Held while the account files change.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The kernel lets go of the lock when it is closed.
    _file: File,
}

impl Lock {
    /// Takes the lock as lckpwdf(3) does, waiting as long.
    ///
    /// # Errors
    /// [`HostTrouble`] if somebody else keeps it.
    pub(crate) fn take(host: &Host) -> Result<Self, HostTrouble> {
        let path = host.path(LOCK);
        let fault = |error: &io::Error| HostTrouble::file("lock", &path, error);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| fault(&error))?;
        let whole = libc_lock();
        let began = Instant::now();
        loop {
            match fcntl(&file, FcntlArg::F_SETLK(&whole)) {
                Ok(_) => return Ok(Self { _file: file }),
                Err(nix::errno::Errno::EACCES | nix::errno::Errno::EAGAIN)
                    if began.elapsed() < LOCK_LIMIT =>
                {
                    thread::sleep(LOCK_PAUSE);
                }
                Err(error) => return Err(fault(&io::Error::from(error))),
            }
        }
    }
}

/// A lock for writing on all of a file.
fn libc_lock() -> nix::libc::flock {
    nix::libc::flock {
        l_type: nix::libc::F_WRLCK as nix::libc::c_short,
        l_whence: nix::libc::SEEK_SET as nix::libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests;
