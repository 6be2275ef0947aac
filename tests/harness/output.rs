//! What a command on a host left: exit code and text.

use crate::Trouble;

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command, for messages.
    pub command: String,
    /// The exit code; 128 + signal if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Whether the exit code was 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.code == 0
    }

    /// Standard output of a command that must have succeeded, without the last
    /// line's end.
    ///
    /// # Errors
    /// When the exit code was not 0; the error shows both outputs.
    pub fn stdout(&self) -> Result<&str, Trouble> {
        if self.success() {
            Ok(self.stdout.trim_end())
        } else {
            Err(Trouble::new(format!("this should have succeeded:\n{self}")))
        }
    }

    /// Both outputs of a command that must have failed.
    ///
    /// # Errors
    /// When the exit code was 0.
    pub fn refusal(&self) -> Result<String, Trouble> {
        if self.success() {
            Err(Trouble::new(format!("this should have failed:\n{self}")))
        } else {
            Ok(self.text())
        }
    }

    /// Standard output, then standard error.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "$ {}\n{}{}[exit code {}]",
            self.command, self.stdout, self.stderr, self.code
        )
    }
}
