//! A booted host and what can be done on it.
//!
//! Everything goes through programs that a person on that host could run.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::launch::Container;
use crate::{Control, Limit, Output, Places, Terminal, Trouble};

/// A Debian host of its own, with the agent running and nothing imported yet.
#[derive(Debug)]
pub struct Host {
    container: Container,
}

impl Host {
    /// Boots a host from what `cargo xtask test` has prepared.
    ///
    /// # Errors
    /// When the image is missing or the host does not come up whole.
    pub fn boot() -> Result<Self, Trouble> {
        Self::boot_from(&Places::from_environment()?)
    }

    /// Boots a host from these folders and waits until every unit is up.
    ///
    /// # Errors
    /// When it does not boot, or a unit fails; the error shows which and why.
    pub fn boot_from(places: &Places) -> Result<Self, Trouble> {
        let host = Self {
            container: Container::start(places)?,
        };
        host.wait_until_up()?;
        Ok(host)
    }

    /// Boots the host anew, disk and all kept, and waits until every unit is up. The
    /// tenant starts from its seed again.
    ///
    /// # Errors
    /// See [`Host::boot_from`].
    pub fn reboot(&mut self) -> Result<(), Trouble> {
        // The command may be ended along with the host.
        drop(self.run("systemctl reboot"));
        self.container.rebooted()?;
        self.wait_until_up()
    }

    fn wait_until_up(&self) -> Result<(), Trouble> {
        let state = self.run_within(BOOT_LIMIT, "systemctl is-system-running --wait")?;
        if state.stdout.trim() == "running" {
            return Ok(());
        }
        let failed = self.run(
            "systemctl --failed --no-legend --plain; journalctl -b -p warning -n 40 --no-pager",
        )?;
        Err(Trouble::new(format!(
            "the host came up {}\n{}\nconsole:\n{}",
            state.text().trim(),
            failed.text(),
            self.container.console()
        )))
    }

    /// Runs a shell command as root and waits for its end, at most a minute.
    ///
    /// # Errors
    /// When it could not be started or did not end in time; an exit code other
    /// than 0 is no error here.
    pub fn run(&self, command: &str) -> Result<Output, Trouble> {
        self.run_within(COMMAND_LIMIT, command)
    }

    /// The same with a limit of its own.
    ///
    /// # Errors
    /// See [`Host::run`].
    pub fn run_within(&self, limit: Limit, command: &str) -> Result<Output, Trouble> {
        self.run_fed(limit, command, "")
    }

    /// The same with something on its standard input.
    ///
    /// # Errors
    /// See [`Host::run`].
    pub fn run_fed(&self, limit: Limit, command: &str, input: &str) -> Result<Output, Trouble> {
        let mut child = Command::new("timeout")
            .arg("--kill-after=5")
            .arg(limit.as_secs().max(1).to_string())
            .args(self.entering())
            .args(["sh", "-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read its input may have closed it.
            drop(stdin.write_all(input.as_bytes()));
        }
        let output = child.wait_with_output()?;
        let output = Output {
            command: command.to_owned(),
            code: exit_code(output.status),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        if output.code == TIMED_OUT || output.code == KILLED {
            return Err(Trouble::new(format!(
                "this did not end within {limit:?}:\n{output}"
            )));
        }
        Ok(output)
    }

    /// Runs a shell command as another user, without a sign-in.
    ///
    /// # Errors
    /// See [`Host::run`].
    pub fn run_as(&self, user: &str, command: &str) -> Result<Output, Trouble> {
        self.run(&format!(
            "runuser -u {} -- sh -c {}",
            quoted(user),
            quoted(command)
        ))
    }

    /// Starts a shell command as root on a terminal of its own.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn terminal(&self, command: &str) -> Result<Terminal, Trouble> {
        Terminal::start(&self.entering(), command)
    }

    /// What a unit has written to the journal since boot.
    ///
    /// # Errors
    /// See [`Host::run`].
    pub fn journal(&self, unit: &str) -> Result<String, Trouble> {
        Ok(self
            .run(&format!(
                "journalctl -b --no-pager -o cat -u {}",
                quoted(unit)
            ))?
            .text())
    }

    /// Imports with `entractl import` as root.
    ///
    /// # Errors
    /// See [`Host::run`]; the summary and the exit code are the output's.
    pub fn import(&self, arguments: &str) -> Result<Output, Trouble> {
        self.run(&format!("entractl import {arguments}"))
    }

    /// Reads a file of the host.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        let path = self.path(path);
        fs::read(&path).map_err(|error| Trouble::new(format!("{}: {error}", path.display())))
    }

    /// Writes a file of the host in place; owner and mode of an existing one stay.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<(), Trouble> {
        let path = self.path(path);
        fs::write(&path, content)
            .map_err(|error| Trouble::new(format!("{}: {error}", path.display())))
    }

    /// The tenant's control API.
    #[must_use]
    pub fn tenant(&self) -> Control {
        Control::at(self.path(TENANT_CONTROL))
    }

    /// A command that leaves the caller in a shell on the host, on the caller's
    /// own terminal.
    #[must_use]
    pub fn shell(&self) -> Command {
        let mut words = self.entering().into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        // script(1) gives the shell a terminal of the host's own, which sudo,
        // login and ssh want to see in /dev.
        command
            .args(words)
            .args(["script", "-q", "-e", "-c", "bash --login", "/dev/null"]);
        command
    }

    /// A path of the host as the machine sees it.
    fn path(&self, path: &str) -> PathBuf {
        Path::new("/proc")
            .join(self.container.leader().to_string())
            .join("root")
            .join(path.trim_start_matches('/'))
    }

    /// The words that go before a command to run it on the host, with nothing of
    /// the machine's environment.
    fn entering(&self) -> Vec<String> {
        let leader = self.container.leader().to_string();
        let enter = [
            "nsenter", "-t", &leader, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w",
        ];
        let clean = [
            "env",
            // Whoever started the tests in the background of a shell ignores Ctrl-C, and so would the host.
            "--default-signal",
            "-i",
            "HOME=/root",
            "USER=root",
            "SHELL=/bin/bash",
            "LANG=C.UTF-8",
            "TERM=xterm",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ];
        enter
            .iter()
            .chain(clean.iter())
            .map(|word| (*word).to_owned())
            .collect()
    }
}

/// A word for the host's shell that stands for exactly this text.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// Where the tenant of the image listens for tests.
const TENANT_CONTROL: &str = "/run/entra-tenant/control.sock";

/// A boot takes one to two seconds; a busy machine gets its time.
const BOOT_LIMIT: Limit = Duration::from_secs(90);

/// No single command of the tests takes more than a few seconds.
pub(crate) const COMMAND_LIMIT: Limit = Duration::from_secs(60);

/// timeout(1)'s own exit codes: the limit passed, and it had to kill.
const TIMED_OUT: i32 = 124;
const KILLED: i32 = 137;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_survives_apostrophes() {
        assert_eq!(quoted("o'brien"), r"'o'\''brien'");
    }
}
