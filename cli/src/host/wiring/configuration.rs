//! Who may read and write what the agent is configured with: root writes, the agent reads, and nobody else sees
//! a credential.

use std::fs;
use std::os::unix::fs::MetadataExt;

use entra_protocol::admin::Check;
use entra_protocol::limits::AGENT_USER;
use nix::unistd::Group;

use super::{Host, bad, good, skipped};

const NAME: &str = "configuration";
const FILE: &str = "/etc/entra-login/agent.toml";
const FOLDER: &str = "/etc/entra-login";

/// The keys of agent.toml that name a file with a secret in it. A federated token may be anybody's to read.
const SECRETS: [&str; 3] = ["client_secret_file", "private_key_file", "password_file"];

pub(super) fn configuration(host: &Host) -> Check {
    let mut wrong = Vec::new();
    match fs::metadata(host.path(FOLDER)) {
        Err(error) => return skipped(NAME, format!("{FOLDER}: {error}")),
        Ok(found) if found.uid() != 0 || found.mode() & 0o022 != 0 => {
            wrong.push(format!("{FOLDER} can be written by others than root"));
        }
        Ok(_) => {}
    }
    if !host.path(FILE).exists() {
        return bad(
            NAME,
            format!("{FILE} is missing"),
            "copy the example from /usr/share/doc/entra-login/agent.toml, and fill in the tenant",
        );
    }
    let group = Group::from_name(AGENT_USER)
        .ok()
        .flatten()
        .map(|group| group.gid.as_raw());
    wrong.extend(modes(host, FILE, group));
    if let Ok(text) = fs::read_to_string(host.path(FILE)) {
        for path in secret_files(&text) {
            wrong.extend(modes(host, &path, group));
        }
    }
    if wrong.is_empty() {
        good(NAME, format!("{FILE} and its secrets are root's to write"))
    } else {
        bad(
            NAME,
            wrong.join("; "),
            "chown root:entra-agent FILE; chmod 0640 FILE",
        )
    }
}

/// What is wrong with a file that should be root's and readable for the agent's group; one that can't be
/// looked at is the agent's to complain about.
fn modes(host: &Host, path: &str, agent: Option<u32>) -> Option<String> {
    let found = fs::metadata(host.path(path)).ok()?;
    judge(path, found.uid(), found.gid(), found.mode(), agent)
}

fn judge(path: &str, uid: u32, gid: u32, mode: u32, agent: Option<u32>) -> Option<String> {
    let shown = mode & 0o777;
    if uid != 0 {
        Some(format!("{path} belongs to uid {uid}, not to root"))
    } else if mode & 0o022 != 0 {
        Some(format!(
            "{path} can be written by others than root (mode {shown:04o})"
        ))
    } else if mode & 0o004 != 0 {
        Some(format!(
            "{path} can be read by everybody (mode {shown:04o})"
        ))
    } else if agent.is_some_and(|agent| agent != gid) || mode & 0o040 == 0 {
        Some(format!(
            "{path} can't be read by {AGENT_USER} (mode {shown:04o}, gid {gid})"
        ))
    } else {
        None
    }
}

/// The files with secrets that the text names. Not the agent's parser: what this misses, the agent refuses
/// when it starts.
fn secret_files(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let (key, value) = line.trim().split_once('=')?;
            let value = value.trim().strip_prefix(['"', '\''])?;
            let end = value.find(['"', '\''])?;
            SECRETS
                .contains(&key.trim())
                .then(|| value.get(..end).map(str::to_owned))?
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_be_wrong_is_told() {
        let agent = Some(990);
        let judge = |uid, gid, mode| judge("/x", uid, gid, mode, agent);
        assert_eq!(judge(0, 990, 0o100_640), None);
        assert_eq!(judge(0, 990, 0o100_440), None);
        for (uid, gid, mode, expected) in [
            (990, 990, 0o640, "belongs to uid 990"),
            (0, 990, 0o660, "can be written by others"),
            (0, 990, 0o644, "can be read by everybody"),
            (0, 0, 0o640, "can't be read by entra-agent"),
            (0, 990, 0o600, "can't be read by entra-agent"),
        ] {
            let said = judge(uid, gid, mode).unwrap();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn only_files_with_secrets_are_looked_for() {
        let text = "client_secret_file = \"/a b\" # x\ncertificate_file = '/c'\n#private_key_file = '/d'\n\
                    password_file='/e'\nclient_secret_file = 5\n";
        assert_eq!(secret_files(text), ["/a b", "/e"]);
    }
}
