//! Gates on the two modules as they ship: size, libraries they need, symbols they
//! export, their soname, and the crates behind them.
//!
//! They look at the finished files with readelf and nm, not at what the build was
//! asked for.

use std::path::Path;
use std::process::Command;

use crate::command::{Outcome, at, fail, heading, read, say};
use crate::place::Workspace;
use crate::{artefacts, budget};

/// Each module is loaded into every process that looks up a user or signs one in.
const LARGEST: u64 = 450_000;

/// The C library, the unwinder that a caught panic needs, PAM, the loader.
const NEEDED: &[&str] = &[
    "libc.so.6",
    "libgcc_s.so.1",
    "libpam.so.0",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];

/// Checks both modules; they must be built.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    heading("gates: the two modules");
    let mut complaints = Vec::new();
    for gate in [
        Gate {
            file: artefacts::nss_module(workspace),
            soname: Some("libnss_entra.so.2"),
            prefix: "_nss_entra_",
        },
        Gate {
            file: artefacts::pam_module(workspace),
            soname: None,
            prefix: "pam_sm_",
        },
    ] {
        complaints.extend(gate.check()?);
    }
    if let Err(failure) = budget::check(workspace) {
        complaints.push(failure.to_string());
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(fail(complaints.join("\n")))
    }
}

/// What one module must be.
struct Gate {
    file: std::path::PathBuf,
    /// NSS looks its module up by soname; PAM by path.
    soname: Option<&'static str>,
    /// How every exported symbol begins.
    prefix: &'static str,
}

impl Gate {
    fn check(&self) -> Outcome<Vec<String>> {
        let name = name_of(&self.file);
        let size = std::fs::metadata(&self.file).map_err(at(&self.file))?.len();
        let dynamic = read(
            Command::new("readelf")
                .args(["--wide", "-d"])
                .arg(&self.file),
        )?;
        let symbols = read(
            Command::new("nm")
                .args(["-D", "--defined-only"])
                .arg(&self.file),
        )?;
        say(&format!(
            "   {name}: {size} bytes, needs {}",
            values(&dynamic, "(NEEDED)").join(" ")
        ));

        let mut complaints = Vec::new();
        if size >= LARGEST {
            complaints.push(format!(
                "{name} has {size} bytes; at most {LARGEST} are allowed"
            ));
        }
        complaints.extend(unknown_libraries(name, &dynamic));
        complaints.extend(foreign_symbols(name, &symbols, self.prefix));
        if let Some(wanted) = self.soname
            && values(&dynamic, "(SONAME)") != [wanted]
        {
            complaints.push(format!("{name} must have the soname {wanted}"));
        }
        Ok(complaints)
    }
}

fn name_of(file: &Path) -> &str {
    file.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("the module")
}

/// The bracketed values of one kind of line of `readelf -d`.
fn values<'a>(dynamic: &'a str, tag: &str) -> Vec<&'a str> {
    dynamic
        .lines()
        .filter(|line| line.contains(tag))
        .filter_map(|line| line.split_once('[')?.1.split_once(']'))
        .map(|(value, _)| value)
        .collect()
}

fn unknown_libraries(name: &str, dynamic: &str) -> Vec<String> {
    values(dynamic, "(NEEDED)")
        .into_iter()
        .filter(|library| !NEEDED.contains(library))
        .map(|library| format!("{name} needs {library}; allowed are libc, libgcc_s and libpam"))
        .collect()
}

fn foreign_symbols(name: &str, symbols: &str, prefix: &str) -> Vec<String> {
    let exported: Vec<&str> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    if exported.is_empty() {
        return vec![format!("{name} exports nothing at all")];
    }
    exported
        .into_iter()
        .filter(|symbol| !symbol.starts_with(prefix))
        .map(|symbol| format!("{name} exports {symbol}; only {prefix}* may be seen"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DYNAMIC: &str = "\
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x0000000000000001 (NEEDED)             Shared library: [libssl.so.3]
 0x000000000000000e (SONAME)             Library soname: [libnss_entra.so.2]
";

    #[test]
    fn a_library_that_is_not_named_is_reported() {
        let complaints = unknown_libraries("x.so", DYNAMIC);
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].contains("libssl.so.3"));
    }

    #[test]
    fn the_soname_is_read() {
        assert_eq!(values(DYNAMIC, "(SONAME)"), ["libnss_entra.so.2"]);
    }

    #[test]
    fn a_symbol_of_rusts_own_is_reported() {
        let symbols = "0000 T pam_sm_acct_mgmt\n0000 T rust_eh_personality\n";
        assert_eq!(foreign_symbols("x.so", symbols, "pam_sm_").len(), 1);
        assert_eq!(foreign_symbols("x.so", "", "pam_sm_").len(), 1);
    }
}
