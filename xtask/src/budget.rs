//! The crates behind the two modules, each with its reason.
//!
//! A module is loaded into sshd, sudo and `ls`. What design.md §1 names is the
//! budget; a crate that is not in this table fails the gate, so that none comes in
//! unnoticed. A crate in the table that is no longer used fails as well.

use std::collections::BTreeSet;

use crate::command::{Outcome, cargo, fail, read};
use crate::place::Workspace;

/// A crate, the modules that may have it, and why.
struct Line {
    name: &'static str,
    modules: &'static [&'static str],
    reason: &'static str,
}

const NSS: &str = "nss-module";
const PAM: &str = "pam-module";

const BUDGET: &[Line] = &[
    Line {
        name: "entra-snapshot",
        modules: &[NSS, PAM],
        reason: "the directory's one file",
    },
    Line {
        name: "libc",
        modules: &[NSS, PAM],
        reason: "struct passwd, syslog, socket options",
    },
    Line {
        name: "entra-protocol",
        modules: &[PAM],
        reason: "the words spoken with the agent",
    },
    Line {
        name: "pamsm",
        modules: &[PAM],
        reason: "the entry points",
    },
    Line {
        name: "zeroize",
        modules: &[PAM],
        reason: "passwords are wiped",
    },
    Line {
        name: "bitflags",
        modules: &[PAM],
        reason: "pamsm's flags",
    },
    Line {
        name: "serde",
        modules: &[PAM],
        reason: "the protocol's frames",
    },
    Line {
        name: "serde_core",
        modules: &[PAM],
        reason: "serde",
    },
    Line {
        name: "serde_json",
        modules: &[PAM],
        reason: "the protocol's frames are JSON",
    },
    Line {
        name: "itoa",
        modules: &[PAM],
        reason: "serde_json prints integers with it",
    },
    Line {
        name: "memchr",
        modules: &[PAM],
        reason: "serde_json searches strings with it",
    },
    Line {
        name: "zmij",
        modules: &[PAM],
        reason: "serde_json prints floats with it",
    },
];

/// Checks both modules' crates against the table.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let mut complaints = Vec::new();
    for module in [NSS, PAM] {
        let tree = read(cargo(workspace.root()).args([
            "tree",
            "--offline",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "-e",
            "normal,no-proc-macro",
            "-p",
            module,
        ]))?;
        complaints.extend(compare(module, &crates_in(&tree, module)));
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(fail(complaints.join("\n")))
    }
}

/// Names of all crates of a tree but the module itself. Procedural macros run in
/// the compiler and leave nothing of themselves in the module.
fn crates_in(tree: &str, module: &str) -> BTreeSet<String> {
    tree.lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty() && *name != module)
        .map(str::to_owned)
        .collect()
}

fn compare(module: &str, found: &BTreeSet<String>) -> Vec<String> {
    let allowed = |name: &str| {
        BUDGET
            .iter()
            .any(|line| line.name == name && line.modules.contains(&module))
    };
    let over = found
        .iter()
        .filter(|name| !allowed(name))
        .map(|name| format!("{module} has come to depend on {name}, which is not in its budget"));
    let unused = BUDGET
        .iter()
        .filter(|line| line.modules.contains(&module) && !found.contains(line.name))
        .map(|line| {
            format!(
                "{module} no longer depends on {}; take it out of the budget (it was there for: {})",
                line.name, line.reason
            )
        });
    over.chain(unused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "nss-module v0.1.0 (/x)\nentra-snapshot v0.1.0 (/x)\nlibc v0.2.1 (*)\n";

    #[test]
    fn the_named_crates_are_within_the_budget() {
        assert_eq!(compare(NSS, &crates_in(TREE, NSS)), Vec::<String>::new());
    }

    #[test]
    fn a_new_crate_and_a_lost_one_are_both_reported() {
        let tree = TREE.replace("libc", "regex");
        let complaints = compare(NSS, &crates_in(&tree, NSS)).join("\n");
        assert!(complaints.contains("depend on regex"), "{complaints}");
        assert!(
            complaints.contains("no longer depends on libc"),
            "{complaints}"
        );
    }
}
