//! The PAM stacks of Debian and its kin: pam-auth-update(8) makes them, on the host and, to show what it would
//! make, on a copy with a debconf database of its own.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::mkdtemp;

use super::command::{run, trouble};
use super::kept::Tool;
use super::{Change, Host, Stacks, replace, stack};
use crate::trouble::HostTrouble;

pub(super) const PROGRAM: &str = "pam-auth-update";

/// Our profiles.
const OURS: [&str; 2] = ["entra", "entra-password"];

/// Makes homes at the first session; Debian ships the profile, not enabled.
const HOMES: &str = "mkhomedir";

/// The files that it writes.
const FILES: [&str; 11] = [
    "/etc/pam.d/common-auth",
    "/etc/pam.d/common-account",
    "/etc/pam.d/common-password",
    "/etc/pam.d/common-session",
    "/etc/pam.d/common-session-noninteractive",
    "/var/lib/pam/auth",
    "/var/lib/pam/account",
    "/var/lib/pam/password",
    "/var/lib/pam/session",
    "/var/lib/pam/session-noninteractive",
    "/var/lib/pam/seen",
];

/// Where the profiles are.
const PROFILES: &str = "/usr/share/pam-configs";

/// Nobody is there to answer debconf's questions.
const ENVIRONMENT: (&str, &str) = ("DEBIAN_FRONTEND", "noninteractive");

/// What pam-auth-update would make.
///
/// # Errors
/// [`HostTrouble`] if it would not take our profiles.
pub(super) fn plan(host: &Host) -> Result<Stacks, HostTrouble> {
    for profile in OURS {
        if !host.path(PROFILES).join(profile).is_file() {
            return Err(HostTrouble {
                message: format!("{PROFILES}/{profile} is not there"),
                hint: Some("the package entra-login brings it".to_owned()),
            });
        }
    }
    let session = text(host, "/etc/pam.d/common-session")?;
    let mut profiles: Vec<String> = OURS.map(str::to_owned).to_vec();
    let mut notes = Vec::new();
    if !session
        .lines()
        .any(|line| !line.trim_start().starts_with('#') && line.contains("mkhomedir.so"))
    {
        if host.path(PROFILES).join(HOMES).is_file() {
            profiles.push(HOMES.to_owned());
        } else {
            notes.push("nothing makes homes here: there is no mkhomedir profile".to_owned());
        }
    }
    let copy = Copy::make(host)?;
    copy.enable(&profiles)?;
    let mut changes = Vec::new();
    for path in FILES {
        let (before, after) = (replace::read(host, path)?, copy.read(path)?);
        if before != after {
            changes.push(Change {
                path: path.to_owned(),
                before,
                after,
            });
        }
    }
    let auth = copy.read("/etc/pam.d/common-auth")?.unwrap_or_default();
    if !stack::has_ours(&String::from_utf8_lossy(&auth)) {
        return Err(HostTrouble {
            message: "/etc/pam.d/common-* were changed by hand, and pam-auth-update leaves them alone".to_owned(),
            hint: Some(
                "`pam-auth-update --force` makes them anew without those changes; docs/pam.md has the lines for \
                 doing it by hand"
                    .to_owned(),
            ),
        });
    }
    let commands = match changes.is_empty() {
        true => Vec::new(),
        false => vec![words("--enable", &profiles).join(" ")],
    };
    Ok(Stacks {
        changes,
        commands,
        notes,
        tool: Tool::PamAuthUpdate { profiles },
    })
}

/// Lets it make the stacks.
///
/// # Errors
/// [`HostTrouble`] with its last words.
pub(super) fn enable(profiles: &[String]) -> Result<(), HostTrouble> {
    run(&words("--enable", profiles), &[ENVIRONMENT]).map(drop)
}

/// Lets it take our profiles out.
///
/// # Errors
/// [`HostTrouble`] with its last words.
pub(super) fn remove(profiles: &[String]) -> Result<(), HostTrouble> {
    run(&words("--remove", profiles), &[ENVIRONMENT]).map(drop)
}

/// Our profiles alone: of a wiring that was not made by `enable`, the homes are somebody else's.
pub(super) fn ours() -> Vec<String> {
    OURS.map(str::to_owned).to_vec()
}

/// The stacks that may hold our lines.
pub(super) fn stacks() -> impl Iterator<Item = &'static str> {
    FILES.into_iter().filter(|path| path.starts_with("/etc/"))
}

/// What it leaves if it is killed.
pub(super) fn remnants() -> impl Iterator<Item = String> {
    FILES
        .into_iter()
        .map(|path| match path.starts_with("/etc/") {
            true => format!("{path}.pam-new"),
            false => format!("{path}.new"),
        })
}

fn words<'a>(verb: &'a str, profiles: &'a [String]) -> Vec<&'a str> {
    let mut words = vec![PROGRAM, "--package", verb];
    words.extend(profiles.iter().map(String::as_str));
    words
}

fn text(host: &Host, path: &str) -> Result<String, HostTrouble> {
    let content = replace::read(host, path)?;
    Ok(String::from_utf8_lossy(&content.unwrap_or_default()).into_owned())
}

/// A copy of what pam-auth-update reads and writes; gone when dropped.
struct Copy {
    folder: PathBuf,
}

impl Copy {
    fn make(host: &Host) -> Result<Self, HostTrouble> {
        let template = host.path("/run").join("entra-login-pam.XXXXXX");
        let folder = mkdtemp(&template)
            .map_err(|error| HostTrouble::file("make", &template, &error.into()))?;
        let copy = Self { folder };
        for path in FILES {
            copy.take(host, path)?;
        }
        let profiles = host.path(PROFILES);
        let entries = fs::read_dir(&profiles)
            .map_err(|error| HostTrouble::file("read", &profiles, &error))?;
        for entry in entries.flatten().filter(|entry| entry.path().is_file()) {
            copy.take(
                host,
                &format!("{PROFILES}/{}", entry.file_name().to_string_lossy()),
            )?;
        }
        for database in ["config", "templates"] {
            copy.take(host, &format!("/var/cache/debconf/{database}.dat"))?;
        }
        let below = copy.folder.display();
        let configuration = format!(
            "Config: configdb\nTemplates: templatedb\n\n\
             Name: configdb\nDriver: File\nFilename: {below}/var/cache/debconf/config.dat\n\n\
             Name: templatedb\nDriver: File\nFilename: {below}/var/cache/debconf/templates.dat\n"
        );
        let path = copy.folder.join(DEBCONF);
        fs::create_dir_all(copy.folder.join("var/cache/debconf"))
            .and_then(|()| fs::write(&path, configuration))
            .map_err(|error| HostTrouble::file("write", &path, &error))?;
        Ok(copy)
    }

    fn take(&self, host: &Host, path: &str) -> Result<(), HostTrouble> {
        let there = self.folder.join(path.trim_start_matches('/'));
        let Some(content) = replace::read(host, path)? else {
            return Ok(());
        };
        let folder = there.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&there, content))
            .map_err(|error| HostTrouble::file("write", &there, &error))
    }

    fn enable(&self, profiles: &[String]) -> Result<(), HostTrouble> {
        let (root, debconf) = (self.folder.to_string_lossy(), self.folder.join(DEBCONF));
        let mut words = vec![PROGRAM, "--package", "--root", root.as_ref(), "--enable"];
        words.extend(profiles.iter().map(String::as_str));
        run(
            &words,
            &[
                ENVIRONMENT,
                ("DEBCONF_SYSTEMRC", debconf.to_string_lossy().as_ref()),
            ],
        )
        .map(drop)
        .map_err(|error| trouble(format!("on a copy: {}", error.message)))
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostTrouble> {
        let there = self.folder.join(path.trim_start_matches('/'));
        match fs::read(&there) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(HostTrouble::file("read", &there, &error)),
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// debconf.conf(5) of the copy.
const DEBCONF: &str = "debconf.conf";
