//! The Tab key, as bash asks for it: the script of `entractl completions bash` in a real bash.
//!
//! zsh and fish are among the behaviours; here it is what the agent is asked, and what agents may do to
//! somebody who is only typing: nothing.

use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use entra_protocol::admin::{Done, Failure, FailureKind, NameKind, Reply, Request, Row};

use crate::documents::done;
use crate::scripted::{Place, expect};

/// What bash would offer after these words, of which the last is not finished.
fn offered(place: &Place, words: &[&str]) -> Vec<String> {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_entractl"));
    let script = r#"
        source <(entractl completions bash) || exit 9
        COMP_WORDS=(entractl "$@"); COMP_CWORD=$#; COMP_TYPE=9
        _clap_complete_entractl entractl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let socket = place.socket();
    let asked = Command::new("bash")
        .args(["--norc", "-c", script, "bash", "--socket"])
        .arg(&socket)
        .args(words)
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", program.parent().unwrap().display()),
        )
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(asked.status.success(), "{asked:?}");
    assert_eq!(String::from_utf8_lossy(&asked.stderr), "");
    let text = String::from_utf8(asked.stdout).unwrap();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The same, with an agent that expects one question and then does this.
fn offered_by(
    words: &[&str],
    of: NameKind,
    prefix: &str,
    then: impl FnOnce(&mut UnixStream) + Send + 'static,
) -> Vec<String> {
    let place = Place::new();
    let prefix = prefix.to_owned();
    place.with_agent(
        move |stream| {
            expect(stream, &[Request::Names { of, prefix }]);
            then(stream);
        },
        || offered(&place, words),
    )
}

fn say(stream: &mut UnixStream, names: &[&str]) {
    for name in names {
        entra_protocol::write(stream, &Reply::Row(Row::Name((*name).to_owned()))).unwrap();
    }
    let count = u64::try_from(names.len()).unwrap();
    entra_protocol::write(stream, &done(Done::Rows { count })).unwrap();
}

#[test]
fn every_name_is_asked_for_as_what_it_is() {
    let cases: &[(&[&str], NameKind, &str)] = &[
        (&["users", "show", "al"], NameKind::Users, "al"),
        (&["users", "unlock", "bob", "al"], NameKind::Users, "al"),
        (&["users", "block", "bob", "al"], NameKind::Users, "al"),
        (&["users", "unblock", "al"], NameKind::Users, "al"),
        (&["users", "expire", "al"], NameKind::Users, "al"),
        (&["users", "release", "al"], NameKind::Retired, "al"),
        (&["role", "set", "auditor", "al"], NameKind::Users, "al"),
        (
            &["role", "set", "auditor", "--group", "al"],
            NameKind::Groups,
            "al",
        ),
        (&["role", "clear", "bob", "al"], NameKind::Users, "al"),
        (&["role", "clear", "--user", "al"], NameKind::Users, "al"),
        (&["groups", "show", ""], NameKind::Groups, ""),
        (&["ids", "show", "al"], NameKind::Objects, "al"),
        (&["history", "show", "1"], NameKind::Runs, "1"),
        (&["sync", "--tenant", "al"], NameKind::Domains, "al"),
        (&["import", "--groups", "al"], NameKind::GroupLabels, "al"),
        (
            &["groups", "select", "--add", "al"],
            NameKind::GroupLabels,
            "al",
        ),
    ];
    for (words, of, prefix) in cases {
        let names = offered_by(words, *of, prefix, |stream| say(stream, &["alice", "al2"]));
        assert!(
            names.starts_with(&["alice".into(), "al2".into()]),
            "{words:?}: {names:?}"
        );
    }
}

#[test]
fn the_last_name_of_a_list_is_completed() {
    let words = ["import", "--users", "bob,al"];
    let names = offered_by(&words, NameKind::Users, "al", |stream| {
        say(stream, &["alice"])
    });
    assert_eq!(names, ["bob,alice"]);
}

#[test]
fn what_a_shell_would_run_or_a_terminal_would_obey_is_not_offered() {
    let words = ["groups", "show", "al"];
    let names = offered_by(&words, NameKind::Groups, "al", |stream| {
        say(
            stream,
            &[
                "al$(reboot)",
                "al\u{1b}[2J",
                "al`x`",
                "al x",
                "al;x",
                "allies",
            ],
        );
    });
    assert_eq!(names, ["allies"]);
}

#[test]
fn an_old_a_broken_and_an_absurd_agent_are_not_heard_of() {
    let words = ["users", "show", "al"];
    let old = offered_by(&words, NameKind::Users, "al", |stream| {
        let failure = Failure {
            kind: FailureKind::BadRequest,
            message: "the agent can't read this request".into(),
            hint: None,
            reference: None,
        };
        entra_protocol::write(stream, &Reply::Failed(failure)).unwrap();
    });
    assert_eq!(old, [""; 0]);
    let broken = offered_by(&words, NameKind::Users, "al", |stream| {
        entra_protocol::write(stream, &Reply::Row(Row::Name("alice".into()))).unwrap();
    });
    assert_eq!(broken, [""; 0]);
    let many = offered_by(&words, NameKind::Users, "al", |stream| {
        let names: Vec<String> = (0..500).map(|number| format!("al{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        say(stream, &names);
    });
    assert_eq!(many.len(), 200);
}

#[test]
fn neither_a_dead_nor_a_silent_agent_keeps_anybody_from_typing() {
    let words = ["users", "show", "al"];
    assert_eq!(offered(&Place::new(), &words), [""; 0]);
    let began = Instant::now();
    let silent = offered_by(&words, NameKind::Users, "al", |stream| {
        let hung_up: Option<Request> = entra_protocol::read(stream).unwrap();
        assert_eq!(hung_up, None);
    });
    assert_eq!(silent, [""; 0]);
    // One second of the agent's, the rest for starting bash and the program twice on a busy machine.
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn verbs_flags_and_words_need_no_agent() {
    let place = Place::new();
    assert!(offered(&place, &["us"]).contains(&"users".into()));
    assert_eq!(offered(&place, &["role", "set", "aud"]), ["auditor"]);
    assert_eq!(offered(&place, &["completions", "z"]), ["zsh"]);
    assert_eq!(offered(&place, &["sync", "--acc"]), ["--accept-removals"]);
}
