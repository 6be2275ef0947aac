//! What `enable` would do, found out without changing anything.
//!
//! Each part says for itself what it would make of its files: pam-auth-update or authselect of the PAM stacks,
//! then nsswitch.conf, then sshd.

use serde::Serialize;

use super::command::{self, trouble};
use super::kept::Tool;
use super::{Host, authselect, debian, diff, nsswitch, replace, sshd};
use crate::trouble::HostTrouble;

/// A file that would change; `None` is no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(super) path: String,
    pub(super) before: Option<Vec<u8>>,
    pub(super) after: Option<Vec<u8>>,
}

/// What a tool would make of the PAM stacks.
#[derive(Debug)]
pub(super) struct Stacks {
    pub(super) changes: Vec<Change>,
    pub(super) commands: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) tool: Tool,
}

/// What `enable` would do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(super) changes: Vec<Change>,
    pub(super) tool: Tool,
    /// The tool's commands, then what is done to sshd.
    pub(super) commands: Vec<String>,
    /// Sentences about what is left to do by hand.
    pub(crate) notes: Vec<String>,
}

/// A file's change, to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ShownChange {
    /// The file.
    pub(crate) path: String,
    /// In unified form.
    pub(crate) diff: String,
}

impl Plan {
    /// Whether all is as `enable` would make it.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The files.
    pub(crate) fn changes(&self) -> Vec<ShownChange> {
        self.changes
            .iter()
            .map(|change| ShownChange {
                path: change.path.clone(),
                diff: diff::unified(
                    &change.path,
                    change.before.as_deref(),
                    change.after.as_deref(),
                ),
            })
            .collect()
    }

    /// The programs that are run.
    pub(crate) fn commands(&self) -> &[String] {
        &self.commands
    }
}

/// Finds out what `enable` would do; changes nothing.
///
/// # Errors
/// [`HostTrouble`] says what stands in the way.
pub(crate) fn plan(host: &Host) -> Result<Plan, HostTrouble> {
    modules_are_there(host)?;
    let by_authselect = command::is_there(host, authselect::PROGRAM);
    let stacks = if by_authselect {
        authselect::plan(host)?
    } else if command::is_there(host, debian::PROGRAM) {
        debian::plan(host)?
    } else {
        return Err(HostTrouble {
            message: "neither pam-auth-update nor authselect is on this host".to_owned(),
            hint: Some("docs/pam.md has the lines for doing it by hand".to_owned()),
        });
    };
    let mut plan = Plan {
        changes: stacks.changes,
        tool: stacks.tool,
        commands: stacks.commands,
        notes: stacks.notes,
    };
    if !by_authselect {
        plan.changes.extend(nsswitch_change(host)?);
    }
    let sshd = sshd::plan(host)?;
    if sshd.change.is_some() {
        plan.commands
            .extend(["sshd -t".to_owned(), "systemctl reload sshd".to_owned()]);
    }
    plan.changes.extend(sshd.change);
    plan.notes.extend(sshd.notes);
    Ok(plan)
}

pub(super) const NSSWITCH: &str = "/etc/nsswitch.conf";

fn nsswitch_change(host: &Host) -> Result<Option<Change>, HostTrouble> {
    let Some(before) = replace::read(host, NSSWITCH)? else {
        return Err(trouble(format!("{NSSWITCH} is not there")));
    };
    let text = String::from_utf8(before.clone())
        .map_err(|_| trouble(format!("{NSSWITCH} is not UTF-8")))?;
    let after = nsswitch::with_entra(&text).map_err(|reason| HostTrouble {
        message: format!("{NSSWITCH}: {reason}"),
        hint: Some("put entra behind files by hand: docs/pam.md".to_owned()),
    })?;
    Ok((after != text).then(|| Change {
        path: NSSWITCH.to_owned(),
        before: Some(before),
        after: Some(after.into_bytes()),
    }))
}

/// Both modules must be where libpam and glibc look: wired without them, nobody imported could sign in.
fn modules_are_there(host: &Host) -> Result<(), HostTrouble> {
    let there = |module: &str, below: &str| {
        ["/lib", "/usr/lib", "/lib64", "/usr/lib64"]
            .iter()
            .any(|folder| {
                crate::host::wiring::has_library(host, folder, &format!("{below}{module}"))
            })
    };
    for (module, below) in [("pam_entra.so", "security/"), ("libnss_entra.so.2", "")] {
        if !there(module, below) {
            return Err(HostTrouble {
                message: format!("{module} is not on this host"),
                hint: Some("the package entra-login brings it".to_owned()),
            });
        }
    }
    Ok(())
}
