//! On a terminal, which script(1) makes: colour where it is wanted, progress after a second, tables that fit.

use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use entra_protocol::admin::{Done, Reply, Request, Row};
use unicode_width::UnicodeWidthStr;

use crate::documents::{done, user};
use crate::scripted::{Place, expect};

/// What a terminal of 60 columns showed of this, with these variables set.
fn shown(place: &Place, arguments: &str, variables: &[(&str, &str)]) -> String {
    let line = format!(
        "stty rows 24 cols 60; {} --socket {} {arguments}",
        env!("CARGO_BIN_EXE_entractl"),
        place.socket().display()
    );
    let shown = Command::new("script")
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(shown.stdout).unwrap()
}

/// Lists one person, so long after it was asked.
fn list(after: Duration) -> impl FnOnce(&mut UnixStream) + Send + 'static {
    move |stream| {
        expect(stream, &[Request::UsersList {}]);
        std::thread::park_timeout(after);
        entra_protocol::write(stream, &Reply::Row(Row::User(user()))).unwrap();
        entra_protocol::write(stream, &done(Done::Rows { count: 1 })).unwrap();
    }
}

#[test]
fn errors_are_painted_where_that_is_wanted() {
    let red = "\u{1b}[1;31merror:\u{1b}[0m the agent is not running";
    assert!(shown(&Place::new(), "status", &[]).contains(red));
    for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let text = shown(&Place::new(), "status", &[plain]);
        assert!(
            text.starts_with("error: the agent is not running"),
            "{text:?}"
        );
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
    let into_file = shown(&Place::new(), "status 2>&1 | cat", &[]);
    assert!(!into_file.contains('\u{1b}'), "{into_file:?}");
}

#[test]
fn who_waits_longer_than_a_second_is_told_so() {
    let slow = Duration::from_millis(1_800);
    for (after, arguments, variables, told) in [
        (slow, "users list", &[][..], true),
        (Duration::ZERO, "users list", &[][..], false),
        (slow, "users list 2>&1 | cat", &[][..], false),
        (slow, "users list", &[("TERM", "dumb")][..], false),
    ] {
        let place = Place::new();
        let text = place.with_agent(list(after), || shown(&place, arguments, variables));
        assert!(
            text.contains("alice@contoso.example") || text.contains("alice@"),
            "{text:?}"
        );
        assert_eq!(
            text.contains("waiting for the agent"),
            told,
            "{arguments} {variables:?}: {text:?}"
        );
        if let Some((_, after)) = text.rsplit_once("waiting for the agent") {
            // The line is cleared before the answer comes.
            assert!(after.contains("\u{1b}[2K"), "{text:?}");
        }
    }
}

#[test]
fn a_table_fits_the_terminal_or_the_wish() {
    for (variables, columns) in [(&[][..], 60), (&[("COLUMNS", "48")][..], 48)] {
        let place = Place::new();
        let text = place.with_agent(list(Duration::ZERO), || {
            shown(&place, "users list", variables)
        });
        let widest = text.lines().map(UnicodeWidthStr::width).max().unwrap();
        assert!(
            widest <= columns && widest > columns - 12,
            "{widest} of {columns}: {text}"
        );
    }
}
