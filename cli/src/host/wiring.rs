//! How names and sign-ins are wired on this host: nsswitch.conf, the PAM stacks, sshd, and other software that
//! does the same work. Looked at, never changed.
//!
//! Invariant: what can't be read is [`CheckState::Skipped`] and says so; nothing is guessed from its absence.

use std::fs;
use std::process::{Command, Stdio};

use entra_protocol::admin::{Check, CheckState};

use super::Host;

/// Of checks that are about no tenant.
pub(crate) const ABOUT: &str = "host";

/// Everything that this half of `doctor` looks at, in the order in which a sign-in meets it.
pub(crate) fn checks(host: &Host) -> Vec<Check> {
    let mut list = vec![names(host)];
    list.extend(stacks(host));
    list.push(sshd(host));
    list.push(others(host));
    list
}

/// Whether names or PAM do not know imported people yet.
pub(crate) fn is_missing(host: &Host) -> bool {
    std::iter::once(names(host))
        .chain(stacks(host))
        .any(|check| check.state == CheckState::Bad)
}

/// nsswitch.conf(5): `entra` behind `files`, for passwd and group, and on an `initgroups` line if there is one.
fn names(host: &Host) -> Check {
    let name = "nsswitch";
    let path = "/etc/nsswitch.conf";
    let Ok(text) = fs::read_to_string(host.path(path)) else {
        return skipped(name, format!("{path} can't be read"));
    };
    let mut wrong = Vec::new();
    for database in ["passwd", "group", "initgroups"] {
        let services = services(&text, database);
        let place = |wanted: &str| services.iter().position(|service| service == wanted);
        match (place("files"), place("entra")) {
            _ if database == "initgroups" && services.is_empty() => {}
            (_, None) => wrong.push(format!("`{database}:` has no entra")),
            (Some(files), Some(entra)) if entra > files => {}
            _ => wrong.push(format!("`{database}:` has entra before files")),
        }
    }
    if services(&text, "initgroups")
        .iter()
        .any(|word| word == "entra")
        && !line(&text, "initgroups").contains("[SUCCESS=continue]")
    {
        wrong.push(
            "`initgroups:` stops at files: imported people lose their imported groups".to_owned(),
        );
    }
    let library = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"]
        .iter()
        .any(|folder| has_library(host, folder, "libnss_entra.so.2"));
    if !library {
        wrong.push("libnss_entra.so.2 is not where the loader looks".to_owned());
    }
    if wrong.is_empty() {
        good(name, "entra stands behind files".to_owned())
    } else {
        bad(
            name,
            format!("{path}: {}", wrong.join("; ")),
            "sudo entractl pam enable; or by hand passwd: files entra ..., group: files entra ..., and if there is one \
             initgroups: files [SUCCESS=continue] entra",
        )
    }
}

fn line<'a>(text: &'a str, database: &str) -> &'a str {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .find_map(|line| line.strip_prefix(database)?.trim_start().strip_prefix(':'))
        .unwrap_or_default()
}

fn services(text: &str, database: &str) -> Vec<String> {
    line(text, database)
        .split_whitespace()
        .filter(|word| !word.starts_with('['))
        .map(str::to_owned)
        .collect()
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
        match lines.iter().find(|line| line.contains("pam_entra.so")) {
            None => missing.push(format!("{path} has no {phase} line with pam_entra.so")),
            Some(line) if phase != "session" && !line.contains("module_unknown=ignore") => {
                missing.push(format!(
                    "{path}: without module_unknown=ignore a missing module locks everybody out"
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

/// What sshd would do, from sshd(8) -T, which takes root.
fn sshd(host: &Host) -> Check {
    let name = "sshd";
    if !host.path("/usr/sbin/sshd").exists() {
        return skipped(name, "sshd is not installed".to_owned());
    }
    if !host.is_root {
        return skipped(name, "only root may ask sshd for its settings".to_owned());
    }
    let told = Command::new(host.path("/usr/sbin/sshd"))
        .arg("-T")
        .stdin(Stdio::null())
        .output();
    match told {
        Ok(told) if told.status.success() => {
            sshd_settings(&String::from_utf8_lossy(&told.stdout).to_lowercase())
        }
        Ok(told) => bad(
            name,
            format!(
                "sshd -T: {}",
                String::from_utf8_lossy(&told.stderr)
                    .lines()
                    .next()
                    .unwrap_or("failed without a word")
            ),
            "mend sshd's configuration: sshd -t",
        ),
        Err(error) => skipped(name, format!("sshd -T: {error}")),
    }
}

fn sshd_settings(told: &str) -> Check {
    let name = "sshd";
    let value = |key: &str| {
        told.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
            .unwrap_or_default()
            .trim()
    };
    if value("usepam") != "yes" {
        return bad(
            name,
            "UsePAM is off: sshd asks nobody about imported people".to_owned(),
            "UsePAM yes in /etc/ssh/sshd_config",
        );
    }
    let interactive = [
        "kbdinteractiveauthentication",
        "challengeresponseauthentication",
    ]
    .iter()
    .any(|key| value(key) == "yes");
    if !interactive {
        return bad(
            name,
            "KbdInteractiveAuthentication is off: a device code can't be shown over ssh".to_owned(),
            "sudo entractl pam enable; or KbdInteractiveAuthentication yes, for all or below `Match Group entra-users`",
        );
    }
    let grace: u64 = value("logingracetime").parse().unwrap_or(120);
    if grace != 0 && grace < SSHD_GRACE {
        return Check {
            state: CheckState::Warning,
            ..bad(
                name,
                format!("LoginGraceTime is {grace} s, short for a sign-in in a browser"),
                "raise it, or set the same number in agent.toml: [sign_in] login_grace_seconds",
            )
        };
    }
    good(name, "PAM and keyboard-interactive are on".to_owned())
}

/// sshd's own default, in seconds, which the agent expects if nothing else is said.
const SSHD_GRACE: u64 = 120;

/// Software that answers for the same names or sign-ins: its program, and its words in nsswitch.conf and PAM.
const OTHERS: [(&str, &[&str], &str, &str); 8] = [
    ("SSSD", &["/usr/sbin/sssd"], "sss", "pam_sss.so"),
    (
        "winbind",
        &["/usr/sbin/winbindd"],
        "winbind",
        "pam_winbind.so",
    ),
    (
        "Himmelblau",
        &["/usr/sbin/himmelblaud", "/usr/libexec/himmelblaud"],
        "himmelblau",
        "pam_himmelblau.so",
    ),
    (
        "authd",
        &["/usr/libexec/authd", "/usr/sbin/authd"],
        "authd",
        "pam_authd.so",
    ),
    ("nss-pam-ldapd", &["/usr/sbin/nslcd"], "ldap", "pam_ldap.so"),
    ("pam_krb5", &[], "", "pam_krb5.so"),
    ("nscd", &["/run/nscd/socket"], "", ""),
    ("aad-auth", &[], "aad", "pam_aad.so"),
];

fn others(host: &Host) -> Check {
    let nsswitch = fs::read_to_string(host.path("/etc/nsswitch.conf")).unwrap_or_default();
    let passwd = services(&nsswitch, "passwd");
    let stacks: String = ["common-auth", "system-auth", "password-auth"]
        .iter()
        .filter_map(|file| fs::read_to_string(host.path(&format!("/etc/pam.d/{file}"))).ok())
        .flat_map(|text| {
            text.lines()
                .filter(|line| !line.trim_start().starts_with('#'))
                .map(|line| format!("{line}\n"))
                .collect::<Vec<_>>()
        })
        .collect();
    let (mut active, mut installed) = (Vec::new(), Vec::new());
    for (software, programs, in_nsswitch, in_pam) in OTHERS {
        let is_wired = (!in_nsswitch.is_empty() && passwd.iter().any(|word| word == in_nsswitch))
            || (!in_pam.is_empty() && stacks.contains(in_pam));
        if is_wired {
            active.push(software);
        } else if programs.iter().any(|path| host.path(path).exists()) {
            installed.push(software);
        }
    }
    let name = "other-software";
    let cure = "one host, one directory for sign-in: take the other one out of nsswitch.conf and PAM; \
                nscd answers with what was true minutes ago";
    match (active.is_empty(), installed.is_empty()) {
        (false, _) => bad(
            name,
            format!("also wired here: {}", active.join(", ")),
            cure,
        ),
        (true, false) => Check {
            state: CheckState::Warning,
            ..bad(
                name,
                format!("installed, not wired: {}", installed.join(", ")),
                cure,
            )
        },
        (true, true) => good(name, "nothing else signs people in here".to_owned()),
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

fn skipped(name: &str, found: String) -> Check {
    check(name, CheckState::Skipped, found, None)
}

#[cfg(test)]
mod tests;
