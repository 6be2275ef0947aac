//! Account management of root and a local user in every PAM service of this host: what passed before a change
//! must pass after it.
//!
//! Each question is asked of libpam itself, in a process of its own with a limit.

use std::fs;

use serde::Serialize;

use super::Host;
use super::command::{self, trouble};
use crate::trouble::HostTrouble;

/// One question and its answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AccountCheck {
    /// The file in /etc/pam.d.
    pub(crate) service: String,
    /// Who was asked about.
    pub(crate) user: String,
    /// pam_acct_mgmt(3) answered `PAM_SUCCESS` before the change.
    pub(crate) before: bool,
    /// And after it.
    pub(crate) after: bool,
}

/// Whether each user passes in each service now.
///
/// # Errors
/// [`HostTrouble`] if libpam is not there.
pub(super) fn pass(host: &Host) -> Result<Vec<(String, String, bool)>, HostTrouble> {
    let own = std::env::current_exe()
        .map_err(|error| trouble(format!("can't find entractl's own program: {error}")))?;
    let own = own.to_string_lossy();
    let users = users(host);
    let mut answers = Vec::new();
    for service in services(host)? {
        for user in &users {
            let words = [
                own.as_ref(),
                "pam",
                "account",
                service.as_str(),
                user.as_str(),
            ];
            // One that hangs or crashes is one that does not pass.
            let said = command::ask(&words, &[]);
            if let Ok(said) = &said
                && let Some(reason) = said.last.strip_prefix("error: ")
                && reason.starts_with(UNASKED)
            {
                return Err(trouble(reason.to_owned()));
            }
            let passes = said.is_ok_and(|said| said.is_good());
            answers.push((service.clone(), user.clone(), passes));
        }
    }
    Ok(answers)
}

/// How the process that asks begins its last words if it could not ask.
pub(crate) const UNASKED: &str = "account management can't be asked";

/// Every service: what stands in /etc/pam.d and is no part of others.
fn services(host: &Host) -> Result<Vec<String>, HostTrouble> {
    let folder = host.path("/etc/pam.d");
    let entries =
        fs::read_dir(&folder).map_err(|error| HostTrouble::file("read", &folder, &error))?;
    let mut services: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| {
            let is_part = name.starts_with("common-") || PARTS.contains(&name.as_str());
            // What package managers and editors leave is no service.
            !is_part && !name.contains(['.', '~'])
        })
        .collect();
    services.sort();
    Ok(services)
}

/// Files that services include.
const PARTS: [&str; 6] = [
    "system-auth",
    "password-auth",
    "fingerprint-auth",
    "smartcard-auth",
    "postlogin",
    "other",
];

/// root, and who is signed in here; else the first ordinary account.
fn users(host: &Host) -> Vec<String> {
    let passwd = fs::read(host.path("/etc/passwd")).unwrap_or_default();
    let passwd = String::from_utf8_lossy(&passwd);
    let mut ordinary = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid: u32 = fields.nth(1)?.parse().ok()?;
        (PEOPLE.contains(&uid) && !name.is_empty()).then_some((name, uid))
    });
    let signed_in: Option<u32> = fs::read_to_string("/proc/self/loginuid")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let chosen = ordinary
        .clone()
        .find(|(_, uid)| Some(*uid) == signed_in)
        .or_else(|| ordinary.next());
    let mut users = vec!["root".to_owned()];
    users.extend(chosen.map(|(name, _)| name.to_owned()));
    users
}

/// The uids of people in /etc/passwd, by login.defs(5) of every distribution.
const PEOPLE: std::ops::Range<u32> = 1000..60_000;

/// Puts the answers from before and after side by side.
pub(super) fn compare(
    before: &[(String, String, bool)],
    after: &[(String, String, bool)],
) -> Vec<AccountCheck> {
    before
        .iter()
        .map(|(service, user, passed)| AccountCheck {
            service: service.clone(),
            user: user.clone(),
            before: *passed,
            after: after
                .iter()
                .any(|(there, who, passes)| there == service && who == user && *passes),
        })
        .collect()
}

/// Who passes no more: `root in sshd, sudo`, one for each user.
pub(super) fn lost(checks: &[AccountCheck]) -> Vec<String> {
    let mut lost: Vec<(&str, Vec<&str>)> = Vec::new();
    for check in checks.iter().filter(|check| check.before && !check.after) {
        match lost.iter_mut().find(|(user, _)| *user == check.user) {
            Some((_, services)) => services.push(&check.service),
            None => lost.push((&check.user, vec![&check.service])),
        }
    }
    lost.into_iter()
        .map(|(user, services)| format!("{user} in {}", services.join(", ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_passed_and_does_not_any_more_is_lost() {
        let answer =
            |service: &str, user: &str, passes| (service.to_owned(), user.to_owned(), passes);
        let before = [
            answer("sshd", "root", true),
            answer("sudo", "root", true),
            answer("sshd", "lars", true),
            answer("vsftpd", "root", false),
        ];
        let after = [
            answer("sshd", "root", false),
            answer("sudo", "root", false),
            answer("sshd", "lars", true),
            answer("vsftpd", "root", false),
        ];
        assert_eq!(lost(&compare(&before, &after)), ["root in sshd, sudo"]);
        assert!(lost(&compare(&before, &before)).is_empty());
        // One that was not asked again did not pass.
        assert_eq!(lost(&compare(&before, &[])).len(), 2);
    }

    #[test]
    fn everybody_who_may_be_locked_out_is_asked_about() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::below(folder.path(), true, |_| None);
        fs::create_dir_all(host.path("/etc/pam.d")).unwrap();
        for file in [
            "sshd",
            "sudo-i",
            "common-auth",
            "system-auth",
            "other",
            "sshd.dpkg-old",
            "su~",
        ] {
            fs::write(host.path("/etc/pam.d").join(file), "").unwrap();
        }
        assert_eq!(services(&host).unwrap(), ["sshd", "sudo-i"]);
        fs::write(
            host.path("/etc/passwd"),
            "root:x:0:0::/:/bin/sh\nnobody:x:65534:1::/:/x\nlars:x:1000:1000::/:/x\nmona:x:1001:1001::/:/x\n",
        )
        .unwrap();
        assert_eq!(users(&host), ["root", "lars"]);
    }
}
