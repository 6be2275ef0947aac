//! The way back: from any point that `enable` may have reached, also one at which it was killed.
//!
//! A file that is as `enable` made it becomes what it was, to the byte. A file that somebody else has changed
//! loses our part and nothing of theirs. Invariant: the kept copies go last, so that a way back that was cut short
//! can be gone again.

use std::fs;

use serde::Serialize;

use super::kept::{FOLDER, Kept, KeptFile, State, Tool, forget};
use super::{
    Host, NSSWITCH, authselect, command, debian, journal, lock, nsswitch, replace, sshd, stack,
    undo_unit,
};
use crate::trouble::HostTrouble;

/// What was taken back.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct TakenBack {
    /// Files that are what they were before.
    pub(crate) restored: Vec<String>,
    /// Files that somebody else has changed; our part is out of them.
    pub(crate) trimmed: Vec<String>,
}

/// Takes back whatever of the wiring is there, also what `enable` did not make.
///
/// # Errors
/// [`HostTrouble`] says what could not be taken back; it can be tried again.
pub(crate) fn disable(host: &Host) -> Result<TakenBack, HostTrouble> {
    let _lock = lock(host)?;
    let taken = match Kept::read(host)? {
        Some(kept) => take_back(host, &kept, Since::Long)?,
        None => by_hand(host)?,
    };
    undo_unit::disarm(host);
    journal("the wiring of sign-in was taken back");
    Ok(taken)
}

/// The same, of what was not confirmed: by the timer, and at boot.
///
/// # Errors
/// See [`disable`].
pub(crate) fn undo(host: &Host) -> Result<TakenBack, HostTrouble> {
    let _lock = lock(host)?;
    let taken = match Kept::read(host)? {
        Some(kept) if kept.state != State::Confirmed => {
            journal("nobody confirmed the wiring of sign-in: it is taken back");
            take_back(host, &kept, Since::Long)?
        }
        _ => TakenBack::default(),
    };
    undo_unit::disarm(host);
    Ok(taken)
}

/// When the files were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// By this very process: whatever a file says now, it was this one or the tool that it ran.
    Just,
    /// Earlier: somebody else may have been at them.
    Long,
}

/// What a file is found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// As it was.
    Before,
    /// As `enable` made it, or a part of that: a program that was killed had begun to write it.
    Ours,
    /// Somebody else's.
    Theirs,
}

/// Takes back what is kept, then forgets it.
///
/// # Errors
/// [`HostTrouble`] names the first file that could not be put back; the others are, and the copies stay.
pub(super) fn take_back(host: &Host, kept: &Kept, since: Since) -> Result<TakenBack, HostTrouble> {
    let mut taken = TakenBack::default();
    let mut trouble = None;
    let mut of_sshd = false;
    for file in kept
        .files
        .iter()
        .rev()
        .filter(|file| !is_by_tool(&file.path))
    {
        let done = found(host, kept, file, since).and_then(|found| {
            of_sshd |= found != Found::Before && sshd::is_its(&file.path);
            back(host, file, found, &mut taken)
        });
        if let Err(error) = done {
            trouble = trouble.or(Some(error));
        }
    }
    if let Err(error) = stacks_back(host, kept, since, &mut taken) {
        trouble = trouble.or(Some(error));
    }
    // At boot sshd does not run yet, and one that has not read the change need not read anything again.
    if of_sshd && sshd::test(host).is_ok() {
        let _ = sshd::reload();
    }
    match trouble {
        None => forget(host).map(|()| taken),
        Some(error) => Err(HostTrouble {
            hint: Some(format!(
                "{FOLDER} has the files as they were; `entractl pam disable` tries again"
            )),
            ..error
        }),
    }
}

fn stacks_back(
    host: &Host,
    kept: &Kept,
    since: Since,
    taken: &mut TakenBack,
) -> Result<(), HostTrouble> {
    let files: Vec<&KeptFile> = kept
        .files
        .iter()
        .filter(|file| is_by_tool(&file.path))
        .collect();
    let mut were = Vec::new();
    for file in &files {
        were.push(found(host, kept, file, since)?);
    }
    match &kept.tool {
        Tool::PamAuthUpdate { profiles } => {
            // On files that it has half written it would find local modifications and do nothing.
            let whole = files
                .iter()
                .map(|file| Ok(replace::read(host, &file.path)? == file.after_content(host)?))
                .collect::<Result<Vec<bool>, HostTrouble>>()?
                .into_iter()
                .all(|whole| whole);
            if whole || were.contains(&Found::Theirs) {
                // What it does not manage, the copies do.
                let _ = debian::remove(profiles);
            }
            for remnant in debian::remnants() {
                let _ = fs::remove_file(host.path(&remnant));
            }
        }
        Tool::Authselect { before } => authselect::disable(host, before)?,
    }
    for (file, found) in files.iter().zip(were) {
        back(host, file, found, taken)?;
    }
    Ok(())
}

fn found(host: &Host, kept: &Kept, file: &KeptFile, since: Since) -> Result<Found, HostTrouble> {
    let (now, before, after) = (
        replace::read(host, &file.path)?,
        file.before_content(host)?,
        file.after_content(host)?,
    );
    let begun = |whole: &Option<Vec<u8>>| match (&now, whole) {
        (Some(now), Some(whole)) => kept.state == State::Applying && whole.starts_with(now),
        _ => false,
    };
    Ok(if now == before {
        Found::Before
    } else if since == Since::Just || now == after || begun(&after) || begun(&before) {
        Found::Ours
    } else if matches!(kept.tool, Tool::Authselect { .. }) && is_by_tool(&file.path) {
        // authselect itself keeps changes by hand out of what it makes.
        Found::Ours
    } else {
        Found::Theirs
    })
}

/// Puts a file back; `found` is what it was before any tool was let at it.
fn back(
    host: &Host,
    file: &KeptFile,
    found: Found,
    taken: &mut TakenBack,
) -> Result<(), HostTrouble> {
    let now = replace::read(host, &file.path)?;
    if found != Found::Theirs {
        if now != file.before_content(host)? {
            match file.before_copy(host) {
                Some(copy) => replace::put_back(host, &file.path, &copy)?,
                None => replace::write(host, &file.path, None)?,
            }
        }
        if found == Found::Ours {
            taken.restored.push(file.path.clone());
        }
        return Ok(());
    }
    taken.trimmed.push(file.path.clone());
    let trimmed = trimmed(&file.path, now.as_deref());
    if trimmed != now {
        replace::write(host, &file.path, trimmed.as_deref())?;
    }
    Ok(())
}

/// A file without our part.
fn trimmed(path: &str, now: Option<&[u8]>) -> Option<Vec<u8>> {
    let now = now?;
    let text = || String::from_utf8_lossy(now);
    if path == NSSWITCH {
        Some(nsswitch::without_entra(&text()).into_bytes())
    } else if sshd::is_its(path) {
        sshd::without_block(now)
    } else if path.starts_with("/etc/pam.d/") && stack::has_ours(&text()) {
        Some(stack::without_lines(&text()).into_bytes())
    } else {
        Some(now.to_vec())
    }
}

/// Takes out what was wired by other means than `enable`.
fn by_hand(host: &Host) -> Result<TakenBack, HostTrouble> {
    let mut taken = TakenBack::default();
    let mut trim = |path: &str| -> Result<bool, HostTrouble> {
        let now = replace::read(host, path)?;
        let trimmed = trimmed(path, now.as_deref());
        if trimmed == now {
            return Ok(false);
        }
        replace::write(host, path, trimmed.as_deref())?;
        taken.trimmed.push(path.to_owned());
        Ok(true)
    };
    let (drop_in, main) = (trim(sshd::DROP_IN)?, trim(sshd::MAIN)?);
    trim(NSSWITCH)?;
    if command::is_there(host, debian::PROGRAM) && !command::is_there(host, authselect::PROGRAM) {
        let wired = debian::stacks().any(|path| {
            replace::read(host, path).is_ok_and(|now| {
                now.is_some_and(|now| stack::has_ours(&String::from_utf8_lossy(&now)))
            })
        });
        if wired {
            debian::remove(&debian::ours())?;
        }
        for path in debian::stacks() {
            trim(path)?;
        }
    }
    if drop_in || main {
        sshd::test(host)?;
        sshd::reload()?;
    }
    Ok(taken)
}

/// Whether the distribution's tool writes a file.
pub(super) fn is_by_tool(path: &str) -> bool {
    ["/etc/pam.d/", "/var/lib/pam/", "/etc/authselect/"]
        .iter()
        .any(|folder| path.starts_with(folder))
}
