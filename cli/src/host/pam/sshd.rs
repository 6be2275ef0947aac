//! sshd: a drop-in that lets imported people be asked by keyboard-interactive, and nobody else.
//!
//! `Match all` at its end closes the block, so that nothing behind it is caught. sshd itself says before and
//! after whether it can read its configuration, and after what it would do.

use std::fs;

use nix::unistd::Group;

use super::command::{self, ask, run, trouble};
use super::{Change, Host, replace};
use crate::trouble::HostTrouble;

/// The drop-in; sshd takes the first value that it reads, so it goes by an early name.
pub(super) const DROP_IN: &str = "/etc/ssh/sshd_config.d/10-entra-login.conf";
pub(super) const MAIN: &str = "/etc/ssh/sshd_config";

/// Where /run/sshd is missing because sshd has not run yet, it can't even read its configuration.
const RUN: &str = "/run/sshd";

/// From here on KbdInteractiveAuthentication alone says it, and inside of Match.
const VERSION: (u32, u32) = (8, 7);

/// What is planned for sshd.
#[derive(Debug, Default)]
pub(super) struct Sshd {
    pub(super) change: Option<Change>,
    pub(super) notes: Vec<String>,
}

/// What would change for sshd.
///
/// # Errors
/// [`HostTrouble`] if it can't read its configuration as it is now.
pub(super) fn plan(host: &Host) -> Result<Sshd, HostTrouble> {
    let mut sshd = Sshd::default();
    if !command::is_there(host, "sshd") {
        sshd.notes
            .push("sshd is not installed: nothing to do for it".to_owned());
        return Ok(sshd);
    }
    test(host).map_err(|error| HostTrouble {
        message: format!(
            "sshd can't read its configuration as it is now: {}",
            error.message
        ),
        hint: Some("mend it first: sshd -t".to_owned()),
    })?;
    let now = settings(host, "root")?;
    if !has(&now, "usepam", "yes") {
        sshd.notes.push(
            "UsePAM is off in sshd: it asks nobody about imported people; `UsePAM yes` in /etc/ssh/sshd_config".to_owned(),
        );
    }
    let said = ask(&["sshd", "-V"], &[])?;
    let version = version_of(&said.last).or_else(|| version_of(&said.stdout));
    if version.is_some_and(|version| version < VERSION) {
        if !has(&now, "challengeresponseauthentication", "yes") {
            sshd.notes.push(
                "this sshd knows keyboard-interactive for everybody or for nobody: put \
                 `ChallengeResponseAuthentication yes` into /etc/ssh/sshd_config and reload it, or imported people \
                 can't be shown a device code"
                    .to_owned(),
            );
        }
        return Ok(sshd);
    }
    let main = replace::read(host, MAIN)?.unwrap_or_default();
    let (path, before) = if includes(&String::from_utf8_lossy(&main)) {
        (DROP_IN, replace::read(host, DROP_IN)?)
    } else {
        (MAIN, Some(main))
    };
    let after = with_block(before.as_deref().unwrap_or_default());
    if before.as_ref() != Some(&after) {
        sshd.change = Some(Change {
            path: path.to_owned(),
            before,
            after: Some(after),
        });
    }
    Ok(sshd)
}

/// Whether a file is one that is changed for sshd.
pub(super) fn is_its(path: &str) -> bool {
    [DROP_IN, MAIN].contains(&path)
}

/// sshd(8) -t.
///
/// # Errors
/// [`HostTrouble`] with what it says.
pub(super) fn test(host: &Host) -> Result<(), HostTrouble> {
    // Its unit makes the folder, and it may not run: a test needs it, too.
    let _ = fs::create_dir(host.path(RUN));
    run(&["sshd", "-t"], &[]).map(drop)
}

/// Whether sshd would do what it should, for root as before and for somebody imported if there is one.
///
/// # Errors
/// [`HostTrouble`] says what it would do instead.
pub(super) fn verify(host: &Host) -> Result<(), HostTrouble> {
    test(host)?;
    let member = Group::from_name(PEOPLE)
        .ok()
        .flatten()
        .and_then(|group| group.mem.into_iter().next());
    if let Some(member) = member
        && !has(
            &settings(host, &member)?,
            "kbdinteractiveauthentication",
            "yes",
        )
    {
        return Err(trouble(format!(
            "sshd -T says that {member}, who is in {PEOPLE}, would not be asked by keyboard-interactive: another \
             Match block comes first"
        )));
    }
    Ok(())
}

/// What sshd would do for a user, in small letters.
pub(super) fn settings(_: &Host, user: &str) -> Result<String, HostTrouble> {
    let connection = format!("user={user},host=localhost,addr=127.0.0.1");
    Ok(run(&["sshd", "-T", "-C", &connection], &[])?
        .stdout
        .to_lowercase())
}

/// Lets a running sshd read its configuration again; sessions go on.
///
/// # Errors
/// [`HostTrouble`] with what systemd says.
pub(super) fn reload() -> Result<(), HostTrouble> {
    for unit in ["ssh.service", "sshd.service"] {
        if ask(&["systemctl", "is-active", "--quiet", unit], &[])?.is_good() {
            run(&["systemctl", "reload", unit], &[])?;
            break;
        }
    }
    Ok(())
}

fn has(settings: &str, key: &str, value: &str) -> bool {
    settings.lines().any(|line| {
        line.split_once(' ')
            .is_some_and(|(there, is)| there == key && is.trim() == value)
    })
}

/// `OpenSSH_9.2p1 Debian-2+deb12u3, ...`
fn version_of(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.split_once("OpenSSH_")?.1.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Whether sshd_config takes the drop-ins in, outside of any Match block.
fn includes(main: &str) -> bool {
    main.lines()
        .map(str::trim_start)
        .take_while(|line| !line.to_lowercase().starts_with("match"))
        .filter_map(|line| {
            let (key, value) = line.split_once(char::is_whitespace)?;
            key.eq_ignore_ascii_case("include").then_some(value)
        })
        .flat_map(str::split_whitespace)
        .any(|pattern| {
            matches!(
                pattern.trim_matches('"'),
                "/etc/ssh/sshd_config.d/*.conf" | "sshd_config.d/*.conf"
            )
        })
}

/// With our block behind all that is there.
fn with_block(content: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(content);
    if text.contains(FIRST) && text.contains(LAST) {
        return content.to_vec();
    }
    let mut new = content.to_vec();
    if new.last().is_some_and(|last| *last != b'\n') {
        new.push(b'\n');
    }
    new.extend_from_slice(format!("{FIRST}\n{BLOCK}{LAST}\n").as_bytes());
    new
}

/// Without our block; `None` if nothing else is left.
pub(super) fn without_block(content: &[u8]) -> Option<Vec<u8>> {
    let mut inside = false;
    let mut new = Vec::new();
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii();
        if text == FIRST.as_bytes() {
            inside = true;
        }
        if !inside {
            new.extend_from_slice(line);
        }
        if text == LAST.as_bytes() {
            inside = false;
        }
    }
    (!new.trim_ascii().is_empty()).then_some(new)
}

/// Whom it is about.
const PEOPLE: &str = "entra-users";

const FIRST: &str =
    "# entra-login: made by `entractl pam enable`, taken back by `entractl pam disable`";
const LAST: &str = "# entra-login: the end";
const BLOCK: &str = "Match Group entra-users\n    KbdInteractiveAuthentication yes\nMatch all\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_comes_and_goes() {
        let drop_in = with_block(b"");
        let text = String::from_utf8(drop_in.clone()).unwrap();
        assert!(
            text.ends_with("Match all\n# entra-login: the end\n"),
            "{text}"
        );
        assert_eq!(with_block(&drop_in), drop_in);
        assert_eq!(without_block(&drop_in), None);
        let main = b"Port 22\nMatch User x\n    X11Forwarding no";
        let with = with_block(main);
        assert_eq!(
            without_block(&with).unwrap(),
            b"Port 22\nMatch User x\n    X11Forwarding no\n"
        );
        let mut theirs = drop_in;
        theirs.extend_from_slice(b"MaxAuthTries 3\n");
        assert_eq!(without_block(&theirs).unwrap(), b"MaxAuthTries 3\n");
    }

    #[test]
    fn an_include_counts_outside_of_match_and_remarks() {
        assert!(includes(
            "# x\nInclude /etc/ssh/sshd_config.d/*.conf\nPort 22\n"
        ));
        assert!(includes("include \"/etc/ssh/sshd_config.d/*.conf\"\n"));
        assert!(!includes("#Include /etc/ssh/sshd_config.d/*.conf\n"));
        assert!(!includes(
            "Match User x\nInclude /etc/ssh/sshd_config.d/*.conf\n"
        ));
        assert!(!includes(
            "Include /etc/crypto-policies/back-ends/opensshserver.config\n"
        ));
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(
            version_of("OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0"),
            Some((9, 2))
        );
        assert_eq!(version_of("OpenSSH_8.0p1, OpenSSL 1.1.1k"), Some((8, 0)));
        assert_eq!(version_of("unknown option -- V"), None);
    }
}
