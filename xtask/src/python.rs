//! Microsoft's Python clients for the hosts: `target/python-STAMP`.
//!
//! The machine's pip fetches wheels that fit the root's Python 3.11, whatever
//! Python the machine has; hosts see the folder read-only. The packages are
//! Microsoft's `msal`, `azure-identity` and `msgraph-sdk`, and what the tests need
//! to check their results. It takes half a minute and 190 MB, nearly all of it the
//! SDK's sixteen thousand small files, of which an import reads a few hundred.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{Outcome, at, fail, heading, run};
use crate::place::{Workspace, remove_folder};
use crate::stamp::Stamp;

/// Exact versions would go stale; the majors are what the test was written for.
const PACKAGES: &[&str] = &[
    "azure-identity>=1.27,<2",
    // msgraph-sdk's batches need it and do not say so.
    "deprecated>=1.2,<2",
    "msal>=1.39,<2",
    "msgraph-sdk>=1.65,<2",
    // Prometheus' own parser of OpenMetrics.
    "prometheus-client>=0.21,<1",
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
    heading("fetching Microsoft's msal, azure-identity and msgraph-sdk from PyPI, once");
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
    for folder in ["msal", "azure/identity", "msgraph"] {
        if !partial.join(folder).is_dir() {
            return Err(fail(format!("pip succeeded but brought no {folder}")));
        }
    }
    std::fs::rename(&partial, &folder).map_err(at(&folder))?;
    Ok(folder)
}
