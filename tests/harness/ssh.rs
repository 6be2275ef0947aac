//! Signing in to a host over ssh, from that host itself.
//!
//! The client is Debian's, with the configuration of the image: it tries keys, then
//! the conversation that PAM leads.

use std::time::Duration;

use crate::host::quoted;
use crate::{Host, Limit, Output, Terminal, Trouble};

impl Host {
    /// Runs a command over ssh with a password, without a terminal.
    ///
    /// # Errors
    /// See [`Host::run`]; a refused sign-in is an exit code.
    pub fn ssh_password(
        &self,
        user: &str,
        password: &str,
        command: &str,
    ) -> Result<Output, Trouble> {
        self.run(&format!(
            "sshpass -p {} ssh -o PubkeyAuthentication=no -l {} localhost {}",
            quoted(password),
            quoted(user),
            quoted(command)
        ))
    }

    /// Runs a command over ssh with root's key, which the image put in place for
    /// every account.
    ///
    /// # Errors
    /// See [`Host::run`]; a refused sign-in is an exit code.
    pub fn ssh_key(&self, user: &str, command: &str) -> Result<Output, Trouble> {
        self.run(&format!(
            "ssh -o BatchMode=yes -l {} localhost {}",
            quoted(user),
            quoted(command)
        ))
    }

    /// Starts an interactive ssh session, prompts and all.
    ///
    /// # Errors
    /// When ssh can't be started.
    pub fn ssh_terminal(&self, user: &str) -> Result<Terminal, Trouble> {
        self.terminal(&format!(
            "ssh -tt -o PubkeyAuthentication=no -l {} localhost",
            quoted(user)
        ))
    }

    /// Starts an interactive ssh session of somebody with a password and answers
    /// the prompt.
    ///
    /// # Errors
    /// When no password is asked for.
    pub fn ssh_answering(&self, user: &str, password: &str) -> Result<Terminal, Trouble> {
        let mut terminal = self.ssh_terminal(user)?;
        terminal.expect("Password: ", PROMPT_LIMIT)?;
        terminal.send_line(password)?;
        Ok(terminal)
    }

    /// Waits on a terminal for a device code and gives the code with all that was
    /// shown along with it.
    ///
    /// # Errors
    /// When none appears that the tenant has handed out.
    pub fn device_code(&self, terminal: &mut Terminal) -> Result<(String, String), Trouble> {
        let screen = terminal.expect(DEVICE_CODE_PROMPT, PROMPT_LIMIT)?;
        let codes = self.tenant().device_codes()?;
        let code = codes
            .into_iter()
            .map(|one| one.user_code)
            .rfind(|code| screen.contains(code));
        match code {
            Some(code) => Ok((code, screen)),
            None => Err(Trouble::new(format!(
                "no code of the tenant's is on the screen:\n{screen}"
            ))),
        }
    }
}

/// The line after which a device code is waiting for the person.
pub const DEVICE_CODE_PROMPT: &str = "Press Enter when you have signed in";

/// For a prompt to appear: one round trip to the tenant at most.
const PROMPT_LIMIT: Limit = Duration::from_secs(20);
