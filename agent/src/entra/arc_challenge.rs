//! Azure Arc's challenge: `WWW-Authenticate: Basic realm=FILE`, and the file's content is the answer.
//!
//! Invariant: only the content of a plain, small file `*.key` directly in Arc's own folder is ever handed
//! out. Whoever answers on the service's port, which needs no privilege, says which file; every other path,
//! and every link, is refused before anything is read.

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use zeroize::Zeroizing;

/// Where Azure Arc's agent on Linux keeps them.
pub(super) const TOKENS: &str = "/var/opt/azcmagent/tokens";

/// Bytes of such a file at most, as Microsoft's own clients have it.
const SECRET_LIMIT: u64 = 4096;

/// The content of the file that the challenge names, if it may be sent.
///
/// # Errors
/// A sentence that names the path and what is wrong with it.
pub(super) fn secret(challenge: Option<&str>, folder: &Path) -> Result<Zeroizing<String>, String> {
    let path = challenge
        .and_then(named)
        .ok_or_else(|| "Azure Arc named no file in its challenge".to_owned())?;
    let path = Path::new(path);
    let about = |what: &str| {
        format!(
            "Azure Arc's challenge names {:.200?}, {what}",
            path.as_os_str()
        )
    };
    let is_key = path.extension().is_some_and(|ending| ending == "key");
    // As written: `..` and a folder below are no files of this folder.
    let is_direct = path.parent() == Some(folder)
        && path
            .file_name()
            .is_some_and(|name| folder.join(name).as_os_str() == path.as_os_str());
    if !is_key || !is_direct {
        return Err(about(&format!(
            "which is no file *.key in {}; it is not read",
            folder.display()
        )));
    }
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => about(
            "which the agent may not read; is entra-agent a member of the group himds \
             (SupplementaryGroups=himds in the unit)?",
        ),
        _ => about(&format!("which can't be read: {error}")),
    };
    let mut file = OpenOptions::new()
        .read(true)
        // Neither a link nor a pipe that nobody writes to.
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)
        .map_err(unreadable)?;
    let found: fs::Metadata = file.metadata().map_err(unreadable)?;
    if !found.is_file() || found.len() > SECRET_LIMIT {
        return Err(about("which is no plain file of at most 4096 bytes"));
    }
    let room = usize::try_from(SECRET_LIMIT).unwrap_or(usize::MAX);
    let mut text = Zeroizing::new(String::with_capacity(room + 1));
    (&mut file)
        .take(SECRET_LIMIT + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() > room || text.trim().is_empty() {
        return Err(about("which holds no key"));
    }
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// The realm of a Basic challenge, quoted or not (RFC 9110 §11.2).
fn named(challenge: &str) -> Option<&str> {
    let (scheme, rest) = challenge.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let (name, value) = rest.trim().split_once('=')?;
    name.trim()
        .eq_ignore_ascii_case("realm")
        .then(|| value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_plain_small_key_in_arcs_own_folder_is_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        fs::create_dir(&tokens).unwrap();
        fs::create_dir(tokens.join("below")).unwrap();
        fs::create_dir(tokens.join("folder.key")).unwrap();
        for file in [
            "tokens/a.key",
            "tokens/a.txt",
            "tokens/below/b.key",
            "c.key",
        ] {
            fs::write(folder.path().join(file), "key-1\n").unwrap();
        }
        fs::write(tokens.join("long.key"), "x".repeat(5000)).unwrap();
        fs::write(tokens.join("empty.key"), " \n").unwrap();
        symlink(folder.path().join("c.key"), tokens.join("link.key")).unwrap();
        let ask = |path: &str| {
            let challenge = format!("Basic realm={path}");
            secret(Some(&challenge), &tokens).map(|secret| secret.to_string())
        };
        let tokens_text = tokens.display().to_string();
        assert_eq!(ask(&format!("{tokens_text}/a.key")).unwrap(), "key-1");
        assert_eq!(ask(&format!("\"{tokens_text}/a.key\"")).unwrap(), "key-1");
        for path in [
            format!("{tokens_text}/a.txt"),
            format!("{tokens_text}/below/b.key"),
            format!("{tokens_text}/../c.key"),
            format!("{tokens_text}/below/../a.key"),
            format!("{tokens_text}//a.key"),
            format!("{tokens_text}/./a.key"),
            format!("{tokens_text}/.key"),
            format!("{}/c.key", folder.path().display()),
            "/etc/shadow".to_owned(),
            "a.key".to_owned(),
            String::new(),
        ] {
            let refused = ask(&path).unwrap_err();
            assert!(refused.contains("it is not read"), "{path}: {refused}");
        }
        for name in [
            "link.key",
            "long.key",
            "empty.key",
            "folder.key",
            "none.key",
        ] {
            let refused = ask(&format!("{tokens_text}/{name}")).unwrap_err();
            assert!(!refused.contains("it is not read"), "{name}: {refused}");
            assert!(refused.contains(name), "{refused}");
        }
        for challenge in [
            None,
            Some("Basic"),
            Some("Bearer realm=/x"),
            Some("Basic x=/y"),
        ] {
            assert!(secret(challenge, &tokens).is_err(), "{challenge:?}");
        }
    }

    proptest! {
        #[test]
        fn no_challenge_leads_out_of_the_folder(challenge: String, path in "[a-z./]{0,40}(\\.key)?") {
            // Nothing is in it, and everything else is refused before it is opened.
            let folder = Path::new("/nowhere/tokens");
            for text in [challenge, format!("Basic realm={path}"), format!("Basic realm=/nowhere/tokens/{path}")] {
                let refused = secret(Some(&text), folder).unwrap_err();
                let was_opened = refused.contains("No such file");
                prop_assert!(!was_opened || text.matches('/').count() == 3, "{refused}");
            }
        }
    }
}
