//! What `enable` keeps until `disable`: each file as it was and as it became, and a list of them.
//!
//! In a folder that root alone reads, and where only root can put anything: whoever could plant a file here
//! would have root put it into /etc. Invariant: the list is written last, whole, and before any file of the
//! host changes; a folder without a list is what a killed `enable` left before it changed anything.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::session::Began;
use super::{Change, Host, replace};
use crate::trouble::HostTrouble;

/// Where it is kept: /var/lib/entra-login is the agent's, which is not root.
pub(crate) const FOLDER: &str = "/etc/entra-login/pam-kept";

/// The list.
const LIST: &str = "list.json";

/// A later version of the list has another number; an earlier reader refuses it.
const VERSION: u32 = 1;

/// The list of what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    version: u32,
    /// How far it came.
    pub(crate) state: State,
    /// By whom the PAM stacks are made.
    pub(crate) tool: Tool,
    /// The session that ran `enable`, and when.
    pub(crate) began: Began,
    /// The files, in the order in which they change.
    pub(crate) files: Vec<KeptFile>,
}

/// How far `enable` came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Files are being changed.
    Applying,
    /// All is changed; `confirm` is awaited.
    Waiting,
    /// It stays.
    Confirmed,
}

/// By whom the PAM stacks are made, and what it takes to undo that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tool {
    /// Debian's, with the profiles that were not enabled before.
    PamAuthUpdate { profiles: Vec<String> },
    /// EL's, with the words that select what was selected before.
    Authselect { before: Vec<String> },
}

/// A file that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptFile {
    /// On the host.
    pub(crate) path: String,
    /// The name of the copy from before in [`FOLDER`]; `None` if there was no such file.
    before: Option<String>,
    /// The name of what it becomes; `None` if it goes.
    after: Option<String>,
}

impl Kept {
    /// The list, with what each file was and becomes; nothing is written yet.
    pub(super) fn new(tool: Tool, began: Began) -> Self {
        Self {
            version: VERSION,
            state: State::Applying,
            tool,
            began,
            files: Vec::new(),
        }
    }

    /// What is kept on this host.
    ///
    /// # Errors
    /// [`HostTrouble`] names the file and what is wrong with it.
    pub(crate) fn read(host: &Host) -> Result<Option<Self>, HostTrouble> {
        let path = host.path(FOLDER).join(LIST);
        let Some(text) = replace::read(host, &format!("{FOLDER}/{LIST}"))? else {
            return Ok(None);
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(kept) if kept.version == VERSION => Ok(Some(kept)),
            _ => Err(HostTrouble {
                message: format!("{} is not as this entractl writes it", path.display()),
                hint: Some(format!(
                    "the copies beside it are the files from before; put them back by hand, then remove {FOLDER}"
                )),
            }),
        }
    }

    /// Keeps a copy of each file, then writes the list.
    ///
    /// # Errors
    /// [`HostTrouble`] names the file; nothing is kept then.
    pub(super) fn keep(&mut self, host: &Host, changes: &[Change]) -> Result<(), HostTrouble> {
        let folder = host.path(FOLDER);
        forget(host)?;
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| HostTrouble::file("make", &folder, &error))?;
        let kept = changes
            .iter()
            .enumerate()
            .try_for_each(|(number, change)| self.keep_one(host, number, change))
            .and_then(|()| self.write(host));
        if kept.is_err() {
            let _ = forget(host);
        }
        kept
    }

    fn keep_one(&mut self, host: &Host, number: usize, change: &Change) -> Result<(), HostTrouble> {
        let of = host.path(&change.path);
        let copy = |content: Option<&Vec<u8>>, when: &str| {
            let Some(content) = content else {
                return Ok(None);
            };
            let name = format!("{number}-{when}");
            let path = host.path(FOLDER).join(&name);
            match replace::keep(content, &path, &of) {
                Ok(()) => Ok(Some(name)),
                Err(error) => Err(HostTrouble::file("write", &path, &error)),
            }
        };
        self.files.push(KeptFile {
            before: copy(change.before.as_ref(), "before")?,
            after: copy(change.after.as_ref(), "after")?,
            path: change.path.clone(),
        });
        Ok(())
    }

    /// Writes the list over the old one.
    ///
    /// # Errors
    /// [`HostTrouble`] names the file; the old list stands then.
    pub(super) fn write(&self, host: &Host) -> Result<(), HostTrouble> {
        let folder = host.path(FOLDER);
        let (path, new) = (folder.join(LIST), folder.join("list.new"));
        let written = (|| {
            let text = serde_json::to_vec_pretty(self)?;
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&folder)?.sync_all()
        })();
        written.map_err(|error: io::Error| HostTrouble::file("write", &path, &error))
    }
}

impl KeptFile {
    /// The copy from before, as a file to put back.
    pub(super) fn before_copy(&self, host: &Host) -> Option<PathBuf> {
        self.before
            .as_ref()
            .map(|name| host.path(FOLDER).join(name))
    }

    /// What it said before.
    pub(super) fn before_content(&self, host: &Host) -> Result<Option<Vec<u8>>, HostTrouble> {
        content(host, self.before.as_deref())
    }

    /// What it becomes.
    pub(super) fn after_content(&self, host: &Host) -> Result<Option<Vec<u8>>, HostTrouble> {
        content(host, self.after.as_deref())
    }
}

fn content(host: &Host, name: Option<&str>) -> Result<Option<Vec<u8>>, HostTrouble> {
    let Some(name) = name else { return Ok(None) };
    let path = host.path(FOLDER).join(name);
    fs::read(&path)
        .map(Some)
        .map_err(|error| HostTrouble::file("read", &path, &error))
}

/// Forgets what is kept; nothing kept is as good.
///
/// # Errors
/// [`HostTrouble`] names the folder.
pub(super) fn forget(host: &Host) -> Result<(), HostTrouble> {
    let folder = host.path(FOLDER);
    // The list first: without it nothing here counts.
    let _ = fs::remove_file(folder.join(LIST));
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(HostTrouble::file("remove", &folder, &error))
        }
        _ => Ok(()),
    }
}
