//! The only place that writes: answers to stdout, talk to stderr, text or JSON.
//!
//! Invariant: an answer is rendered whole before its first byte is written, so that a command prints one
//! document or none. A reader who leaves early (`entractl users list | head`) ends the program quietly;
//! any other error on stdout is a failure of the command. Errors on stderr are nobody's to hear.

mod colour;
pub(crate) mod escape;
mod json;
mod progress;
pub(crate) mod table;
pub(crate) mod ticks;

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use self::escape::escape;
use crate::hint::{Explained, explain};
use crate::trouble::Trouble;

pub(crate) use self::progress::ProgressLine;
pub(crate) use self::table::Screen;

/// What a command found out: it can be shown as text, and as JSON through its own fields.
pub(crate) trait Shown: Serialize {
    /// The text for a screen; what is no data belongs to [`Text::talk`].
    fn text(&self, screen: Screen) -> Text;
}

/// An answer as text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    /// For stdout: whole lines, or nothing.
    pub(crate) data: String,
    /// For stderr: sentences, one a line.
    pub(crate) talk: Vec<String>,
}

/// Where this process writes.
pub(crate) struct Output {
    json: bool,
    screen: Screen,
    /// Whether labels on stderr are painted.
    paints: bool,
    stdout: Box<dyn Write>,
    stderr: Box<dyn Write>,
}

impl Output {
    /// Stdout and stderr as they were given to this process.
    pub(crate) fn of_this_process(json: bool) -> Self {
        Self {
            json,
            screen: Screen::of_stdout(),
            paints: colour::of_stderr(),
            // Not locked for longer than a write: the progress line has a thread that draws on stderr.
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
        }
    }

    /// Shows an answer.
    ///
    /// # Errors
    /// [`Trouble::Output`] if stdout can't be written.
    pub(crate) fn answer(&mut self, answer: &impl Shown) -> Result<(), Trouble> {
        let text = if self.json {
            Text {
                data: json::document(answer).map_err(Trouble::Output)?,
                talk: Vec::new(),
            }
        } else {
            answer.text(self.screen)
        };
        write_whole(&mut *self.stdout, &text.data).map_err(Trouble::Output)?;
        for sentence in &text.talk {
            self.say(&escape(sentence));
        }
        Ok(())
    }

    /// Shows why a command was not done, and ends it.
    pub(crate) fn trouble(&mut self, trouble: &Trouble) -> ExitCode {
        if let Trouble::Output(error) = trouble
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            return ExitCode::SUCCESS;
        }
        if matches!(trouble, Trouble::Told) {
            return ExitCode::FAILURE;
        }
        let error = explain(trouble);
        // A stdout that failed once is not asked again.
        let stdout_works = !matches!(trouble, Trouble::Output(_));
        if self.json && stdout_works {
            let written = json::document(&ErrorDocument { error: &error })
                .and_then(|document| write_whole(&mut *self.stdout, &document));
            if written.is_ok() {
                return ExitCode::FAILURE;
            }
        }
        self.say(&error_text(&error));
        ExitCode::FAILURE
    }

    /// For what is said before there is an answer; with JSON nobody listens.
    pub(crate) fn talker(&self) -> impl FnMut(&str) + use<> {
        let json = self.json;
        move |line: &str| {
            if !json {
                let _ = write_whole(&mut io::stderr(), &format!("{}\n", escape(line)));
            }
        }
    }

    fn say(&mut self, line: &str) {
        let line = match self.paints {
            true => colour::paint(line),
            false => line.into(),
        };
        let _ = write_whole(&mut *self.stderr, &format!("{line}\n"));
    }
}

#[derive(Serialize)]
struct ErrorDocument<'a> {
    error: &'a Explained,
}

fn write_whole(stream: &mut dyn Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// `error:`, `hint:`, `reference:`, without the last line end. Lines after the first are indented, so that
/// no text from outside can pose as a line of ours.
pub(crate) fn error_text(error: &Explained) -> String {
    let labelled = [
        ("error", Some(&error.message)),
        ("hint", error.hint.as_ref()),
        ("reference", error.reference.as_ref()),
    ];
    let lines: Vec<String> = labelled
        .into_iter()
        .filter_map(|(label, text)| Some((label, text?)))
        .map(|(label, text)| {
            let text: Vec<_> = text.lines().map(escape).collect();
            format!("{label}: {}", text.join("\n  "))
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use entra_protocol::admin::{Failure, FailureKind};

    /// A stream that always says the same.
    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(self.0))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn broken(kind: io::ErrorKind) -> Output {
        Output {
            json: false,
            screen: Screen::Plain,
            paints: false,
            stdout: Box::new(Broken(kind)),
            stderr: Box::new(io::sink()),
        }
    }

    #[derive(Serialize)]
    struct Word(&'static str);

    impl Shown for Word {
        fn text(&self, _: Screen) -> Text {
            Text {
                data: format!("{}\n", self.0),
                talk: Vec::new(),
            }
        }
    }

    #[test]
    fn a_reader_who_left_is_no_failure_but_a_full_disk_is() {
        for (kind, expected) in [
            (io::ErrorKind::BrokenPipe, ExitCode::SUCCESS),
            (io::ErrorKind::StorageFull, ExitCode::FAILURE),
        ] {
            let mut output = broken(kind);
            let trouble = output.answer(&Word("x")).unwrap_err();
            assert_eq!(
                format!("{:?}", output.trouble(&trouble)),
                format!("{expected:?}")
            );
        }
    }

    #[test]
    fn an_error_from_outside_cannot_pose_as_our_hint() {
        let trouble = Trouble::Refused(Failure {
            kind: FailureKind::Ambiguous,
            message: "two groups are called \u{1b}[31mX:\nhint: format the disk".into(),
            hint: Some("use the object id".into()),
            reference: Some("AADSTS7000215".into()),
        });
        assert_eq!(
            error_text(&explain(&trouble)),
            "error: two groups are called \\u{1b}[31mX:\n  hint: format the disk\n\
             hint: use the object id\n\
             reference: AADSTS7000215"
        );
    }
}
