//! What a sign-in needs of this host, one file for each part: names, PAM, sshd, sudo, other software, configuration,
//! sockets, the published directory, the disk, ids. Looked at with the caller's rights, never changed, and
//! without the agent, so that a host whose agent is dead can be looked at as well.
//!
//! Invariant: what can't be read is [`CheckState::Skipped`] and says so; nothing is guessed from its absence.

mod configuration;
mod disk;
mod id_ranges;
mod names;
mod others;
mod published;
mod sockets;
mod sshd;
mod sudo;

use std::fs;

use entra_protocol::admin::{Check, CheckState};

use super::Host;

pub(crate) use id_ranges::id_range;
pub(crate) use published::Published;

/// Of checks that are about no tenant.
pub(crate) const ABOUT: &str = "host";

/// Everything that this half of `doctor` looks at, in the order in which a sign-in meets it.
pub(crate) fn checks(host: &Host, published: &Published) -> Vec<Check> {
    let mut list = vec![names::nsswitch(host)];
    list.extend(stacks(host));
    list.extend(sshd::checks(host, published));
    list.push(sudo::sudo(host));
    list.push(others::other_software(host));
    list.push(configuration::configuration(host));
    list.push(sockets::sockets(host));
    list.push(published.check(host.now));
    list.push(disk::disk(host));
    list
}

/// What must be as it should before imported people may sign in: they are known, PAM asks about them, and
/// nobody else signs people in.
pub(crate) fn preflight(host: &Host) -> Vec<Check> {
    let mut list = vec![names::nsswitch(host)];
    let session = |check: &Check| check.name == "pam-session";
    list.extend(stacks(host).into_iter().filter(|check| !session(check)));
    list.push(others::other_software(host));
    list
}

/// Whether names or PAM do not know imported people yet.
pub(crate) fn is_missing(host: &Host) -> bool {
    std::iter::once(names::nsswitch(host))
        .chain(stacks(host))
        .any(|check| check.state == CheckState::Bad)
}

pub(crate) fn has_library(host: &Host, folder: &str, library: &str) -> bool {
    let here = host.path(folder);
    here.join(library).exists()
        || fs::read_dir(&here).is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| entry.path().join(library).exists())
        })
}

/// The files that services include: Debian's, then EL's.
const STACKS: [(&str, &str, &[&str]); 3] = [
    (
        "pam-auth",
        "auth",
        &["common-auth", "system-auth", "password-auth"],
    ),
    (
        "pam-account",
        "account",
        &["common-account", "system-auth", "password-auth"],
    ),
    (
        "pam-session",
        "session",
        &["common-session", "system-auth", "password-auth"],
    ),
];

fn stacks(host: &Host) -> Vec<Check> {
    STACKS
        .iter()
        .map(|(name, phase, files)| stack(host, name, phase, files))
        .collect()
}

fn stack(host: &Host, name: &str, phase: &str, files: &[&str]) -> Check {
    let texts: Vec<(String, String)> = files
        .iter()
        .map(|file| format!("/etc/pam.d/{file}"))
        .filter_map(|path| Some((path.clone(), fs::read_to_string(host.path(&path)).ok()?)))
        .collect();
    if texts.is_empty() {
        return skipped(name, format!("none of {} can be read", files.join(", ")));
    }
    let mut missing = Vec::new();
    for (path, text) in &texts {
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| line.split_whitespace().next() == Some(phase))
            .collect();
        let place = |module: &str| lines.iter().position(|line| line.contains(module));
        let ours = place("pam_entra.so");
        match ours.and_then(|ours| lines.get(ours)) {
            None => missing.push(format!("{path} has no {phase} line with pam_entra.so")),
            Some(line) if phase != "session" && !line.contains("module_unknown=ignore") => {
                missing.push(format!(
                    "{path}: without module_unknown=ignore a missing module locks everybody out"
                ));
            }
            // It succeeds for imported people, and may end the stack for local ones.
            Some(_)
                if phase == "account"
                    && place("pam_unix.so").is_some_and(|unix| Some(unix) < ours) =>
            {
                missing.push(format!(
                    "{path}: pam_entra.so stands behind pam_unix.so, which lets accounts past it"
                ));
            }
            Some(_) => {}
        }
    }
    if missing.is_empty() {
        good(name, format!("pam_entra.so is in the {phase} stack"))
    } else {
        bad(
            name,
            missing.join("; "),
            "sudo entractl pam enable; docs/pam.md has the lines for doing it by hand",
        )
    }
}

fn check(name: &str, state: CheckState, found: String, cure: Option<&str>) -> Check {
    Check {
        about: ABOUT.to_owned(),
        name: name.to_owned(),
        state,
        found,
        cure: cure.map(str::to_owned),
        reference: None,
    }
}

fn good(name: &str, found: String) -> Check {
    check(name, CheckState::Good, found, None)
}

fn bad(name: &str, found: String, cure: &str) -> Check {
    check(name, CheckState::Bad, found, Some(cure))
}

fn warning(name: &str, found: String, cure: &str) -> Check {
    check(name, CheckState::Warning, found, Some(cure))
}

fn skipped(name: &str, found: String) -> Check {
    check(name, CheckState::Skipped, found, None)
}

#[cfg(test)]
mod tests;
