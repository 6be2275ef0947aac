//! A terminal on a host, driven as a person would: wait for a text, type a line.
//!
//! script(1) on the host makes the terminal there, so that sudo, su, login and
//! ssh find it in that host's /dev; this side only has pipes. What the terminal
//! showed is kept whole and is part of every error.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::screen::plain;
use crate::{Limit, Output, Trouble};

/// A command running on a terminal of its own. Ended when dropped.
#[derive(Debug)]
pub struct Terminal {
    command: String,
    child: Child,
    /// None once the terminal was hung up.
    keyboard: Option<ChildStdin>,
    /// Pieces of output, from the thread that reads them.
    screen: Receiver<Vec<u8>>,
    /// All output so far.
    shown: Vec<u8>,
    /// Where in `shown` the next expectation begins to look.
    looked: usize,
}

impl Terminal {
    /// Starts the command; `entering` are the words that lead onto the host.
    pub(crate) fn start(entering: &[String], command: &str) -> Result<Self, Trouble> {
        let (program, arguments) = entering
            .split_first()
            .ok_or_else(|| Trouble::new("no way onto the host"))?;
        // A size, since programs that draw (a QR code) ask for one.
        let sized = format!("stty rows 60 cols 120; exec {command}");
        let mut child = Command::new(program)
            .args(arguments)
            .args(["script", "-q", "-e", "-f", "-c", &sized, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let keyboard = child.stdin.take();
        let output = child
            .stdout
            .take()
            .ok_or_else(|| Trouble::new("no output to read"))?;
        let (sender, screen) = channel();
        // The thread ends with the output, at the latest when the child is killed.
        std::thread::spawn(move || {
            let mut output = output;
            let mut piece = [0_u8; 4096];
            while let Ok(length @ 1..) = output.read(&mut piece) {
                let Some(text) = piece.get(..length) else {
                    break;
                };
                if sender.send(text.to_vec()).is_err() {
                    break;
                }
            }
        });
        let command = command.to_owned();
        Ok(Self {
            command,
            child,
            keyboard,
            screen,
            shown: Vec::new(),
            looked: 0,
        })
    }

    /// Waits until this text appears after what earlier calls found, and gives
    /// everything from there up to and including it.
    ///
    /// # Errors
    /// When it does not appear within the limit or the command ends before; the
    /// error holds all that was shown.
    pub fn expect(&mut self, text: &str, limit: Limit) -> Result<String, Trouble> {
        self.expect_any(&[text], limit).map(|(_, before)| before)
    }

    /// The same for the first of several texts; also gives which one it was.
    ///
    /// # Errors
    /// See [`Terminal::expect`].
    pub fn expect_any(&mut self, texts: &[&str], limit: Limit) -> Result<(usize, String), Trouble> {
        let start = Instant::now();
        loop {
            let fresh = self.shown.get(self.looked..).unwrap_or_default();
            let hit = texts
                .iter()
                .enumerate()
                .filter_map(|(index, text)| {
                    Some((position(fresh, text.as_bytes())?, index, text.len()))
                })
                .min();
            if let Some((offset, index, length)) = hit {
                let end = offset + length;
                let seen = plain(&String::from_utf8_lossy(
                    fresh.get(..end).unwrap_or_default(),
                ));
                self.looked += end;
                return Ok((index, seen));
            }
            let left = limit.saturating_sub(start.elapsed());
            match self.screen.recv_timeout(left) {
                Ok(piece) => self.shown.extend_from_slice(&piece),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.trouble(&format!("{texts:?} did not appear within {limit:?}")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.trouble(&format!("it ended before {texts:?} appeared")));
                }
            }
        }
    }

    /// Types a line and presses Enter.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn send_line(&mut self, line: &str) -> Result<(), Trouble> {
        self.send(&format!("{line}\r"))
    }

    /// Types exactly this, e.g. `"\x03"` for Ctrl-C.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn send(&mut self, keys: &str) -> Result<(), Trouble> {
        let sent = self.keyboard.as_mut().map(|keyboard| {
            keyboard
                .write_all(keys.as_bytes())
                .and_then(|()| keyboard.flush())
        });
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(self.trouble("nobody reads the keyboard any more")),
        }
    }

    /// Waits for the command's end and gives all that was shown.
    ///
    /// # Errors
    /// When it does not end within the limit.
    pub fn finish(mut self, limit: Limit) -> Result<Output, Trouble> {
        let start = Instant::now();
        loop {
            match self
                .screen
                .recv_timeout(limit.saturating_sub(start.elapsed()))
            {
                Ok(piece) => self.shown.extend_from_slice(&piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.trouble(&format!("it did not end within {limit:?}")));
                }
            }
        }
        let status = self.child.wait()?;
        Ok(Output {
            command: self.command.clone(),
            code: status.code().unwrap_or(-1),
            stdout: self.transcript(),
            stderr: String::new(),
        })
    }

    /// All that was shown so far, as plain lines.
    #[must_use]
    pub fn transcript(&self) -> String {
        plain(&String::from_utf8_lossy(&self.shown))
    }

    fn trouble(&mut self, what: &str) -> Trouble {
        while let Ok(piece) = self.screen.recv_timeout(LAST_WORDS) {
            self.shown.extend_from_slice(&piece);
        }
        Trouble::new(format!(
            "$ {}\n{}\n[{what}]",
            self.command,
            self.transcript()
        ))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.keyboard = None;
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len().max(1))
        .position(|window| window == wanted)
}

/// How long an error waits for output that is already on its way.
const LAST_WORDS: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Limit = Duration::from_secs(10);

    fn here(command: &str) -> Terminal {
        Terminal::start(&["env".to_owned()], command).unwrap()
    }

    #[test]
    fn a_line_is_typed_after_its_prompt() {
        let mut terminal = here("sh -c 'printf name:; read n; echo hello $n; exit 7'");
        terminal.expect("name:", SOON).unwrap();
        terminal.send_line("alice").unwrap();
        terminal.expect("hello alice", SOON).unwrap();
        assert_eq!(terminal.finish(SOON).unwrap().code, 7);
    }

    #[test]
    fn what_was_found_is_not_found_again() {
        let mut terminal = here("echo once");
        terminal.expect("once", SOON).unwrap();
        assert!(terminal.expect("once", SOON).is_err());
    }

    #[test]
    fn an_error_shows_what_was_on_the_screen() {
        let mut terminal = here("echo something else");
        let trouble = terminal.expect("wanted", SOON).unwrap_err();
        assert!(trouble.to_string().contains("something else"));
    }
}
