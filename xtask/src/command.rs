//! Running other programs and saying so.
//!
//! Invariant: a program that fails stops the command with a sentence naming the
//! program; nothing here retries or hides output.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Why a command stopped, in words for the person who ran it.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What most steps return.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<harness::Trouble> for Failure {
    fn from(trouble: harness::Trouble) -> Self {
        Self(trouble.to_string())
    }
}

/// A failure with this sentence.
pub(crate) fn fail(sentence: impl Into<String>) -> Failure {
    Failure(sentence.into())
}

/// Turns an input or output error into a failure that names the path.
pub(crate) fn at<E: fmt::Display>(path: &Path) -> impl FnOnce(E) -> Failure {
    move |error| Failure(format!("{}: {error}", path.display()))
}

/// One line of talk. It goes to stderr, as cargo's own does.
pub(crate) fn say(line: &str) {
    // Nothing can be done about a closed stderr, and it must not stop a test run.
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// A heading between the parts of a run.
pub(crate) fn heading(line: &str) {
    say(&format!("\n== {line}"));
}

/// Runs a program, its output going where ours goes, and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Outcome {
    say(&format!("   {}", line_of(command)));
    let status = command
        .status()
        .map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(fail(format!("`{}` failed ({status})", line_of(command))))
}

/// Runs a program quietly and gives its standard output; on failure its standard
/// error is part of the sentence.
pub(crate) fn read(command: &mut Command) -> Outcome<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        return Err(fail(format!(
            "`{}` failed ({})\n{}",
            line_of(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program can be started and says that it succeeded.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The cargo that started this program, for the given workspace.
pub(crate) fn cargo(workspace: &Path) -> Command {
    // Cargo sets CARGO for the programs it runs; without it the one in PATH serves.
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(workspace);
    command
}

fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    fail(format!(
        "`{}` could not be started: {error}",
        command.get_program().to_string_lossy()
    ))
}
