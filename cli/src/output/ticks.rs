//! A list on the terminal whose entries can be searched and ticked.
//!
//! Drawn on stderr by `inquire`, so that stdout stays for the answer. Invariant: the entries are escaped
//! here; what a tenant calls its groups moves no cursor.

use std::fmt;
use std::io::{self, IsTerminal};

use inquire::list_option::ListOption;
use inquire::{InquireError, MultiSelect};

use super::escape::escape;
use crate::trouble::Trouble;

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// One line.
    pub(crate) text: String,
    /// True if it is ticked from the beginning.
    pub(crate) ticked: bool,
}

/// True if this process can ask somebody: it hears a terminal and draws on one.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Lets the person tick entries; gives back the positions of those that are ticked at the end.
///
/// # Errors
/// [`Trouble::GivenUp`] if the person leaves without confirming, otherwise what the terminal said.
pub(crate) fn choose(question: &str, entries: &[Entry]) -> Result<Vec<usize>, Trouble> {
    let options: Vec<Line> = entries
        .iter()
        .enumerate()
        .map(|(position, entry)| Line {
            position,
            text: escape(&entry.text).into_owned(),
        })
        .collect();
    let ticked: Vec<usize> = entries
        .iter()
        .enumerate()
        .filter_map(|(position, entry)| entry.ticked.then_some(position))
        .collect();
    let chosen = MultiSelect::new(question, options)
        .with_default(&ticked)
        .with_page_size(LINES)
        .with_help_message(
            "type to search, up and down to move, space to tick, Enter to confirm, Esc to leave",
        )
        .with_formatter(&|chosen: &[ListOption<&Line>]| format!("{} ticked", chosen.len()))
        .prompt();
    match chosen {
        Ok(lines) => Ok(lines.into_iter().map(|line| line.position).collect()),
        Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => {
            Err(Trouble::GivenUp)
        }
        Err(InquireError::IO(error)) => Err(Trouble::Output(error)),
        Err(error) => Err(Trouble::Output(io::Error::other(error.to_string()))),
    }
}

/// An entry that knows its position, which searching does not change.
struct Line {
    position: usize,
    text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Entries that are seen at once: with question and help they fit the 24 lines of a serial console.
const LINES: usize = 15;
