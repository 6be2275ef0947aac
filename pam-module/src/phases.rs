//! What each entry point answers for an imported user.
//!
//! Invariant: `PAM_SUCCESS` follows from the agent's verdict or, in the account phase only, from a young
//! snapshot in which the account stands; never from an error. What is not success is a refusal:
//! `PAM_IGNORE` and `PAM_USER_UNKNOWN`, which the stacks pass over, are never answered for an imported
//! user. `docs/pam.md` has the table of results.

use std::time::Duration;

use entra_protocol::limits::ACCOUNT_LIMIT;
use entra_protocol::login::{Begin, Outcome, Phase, Screen};
use pamsm::PamError;

use crate::account::{self, Refusal};
use crate::application::{Application, Item, PromptError, Style, printable};
use crate::dialogue::{self, Ending, Failure, Patience};
use crate::host::Host;
use crate::identity::Imported;
use crate::{local_groups, sentences};

/// How long the report of an opened session may take: nobody waits for its answer, and it may follow an
/// account question that already took its whole second.
pub(crate) const REPORT_LIMIT: Duration = Duration::from_millis(500);

/// One call of libpam.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// Which entry point.
    pub(crate) entry: Entry,
    /// `PAM_SILENT`: nothing is shown.
    pub(crate) silent: bool,
}

/// The entry points, with the two passes of `pam_sm_chauthtok` and the purposes of `pam_sm_setcred` apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// `pam_sm_authenticate`.
    Authenticate,
    /// `pam_sm_setcred`, `PAM_ESTABLISH_CRED` or `PAM_REINITIALIZE_CRED`.
    SetCredentials,
    /// `pam_sm_setcred` for any other purpose.
    DropCredentials,
    /// `pam_sm_acct_mgmt`.
    Account,
    /// `pam_sm_open_session`.
    OpenSession,
    /// `pam_sm_close_session`.
    CloseSession,
    /// `pam_sm_chauthtok`, `PAM_PRELIM_CHECK`.
    PasswordCheck,
    /// `pam_sm_chauthtok`, `PAM_UPDATE_AUTHTOK`.
    PasswordUpdate,
}

impl Entry {
    /// The refusal without a better reason, also after a panic.
    pub(crate) fn refusal(self) -> PamError {
        match self {
            Self::Authenticate => PamError::AUTH_ERR,
            Self::SetCredentials | Self::DropCredentials => PamError::CRED_ERR,
            Self::Account | Self::PasswordCheck | Self::PasswordUpdate => PamError::PERM_DENIED,
            Self::OpenSession | Self::CloseSession => PamError::SESSION_ERR,
        }
    }

    /// Whether a person is waiting for a word in this phase.
    pub(crate) fn has_a_listener(self) -> bool {
        matches!(
            self,
            Self::Authenticate | Self::Account | Self::PasswordCheck
        )
    }

    fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "auth",
            Self::SetCredentials | Self::DropCredentials => "setcred",
            Self::Account => "account",
            Self::OpenSession | Self::CloseSession => "session",
            Self::PasswordCheck | Self::PasswordUpdate => "chauthtok",
        }
    }
}

/// The answer for an imported user.
pub(crate) fn answer(
    call: Call,
    imported: &Imported,
    application: &impl Application,
    host: &impl Host,
) -> PamError {
    let sign_in = SignIn {
        call,
        imported,
        application,
        host,
    };
    match call.entry {
        Entry::Authenticate => sign_in.authenticate(),
        Entry::Account => sign_in.account(),
        Entry::OpenSession => sign_in.open_session(),
        Entry::PasswordCheck => sign_in.password(),
        // Reached only after `PasswordCheck` succeeded, in which everything was done.
        Entry::PasswordUpdate => PamError::SUCCESS,
        // May come without `Authenticate` (key logins) and after a refused one: it says nothing about who it is.
        Entry::SetCredentials => {
            local_groups::grant(call, imported, application, host);
            PamError::SUCCESS
        }
        Entry::DropCredentials | Entry::CloseSession => PamError::SUCCESS,
    }
}

/// Shows a sentence of this module, unless silence was asked for.
pub(crate) fn say(call: Call, application: &impl Application, sentence: &str) {
    if !call.silent {
        application.show(&printable(sentence), Style::Error);
    }
}

/// What the agent is asked about `name`, before anything is known of a screen.
pub(crate) fn begin(call: Call, application: &impl Application, phase: Phase, name: &str) -> Begin {
    Begin {
        phase,
        user: name.to_owned(),
        service: application.item(Item::Service),
        tty: application.item(Item::Terminal),
        rhost: application.item(Item::RemoteHost),
        silent: call.silent,
        screen: Screen::default(),
    }
}

/// Writes facts about a call to the journal. Names are quoted: they come from whoever typed them.
pub(crate) fn note(
    call: Call,
    application: &impl Application,
    host: &impl Host,
    name: &str,
    facts: &str,
) {
    host.journal(&format!(
        "pam_entra({}:{}): {name:?}: {facts}",
        application.item(Item::Service).escape_debug(),
        call.entry.name(),
    ));
}

struct SignIn<'a, A, H> {
    call: Call,
    imported: &'a Imported,
    application: &'a A,
    host: &'a H,
}

impl<A: Application, H: Host> SignIn<'_, A, H> {
    fn authenticate(&self) -> PamError {
        if !self.imported.policy.sign_in_enabled {
            self.say(sentences::SWITCHED_OFF);
            return PamError::AUTHINFO_UNAVAIL;
        }
        match self.converse(Phase::Auth, Patience::SIGN_IN) {
            Ok(ending) => {
                if let (Outcome::Success, Some(password)) =
                    (ending.verdict.outcome, &ending.password)
                {
                    self.application.keep_password(password);
                }
                self.heed(&ending)
            }
            Err(failure) => self.without_verdict(&failure),
        }
    }

    fn account(&self) -> PamError {
        let service = self.application.item(Item::Service);
        let now = self.host.now();
        if let Err(refusal) = account::stands(self.imported, &service, now) {
            return self.refuse(refusal);
        }
        match self.converse(Phase::Account, Patience::question(ACCOUNT_LIMIT)) {
            Ok(ending) => self.heed(&ending),
            Err(failure) => {
                let age = now.saturating_sub(self.imported.known_at);
                self.note(&format!(
                    "{failure}; decided from what was known of the tenant {age} s ago"
                ));
                match account::is_fresh(self.imported, now) {
                    Ok(()) => PamError::SUCCESS,
                    Err(refusal) => self.refuse(refusal),
                }
            }
        }
    }

    /// Reported to the agent, which may not answer; whoever got here has passed the account phase.
    fn open_session(&self) -> PamError {
        if let Err(failure) = self.converse(Phase::OpenSession, Patience::question(REPORT_LIMIT)) {
            self.note(&format!("session not reported: {failure}"));
        }
        PamError::SUCCESS
    }

    fn password(&self) -> PamError {
        match self.converse(Phase::Password, Patience::SIGN_IN) {
            Ok(ending) => match ending.verdict.outcome {
                Outcome::Success => self.heed(&ending),
                _ => {
                    let message = ending.verdict.message.as_deref();
                    self.say(message.unwrap_or(sentences::PASSWORD));
                    PamError::PERM_DENIED
                }
            },
            Err(Failure::Answer(error)) => self.unusable(error, PamError::PERM_DENIED),
            Err(failure) => {
                self.note(&failure.to_string());
                self.say(sentences::PASSWORD);
                PamError::PERM_DENIED
            }
        }
    }

    fn converse(&self, phase: Phase, patience: Patience) -> Result<Ending, Failure> {
        let name = &self.imported.name;
        let mut begin = begin(self.call, self.application, phase, name);
        if matches!(phase, Phase::Auth | Phase::Password) {
            begin.screen = self.host.screen();
        }
        dialogue::converse(self.host, self.application, begin, patience)
    }

    /// Shows a verdict's sentence and turns its outcome into the PAM result.
    fn heed(&self, ending: &Ending) -> PamError {
        let verdict = &ending.verdict;
        let result = match verdict.outcome {
            Outcome::Success => PamError::SUCCESS,
            Outcome::PermissionDenied => PamError::PERM_DENIED,
            Outcome::AccountExpired => PamError::ACCT_EXPIRED,
            Outcome::Unavailable => PamError::AUTHINFO_UNAVAIL,
            Outcome::MaxTries => PamError::MAXTRIES,
            Outcome::AuthError | Outcome::Reachable | Outcome::UserUnknown | Outcome::Unknown => {
                self.call.entry.refusal()
            }
        };
        if let Some(message) = &verdict.message
            && !ending.is_silent
        {
            let style = match verdict.outcome {
                Outcome::Success => Style::Information,
                _ => Style::Error,
            };
            self.application.show(&printable(message), style);
        }
        result
    }

    fn refuse(&self, refusal: Refusal) -> PamError {
        self.note(&format!("refused by the directory: {refusal:?}"));
        self.say(&account::sentence(refusal));
        account::result(refusal)
    }

    fn without_verdict(&self, failure: &Failure) -> PamError {
        if let Failure::Answer(error) = failure {
            return self.unusable(*error, PamError::AUTH_ERR);
        }
        self.note(&failure.to_string());
        self.say(sentences::NO_ANSWER);
        PamError::AUTHINFO_UNAVAIL
    }

    fn unusable(&self, error: PromptError, result: PamError) -> PamError {
        match error {
            PromptError::TooLong => self.say(sentences::TOO_LONG),
            PromptError::NotText => self.say(sentences::NOT_TEXT),
            PromptError::Cannot => {}
        }
        result
    }

    fn say(&self, sentence: &str) {
        say(self.call, self.application, sentence);
    }

    fn note(&self, facts: &str) {
        note(
            self.call,
            self.application,
            self.host,
            &self.imported.name,
            facts,
        );
    }
}

#[cfg(test)]
mod tests;
