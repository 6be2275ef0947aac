//! The PAM stacks of EL and its kin: authselect(8) makes them from a profile of ours, which is the selected one
//! with our lines in it.
//!
//! A copy of what is selected and not a profile that is shipped: what the administrator's own profile does, and
//! what a later release puts into its, stays. What is undone selects what was selected before.

use std::fs;
use std::path::PathBuf;

use super::command::{ask, run};
use super::kept::Tool;
use super::{Change, Host, Stacks, nsswitch, replace, stack};
use crate::trouble::HostTrouble;

pub(super) const PROGRAM: &str = "authselect";

/// Our profile.
const NAME: &str = "entra-login";
const SELECTED: &str = "custom/entra-login";
const FOLDER: &str = "/etc/authselect/custom/entra-login";

/// The files that authselect makes, which /etc/pam.d and /etc/nsswitch.conf link to, and our lines for each.
const FILES: [(&str, &str); 4] = [
    ("system-auth", LINES),
    ("password-auth", LINES),
    ("fingerprint-auth", ACCOUNT_ONLY),
    ("smartcard-auth", ACCOUNT_ONLY),
];
const NSSWITCH: &str = "nsswitch.conf";

const LINES: &str = include_str!("../../../../packaging/authselect/system-auth.lines");
const ACCOUNT_ONLY: &str = include_str!("../../../../packaging/authselect/fingerprint-auth.lines");

/// Makes homes; the feature wants oddjob's module.
const HOMES: &str = "with-mkhomedir";
const HOMES_MODULE: &str = "/usr/lib64/security/pam_oddjob_mkhomedir.so";

/// What authselect would make.
///
/// # Errors
/// [`HostTrouble`] if it does not manage this host.
pub(super) fn plan(host: &Host) -> Result<Stacks, HostTrouble> {
    let said = ask(&[PROGRAM, "current", "--raw"], &[])?;
    let before: Vec<String> = said.stdout.split_whitespace().map(str::to_owned).collect();
    let Some((base, features)) = before.split_first().filter(|_| said.is_good()) else {
        return Err(HostTrouble {
            message: "authselect does not manage this host's PAM files".to_owned(),
            hint: Some(
                "`authselect select PROFILE` lets it, and docs/pam.md has the lines for doing it by hand".to_owned(),
            ),
        });
    };
    let mut notes =
        vec!["what authselect makes is shown as our lines in what it made last".to_owned()];
    if base == SELECTED {
        return Ok(Stacks {
            changes: Vec::new(),
            commands: Vec::new(),
            notes: Vec::new(),
            tool: Tool::Authselect { before },
        });
    }
    let mut changes = Vec::new();
    for (file, after) in edited(|file| replace::read(host, &format!("/etc/authselect/{file}")))? {
        let path = format!("/etc/authselect/{file}");
        let before = replace::read(host, &path)?;
        if before.as_ref() != Some(&after) {
            changes.push(Change {
                path,
                before,
                after: Some(after),
            });
        }
    }
    let mut select = vec![PROGRAM.to_owned(), "select".to_owned(), SELECTED.to_owned()];
    select.extend(features.iter().cloned());
    if !features.iter().any(|feature| feature == HOMES) {
        if host.path(HOMES_MODULE).exists() {
            select.push(HOMES.to_owned());
        } else {
            notes.push("nothing makes homes here: install oddjob-mkhomedir before".to_owned());
        }
    }
    let commands = vec![
        format!("{PROGRAM} create-profile {NAME} --base-on {base}"),
        select.join(" "),
    ];
    Ok(Stacks {
        changes,
        commands,
        notes,
        tool: Tool::Authselect { before },
    })
}

/// Makes the profile and selects it, by the commands that were shown.
///
/// # Errors
/// [`HostTrouble`] names the file or has authselect's last words.
pub(super) fn enable(host: &Host, commands: &[String]) -> Result<(), HostTrouble> {
    let mut commands = commands
        .iter()
        .map(|command| command.split(' ').collect::<Vec<_>>());
    let (Some(create), Some(select)) = (commands.next(), commands.next()) else {
        return Ok(());
    };
    remove_profile(host)?;
    run(&create, &[])?;
    for (file, content) in edited(|file| replace::read(host, &format!("{FOLDER}/{file}")))? {
        replace::write(host, &format!("{FOLDER}/{file}"), Some(&content))?;
    }
    run(&select, &[]).map(drop)
}

/// Selects what was selected before, if ours still is, and removes our profile.
///
/// # Errors
/// [`HostTrouble`] has authselect's last words.
pub(super) fn disable(host: &Host, before: &[String]) -> Result<(), HostTrouble> {
    let now = ask(&[PROGRAM, "current", "--raw"], &[])?;
    if now.stdout.split_whitespace().next() == Some(SELECTED) {
        let mut words = vec![PROGRAM, "select"];
        words.extend(before.iter().map(String::as_str));
        run(&words, &[])?;
    }
    remove_profile(host)
}

fn remove_profile(host: &Host) -> Result<(), HostTrouble> {
    let folder: PathBuf = host.path(FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(HostTrouble::file("remove", &folder, &error))
        }
        _ => Ok(()),
    }
}

/// The files of a profile, or those made from one, with our part in them; those that are not there are passed over.
fn edited(
    read: impl Fn(&str) -> Result<Option<Vec<u8>>, HostTrouble>,
) -> Result<Vec<(&'static str, Vec<u8>)>, HostTrouble> {
    let mut edited = Vec::new();
    for (file, lines) in FILES {
        if let Some(content) = read(file)? {
            edited.push((
                file,
                stack::with_lines(&String::from_utf8_lossy(&content), lines).into_bytes(),
            ));
        }
    }
    if let Some(content) = read(NSSWITCH)? {
        let text = nsswitch::with_entra(&String::from_utf8_lossy(&content)).map_err(|reason| {
            HostTrouble {
                message: format!("authselect's {NSSWITCH}: {reason}"),
                hint: None,
            }
        })?;
        edited.push((NSSWITCH, text.into_bytes()));
    }
    Ok(edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_gets_our_lines_in_each_of_its_files() {
        let stack = "auth sufficient pam_unix.so {if not \"without-nullok\":nullok}\naccount required pam_unix.so\n\
                     password requisite pam_pwquality.so\nsession required pam_unix.so\n";
        let made = edited(|file| {
            Ok(match file {
                NSSWITCH => Some(
                    b"passwd:     {if \"with-altfiles\":altfiles }sss files systemd\ngroup: sss files [SUCCESS=merge] systemd\n"
                        .to_vec(),
                ),
                "smartcard-auth" => None,
                _ => Some(stack.as_bytes().to_vec()),
            })
        })
        .unwrap();
        let text = |wanted: &str| {
            let (_, content) = made.iter().find(|(file, _)| *file == wanted).unwrap();
            String::from_utf8(content.clone()).unwrap()
        };
        assert_eq!(text("system-auth").matches("pam_entra.so").count(), 4);
        assert_eq!(text("password-auth").matches("pam_entra.so").count(), 4);
        assert_eq!(text("fingerprint-auth").matches("pam_entra.so").count(), 1);
        assert!(!made.iter().any(|(file, _)| *file == "smartcard-auth"));
        assert_eq!(
            text(NSSWITCH),
            "passwd:     {if \"with-altfiles\":altfiles }sss files entra systemd\n\
             group: sss files [SUCCESS=merge] entra [SUCCESS=merge] systemd\n"
        );
    }
}
