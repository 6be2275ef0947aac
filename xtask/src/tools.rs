//! The Debian packages that building and testing need on the machine itself.
//!
//! Only build tools are installed here; everything with a service lives in a
//! root under `target/`. Installed packages are left alone: apt is run only for
//! what is missing, and says what that is.

use std::process::Command;

use crate::command::{Outcome, fail, heading, run, say, succeeds};

/// What a command is about to do decides which tools it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Compile and look at the results.
    Build,
    /// Also make Debian roots and boot hosts.
    Hosts,
}

/// Installs what is missing for this purpose.
pub(crate) fn provide(purpose: Purpose) -> Outcome {
    let missing: Vec<&Tool> = TOOLS
        .iter()
        .filter(|tool| purpose == Purpose::Hosts || tool.purpose == Purpose::Build)
        .filter(|tool| !tool.present())
        .collect();
    if purpose == Purpose::Hosts || !missing.is_empty() {
        insist_on_root_and_debian()?;
    }
    if missing.is_empty() {
        return Ok(());
    }
    heading("installing build tools that are missing on this machine");
    for tool in &missing {
        say(&format!("   {:<18} {}", tool.package, tool.reason));
    }
    run(apt().args(["update", "-q"]))?;
    run(apt()
        .args(["install", "-q", "-y", "--no-install-recommends"])
        .args(missing.iter().map(|tool| tool.package)))
}

/// A Debian package, how its presence is seen, and why it is needed.
struct Tool {
    package: &'static str,
    /// A program and arguments that succeed where the tool is present. A tool
    /// that came from elsewhere (a newer python, say) serves as well.
    probe: &'static [&'static str],
    purpose: Purpose,
    reason: &'static str,
}

impl Tool {
    fn present(&self) -> bool {
        self.probe
            .split_first()
            .is_some_and(|(program, arguments)| succeeds(program, arguments))
    }
}

const TOOLS: &[Tool] = &[
    Tool {
        package: "gcc",
        probe: &["gcc", "--version"],
        purpose: Purpose::Build,
        reason: "links programs, compiles SQLite and aws-lc",
    },
    Tool {
        package: "libc6-dev",
        probe: &["test", "-e", "/usr/include/stdio.h"],
        purpose: Purpose::Build,
        reason: "the C library's headers",
    },
    Tool {
        package: "libpam0g-dev",
        probe: &["test", "-e", "/usr/include/security/pam_modules.h"],
        purpose: Purpose::Build,
        reason: "pam_entra.so links libpam",
    },
    Tool {
        package: "binutils",
        probe: &["readelf", "--version"],
        purpose: Purpose::Build,
        reason: "readelf and nm, for the gates on the modules",
    },
    Tool {
        package: "mmdebstrap",
        probe: &["mmdebstrap", "--version"],
        purpose: Purpose::Hosts,
        reason: "makes the Debian root",
    },
    Tool {
        package: "systemd-container",
        probe: &["systemd-nspawn", "--version"],
        purpose: Purpose::Hosts,
        reason: "boots the hosts",
    },
    Tool {
        package: "python3-pip",
        probe: &["python3", "-m", "pip", "--version"],
        purpose: Purpose::Hosts,
        reason: "fetches Microsoft's Python clients for the tenant's tests",
    },
    Tool {
        package: "groff-base",
        probe: &["groff", "--version"],
        purpose: Purpose::Hosts,
        reason: "reads the man pages, and has nothing against them",
    },
    Tool {
        package: "util-linux",
        probe: &["nsenter", "--version"],
        purpose: Purpose::Hosts,
        reason: "nsenter, unshare and setpriv enter the hosts",
    },
];

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn insist_on_root_and_debian() -> Outcome {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let debian = release.lines().any(|line| {
        line == "ID=debian" || (line.starts_with("ID_LIKE=") && line.contains("debian"))
    });
    if !debian {
        return Err(fail(
            "this needs Debian or a distribution made from it: tools come from apt, and hosts \
             are Debian roots booted with systemd-nspawn",
        ));
    }
    let identity = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if !is_root(&identity) {
        return Err(fail(
            "this needs root: it installs build tools with apt and boots containers. \
             Run it as root, or in a virtual machine where you are root",
        ));
    }
    Ok(())
}

/// Reads the effective uid, the second number of the `Uid:` line (proc(5)).
fn is_root(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1))
        == Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_by_its_effective_uid() {
        assert!(is_root("Name:\tx\nUid:\t1000\t0\t1000\t1000\n"));
        assert!(!is_root("Name:\tx\nUid:\t0\t1000\t0\t0\n"));
        assert!(!is_root(""));
    }
}
