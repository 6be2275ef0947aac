//! What is built and installed: programs, modules, the tenant and its seed.
//!
//! Hosts see them as a read-only layer above the wired root, so that a rebuilt
//! program costs a copy of these files and not a new root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::command::{Outcome, at, cargo, fail, heading, run};
use crate::place::{Workspace, files_below, make_folder, multiarch, remove_folder};
use crate::stamp::Stamp;

/// Builds the programs and, in their own profile, the two modules.
pub(crate) fn build(workspace: &Workspace) -> Outcome {
    heading("building programs and modules");
    run(cargo(workspace.root()).args([
        "build",
        "--release",
        "-p",
        "entra-agent",
        "-p",
        "entractl",
        "-p",
        "entra-tenant",
    ]))?;
    build_modules(workspace)
}

/// Builds the two modules as they ship.
pub(crate) fn build_modules(workspace: &Workspace) -> Outcome {
    run(cargo(workspace.root()).args([
        "build",
        "--profile",
        "module",
        "-p",
        "nss-module",
        "-p",
        "pam-module",
    ]))
}

/// The NSS module as built.
pub(crate) fn nss_module(workspace: &Workspace) -> PathBuf {
    workspace.target("module/libnss_entra.so")
}

/// The PAM module as built.
pub(crate) fn pam_module(workspace: &Workspace) -> PathBuf {
    workspace.target("module/libpam_entra.so")
}

/// The simulated tenant as built.
pub(crate) fn tenant(workspace: &Workspace) -> PathBuf {
    workspace.target("release/entra-tenant")
}

/// Gives the layer with everything built, making it first if it is not there.
pub(crate) fn layer(workspace: &Workspace) -> Outcome<PathBuf> {
    let installed = installed_files(workspace)?;
    let mut stamp = Stamp::new();
    for (source, destination, _) in &installed {
        stamp.text(destination);
        stamp.file(source)?;
    }
    let layer = workspace.target(&format!("roots/artefacts-{}", stamp.name()));
    if layer.is_dir() {
        return Ok(layer);
    }
    let partial = workspace.target(&format!("roots/artefacts-{}.partial", std::process::id()));
    remove_folder(&partial)?;
    for (source, destination, mode) in &installed {
        install(source, &partial.join(destination), *mode)?;
    }
    if let Err(error) = fs::rename(&partial, &layer) {
        // Another run in the same tree may have made the same layer meanwhile.
        remove_folder(&partial)?;
        if !layer.is_dir() {
            return Err(at(&layer)(error));
        }
    }
    forget_old(&workspace.target("roots"), "artefacts-")?;
    Ok(layer)
}

/// Copies one file into place with this mode.
pub(crate) fn install(source: &Path, destination: &Path, mode: u32) -> Outcome {
    if let Some(folder) = destination.parent() {
        make_folder(folder)?;
    }
    fs::copy(source, destination).map_err(at(source))?;
    fs::set_permissions(destination, fs::Permissions::from_mode(mode)).map_err(at(destination))
}

/// Removes all but the newest layers of one kind. Some are kept, since another
/// run in the same tree may have hosts on them.
pub(crate) fn forget_old(roots: &Path, prefix: &str) -> Outcome {
    let mut layers = Vec::new();
    for entry in fs::read_dir(roots).map_err(at(roots))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let made = entry.metadata().and_then(|facts| facts.modified());
        if let (true, false, Ok(made)) =
            (name.starts_with(prefix), name.ends_with(".partial"), made)
        {
            layers.push((made, entry.path()));
        }
    }
    layers.sort();
    let surplus = layers.len().saturating_sub(KEPT_LAYERS);
    layers
        .iter()
        .take(surplus)
        .try_for_each(|(_, path)| remove_folder(path))
}

const KEPT_LAYERS: usize = 4;

/// Source, destination without the leading slash, mode.
fn installed_files(workspace: &Workspace) -> Outcome<Vec<(PathBuf, String, u32)>> {
    let libraries = format!("usr/lib/{}", multiarch()?);
    let mut files = vec![
        (
            workspace.target("release/entra-agent"),
            "usr/sbin/entra-agent".to_owned(),
            0o755,
        ),
        (
            workspace.target("release/entractl"),
            "usr/bin/entractl".to_owned(),
            0o755,
        ),
        (
            nss_module(workspace),
            format!("{libraries}/libnss_entra.so.2"),
            0o644,
        ),
        (
            pam_module(workspace),
            format!("{libraries}/security/pam_entra.so"),
            0o644,
        ),
        (
            tenant(workspace),
            "usr/lib/entra-tenant/entra-tenant".to_owned(),
            0o755,
        ),
    ];
    for folder in ["tests/tenant/seeds", "tests/tenant/microsoft"] {
        for source in files_below(&workspace.file(folder))? {
            let name = source
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.push((source, format!("usr/share/entra-tenant/{name}"), 0o644));
        }
    }
    match files.iter().find(|(source, ..)| !source.is_file()) {
        Some((source, ..)) => Err(fail(format!("{} was not built", source.display()))),
        None => Ok(files),
    }
}
