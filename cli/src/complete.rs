//! What the Tab key gets: verbs and flags from the definition, names from the agent.
//!
//! A shell runs `entractl` with [`VARIABLE`] set and the words that were typed. clap's own engine knows where
//! in the definition they end; the names it can't know are asked of the agent, by what they begin with.
//!
//! Invariant: quick, quiet and harmless. A Tab waits for [`COMPLETION_LIMIT`] at most; an agent that is dead,
//! slow, old or unwilling gives no names and no word about it. And since some shells put a candidate onto
//! the command line as it is, only words are offered that no shell reads as anything but a word: what a tenant
//! calls its groups is never run.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use clap::CommandFactory;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, EnvCompleter, Shells};
use entra_protocol::admin::{NameKind, Request, Row};
use entra_protocol::limits::{ADMIN_SOCKET, COMPLETION_LIMIT, MAX_COMPLETIONS};

use crate::agent;
use crate::args::Arguments;

/// Set by the shells' scripts. Not clap's own `COMPLETE`, which somebody may have set for another program.
const VARIABLE: &str = "ENTRACTL_COMPLETE";

/// The shells that `entractl completions` has a script for.
pub(crate) const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// Answers a shell that asks for candidates, and is true if one did.
pub(crate) fn answer_the_shell() -> bool {
    CompleteEnv::with_factory(Arguments::command)
        .var(VARIABLE)
        .try_complete(std::env::args_os(), None)
        // Whatever is wrong, somebody is in the middle of typing: no word about it.
        .unwrap_or(true)
}

/// The script that teaches a shell to ask.
pub(crate) fn script(shell: &str) -> Option<String> {
    let shells = Shells::builtins();
    let shell: &dyn EnvCompleter = shells.completer(shell)?;
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "entractl", "entractl", "entractl", &mut script)
        .ok()?;
    String::from_utf8(script).ok()
}

/// Completes one name.
pub(crate) fn one(of: NameKind) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| match typed.to_str() {
        Some(prefix) => candidates("", asked(of, prefix)),
        None => Vec::new(),
    })
}

/// Completes the last name of a list with commas.
pub(crate) fn list(of: NameKind) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| {
        let Some(typed) = typed.to_str() else {
            return Vec::new();
        };
        let (before, prefix) = typed.split_at(typed.rfind(',').map_or(0, |comma| comma + 1));
        candidates(before, asked(of, prefix))
    })
}

/// Completes one of the host's own accounts.
pub(crate) fn local_account() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let prefix = typed.to_str().unwrap_or_default();
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        candidates("", people(&passwd).filter(|name| name.starts_with(prefix)))
    })
}

/// The names in `/etc/passwd` that are people's.
fn people(passwd: &str) -> impl Iterator<Item = String> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        PEOPLES_UIDS.contains(&uid).then(|| name.to_owned())
    })
}

/// Below are the system's own accounts, 65534 is nobody (login.defs(5), `UID_MIN` and `UID_MAX`).
const PEOPLES_UIDS: Range<u32> = 1_000..65_534;

fn candidates(before: &str, names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    names
        .into_iter()
        .filter(|name| is_plain(name))
        .map(|name| CompletionCandidate::new(format!("{before}{name}")))
        .collect()
}

/// True for what bash, zsh and fish all take as one word, as it is.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name
            .chars()
            .all(|character| character.is_alphanumeric() || "._@+-".contains(character))
}

/// The agent's names, or none.
fn asked(of: NameKind, prefix: &str) -> Vec<String> {
    let socket = socket(std::env::args_os());
    let request = Request::Names {
        of,
        prefix: prefix.to_owned(),
    };
    let (sender, receiver) = mpsc::channel();
    // A thread of its own, since connect, send and a slow trickle of rows each have limits of their own.
    thread::spawn(move || {
        let answer = agent::ask(&socket, COMPLETION_LIMIT, &[request], &mut |_| {});
        let _ = sender.send(answer);
    });
    let Ok(Ok(answer)) = receiver.recv_timeout(COMPLETION_LIMIT) else {
        return Vec::new();
    };
    let names = answer.rows.into_iter().filter_map(|row| match row {
        Row::Name(name) => Some(name),
        _ => None,
    });
    names
        .take(usize::try_from(MAX_COMPLETIONS).unwrap_or(usize::MAX))
        .collect()
}

/// The socket that the words name, since an agent that listens elsewhere knows other names.
fn socket(words: impl IntoIterator<Item = OsString>) -> PathBuf {
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--socket"
            && let Some(path) = words.next()
        {
            return path.into();
        }
        if let Some(path) = word
            .to_str()
            .and_then(|word| word.strip_prefix("--socket="))
        {
            return path.into();
        }
    }
    ADMIN_SOCKET.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_are_offered() {
        for word in ["alice", "zoë", "o.neill", "bob@fabrikam.example", "a-b_c+d"] {
            assert!(is_plain(word), "{word}");
        }
        for word in [
            "",
            "-rf",
            "a b",
            "$(reboot)",
            "`reboot`",
            "a;b",
            "a\u{1b}b",
            "a'b",
            "a*",
            "~a",
            "a\u{202e}",
            "a,b",
            "a:b",
            "a=b",
            "!x",
        ] {
            assert!(!is_plain(word), "{word:?}");
        }
    }

    #[test]
    fn the_socket_is_the_one_that_was_typed() {
        for (words, expected) in [
            (
                &["entractl", "--", "entractl", "--socket", "/x", "users"][..],
                "/x",
            ),
            (
                &["entractl", "--", "entractl", "users", "--socket=/y"][..],
                "/y",
            ),
            (
                &["entractl", "--", "entractl", "users", "--socket"][..],
                ADMIN_SOCKET,
            ),
        ] {
            let words = words.iter().map(OsString::from);
            assert_eq!(socket(words), PathBuf::from(expected));
        }
    }

    #[test]
    fn of_the_hosts_own_accounts_people_are_offered() {
        let passwd = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n\
                      erin:x:1000:1000::/home/erin:/bin/sh\nbroken\n";
        assert_eq!(people(passwd).collect::<Vec<_>>(), ["erin"]);
    }

    #[test]
    fn every_shell_has_a_script_that_calls_entractl_by_its_name() {
        for shell in SHELLS {
            let script = script(shell).unwrap();
            assert!(script.contains(&format!("{VARIABLE}=")), "{script}");
            assert!(script.contains("entractl"), "{script}");
        }
        assert_eq!(script("csh"), None);
    }
}
