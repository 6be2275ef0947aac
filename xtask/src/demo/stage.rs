//! The host of the demo, with everything done on it written down as it happens.
//!
//! Commands appear after a prompt, passwords as dots, words of explanation after
//! `#`. The transcript is what the demo is for, so it goes to standard output.

use std::io::Write;
use std::time::Duration;

use harness::{Host, Limit, Terminal};

use crate::command::{Outcome, fail};

/// For a prompt or a session to appear.
pub(crate) const SOON: Limit = Duration::from_secs(30);

/// A host and the transcript of it.
#[derive(Debug)]
pub(crate) struct Stage {
    host: Host,
}

impl Stage {
    /// A stage on this host.
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// The host, for what is not shown.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Takes away what the tests' image configures, so that the host knows no tenant.
    pub(crate) fn empty(&self) -> Outcome {
        self.host
            .run(
                "systemctl disable --now entra-agent.service entra-agent-login.socket \
                 entra-agent-admin.socket && cd /etc/entra-login && rm agent.toml && \
                 mv sync.secret /srv/secret",
            )?
            .stdout()?;
        Ok(())
    }

    /// Begins a scene.
    pub(crate) fn title(&self, title: &str) {
        show(&format!(
            "\n── {title} {}\n\n",
            "─".repeat(74_usize.saturating_sub(title.chars().count()))
        ));
    }

    /// A word of explanation, on a line of its own wherever the terminal stands.
    pub(crate) fn remark(&self, remark: &str) {
        show(&format!("\n  # {remark}\n"));
    }

    /// Runs a command as root on a terminal, shows it, and insists that it succeeds
    /// and shows all of these texts.
    pub(crate) fn command(&self, command: &str, must_show: &[&str]) -> Outcome {
        show(&format!("  root# {command}\n"));
        let output = self.host.terminal(command)?.finish(SOON)?;
        let screen = output.stdout.clone();
        show(&format!("{}\n", indented_from(screen.trim_end(), 0)));
        if !output.success() {
            return Err(fail(format!(
                "`{command}` failed with exit code {}",
                output.code
            )));
        }
        insist(&screen, must_show)
    }

    /// Somebody begins an ssh session.
    pub(crate) fn ssh(&self, user: &str) -> Outcome<Session> {
        show(&format!("  $ ssh {user}@host\n"));
        Ok(Session {
            sudo_prompt: format!("assword for {user}: "),
            terminal: self.host.ssh_terminal(user)?,
            written: 0,
        })
    }
}

/// An ssh session as it goes on.
#[derive(Debug)]
pub(crate) struct Session {
    /// The terminal behind it, for the harness's own waits.
    pub(crate) terminal: Terminal,
    /// How much of its transcript, in characters, is written down.
    written: usize,
    /// What sudo makes of a password prompt.
    sudo_prompt: String,
}

impl Session {
    /// Waits for a text and writes down all up to now.
    pub(crate) fn until(&mut self, text: &str) -> Outcome<String> {
        let seen = self.terminal.expect(text, SOON)?;
        self.write_down();
        Ok(seen)
    }

    /// Waits for one of several texts; see [`Session::until`].
    pub(crate) fn until_any(&mut self, texts: &[&str]) -> Outcome<usize> {
        let (which, _) = self.terminal.expect_any(texts, SOON)?;
        self.write_down();
        Ok(which)
    }

    /// Types what the terminal echoes.
    pub(crate) fn type_line(&mut self, line: &str) -> Outcome {
        Ok(self.terminal.send_line(line)?)
    }

    /// Types a password at its prompt. The terminal shows nothing; the transcript
    /// shows that something was typed.
    pub(crate) fn type_password(&mut self, password: &str) -> Outcome {
        let sudo_prompt = self.sudo_prompt.clone();
        self.until_any(&["assword: ", &sudo_prompt])?;
        self.type_hidden(password)
    }

    /// Types what the terminal does not echo.
    pub(crate) fn type_hidden(&mut self, secret: &str) -> Outcome {
        show("••••••••");
        Ok(self.terminal.send_line(secret)?)
    }

    /// Waits for the end and insists that these texts were shown at some time.
    pub(crate) fn end(mut self, must_show: &[&str]) -> Outcome {
        self.write_down();
        let written = self.written;
        let screen = self.terminal.finish(SOON)?.stdout;
        show(&indented_from(&screen, written));
        show("\n");
        insist(&screen, must_show)
    }

    /// Writes down what appeared since.
    pub(crate) fn write_down(&mut self) {
        let screen = self.terminal.transcript();
        show(&indented_from(&screen, self.written));
        self.written = screen.chars().count();
    }
}

/// Every text must be there, whatever the case of its letters.
fn insist(seen: &str, must_show: &[&str]) -> Outcome {
    let lower = seen.to_lowercase();
    match must_show
        .iter()
        .find(|text| !lower.contains(&text.to_lowercase()))
    {
        Some(missing) => Err(fail(format!("this scene should have shown \"{missing}\""))),
        None => Ok(()),
    }
}

/// The part of a growing text from a character on, each line indented.
fn indented_from(screen: &str, from: usize) -> String {
    let mut text = String::new();
    let mut at_line_start = from == 0 || screen.chars().nth(from - 1) == Some('\n');
    for character in screen.chars().skip(from) {
        if at_line_start && character != '\n' {
            text.push_str("  ");
        }
        at_line_start = character == '\n';
        text.push(character);
    }
    text
}

fn show(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away (`| head`) must not make the demo fail.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_text_is_indented_line_by_line() {
        assert_eq!(indented_from("a\nb", 0), "  a\n  b");
        assert_eq!(indented_from("a\nbc\nd", 3), "c\n  d");
    }

    #[test]
    fn a_missing_sentence_is_an_error() {
        assert!(insist("Your account is DISABLED.", &["disabled"]).is_ok());
        assert!(insist("Welcome", &["disabled"]).is_err());
    }
}
