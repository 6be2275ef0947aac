//! Asks the tenant whether answers are right: runs `entra-agent --probe` as the agent's user.
//!
//! Invariant: root talks to no network, and a secret that was typed lies on no disk before it is accepted: the
//! probe reads it from memory that only it can open.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{PermissionsExt, fchown};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use entra_protocol::probe::{Finding, Part, Question};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::Agent;
use super::document::Document;
use crate::output::ProgressLine;
use crate::trouble::{HostTrouble, Trouble};
use entra_protocol::Secret;

/// The agent's program.
const PROGRAM: &str = "/usr/sbin/entra-agent";

/// Where systemd puts the credentials of the agent that serves, which the probe reads as well.
const CREDENTIALS: &str = "/run/credentials/entra-agent.service";

/// For all requests of one part: the agent's own limits end each of them long before.
const LIMIT: Duration = Duration::from_secs(180);

/// Bytes of an answer at most: some ten checks.
const MAX_FINDING: u64 = 1024 * 1024;

/// Asks about a part of the document; a secret that was typed is handed over apart from it.
pub(super) fn ask(
    agent: &Agent,
    document: &Document,
    secret: Option<&Secret>,
    part: Part,
) -> Result<Finding, Trouble> {
    let handed = secret.map(|secret| hand_over(agent, secret)).transpose();
    let handed = handed.map_err(|error| HostTrouble {
        message: format!("can't hand the client secret to the probe: {error}"),
        hint: None,
    })?;
    let question = Question {
        agent_toml: match &handed {
            Some(file) => {
                document.render_with_secret(&format!("/proc/self/fd/{}", file.as_raw_fd()))
            }
            None => document.render(),
        },
        part,
    };
    let _line = ProgressLine::begin("asking the tenant");
    run(agent, &question).map_err(|reason| {
        Trouble::Host(HostTrouble {
            message: format!("{PROGRAM} --probe: {reason}"),
            hint: Some("--untested writes the answers without asking the tenant".to_owned()),
        })
    })
}

/// The secret in a file without a name that the probe's user owns.
fn hand_over(agent: &Agent, secret: &Secret) -> std::io::Result<File> {
    let mut file = File::from(memfd_create("client-secret", MFdFlags::empty())?);
    file.set_permissions(Permissions::from_mode(0o600))?;
    fchown(&file, Some(agent.uid), Some(agent.gid))?;
    file.write_all(secret.expose().as_bytes())?;
    // The probe shall have it, at the same number.
    fcntl(file.as_fd(), FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(file)
}

fn run(agent: &Agent, question: &Question) -> Result<Finding, String> {
    let text = serde_json::to_vec(question).map_err(|error| error.to_string())?;
    let mut child = Command::new(PROGRAM)
        .arg("--probe")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .envs(credentials())
        .current_dir("/")
        .uid(agent.uid)
        .gid(agent.gid)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A probe that ended early says why on stderr.
        let _ = stdin.write_all(&text);
    }
    let (told, telling) = mpsc::channel();
    let streams = (child.stdout.take(), child.stderr.take());
    thread::spawn(move || {
        let _ = told.send((whole(streams.0), whole(streams.1)));
    });
    let answer = telling.recv_timeout(LIMIT);
    let ended = end(&mut child, answer.is_err());
    let (out, err) = answer.map_err(|_| format!("no answer within {} s", LIMIT.as_secs()))?;
    ended.map_err(|error| error.to_string())?;
    serde_json::from_slice(&out).map_err(|_| {
        let said = String::from_utf8_lossy(&err);
        said.lines().next().map_or_else(
            || "it ended without an answer".to_owned(),
            |line| line.trim_start_matches("error: ").to_owned(),
        )
    })
}

fn end(child: &mut Child, is_late: bool) -> std::io::Result<()> {
    if is_late {
        child.kill()?;
    }
    child.wait().map(drop)
}

fn whole(stream: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let _ = stream.take(MAX_FINDING).read_to_end(&mut bytes);
    }
    bytes
}

fn credentials() -> Option<(&'static str, OsString)> {
    std::path::Path::new(CREDENTIALS)
        .is_dir()
        .then(|| ("CREDENTIALS_DIRECTORY", OsString::from(CREDENTIALS)))
}
