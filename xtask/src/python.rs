//! Microsoft's Python client for the hosts: `target/python`.
//!
//! The machine's pip fetches wheels that fit the root's Python 3.11, whatever
//! Python the machine has; hosts see the folder read-only. The packages are
//! Microsoft's `msal` and what the test needs to check its results.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{Outcome, at, fail, heading, run};
use crate::place::{Workspace, remove_folder};
use crate::stamp::Stamp;

/// Exact versions would go stale; the majors are what the test was written for.
const PACKAGES: &[&str] = &[
    "msal>=1.39,<2",
    "pyjwt[crypto]>=2.10,<3",
    "requests>=2.32,<3",
];

/// The Python of Debian 12.
const PYTHON: &str = "3.11";

/// Gives the folder for PYTHONPATH, filling it first if needed.
pub(crate) fn provide(workspace: &Workspace) -> Outcome<PathBuf> {
    let mut stamp = Stamp::new();
    stamp.text(PYTHON);
    PACKAGES.iter().for_each(|package| stamp.text(package));
    let folder = workspace.target(&format!("python-{}", stamp.name()));
    if folder.is_dir() {
        return Ok(folder);
    }
    heading("fetching Microsoft's msal from PyPI, once");
    let partial = workspace.target("python.partial");
    remove_folder(&partial)?;
    let machine = std::env::consts::ARCH;
    run(Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
            "--only-binary=:all:",
        ])
        .args(["--disable-pip-version-check", "--root-user-action=ignore"])
        .args(["--python-version", PYTHON, "--implementation", "cp"])
        .args(["--platform", &format!("manylinux2014_{machine}")])
        .args(["--platform", &format!("manylinux_2_28_{machine}")])
        .args(["--platform", &format!("manylinux_2_34_{machine}")])
        .arg("--target")
        .arg(&partial)
        .args(PACKAGES))?;
    if !partial.join("msal").is_dir() {
        return Err(fail("pip succeeded but brought no msal"));
    }
    std::fs::rename(&partial, &folder).map_err(at(&folder))?;
    Ok(folder)
}
