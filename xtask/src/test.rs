//! `cargo xtask test`: every test, as CI runs it.
//!
//! The checks first, since they are quick; then programs and host image; then all
//! tests of the workspace in one cargo run. The behaviour tests among them find
//! the image by the variables set here.

use crate::command::{Outcome, cargo, heading, run};
use crate::place::Workspace;
use crate::tools::{self, Purpose};
use crate::{artefacts, check, image, python};

/// Checks and all tests.
pub(crate) fn everything(workspace: &Workspace) -> Outcome {
    tools::provide(Purpose::Hosts)?;
    check::everything(workspace)?;
    tests(workspace, &[])
}

/// The same, and what takes too long or too much for every change.
pub(crate) fn all(workspace: &Workspace) -> Outcome {
    everything(workspace)?;
    only_in_all(workspace)
}

/// Tests that `#[ignore]` names for this: now those with the Azure CLI.
pub(crate) fn only_in_all(workspace: &Workspace) -> Outcome {
    tools::provide(Purpose::Hosts)?;
    artefacts::build(workspace)?;
    let mut places = image::provide(workspace)?;
    places.layers.insert(0, python::azure_cli(workspace)?);
    heading("tests of `--all`");
    run(cargo(workspace.root())
        .envs(places.to_environment()?)
        .args([
            "test",
            "--release",
            "-p",
            "behaviours",
            "--test",
            "behaviours",
        ])
        .args(["--", "--ignored", "cloud_shell"]))
}

/// Only the tests whose name contains this.
pub(crate) fn matching(workspace: &Workspace, filter: &str) -> Outcome {
    tools::provide(Purpose::Hosts)?;
    tests(workspace, &[filter])
}

fn tests(workspace: &Workspace, filter: &[&str]) -> Outcome {
    artefacts::build(workspace)?;
    let places = image::provide(workspace)?;
    heading("tests");
    // --no-fail-fast: one failing crate must not hide what the others say.
    run(cargo(workspace.root())
        .envs(places.to_environment()?)
        .args(["test", "--release", "--workspace", "--no-fail-fast"])
        .args(filter))
}
