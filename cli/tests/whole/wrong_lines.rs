//! What is said about a command line that makes no sense: `cli/tests/golden/_wrong-lines.md`.

use std::fmt::Write;

use crate::golden;
use crate::scripted::Place;

const LINES: &[&[&str]] = &[
    &["frobnicate"],
    &["user", "list"],
    &["users"],
    &["users", "lst"],
    &["users", "show"],
    &["users", "show", "alice", "bob"],
    &["users", "show", ""],
    &["users", "show", "a\u{1b}[2J"],
    &["users", "unlock"],
    &["users", "block"],
    &["users", "expire", "alice"],
    &["users", "expire", "alice", "--until", "31.1.2027"],
    &[
        "users",
        "expire",
        "alice",
        "--until",
        "2027-01-31",
        "--never",
    ],
    &["users", "adopt", "alice", "--undo", "--object", "x"],
    &["import", "--user", "alice"],
    &["import", "--users", "a,,b"],
    &["role", "set", "admin", "alice"],
    &["role", "set", "operator"],
    &["role", "set"],
    &["role", "clear"],
    &["role", "pick", "user"],
    &["schedule", "set"],
    &["schedule", "set", "--every", "30"],
    &["schedule", "set", "--every", "1m"],
    &["schedule", "set", "--every", "8d"],
    &["schedule", "set", "--every", "soon"],
    &["schedule", "set", "--every", "1h30"],
    &["history", "--limit", "0"],
    &["history", "--limit", "many"],
    &["history", "--since", "31.12.2026"],
    &["history", "--since", "2026-02-30"],
    &["history", "--since", "yesterday"],
    &["history", "show", "last"],
    &["completions", "tcsh"],
];

#[test]
fn every_wrong_line_is_told_what_is_wrong_with_it() {
    let place = Place::new();
    let mut page =
        "# Command lines that make no sense\nExit code 2, and nothing is asked of the agent.\n"
            .to_owned();
    for arguments in LINES {
        let outcome = place.run(arguments);
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{arguments:?}");
        assert!(
            outcome.stderr.starts_with("error: "),
            "{arguments:?}: {outcome:?}"
        );
        let line = arguments.join(" ");
        write!(
            page,
            "\n## {}\n```\n{}```\n",
            line.escape_debug(),
            outcome.stderr
        )
        .unwrap();
    }
    golden::hold("_wrong-lines.md", &page);
}
