//! Tables and lists of properties, for a terminal or for a pipe.
//!
//! On a terminal a table has lines and is folded to the terminal's width. In a pipe it has neither: one
//! line a row, columns aligned by blanks, so that `grep` and `awk` see rows. Everything reads without
//! colour. Invariant: every cell is escaped here, so that no caller can forget it.

use std::ffi::OsStr;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use super::escape::escape;

/// What stdout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    /// A terminal this many columns wide.
    Terminal {
        /// Characters in a line.
        columns: u16,
    },
    /// A pipe or a file.
    Plain,
}

impl Screen {
    /// What this process was given.
    pub(crate) fn of_stdout() -> Self {
        let probe = Table::new();
        if !probe.is_tty() {
            return Self::Plain;
        }
        let wished = std::env::var_os("COLUMNS");
        Self::Terminal {
            columns: columns(wished.as_deref().and_then(OsStr::to_str), probe.width()),
        }
    }

    /// Whether tables have room for columns of ids.
    pub(crate) fn shows_ids(self) -> bool {
        match self {
            Self::Terminal { columns } => columns >= ROOM_FOR_IDS,
            Self::Plain => true,
        }
    }
}

/// The width: the person's wish (environ(7), `COLUMNS`), else the terminal's own, else the usual one.
fn columns(wished: Option<&str>, own: Option<u16>) -> u16 {
    wished
        .and_then(|wished| wished.parse().ok())
        .filter(|columns| *columns >= LEAST_COLUMNS)
        // A pseudo-terminal whose size nobody set says 0.
        .or(own.filter(|columns| *columns > 0))
        .unwrap_or(USUAL_COLUMNS)
}

/// A column: its title and how it behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    kind: ColumnKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColumnKind {
    Text,
    Number,
    Whole,
}

impl Column {
    /// Words; folded where the terminal is too narrow.
    pub(crate) const fn text(title: &'static str) -> Self {
        Self {
            title,
            kind: ColumnKind::Text,
        }
    }

    /// A number; aligned to the right.
    pub(crate) const fn number(title: &'static str) -> Self {
        Self {
            title,
            kind: ColumnKind::Number,
        }
    }

    /// An id to be copied: never folded, and left out of a terminal that has no room for it beside the rest.
    pub(crate) const fn whole(title: &'static str) -> Self {
        Self {
            title,
            kind: ColumnKind::Whole,
        }
    }
}

/// The table's text, with a line end after each line; empty if there are no rows.
pub(crate) fn table<const N: usize>(
    screen: Screen,
    columns: [Column; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    for row in rows {
        table.add_row(row.map(|cell| escape(&cell).into_owned()));
    }
    if table.is_empty() {
        return String::new();
    }
    table.set_header(columns.map(|column| column.title));
    match screen {
        Screen::Terminal { columns } => {
            table.load_style(presets::UTF8_FULL_CONDENSED);
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(columns);
        }
        Screen::Plain => {
            table.load_style(presets::NOTHING);
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    let kinds = columns.map(|column| column.kind);
    for (column, kind) in table.column_iter_mut().zip(kinds) {
        if screen == Screen::Plain {
            column.set_padding((0, 2));
        }
        match kind {
            ColumnKind::Text => {}
            ColumnKind::Number => column.set_cell_alignment(CellAlignment::Right),
            ColumnKind::Whole => {
                column.set_constraint(if screen.shows_ids() {
                    ColumnConstraint::ContentWidth
                } else {
                    ColumnConstraint::Hidden
                });
            }
        }
    }
    format!("{}\n", table.trim_fmt())
}

/// Properties, one a line, the values aligned.
pub(crate) fn properties(pairs: &[(&str, String)]) -> String {
    // Labels are ours and ASCII: a byte is a column. One for the colon.
    let widest = pairs
        .iter()
        .map(|(label, _)| label.len() + 1)
        .max()
        .unwrap_or(0);
    pairs
        .iter()
        .map(|(label, value)| {
            let line = format!("{:widest$}  {}", format!("{label}:"), escape(value));
            format!("{}\n", line.trim_end())
        })
        .collect()
}

/// The cell for a number that may not be known.
pub(crate) fn number<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// The cell for a text that may be empty, so that the columns of a plain table can be counted.
pub(crate) fn text(value: &str) -> String {
    if value.is_empty() { "-" } else { value }.to_owned()
}

/// The width of a terminal that does not know its own.
const USUAL_COLUMNS: u16 = 80;

/// No wish for fewer is heard: a table would have a letter a line.
const LEAST_COLUMNS: u16 = 20;

/// Columns of a terminal that shows ids: an object id takes 39 with its frame, the rest of a table some 60.
const ROOM_FOR_IDS: u16 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn people(screen: Screen) -> String {
        table(
            screen,
            [
                Column::text("NAME"),
                Column::number("UID"),
                Column::text("DISPLAY NAME"),
            ],
            [
                ["alice".into(), "2013265921".into(), "Alice Ängström".into()],
                ["bob".into(), "-".into(), "Bob\u{1b}[2J\nRoot".into()],
            ],
        )
    }

    #[test]
    fn a_pipe_gets_one_line_a_row() {
        assert_eq!(
            people(Screen::Plain),
            "NAME          UID  DISPLAY NAME\n\
             alice  2013265921  Alice Ängström\n\
             bob             -  Bob\\u{1b}[2J\\u{a}Root\n"
        );
    }

    #[test]
    fn a_terminal_gets_lines_that_fit() {
        assert_eq!(
            people(Screen::Terminal { columns: 38 }),
            "\
┌───────┬────────────┬───────────────┐
│ NAME  ┆        UID ┆ DISPLAY NAME  │
╞═══════╪════════════╪═══════════════╡
│ alice ┆ 2013265921 ┆ Alice         │
│       ┆            ┆ Ängström      │
│ bob   ┆          - ┆ Bob\\u{1b}[2J\\ │
│       ┆            ┆ u{a}Root      │
└───────┴────────────┴───────────────┘
"
        );
    }

    #[test]
    fn the_width_is_the_wish_then_the_terminals_then_the_usual_one() {
        for (wished, own, expected) in [
            (Some("132"), Some(80), 132),
            (None, Some(100), 100),
            (Some("0"), Some(100), 100),
            (Some("wide"), None, 80),
            (None, Some(0), 80),
        ] {
            assert_eq!(columns(wished, own), expected, "{wished:?} {own:?}");
        }
    }

    #[test]
    fn wide_characters_and_long_names_fit_and_nothing_is_lost() {
        let long = "a-very-long-name-that-somebody-was-given@subsidiary.contoso.example";
        let wide = "王小明 山田太郎 김철수";
        let screen = Screen::Terminal { columns: 50 };
        let row = ["wang".into(), long.into(), wide.into()];
        let titles = [
            Column::text("NAME"),
            Column::text("UPN"),
            Column::text("DISPLAY NAME"),
        ];
        let text = table(screen, titles, [row.clone()]);
        for line in text.lines() {
            assert_eq!(unicode_width::UnicodeWidthStr::width(line), 50, "{text}");
        }
        for column in [1, 2] {
            let folded: String = text
                .lines()
                .filter_map(|line| line.trim_matches('│').split('┆').nth(column))
                .skip(1)
                .flat_map(str::chars)
                .filter(|character| !character.is_whitespace())
                .collect();
            assert_eq!(folded, row[column].replace(' ', ""), "{text}");
        }
        // In a pipe nothing is folded or cut, however long.
        assert!(table(Screen::Plain, titles, [row]).contains(long));
    }

    #[test]
    fn an_id_is_whole_or_not_there_at_all() {
        let id = "6e7b768e-07e2-4810-8459-485f84f8f204";
        for (columns, shown) in [(80, false), (99, false), (100, true), (200, true)] {
            let text = table(
                Screen::Terminal { columns },
                [
                    Column::text("NAME"),
                    Column::text("KIND"),
                    Column::whole("OBJECT ID"),
                ],
                [["a long name ".repeat(20), "kind ".repeat(30), id.into()]],
            );
            assert_eq!(text.contains(id), shown, "{text}");
            assert_eq!(text.contains("6e7b"), shown, "{text}");
            let fits = |line: &str| line.chars().count() <= usize::from(columns);
            assert!(text.lines().all(fits), "{text}");
        }
    }

    #[test]
    fn no_rows_no_text() {
        assert_eq!(table(Screen::Plain, [Column::text("A")], []), "");
    }

    #[test]
    fn properties_are_aligned_and_escaped() {
        assert_eq!(
            properties(&[
                ("Name", "alice".into()),
                ("Display name", "A\tB".into()),
                ("Last", String::new())
            ]),
            "Name:          alice\nDisplay name:  A\\u{9}B\nLast:\n"
        );
    }
}
