//! The Debian root from which every host is made: `target/roots/bookworm-STAMP`.
//!
//! Made once with mmdebstrap, under a temporary name and then renamed, so that
//! an interrupted run never leaves a root that looks whole. The stamp covers the
//! suite and the list of packages: changing either makes a new root.
//!
//! It holds Debian and nothing of this project; `image` adds that.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Outcome, at, heading, run};
use crate::place::{Workspace, make_folder, remove_folder};
use crate::stamp::Stamp;

/// The Debian release of the hosts.
const SUITE: &str = "bookworm";

/// What a host of the tests has on top of Debian's minimum. python3 runs
/// Microsoft's msal; sshpass, expect, pamtester and pkexec are for tests, and so is strace,
/// which kills the agent at a system call of the test's choice. zsh and fish complete, man-db
/// looks at the manual; cloud-init runs the example of docs/deploy.md.
const PACKAGES: &[&str] = &[
    "ca-certificates",
    "cloud-init",
    "cron",
    "dbus",
    "expect",
    "fish",
    "iproute2",
    "less",
    "libpam-runtime",
    "libpam-systemd",
    "login",
    "man-db",
    "openssh-client",
    "openssh-server",
    "pamtester",
    "passwd",
    "pkexec",
    "polkitd",
    "procps",
    "python3",
    "sshpass",
    "strace",
    "sudo",
    "systemd-sysv",
    "util-linux",
    "zsh",
];

/// Gives the root's folder, making it first if it is not there.
pub(crate) fn provide(workspace: &Workspace) -> Outcome<PathBuf> {
    let mut stamp = Stamp::new();
    stamp.text(SUITE);
    PACKAGES.iter().for_each(|package| stamp.text(package));
    let root = workspace.target(&format!("roots/{SUITE}-{}", stamp.name()));
    if root.is_dir() {
        return Ok(root);
    }
    heading(&format!(
        "making a Debian root ({SUITE}) in target/roots, once"
    ));
    let roots = workspace.target("roots");
    make_folder(&roots)?;
    let tar = roots.join(format!("{SUITE}.partial.tar"));
    let unpacked = roots.join(format!("{SUITE}.partial"));
    remove_folder(&unpacked)?;
    make_folder(&unpacked)?;
    // By way of a tar file: mmdebstrap then needs no mounts of its own here, and
    // works in memory where there is a /dev/shm.
    run(Command::new("mmdebstrap")
        .env("TMPDIR", work_folder(&roots))
        .args(["--variant=minbase", "--mode=root", "--quiet"])
        .arg(format!("--include={}", PACKAGES.join(",")))
        .arg(SUITE)
        .arg(&tar)
        .args(mirror()))?;
    run(Command::new("tar")
        .arg("-C")
        .arg(&unpacked)
        .arg("-xpf")
        .arg(&tar))?;
    std::fs::remove_file(&tar).map_err(at(&tar))?;
    std::fs::rename(&unpacked, &root).map_err(at(&root))?;
    Ok(root)
}

fn work_folder(roots: &Path) -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        memory.to_path_buf()
    } else {
        roots.to_path_buf()
    }
}

/// The mirror that this machine's apt uses for Debian; none if it can't be told,
/// and mmdebstrap then takes Debian's own.
fn mirror() -> Option<String> {
    let mut sources = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = std::fs::read_dir("/etc/apt/sources.list.d") {
        sources.extend(folder.flatten().map(|entry| entry.path()));
    }
    sources.sort();
    sources
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .find_map(|text| mirror_in(&text))
}

/// Finds the archive's address in a list of either form (sources.list(5)): the
/// first address whose path ends in `/debian`, as Debian mirrors' do.
fn mirror_in(sources: &str) -> Option<String> {
    sources
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"))
        .flat_map(str::split_whitespace)
        .find(|word| word.contains("://") && word.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_found_in_both_forms() {
        let deb822 =
            "Types: deb\n# URIs: http://no.example/debian\nURIs: http://a.example/debian\n";
        assert_eq!(
            mirror_in(deb822).as_deref(),
            Some("http://a.example/debian")
        );
        let lines = "# x\ndeb https://tools.example/apt main\ndeb [arch=amd64] https://b.example/debian/ bookworm main\n";
        assert_eq!(
            mirror_in(lines).as_deref(),
            Some("https://b.example/debian/")
        );
    }

    #[test]
    fn a_security_archive_is_no_mirror() {
        assert_eq!(
            mirror_in("deb http://a.example/debian-security bookworm-security main"),
            None
        );
    }
}
