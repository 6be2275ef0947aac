//! The words of `entractl pam ...`.
//!
//! Invariant: a time that parses is one in which somebody can open a second session and answer.

use std::time::Duration;

use clap::{Args, Subcommand};

/// `entractl pam ...`
#[derive(Debug, Subcommand)]
pub(crate) enum Pam {
    /// Show what `enable` would change, and change nothing
    Preview,
    /// Wire sign-in: PAM, nsswitch.conf and sshd, by the distribution's own tools
    ///
    /// Shows the change and asks. Before and after it, root and a local user are put through account
    /// management of every PAM service of this host; if one of them passed before and does not any more, all
    /// is taken back at once. Then `entractl pam confirm` must come from a session that began after this, or
    /// all is taken back when the time is over, or when the host boots.
    Enable(Enable),
    /// Keep what `enable` did: from a session that began after it
    Confirm,
    /// Take back what `enable` did
    ///
    /// Files that nobody else has changed are what they were before, to the byte; out of the others only our
    /// part is taken.
    Disable,
    /// What the timer and the boot run: `disable`, unless it was confirmed
    #[command(hide = true)]
    Undo,
    /// One call of pam_acct_mgmt(3), in a process of its own: the answer is the exit code
    #[command(hide = true)]
    Account {
        /// The PAM service.
        service: String,
        /// Who is asked about.
        user: String,
    },
}

/// `entractl pam enable`
#[derive(Debug, Args)]
pub(crate) struct Enable {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,

    /// When all is taken back unless it was confirmed: 90s, 10m, 2h
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = undo_after)]
    pub(crate) undo_after: Duration,

    /// Keep it without a confirmation: for hosts that are built with nobody there
    ///
    /// If nobody can sign in afterwards, nothing takes it back.
    #[arg(long, conflicts_with = "undo_after")]
    pub(crate) without_confirmation: bool,
}

/// The shortest and the longest time to confirm: a second sign-in by device code takes a minute, and who has
/// locked themselves out should not wait for longer than a day.
const UNDO_AFTER: std::ops::RangeInclusive<u64> = 30..=86_400;

fn undo_after(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!("\"{text}\" is not a time like 90s, 10m or 2h, from 30 s to 24 h")
            .replace('\n', " ")
    };
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let factor = match text.get(digits.len()..).map(str::trim) {
        Some("s") => 1,
        Some("m" | "min") => 60,
        Some("h") => 3600,
        _ => return Err(wrong()),
    };
    match number.checked_mul(factor) {
        Some(seconds) if UNDO_AFTER.contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_limits() {
        for (text, seconds) in [("30s", 30), ("10m", 600), ("10 min", 600), ("24h", 86_400)] {
            assert_eq!(undo_after(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "10",
            "29s",
            "25h",
            "m",
            "-5m",
            "1d",
            "99999999999999999999h",
            "5124095576030432h",
        ] {
            let said = undo_after(text).unwrap_err();
            assert!(said.contains("90s, 10m or 2h"), "{said}");
        }
    }
}
