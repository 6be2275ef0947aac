//! Azure Arc's proof that a caller may have tokens: it can read a file that the
//! service has just written.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use axum::http::StatusCode;

use crate::login::jwt::random_text;
use crate::state::World;
use crate::wire::{Answer, Request};

/// The files that were written and not yet asked with.
#[derive(Debug)]
pub(crate) struct Challenges {
    folder: PathBuf,
    open: Vec<(PathBuf, String)>,
}

impl Default for Challenges {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("/var/opt/azcmagent/tokens"),
            open: Vec::new(),
        }
    }
}

impl Challenges {
    /// In a folder of one's own.
    #[cfg(test)]
    pub(crate) fn within(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            open: Vec::new(),
        }
    }
}

/// The new challenge for everyone but who brings an open file's secret, which then
/// counts no more.
pub(super) fn challenge(world: &mut World, request: &Request) -> Option<Answer> {
    let challenges = &mut world.arc_challenges;
    let brought = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Basic "));
    if let Some(secret) = brought
        && let Some(place) = challenges.open.iter().position(|(_, one)| one == secret)
    {
        let (file, _) = challenges.open.remove(place);
        // A file that is gone already is as good.
        let _ = fs::remove_file(file);
        return None;
    }
    let secret = random_text(32);
    let file = challenges
        .folder
        .join(format!("{}.key", uuid::Uuid::new_v4()));
    if let Err(error) = write(&challenges.folder, &file, &secret) {
        tracing::error!("cannot write {}: {error}", file.display());
        return Some(Answer::new(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let realm = format!("Basic realm={}", file.display());
    challenges.open.push((file, secret));
    Some(Answer::new(StatusCode::UNAUTHORIZED).with("www-authenticate", &realm))
}

/// For root and the group `himds`, whose members may have tokens.
fn write(folder: &Path, file: &Path, secret: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(file, secret)?;
    fs::set_permissions(file, Permissions::from_mode(0o640))?;
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let himds = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some("himds")).then(|| fields.nth(1)?.parse().ok())?
    });
    match himds {
        Some(group) => chown(file, None, Some(group)),
        None => Ok(()),
    }
}
