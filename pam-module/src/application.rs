//! The process that called PAM (sshd, sudo, su, a screen locker) as the rest of the module sees it.
//!
//! Invariant: whatever comes from it is bounded and valid text before anybody else touches it, and an
//! answer typed by a person is wiped when dropped. There is no way to change `PAM_USER` here.

use entra_protocol::Secret;
use zeroize::Zeroizing;

/// The application's side of one PAM call.
pub(crate) trait Application {
    /// `PAM_USER` as it stands, in bytes. With `may_ask`, the application's own prompt for a name is shown
    /// if there is none yet (pam_get_user(3)), as the next module would have done.
    fn user(&self, may_ask: bool) -> Option<Vec<u8>>;

    /// `PAM_SERVICE`, `PAM_TTY` or `PAM_RHOST`; empty if there is none.
    fn item(&self, item: Item) -> String;

    /// Shows text. An application that can't is not told twice: the text is lost.
    fn show(&self, text: &str, style: Style);

    /// Prompts and waits for one line, as long as the application allows.
    ///
    /// # Errors
    /// [`PromptError`] says why there is no answer to pass on.
    fn prompt(&self, text: &str, echo: Echo) -> Result<Zeroizing<String>, PromptError>;

    /// Makes `password` the `PAM_AUTHTOK` for the modules after this one (keyrings, pam_mount).
    fn keep_password(&self, password: &Secret);
}

/// A text that PAM knows about the sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    /// `PAM_SERVICE`.
    Service,
    /// `PAM_TTY`.
    Terminal,
    /// `PAM_RHOST`.
    RemoteHost,
}

/// How text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `PAM_TEXT_INFO`.
    Information,
    /// `PAM_ERROR_MSG`.
    Error,
}

/// Whether the terminal shows what is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    /// `PAM_PROMPT_ECHO_ON`.
    Shown,
    /// `PAM_PROMPT_ECHO_OFF`.
    Hidden,
}

/// Why a prompt has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromptError {
    /// The application has no conversation, refused this prompt (sshd's `password` method refuses every
    /// visible one), or answered without a reply. The agent is told and may go on without.
    Cannot,
    /// The reply is longer than [`entra_protocol::limits::MAX_SECRET`] bytes: the sign-in is refused.
    TooLong,
    /// The reply is not UTF-8: the sign-in is refused, since Entra takes no such password.
    NotText,
}

/// The text without what could move a terminal's cursor, clear its screen or end a C string: control
/// characters other than line ends and tabs. Part of what the agent shows comes from a server.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control() || matches!(character, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_and_nul_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\0c\r\u{9b}d\n\te█"), "a[2Jbcd\n\te█");
    }
}
