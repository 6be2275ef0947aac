//! The sudoers drop-in: who is root by the role administrator.
//!
//! A host may do without it, and then its administrators are none of root's. Where it is there it has to be the one
//! that was shipped, or somebody meant what it says now; and sudo passes over a file that others can write.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use entra_protocol::admin::Check;

use super::{Host, bad, good, skipped, warning};

const NAME: &str = "sudo";
const PATH: &str = "/etc/sudoers.d/entra-login";
const CONFIGURATION: &str = "/etc/sudo.conf";
const SHIPPED: &str = include_str!("../../../../packaging/sudoers/entra-login");

/// Write permission of group and others, with which sudo passes over a file (sudoers(5), `#includedir`).
const OTHERS_WRITE: u32 = 0o022;

pub(super) fn sudo(host: &Host) -> Check {
    let path = host.path(PATH);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        // The folder is root's.
        Err(error) if error.kind() == io::ErrorKind::NotFound && host.is_root => {
            return good(
                NAME,
                format!("{PATH} is not there: administrators are not root by it"),
            );
        }
        Err(error) if host.is_root => return skipped(NAME, format!("{PATH}: {error}")),
        Err(_) => return skipped(NAME, format!("only root can look at {PATH}")),
    };
    let owner = fs::metadata(&path).map(|found| (found.uid(), found.mode()));
    if let Ok((uid, mode)) = owner
        && (uid != 0 || mode & OTHERS_WRITE != 0)
    {
        return bad(
            NAME,
            format!("{PATH} can be written by others than root, and sudo passes over it"),
            "chown root:root /etc/sudoers.d/entra-login; chmod 0440 /etc/sudoers.d/entra-login",
        );
    }
    if rules(&text).ne(rules(SHIPPED)) {
        return warning(
            NAME,
            format!("{PATH} is not as it was shipped"),
            "read it; it should give sudo to %entra-admins alone, and `visudo -c` should pass it",
        );
    }
    good(
        NAME,
        match asks_anew(host) {
            true => "administrators, by the groups that they are in at that moment".to_owned(),
            false => format!(
                "administrators; an open session keeps the groups that it began with, unless {CONFIGURATION} has \
                 `Set group_source dynamic`"
            ),
        },
    )
}

/// The lines that say something.
fn rules(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether sudo looks a user's groups up each time (sudo.conf(5)).
fn asks_anew(host: &Host) -> bool {
    let text = fs::read_to_string(host.path(CONFIGURATION)).unwrap_or_default();
    let mut last = None;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["Set", "group_source", source] = words[..] {
            last = Some(source == "dynamic");
        }
    }
    last == Some(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use entra_protocol::admin::CheckState;
    use tempfile::TempDir;

    use super::*;

    /// What is found where the file has this text, looked at as root.
    fn found(text: Option<&str>, mode: u32, configuration: &str) -> (CheckState, String) {
        let folder = TempDir::new().unwrap();
        let host = Host::below(folder.path(), true, |_| None);
        fs::create_dir_all(host.path("/etc/sudoers.d")).unwrap();
        if let Some(text) = text {
            fs::write(host.path(PATH), text).unwrap();
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(host.path(PATH), mode).unwrap();
        }
        fs::write(host.path(CONFIGURATION), configuration).unwrap();
        let check = sudo(&host);
        (check.state, check.found)
    }

    #[test]
    fn it_is_as_shipped_or_somebody_should_look() {
        let is_root = nix::unistd::geteuid().is_root();
        let commented = format!("# ours\n\n{SHIPPED}");
        let wider = SHIPPED.replace("%entra-admins", "%entra-operators");
        for (text, mode, state, part) in [
            (Some(SHIPPED), 0o440, CheckState::Good, "an open session"),
            (
                Some(&*commented),
                0o440,
                CheckState::Good,
                "an open session",
            ),
            (Some(&*wider), 0o440, CheckState::Warning, "not as it was"),
            (Some(SHIPPED), 0o460, CheckState::Bad, "passes over it"),
            (None, 0, CheckState::Good, "is not there"),
        ] {
            let (found, text) = found(text, mode, "# Set group_source dynamic\n");
            if is_root {
                assert_eq!(found, state, "{text}");
                assert!(text.contains(part), "{text}");
            }
        }
        if is_root {
            let (_, text) = found(Some(SHIPPED), 0o440, "Set  group_source\tdynamic\n");
            assert!(text.ends_with("at that moment"), "{text}");
        }
    }
}
