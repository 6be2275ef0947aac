//! Puts what was accepted where the agent reads it, and starts the agent.
//!
//! Invariant: each file has its owner and mode before its content (lessons, CVE-2025-54882), and takes the old
//! one's place whole. The secret goes first: an `agent.toml` never names a file that is not there.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use entra_protocol::admin::Request;
use nix::unistd::User;

use super::Agent;
use crate::agent::Ask;
use crate::host::{Host, replace};
use crate::trouble::{HostTrouble, Trouble};

/// Who the agent runs as.
const USER: &str = "entra-agent";

/// From the start of the unit until the agent answers.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Between two looks whether it answers.
const START_PAUSE: Duration = Duration::from_millis(200);

impl Agent {
    /// The agent's user on this host.
    pub(super) fn of_this_host() -> Result<Self, HostTrouble> {
        match User::from_name(USER) {
            Ok(Some(user)) => Ok(Self {
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
            }),
            _ => Err(HostTrouble {
                message: format!("this host has no user {USER}"),
                hint: Some("the package makes it: systemd-sysusers".to_owned()),
            }),
        }
    }
}

/// Writes a file for the agent alone, over the one that is there.
pub(super) fn write(
    host: &Host,
    agent: &Agent,
    path: &str,
    text: &[u8],
) -> Result<(), HostTrouble> {
    replace::write_for(host, path, text, agent.gid).map_err(|trouble| HostTrouble {
        hint: Some("nothing of what was there is lost; mend that, and run setup again".to_owned()),
        ..trouble
    })
}

/// Starts the agent with what was written, and waits until it answers.
pub(super) fn start_agent(ask: Ask<'_>) -> Result<(), Trouble> {
    for words in [
        &[
            "enable",
            "entra-agent-login.socket",
            "entra-agent-admin.socket",
            "entra-agent.service",
        ][..],
        &[
            "start",
            "entra-agent-login.socket",
            "entra-agent-admin.socket",
        ],
        &["restart", "entra-agent.service"],
    ] {
        systemctl(words)?;
    }
    let began = Instant::now();
    loop {
        match ask(&[Request::Status {}]) {
            Ok(_) => return Ok(()),
            Err(_) if began.elapsed() < START_LIMIT => thread::sleep(START_PAUSE),
            Err(trouble) => return Err(trouble),
        }
    }
}

fn systemctl(words: &[&str]) -> Result<(), HostTrouble> {
    let asked = format!("systemctl {}", words.join(" "));
    let hint =
        "agent.toml is written; `journalctl -u entra-agent` says why the agent does not start";
    let failed = |why: String| HostTrouble {
        message: format!("{asked}: {why}"),
        hint: Some(hint.to_owned()),
    };
    let told = Command::new("systemctl")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if told.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&told.stderr);
    let line = said.lines().next().unwrap_or("it failed without a word");
    Err(failed(line.to_owned()))
}
