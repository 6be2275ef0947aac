//! What on this host belongs to a name or to a number, found where Debian and EL keep it.
//!
//! Files that carry the number are not searched for: that is a walk over every disk. What the caller may not
//! look into is said so; it never counts as absent.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;

use super::Host;

/// Something that was looked for and is there, or can't be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Belonging {
    /// What it is.
    pub(crate) what: &'static str,
    /// Where.
    pub(crate) place: String,
    /// False if the caller may not look there: it may be there or not.
    pub(crate) seen: bool,
}

/// Files that bear the name.
const NAMED: [(&str, &str); 6] = [
    ("mail", "/var/mail/"),
    ("mail", "/var/spool/mail/"),
    ("crontab", "/var/spool/cron/crontabs/"),
    ("crontab", "/var/spool/cron/"),
    ("lingering session", "/var/lib/systemd/linger/"),
    ("adopted account", "/etc/entra-login/adopted/"),
];

/// Folders in which files belong to the number: at(1)'s jobs.
const OWNED: [(&str, &str); 2] = [
    ("at job", "/var/spool/cron/atjobs"),
    ("at job", "/var/spool/at"),
];

/// Files whose lines begin with the name.
const LISTED: [(&str, &str); 2] = [
    ("subordinate uids", "/etc/subuid"),
    ("subordinate gids", "/etc/subgid"),
];

/// Everything that is there under this name, home and number.
pub(crate) fn belongings(
    host: &Host,
    name: &str,
    home: Option<&str>,
    id: Option<u32>,
) -> Vec<Belonging> {
    let mut found = Vec::new();
    if let Some(home) = home {
        look(host, "home", home, &mut found);
    }
    for (what, folder) in NAMED {
        look(host, what, &format!("{folder}{name}"), &mut found);
    }
    // `/var/mail` and `/var/spool/mail` are mostly one folder.
    if host.path("/var/mail").canonicalize().ok()
        == host.path("/var/spool/mail").canonicalize().ok()
    {
        found.retain(|one| !one.place.starts_with("/var/spool/mail/"));
    }
    if let Some(id) = id {
        for (what, folder) in OWNED {
            owned(host, what, folder, id, &mut found);
        }
    }
    for (what, file) in LISTED {
        let is_hers = |line: &str| line.split(':').next() == Some(name);
        lines(host, what, file, is_hers, &mut found);
    }
    let is_member = |line: &str| {
        line.rsplit(':')
            .next()
            .is_some_and(|list| list.split(',').any(|member| member == name))
            && line.matches(':').count() == 3
    };
    lines(host, "local group", "/etc/group", is_member, &mut found);
    for file in sudoers(host, &mut found) {
        lines(
            host,
            "sudoers line",
            &file,
            |line| mentions(line, name),
            &mut found,
        );
    }
    found
}

/// Processes of this number, by their command's name; none where `/proc` can't be read.
pub(crate) fn processes(host: &Host, id: u32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(host.path("/proc")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.uid() == id))
        .filter_map(|entry| {
            let name = fs::read_to_string(entry.path().join("comm")).ok()?;
            Some(format!(
                "{} ({})",
                name.trim_end(),
                entry.file_name().to_string_lossy()
            ))
        })
        .collect();
    names.sort();
    names
}

fn look(host: &Host, what: &'static str, place: &str, found: &mut Vec<Belonging>) {
    match fs::symlink_metadata(host.path(place)) {
        Ok(_) => found.push(there(what, place.to_owned())),
        Err(error) => unseen(what, place, &error, found),
    }
}

fn owned(host: &Host, what: &'static str, folder: &str, id: u32, found: &mut Vec<Belonging>) {
    match fs::read_dir(host.path(folder)) {
        Ok(entries) => found.extend(
            entries
                .filter_map(Result::ok)
                .filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.uid() == id))
                .map(|entry| {
                    there(
                        what,
                        format!("{folder}/{}", entry.file_name().to_string_lossy()),
                    )
                }),
        ),
        Err(error) => unseen(what, folder, &error, found),
    }
}

/// One row for every line that fits, with its number and its first field or its text.
fn lines(
    host: &Host,
    what: &'static str,
    file: &str,
    fits: impl Fn(&str) -> bool,
    found: &mut Vec<Belonging>,
) {
    match fs::read(host.path(file)) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let fitting = text.lines().enumerate().filter(|(_, line)| fits(line));
            found.extend(fitting.map(|(number, line)| {
                let line = line.trim();
                let shown = line.split(':').next().filter(|_| what == "local group");
                there(
                    what,
                    format!(
                        "{file}, line {}: {}",
                        number.saturating_add(1),
                        shown.unwrap_or(line)
                    ),
                )
            }));
        }
        Err(error) => unseen(what, file, &error, found),
    }
}

/// The files that sudo reads by default, as far as they can be listed.
fn sudoers(host: &Host, found: &mut Vec<Belonging>) -> Vec<String> {
    let mut files = vec!["/etc/sudoers".to_owned()];
    let folder = "/etc/sudoers.d";
    match fs::read_dir(host.path(folder)) {
        Ok(entries) => files.extend(
            entries
                .filter_map(Result::ok)
                .filter(|entry| is_file(&entry.path()))
                .map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy())),
        ),
        Err(error) => unseen("sudoers line", folder, &error, found),
    }
    files.sort();
    files
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Whether the name is a word of a line that is no comment.
fn mentions(line: &str, name: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || "_.-@".contains(character);
    !line.trim_start().starts_with('#')
        && line
            .split(|character| !is_part(character))
            .any(|word| word == name)
}

fn there(what: &'static str, place: String) -> Belonging {
    Belonging {
        what,
        place,
        seen: true,
    }
}

fn unseen(what: &'static str, place: &str, error: &io::Error, found: &mut Vec<Belonging>) {
    if !matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) {
        found.push(Belonging {
            what,
            place: place.to_owned(),
            seen: false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(root: &Path, path: &str, content: &str) {
        let path = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[test]
    fn everything_under_an_old_name_is_found_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for (path, content) in [
            ("/home/alice/.profile", ""),
            ("/home/alice2/.profile", ""),
            ("/var/mail/alice", ""),
            ("/var/spool/cron/crontabs/alice", ""),
            ("/var/spool/cron/atjobs/a1", ""),
            ("/var/lib/systemd/linger/alice", ""),
            ("/etc/subuid", "lars:1:2\nalice:100000:65536\n"),
            (
                "/etc/group",
                "docker:x:998:lars,alice\nalice2:x:1:\nvideo:x:44:alice2\n",
            ),
            ("/etc/sudoers", "# alice ALL=ALL\nalice2 ALL=(ALL) ALL\n"),
            ("/etc/sudoers.d/x", "lars,alice ALL=(ALL) ALL\n"),
        ] {
            file(root, path, content);
        }
        std::os::unix::fs::symlink("../mail", root.join("var/spool/mail")).unwrap();
        let host = Host::below(root, false, |_| None);
        let own = fs::metadata(root).unwrap().uid();
        let found = belongings(&host, "alice", Some("/home/alice"), Some(own));
        let found: Vec<String> = found
            .iter()
            .map(|one| format!("{}: {}", one.what, one.place))
            .collect();
        assert_eq!(
            found,
            [
                "home: /home/alice",
                "mail: /var/mail/alice",
                "crontab: /var/spool/cron/crontabs/alice",
                "lingering session: /var/lib/systemd/linger/alice",
                "at job: /var/spool/cron/atjobs/a1",
                "subordinate uids: /etc/subuid, line 2: alice:100000:65536",
                "local group: /etc/group, line 1: docker",
                "sudoers line: /etc/sudoers.d/x, line 1: lars,alice ALL=(ALL) ALL",
            ]
        );
        assert_eq!(belongings(&host, "nobody", None, Some(own + 1)), []);
    }

    #[test]
    fn what_can_not_be_looked_into_is_said_so() {
        let mut found = Vec::new();
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        unseen(
            "crontab",
            "/var/spool/cron/crontabs/alice",
            &refused,
            &mut found,
        );
        unseen(
            "mail",
            "/var/mail/alice",
            &io::Error::from(io::ErrorKind::NotFound),
            &mut found,
        );
        assert_eq!(found.len(), 1);
        assert!(!found[0].seen);
    }
}
