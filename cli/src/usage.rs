//! What happens to a command line that asks for help, for the version, or that makes no sense.
//!
//! Invariant: help and version are data (stdout, exit code 0), everything else is talk (stderr, exit code
//! 2), in the wording that all of `entractl` has: `error:`, then `hint:`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::output::escape::escape;

/// Shows what clap has to say and ends the program.
pub(crate) fn end(error: &clap::Error) -> ExitCode {
    let text = wording(error);
    // A reader who is gone has heard enough, and there is nobody else to tell.
    if error.use_stderr() {
        let _ = io::stderr().write_all(text.as_bytes());
        ExitCode::from(2)
    } else {
        let _ = io::stdout().write_all(text.as_bytes());
        ExitCode::SUCCESS
    }
}

/// clap's text without colour, its tips as our hints, what was typed with its control characters escaped.
pub(crate) fn wording(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    if !error.use_stderr() {
        return format!("{}\n", rendered.trim_end());
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return format!("error: a command is missing\n\n{}\n", rendered.trim_end());
    }
    let mut text = String::new();
    for line in rendered.lines().filter(|line| !line.trim().is_empty()) {
        match line.trim_start().strip_prefix("tip: ") {
            Some(tip) => text.push_str(&format!("hint: {}", escape(tip))),
            None => text.push_str(&escape(line)),
        }
        text.push('\n');
    }
    text
}
