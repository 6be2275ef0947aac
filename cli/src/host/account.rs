//! A local account as the four files have it: which lines are its own, and whether it can go.
//!
//! What can't go without leaving something in the way of the person, who is to have the same name and the
//! same number, is refused here, with the line that would be left. Whether a number is one that an imported
//! person may have at all is the agent's to say.

use entra_protocol::admin::LocalAccount;
use serde::Serialize;

use super::files::{Contents, Line};

/// An account and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    /// Its fields.
    pub(crate) account: LocalAccount,
    /// The lines that go.
    #[serde(skip)]
    pub(crate) lines: Vec<Line>,
    /// Local groups whose lists of members name it. They stay: `/etc/group` counts for imported people, too.
    pub(crate) groups: Vec<String>,
    /// Other members of its private group, who lose that group.
    pub(crate) private_group_members: Vec<String>,
    /// True if no local account but root has a password once this one is gone.
    pub(crate) last_with_password: bool,
}

/// Finds the account of this name.
///
/// # Errors
/// A clause that says why there is none that can go.
pub(crate) fn find(name: &str, contents: &Contents) -> Result<Found, String> {
    let passwd = contents.lines("passwd");
    let groups = contents.lines("group");
    let mine: Vec<&Line> = passwd
        .iter()
        .filter(|line| line.name() == name.as_bytes())
        .collect();
    let line = match mine.as_slice() {
        [] => return Err(format!("/etc/passwd has no account \"{name}\"")),
        [one] => *one,
        _ => return Err(format!("/etc/passwd has \"{name}\" more than once")),
    };
    let account = account(name, line)?;
    let LocalAccount { uid, gid, .. } = account;
    if uid == 0 {
        return Err(format!("\"{name}\" is root (uid 0)"));
    }
    let mut lines = vec![line.clone()];
    lines.extend(own(contents, "shadow", name));
    let primary = groups.iter().find(|line| number(line, 2) == Some(gid));
    let mut private_group_members = Vec::new();
    match primary {
        Some(group) if gid == uid && group.name() == name.as_bytes() => {
            lines.push(group.clone());
            lines.extend(own(contents, "gshadow", name));
            private_group_members = members(group);
            private_group_members.retain(|member| member != name);
        }
        None if gid != uid => {
            return Err(format!(
                "its primary group {gid} is not in /etc/group, so that nobody could keep it"
            ));
        }
        _ => {}
    }
    let rest = contents.without(&lines);
    in_the_way(name, uid, &rest)?;
    Ok(Found {
        account,
        groups: rest
            .lines("group")
            .iter()
            .filter(|line| members(line).iter().any(|member| member == name))
            .map(|line| text(line.name()))
            .collect(),
        private_group_members,
        last_with_password: !has_password(&rest),
        lines,
    })
}

/// What of the host would keep the person from being published under this name and uid.
fn in_the_way(name: &str, uid: u32, rest: &Contents) -> Result<(), String> {
    for line in rest.lines("passwd") {
        if number(&line, 2) == Some(uid) || number(&line, 3) == Some(uid) {
            return Err(format!(
                "/etc/passwd has another account with the uid or gid {uid}, \"{}\"",
                text(line.name())
            ));
        }
    }
    for line in rest.lines("group") {
        let other = text(line.name());
        if other == name {
            return Err(format!(
                "/etc/group has a group \"{name}\" whose gid is not {uid}, its uid; rename it with \
                 groupmod --new-name first"
            ));
        }
        if number(&line, 2) == Some(uid) {
            return Err(format!(
                "/etc/group gives the number {uid}, its uid, to the group \"{other}\""
            ));
        }
    }
    Ok(())
}

fn account(name: &str, line: &Line) -> Result<LocalAccount, String> {
    let whole = std::str::from_utf8(&line.bytes);
    let fields: Vec<&str> = whole
        .map_err(|_| format!("the line of \"{name}\" in /etc/passwd is not UTF-8"))?
        .trim_end_matches('\n')
        .split(':')
        .collect();
    let [_, _, uid, gid, _, home, shell] = fields.as_slice() else {
        return Err(format!(
            "the line of \"{name}\" in /etc/passwd has not seven fields"
        ));
    };
    let number = |text: &str, what: &str| {
        text.parse()
            .map_err(|_| format!("the {what} of \"{name}\" in /etc/passwd is {text:?}"))
    };
    Ok(LocalAccount {
        name: name.to_owned(),
        uid: number(uid, "uid")?,
        gid: number(gid, "gid")?,
        home: (*home).to_owned(),
        // passwd(5): no shell means this one.
        shell: if shell.is_empty() { "/bin/sh" } else { shell }.to_owned(),
    })
}

fn own(contents: &Contents, file: &'static str, name: &str) -> Option<Line> {
    let mut lines = contents.lines(file).into_iter();
    lines.find(|line| line.name() == name.as_bytes())
}

/// A number in one of the line's fields.
fn number(line: &Line, field: usize) -> Option<u32> {
    let field = line.bytes.split(|byte| *byte == b':').nth(field)?;
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

/// The members of a group's line.
fn members(line: &Line) -> Vec<String> {
    let list = line.bytes.split(|byte| *byte == b':').nth(3);
    let list = text(list.unwrap_or_default().trim_ascii());
    list.split(',')
        .filter(|member| !member.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether anybody but root could sign in with a local password: not `*`, not locked, not empty.
fn has_password(contents: &Contents) -> bool {
    contents.lines("shadow").iter().any(|line| {
        let secret = line.bytes.split(|byte| *byte == b':').nth(1);
        let secret = secret.unwrap_or_default();
        line.name() != b"root"
            && !secret.is_empty()
            && !secret.starts_with(b"!")
            && !secret.starts_with(b"*")
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHADOW: &str = "root:$y$r:1::::::\nlars:!:1::::::\nalice:$y$a:1::::::\n";

    fn host(passwd: &str, group: &str) -> Contents {
        let passwd = format!("root:x:0:0::/root:/bin/sh\n{passwd}\n");
        Contents::of(
            &passwd,
            SHADOW,
            &format!("root:x:0:\n{group}\n"),
            "alice:!::\ndocker:!::alice\n",
        )
    }

    const ALICE: &str = "alice:x:1001:1001:Alice,,,:/srv/alice:";

    #[test]
    fn an_account_takes_its_own_lines_and_its_private_group_along() {
        let found = find(
            "alice",
            &host(ALICE, "alice:x:1001:bob\ndocker:x:998:lars,alice"),
        )
        .unwrap();
        let files: Vec<&str> = found.lines.iter().map(|line| line.file).collect();
        assert_eq!(files, ["passwd", "shadow", "group", "gshadow"]);
        assert_eq!(
            (
                found.account.uid,
                found.account.gid,
                found.account.home.as_str(),
                found.account.shell.as_str()
            ),
            (1001, 1001, "/srv/alice", "/bin/sh")
        );
        assert_eq!(found.groups, ["docker"]);
        assert_eq!(found.private_group_members, ["bob"]);
        assert!(found.last_with_password, "lars is locked");
    }

    #[test]
    fn a_primary_group_of_another_number_stays() {
        let alice = "alice:x:1001:1500::/srv/alice:/bin/zsh";
        let found = find("alice", &host(alice, "staff1:x:1500:")).unwrap();
        let files: Vec<&str> = found.lines.iter().map(|line| line.file).collect();
        assert_eq!(files, ["passwd", "shadow"]);
        assert_eq!(found.account.gid, 1500);
    }

    #[test]
    fn what_would_be_in_the_way_is_named() {
        for (passwd, group, part) in [
            ("lars:x:1000:1000::/:/x", "", "no account \"alice\""),
            (&format!("{ALICE}\n{ALICE}"), "", "more than once"),
            ("alice:x:0:0::/root:/bin/sh", "", "is root (uid 0)"),
            ("alice:x:1001:1001::/", "", "has not seven fields"),
            ("alice:x:-1:1001::/:/x", "", "the uid of \"alice\""),
            (
                "alice:x:1001:1500::/:/x",
                "",
                "primary group 1500 is not in /etc/group",
            ),
            (
                &format!("{ALICE}\ntwin:x:1001:7::/:/x"),
                "alice:x:1001:",
                "another account with the uid or gid 1001, \"twin\"",
            ),
            (
                ALICE,
                "team:x:1001:",
                "gives the number 1001, its uid, to the group \"team\"",
            ),
            (
                "alice:x:1001:1500::/:/x",
                "alice:x:1500:",
                "has a group \"alice\" whose gid is not 1001",
            ),
        ] {
            let reason = find("alice", &host(passwd, group)).unwrap_err();
            assert!(reason.contains(part), "{reason}");
        }
    }
}
