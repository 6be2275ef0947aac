//! `cargo xtask check`: what can be said about the source and the modules without
//! running a host.

use crate::command::{Outcome, cargo, heading, run, say, succeeds};
use crate::place::Workspace;
use crate::tools::{self, Purpose};
use crate::{artefacts, gates};

/// Format, clippy, documentation, licences, gates; stops at the first that fails.
pub(crate) fn everything(workspace: &Workspace) -> Outcome {
    tools::provide(Purpose::Build)?;
    heading("format");
    run_cargo(workspace, &["fmt", "--all", "--check"])?;
    heading("clippy");
    run_cargo(
        workspace,
        &[
            "clippy",
            "--release",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    )?;
    heading("documentation");
    run(cargo(workspace.root())
        // Read with private items, since these crates are for nobody else to link
        // with; so public items may refer to private ones.
        .env(
            "RUSTDOCFLAGS",
            "-D warnings -A rustdoc::private_intra_doc_links",
        )
        .args([
            "doc",
            "--release",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ]))?;
    licences(workspace)?;
    heading("modules as they ship");
    artefacts::build_modules(workspace)?;
    gates::check(workspace)
}

/// cargo-deny is a tool of its own that takes ten minutes to build; where it is
/// installed it is used.
fn licences(workspace: &Workspace) -> Outcome {
    if !workspace.file("deny.toml").is_file() || !succeeds("cargo-deny", &["--version"]) {
        say("\n   licences and sources: not checked here, cargo-deny is not installed");
        return Ok(());
    }
    heading("licences and sources");
    run_cargo(
        workspace,
        &["deny", "--offline", "check", "licenses", "bans", "sources"],
    )
}

fn run_cargo(workspace: &Workspace, arguments: &[&str]) -> Outcome {
    run(cargo(workspace.root()).args(arguments))
}
