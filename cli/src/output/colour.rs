//! Whether stderr is painted, and with what.
//!
//! Colour is never needed: the words `error:`, `hint:` and `warning:` say it all, and the data on stdout has
//! none. It is left out where it can't be seen or isn't wanted: no terminal, `NO_COLOR` (no-color.org), a
//! terminal that calls itself dumb. There is no way to force it into a file, since nobody can read it there.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, IsTerminal};

/// Whether to paint what goes to stderr.
pub(crate) fn of_stderr() -> bool {
    wanted(
        io::stderr().is_terminal(),
        std::env::var_os("NO_COLOR").as_deref(),
        std::env::var_os("TERM").as_deref(),
    )
}

/// True if the terminal can move its cursor: progress is drawn over and over.
pub(crate) fn can_draw() -> bool {
    io::stderr().is_terminal() && is_smart(std::env::var_os("TERM").as_deref())
}

fn wanted(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty) && is_smart(term)
}

fn is_smart(term: Option<&OsStr>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Paints the labels at the beginnings of lines.
pub(crate) fn paint(text: &str) -> Cow<'_, str> {
    let painted: Vec<Cow<'_, str>> = text.split('\n').map(paint_line).collect();
    Cow::Owned(painted.join("\n"))
}

fn paint_line(line: &str) -> Cow<'_, str> {
    for (label, colour) in LABELS {
        if let Some(rest) = line.strip_prefix(label) {
            return Cow::Owned(format!("\u{1b}[{colour}m{label}\u{1b}[0m{rest}"));
        }
    }
    Cow::Borrowed(line)
}

/// Bold red, cyan, bold yellow (ECMA-48 SGR): of the eight that every terminal has.
const LABELS: [(&str, &str); 3] = [("error:", "1;31"), ("hint:", "36"), ("warning:", "1;33")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_can_and_people_who_want_it() {
        let text = |text: &'static str| Some(OsStr::new(text));
        assert!(wanted(true, None, text("xterm")));
        assert!(wanted(true, text(""), text("linux")));
        for (is_terminal, no_color, term) in [
            (false, None, text("xterm")),
            (true, text("1"), text("xterm")),
            (true, None, text("dumb")),
            (true, None, text("")),
            (true, None, None),
        ] {
            assert!(
                !wanted(is_terminal, no_color, term),
                "{no_color:?} {term:?}"
            );
        }
    }

    #[test]
    fn labels_are_painted_and_what_follows_is_not() {
        assert_eq!(
            paint("error: x\n  error: y\nhint: z\nplain"),
            "\u{1b}[1;31merror:\u{1b}[0m x\n  error: y\n\u{1b}[36mhint:\u{1b}[0m z\nplain"
        );
    }
}
