//! How long a sign-in may take in all, by what the program around it does to those who take longer.
//!
//! sshd closes the connection after `LoginGraceTime`, login(1) after `LOGIN_TIMEOUT`; everything else waits.
//! The last word has to come before.

use std::path::Path;
use std::time::Duration;

use super::away;
use crate::config::{SignIn, is_remote, read_bounded};

/// The life of Entra's codes: for programs that wait as long as anybody.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Where login(1) keeps its limit (login.defs(5)).
const LOGIN_DEFS: &str = "/etc/login.defs";

/// login(1)'s own default, in seconds.
const LOGIN_TIMEOUT: u64 = 60;

/// Bytes of that file at most; Debian's has 12 KiB.
const LOGIN_DEFS_LIMIT: u64 = 256 * 1024;

/// How long before login(1) ends the last word must be said: its time runs from before the name was asked for.
const LAST_WORD: Duration = Duration::from_secs(10);

/// For this PAM service.
pub(super) async fn of(service: &str, settings: &SignIn) -> Duration {
    if is_remote(service) {
        return settings.remote_limit();
    }
    if service == "login" {
        // Read anew each time: it is a small file, and somebody may just have changed it.
        return away(|| of_login(Path::new(LOGIN_DEFS))).await;
    }
    LONGEST
}

fn of_login(path: &Path) -> Duration {
    let text = read_bounded(path, LOGIN_DEFS_LIMIT).unwrap_or_default();
    let seconds = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("LOGIN_TIMEOUT")).then(|| words.next()?.parse().ok())?
        })
        .next_back()
        .unwrap_or(LOGIN_TIMEOUT);
    match seconds {
        // No limit.
        0 => LONGEST,
        _ => Duration::from_secs(seconds)
            .saturating_sub(LAST_WORD)
            .min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_says_how_long_it_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("login.defs");
        assert_eq!(of_login(&path).as_secs(), 50);
        for (text, seconds) in [
            ("LOGIN_RETRIES 5\nLOGIN_TIMEOUT\t\t180\n", 170),
            ("#LOGIN_TIMEOUT 180\n", 50),
            ("LOGIN_TIMEOUT 0\n", 900),
            ("LOGIN_TIMEOUT soon\n", 50),
            ("LOGIN_TIMEOUT 999999\n", 900),
            ("LOGIN_TIMEOUT 5\n", 0),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(of_login(&path).as_secs(), seconds, "{text}");
        }
    }
}
