//! The wired root: `target/roots/host-STAMP`, a copy of the Debian root with the
//! packaging files in place, prepared once by the real tools (systemd-sysusers,
//! pam-auth-update, update-ca-certificates).
//!
//! The artefacts themselves are not in it (see `artefacts`): wiring does not need
//! them, and programs change more often than wiring.

use std::path::{Path, PathBuf};
use std::process::Command;

use harness::Places;

use crate::artefacts::{forget_old, install};
use crate::command::{Outcome, at, heading, read, run};
use crate::place::{Workspace, files_below, make_folder, remove_folder};
use crate::stamp::Stamp;
use crate::{artefacts, python, root};

/// Provides everything that a host is made from.
pub(crate) fn provide(workspace: &Workspace) -> Outcome<Places> {
    let debian = root::provide(workspace)?;
    let python = python::provide(workspace)?;
    let authority = authority(workspace)?;
    let layers = vec![
        artefacts::layer(workspace)?,
        wired(workspace, &debian, &authority)?,
    ];
    let work = workspace.target("hosts");
    make_folder(&work)?;
    Ok(Places {
        layers,
        python,
        work,
    })
}

/// Where a packaging file goes in a host, and its mode. The packages will follow
/// the same table.
const PACKAGING: &[(&str, &str, u32)] = &[
    (
        "packaging/systemd/entra-agent.service",
        "usr/lib/systemd/system/entra-agent.service",
        0o644,
    ),
    (
        "packaging/systemd/entra-agent-login.socket",
        "usr/lib/systemd/system/entra-agent-login.socket",
        0o644,
    ),
    (
        "packaging/systemd/entra-agent-admin.socket",
        "usr/lib/systemd/system/entra-agent-admin.socket",
        0o644,
    ),
    (
        "packaging/sysusers/entra-login.conf",
        "usr/lib/sysusers.d/entra-login.conf",
        0o644,
    ),
    (
        "packaging/tmpfiles/entra-login.conf",
        "usr/lib/tmpfiles.d/entra-login.conf",
        0o644,
    ),
    ("packaging/pam/entra", "usr/share/pam-configs/entra", 0o644),
    (
        "packaging/pam/entra-password",
        "usr/share/pam-configs/entra-password",
        0o644,
    ),
    (
        "packaging/sudoers/entra-login",
        "etc/sudoers.d/entra-login",
        0o440,
    ),
    (
        "packaging/polkit/entra-login.rules",
        "usr/share/polkit-1/rules.d/30-entra-login.rules",
        0o644,
    ),
    (
        "packaging/polkit/entra-login.conf",
        "etc/polkit-1/localauthority.conf.d/52-entra-login.conf",
        0o644,
    ),
    (
        "packaging/agent.toml",
        "usr/share/doc/entra-login/agent.toml",
        0o644,
    ),
];

/// The tree that only tests' hosts have, and the script that runs in the root.
const TREE: &str = "tests/harness/image";
const SCRIPT: &str = "prepare.sh";

fn wired(workspace: &Workspace, debian: &Path, authority: &Path) -> Outcome<PathBuf> {
    let tree = workspace.file(TREE);
    let mut files: Vec<(PathBuf, PathBuf, u32)> = PACKAGING
        .iter()
        .map(|(source, destination, mode)| {
            (workspace.file(source), PathBuf::from(destination), *mode)
        })
        .collect();
    for source in files_below(&tree)? {
        let destination = source
            .strip_prefix(&tree)
            .map_err(at(&source))?
            .to_path_buf();
        files.push((source, destination, 0o644));
    }
    for (name, destination, mode) in AUTHORITY {
        files.push((authority.join(name), PathBuf::from(destination), *mode));
    }

    let mut stamp = Stamp::new();
    stamp.text(&debian.to_string_lossy());
    for (source, destination, mode) in &files {
        stamp.text(&format!("{} {mode:o}", destination.display()));
        stamp.file(source)?;
    }
    let image = workspace.target(&format!("roots/host-{}", stamp.name()));
    if image.is_dir() {
        return Ok(image);
    }

    heading("wiring a host image in target/roots (pam-auth-update, sysusers, trust store)");
    let partial = workspace.target(&format!("roots/host-{}.partial", std::process::id()));
    remove_folder(&partial)?;
    run(Command::new("cp")
        .args(["-a", "--reflink=auto"])
        .arg(debian)
        .arg(&partial))?;
    for (source, destination, mode) in &files {
        install(source, &partial.join(destination), *mode)?;
    }
    // With a /proc and process ids of its own: systemd-tmpfiles wants the one, and
    // whatever a script leaves running ends with it.
    let prepared = read(
        Command::new("unshare")
            .args([
                "--mount",
                "--propagation",
                "private",
                "--pid",
                "--fork",
                "--kill-child",
            ])
            .arg(format!("--mount-proc={}", partial.join("proc").display()))
            .arg("chroot")
            .arg(&partial)
            .args([
                "env",
                "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/root",
                "LC_ALL=C.UTF-8",
            ])
            .args(["sh", &format!("/{SCRIPT}")]),
    );
    if prepared.is_err() {
        remove_folder(&partial)?;
    }
    prepared?;
    std::fs::rename(&partial, &image).map_err(at(&image))?;
    forget_old(&workspace.target("roots"), "host-")?;
    Ok(image)
}

/// Where the tenant's certificates go.
const AUTHORITY: &[(&str, &str, u32)] = &[
    (
        "ca.pem",
        "usr/local/share/ca-certificates/entra-tenant.crt",
        0o644,
    ),
    ("server.pem", "etc/entra-tenant/server.pem", 0o644),
    ("server.key", "etc/entra-tenant/server.key", 0o600),
];

/// The tests' own certificate authority, made once by the tenant's program. It is
/// trusted by hosts under `target/` and by nothing else.
fn authority(workspace: &Workspace) -> Outcome<PathBuf> {
    let mut stamp = Stamp::new();
    // It says for which hosts the server's certificate is.
    stamp.file(&workspace.file("tests/tenant/src/ca.rs"))?;
    let folder = workspace.target(&format!("authority-{}", stamp.name()));
    if folder.is_dir() {
        return Ok(folder);
    }
    let partial = workspace.target("authority.partial");
    remove_folder(&partial)?;
    run(Command::new(artefacts::tenant(workspace))
        .args(["make-ca", "--out"])
        .arg(&partial))?;
    std::fs::rename(&partial, &folder).map_err(at(&folder))?;
    Ok(folder)
}
