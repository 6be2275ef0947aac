//! The lines of an adopted account, kept under `/etc/entra-login/adopted` until they are put back.
//!
//! A file of two kinds of lines in turn: where the next line stood, and the line itself, to the byte. So root
//! can put an account back by hand, too. Only root reads them: one of the lines has the old password's hash.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use super::Host;
use super::files::{FILES, Line};
use crate::trouble::HostTrouble;

/// Where the files are, one an account.
const FOLDER: &str = "/etc/entra-login/adopted";

/// The first line. A later version has another number; an earlier reader refuses it.
const HEADER: &str = "# entra-login adopted account, version 1";

/// Marks a line that had no line end.
const UNENDED: &str = ", without a line end";

/// The file of an account.
pub(crate) fn path(host: &Host, name: &str) -> PathBuf {
    host.path(FOLDER).join(name)
}

/// Writes the lines down, synced, before any of them goes.
///
/// # Errors
/// [`HostTrouble`] names the file; one that exists is never written over.
pub(crate) fn write(host: &Host, name: &str, lines: &[Line]) -> Result<(), HostTrouble> {
    let path = path(host, name);
    let fault = |error: io::Error| HostTrouble::file("write", &path, &error);
    let folder = host.path(FOLDER);
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fault(error)),
        _ => {}
    }
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| {
            file.write_all(&text(name, lines))?;
            file.sync_all()?;
            File::open(&folder)?.sync_all()
        });
    if let Err(error) = &written
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        let _ = fs::remove_file(&path);
    }
    written.map_err(fault)
}

/// The lines of an account; `None` if none were kept.
///
/// # Errors
/// [`HostTrouble`] names the file and what is wrong with it.
pub(crate) fn read(host: &Host, name: &str) -> Result<Option<Vec<Line>>, HostTrouble> {
    let path = path(host, name);
    match fs::read(&path) {
        Ok(bytes) => parse(&bytes).map(Some).ok_or_else(|| HostTrouble {
            message: format!("{} is not as it was written", path.display()),
            hint: Some("put the lines in it back by hand, and remove it".to_owned()),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HostTrouble::file("read", &path, &error)),
    }
}

/// Forgets an account that is back.
///
/// # Errors
/// [`HostTrouble`] names the file.
pub(crate) fn remove(host: &Host, name: &str) -> Result<(), HostTrouble> {
    let path = path(host, name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(HostTrouble::file("remove", &path, &error))
        }
        _ => Ok(()),
    }
}

fn text(name: &str, lines: &[Line]) -> Vec<u8> {
    let mut text = format!(
        "{HEADER}\n# `entractl users adopt {name} --undo` puts these lines back where they were.\n"
    )
    .into_bytes();
    for line in lines {
        text.extend_from_slice(format!("/etc/{}", line.file).as_bytes());
        match &line.after {
            Some(after) => {
                text.extend_from_slice(b", after ");
                text.extend_from_slice(after);
            }
            None => text.extend_from_slice(b", first"),
        }
        let ended = line.bytes.strip_suffix(b"\n");
        if ended.is_none() {
            text.extend_from_slice(UNENDED.as_bytes());
        }
        text.push(b'\n');
        text.extend_from_slice(ended.unwrap_or(&line.bytes));
        text.push(b'\n');
    }
    text
}

fn parse(bytes: &[u8]) -> Option<Vec<Line>> {
    let mut lines = bytes.strip_suffix(b"\n")?.split(|byte| *byte == b'\n');
    if lines.next()? != HEADER.as_bytes() {
        return None;
    }
    let _remark = lines.next()?;
    let mut kept = Vec::new();
    while let Some(place) = lines.next() {
        let (place, ended) = match place.strip_suffix(UNENDED.as_bytes()) {
            Some(place) => (place, false),
            None => (place, true),
        };
        let (file, rest) = FILES.iter().find_map(|file| {
            let rest = place.strip_prefix(format!("/etc/{file}, ").as_bytes())?;
            Some((*file, rest))
        })?;
        let after = match rest {
            b"first" => None,
            rest => Some(rest.strip_prefix(b"after ")?.to_vec()),
        };
        let mut bytes = lines.next()?.to_vec();
        if ended {
            bytes.push(b'\n');
        }
        kept.push(Line { file, after, bytes });
    }
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn lines() -> Vec<Line> {
        let line = |file, after: Option<&[u8]>, bytes: &[u8]| Line {
            file,
            after: after.map(<[u8]>::to_vec),
            bytes: bytes.to_vec(),
        };
        vec![
            line("passwd", Some(b"lars"), b"alice:x:1001:1001:\xe4:/:/x\n"),
            line("shadow", None, b"alice:$y$secret:1::::::\n"),
            line("group", Some(b""), b"alice:x:1001:"),
        ]
    }

    #[test]
    fn what_is_kept_comes_back_and_only_root_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::below(folder.path(), true, |_| None);
        fs::create_dir_all(folder.path().join("etc/entra-login")).unwrap();
        assert_eq!(read(&host, "alice").unwrap(), None);
        write(&host, "alice", &lines()).unwrap();
        assert_eq!(read(&host, "alice").unwrap(), Some(lines()));
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(path(&host, "alice")), 0o600);
        assert_eq!(mode(host.path(FOLDER)), 0o700);
        // A second account's lines never take the place of the first's.
        write(&host, "alice", &lines()[..1]).unwrap_err();
        assert_eq!(read(&host, "alice").unwrap(), Some(lines()));
        remove(&host, "alice").unwrap();
        remove(&host, "alice").unwrap();
        assert_eq!(read(&host, "alice").unwrap(), None);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let whole = text("alice", &lines());
        assert_eq!(parse(&whole), Some(lines()));
        for damaged in [
            &b""[..],
            &whole[..10],
            b"# entra-login adopted account, version 2\n#\n/etc/passwd, first\nx\n",
            b"# entra-login adopted account, version 1\n#\n/etc/hosts, first\nx\n",
            b"# entra-login adopted account, version 1\n#\n/etc/passwd, first\n",
            b"# entra-login adopted account, version 1\n#\n",
        ] {
            assert_eq!(parse(damaged), None, "{}", String::from_utf8_lossy(damaged));
        }
    }
}
