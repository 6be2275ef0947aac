//! Programs of the distribution, run with nothing of the caller's environment and a limit.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::trouble::HostTrouble;

/// No tool takes more than a few seconds; one that asks or waits for a lock is ended. In seconds.
const LIMIT: &str = "60";

/// timeout(1)'s own exit codes: the limit passed, and it had to kill.
const TIMED_OUT: [i32; 2] = [124, 137];

/// Where the tools are.
pub(super) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What a program said.
#[derive(Debug)]
pub(super) struct Said {
    /// Its exit code; `None` after a signal.
    pub(super) code: Option<i32>,
    /// Standard output.
    pub(super) stdout: String,
    /// Its last words: the last line of standard error, or of standard output.
    pub(super) last: String,
}

impl Said {
    pub(super) fn is_good(&self) -> bool {
        self.code == Some(0)
    }
}

/// Runs a program and waits for its end.
///
/// # Errors
/// [`HostTrouble`] if it can't be started or does not end in time; its exit code is the caller's to judge.
pub(super) fn ask(words: &[&str], environment: &[(&str, &str)]) -> Result<Said, HostTrouble> {
    let shown = words.join(" ");
    let output = Command::new("timeout")
        .args(["--kill-after=5", LIMIT])
        .args(words)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| trouble(format!("can't run {shown}: {error}")))?;
    let said = said(&output);
    match said.code {
        Some(code) if TIMED_OUT.contains(&code) => {
            Err(trouble(format!("`{shown}` did not end within {LIMIT} s")))
        }
        _ => Ok(said),
    }
}

/// Runs a program that must succeed.
///
/// # Errors
/// [`HostTrouble`] with its last words.
pub(super) fn run(words: &[&str], environment: &[(&str, &str)]) -> Result<Said, HostTrouble> {
    let said = ask(words, environment)?;
    if said.is_good() {
        return Ok(said);
    }
    Err(trouble(format!(
        "`{}` failed: {}",
        words.join(" "),
        said.last
    )))
}

fn said(output: &Output) -> Said {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr
        .lines()
        .chain(stdout.lines())
        .filter(|line| !line.trim().is_empty())
        .collect::<Vec<_>>();
    let of_stderr = stderr.lines().rfind(|line| !line.trim().is_empty());
    let last = of_stderr
        .or(last.last().copied())
        .unwrap_or("it said nothing")
        .trim()
        .to_owned();
    Said {
        code: output.status.code(),
        stdout,
        last,
    }
}

/// Whether a program is on this host.
pub(super) fn is_there(host: &super::Host, program: &str) -> bool {
    PATH.split(':')
        .any(|folder| host.path(folder).join(Path::new(program)).is_file())
}

pub(super) fn trouble(message: String) -> HostTrouble {
    HostTrouble {
        message,
        hint: None,
    }
}
