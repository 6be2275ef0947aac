//! The agent's two sockets: made by systemd, in a folder that root alone can write, and somebody listens.
//!
//! The module gives passwords to whoever listens at login.sock: an owner other than root, or a folder that
//! others can write, is as bad as a socket that is missing.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use entra_protocol::Connection;
use entra_protocol::admin::Check;
use entra_protocol::limits::{ADMIN_SOCKET, LOGIN_SOCKET};

use super::{Host, bad, good};

const NAME: &str = "sockets";
const FOLDER: &str = "/run/entra-login";
const CURE: &str = "systemd-tmpfiles --create entra-login.conf; systemctl restart \
                    entra-agent-login.socket entra-agent-admin.socket";

pub(super) fn sockets(host: &Host) -> Check {
    let mut wrong = Vec::new();
    match fs::symlink_metadata(host.path(FOLDER)) {
        Err(error) => wrong.push(format!("{FOLDER}: {error}")),
        Ok(found) if !found.is_dir() => wrong.push(format!("{FOLDER} is no folder")),
        Ok(found) if found.uid() != 0 => {
            wrong.push(format!(
                "{FOLDER} belongs to uid {}, not to root",
                found.uid()
            ));
        }
        Ok(found) if found.mode() & OTHERS_WRITE != 0 => wrong.push(format!(
            "{FOLDER} can be written by others than root (mode {:04o})",
            found.mode() & 0o7777
        )),
        Ok(_) => {}
    }
    for socket in [LOGIN_SOCKET, ADMIN_SOCKET] {
        if let Some(what) = trouble(&host.path(socket), socket) {
            wrong.push(what);
        }
    }
    if wrong.is_empty() {
        good(NAME, "both are root's, and somebody listens".to_owned())
    } else {
        bad(NAME, wrong.join("; "), CURE)
    }
}

/// Write permission of group and others.
const OTHERS_WRITE: u32 = 0o022;

fn trouble(path: &Path, shown: &str) -> Option<String> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) => return Some(format!("{shown}: {error}")),
    };
    if !found.file_type().is_socket() {
        return Some(format!("{shown} is no socket"));
    }
    if found.uid() != 0 {
        return Some(format!(
            "{shown} belongs to uid {}, not to root",
            found.uid()
        ));
    }
    // Hung up at once: a conversation that nobody began.
    match Connection::open(path) {
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}
