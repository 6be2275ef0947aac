//! Files that hold a secret: read whole, within a limit, and only if not everyone may read them.
//!
//! Invariant: what comes out of here came from a file without any permission for others (a token of short
//! life excepted), checked on the open file, so that nothing can be swapped in between the check and the
//! read. What a file must hold beyond that (a secret, a key) is decided by whoever reads it.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::ConfigError;

/// Bytes of a secret file at most: Entra's secrets have some 40 characters.
const SECRET_LIMIT: u32 = 4 * 1024;

/// The secret in a file that only root and the agent may read, without the line end that editors add.
///
/// # Errors
/// [`ConfigError::ReadableByOthers`], [`ConfigError::NoSecret`], [`ConfigError::Unreadable`].
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let text = match read_private(path, SECRET_LIMIT) {
        Err(ConfigError::TooLarge { path, .. }) => return Err(ConfigError::NoSecret(path)),
        other => other?,
    };
    let secret = text.trim();
    if secret.is_empty() {
        return Err(ConfigError::NoSecret(path.to_owned()));
    }
    Ok(Zeroizing::new(secret.to_owned()))
}

/// The whole of a file that only root and the agent may read, `limit` bytes at most.
///
/// # Errors
/// [`ConfigError::ReadableByOthers`], [`ConfigError::TooLarge`], [`ConfigError::Unreadable`].
pub fn read_private(path: &Path, limit: u32) -> Result<Zeroizing<String>, ConfigError> {
    read_if(path, limit, |found| {
        let mode = found.mode() & 0o7777;
        if mode & 0o007 == 0 {
            return Ok(());
        }
        Err(ConfigError::ReadableByOthers {
            path: path.to_owned(),
            mode,
        })
    })
}

/// The whole of a file with a token that lives for an hour or so. Everyone may read it, as Kubernetes and
/// Microsoft's own clients have it (docs/decisions/0009), if only root or the agent can have written it.
///
/// # Errors
/// [`ConfigError::UntrustedToken`], [`ConfigError::TooLarge`], [`ConfigError::Unreadable`].
pub fn read_shared_token(path: &Path, limit: u32) -> Result<Zeroizing<String>, ConfigError> {
    read_if(path, limit, |found| {
        let (owner, mode) = (found.uid(), found.mode() & 0o7777);
        let is_ours = owner == 0 || owner == nix::unistd::geteuid().as_raw();
        if mode & 0o007 == 0 || is_ours && mode & 0o022 == 0 {
            return Ok(());
        }
        Err(ConfigError::UntrustedToken {
            path: path.to_owned(),
            owner,
            mode,
        })
    })
}

/// Reads the file whose owner and mode, as opened, are in order.
fn read_if(
    path: &Path,
    limit: u32,
    check: impl FnOnce(&fs::Metadata) -> Result<(), ConfigError>,
) -> Result<Zeroizing<String>, ConfigError> {
    let unreadable = |reason| ConfigError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let mut file = fs::File::open(path).map_err(unreadable)?;
    check(&file.metadata().map_err(unreadable)?)?;
    // Allocated once: a buffer that grew would leave the secret behind in memory that nobody wipes.
    let room = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut text = Zeroizing::new(String::with_capacity(room.saturating_add(1)));
    (&mut file)
        .take(u64::from(limit) + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() > room {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(text)
}
