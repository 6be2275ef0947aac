//! The PAM module at the other end of a conversation, as a trait.
//!
//! Invariant: a question is answered by an answer of its kind, by "can't prompt", or the conversation
//! ends; nothing else is understood.

use std::time::Duration;

use entra_protocol::Secret;
use entra_protocol::limits::MAX_WAIT;
use entra_protocol::login::{ToAgent, ToModule};

/// Why there is no further word from the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It hung up, or could not be written to.
    HungUp,
    /// It answered something that was not asked.
    Confused,
    /// It did not answer for longer than a person thinks.
    Silent,
}

/// The answer to a prompt.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// What was typed.
    Given(T),
    /// The application can't show this prompt.
    CannotPrompt,
}

/// Carries messages to the module and answers back.
pub trait Module: Send {
    /// Sends one message.
    fn say(&mut self, message: ToModule) -> impl Future<Output = Result<(), Ended>> + Send;

    /// Waits for the answer to a prompt, within the limit that a person may think.
    fn hear(&mut self) -> impl Future<Output = Result<ToAgent, Ended>> + Send;

    /// Shows text; sshd keeps it until the next prompt.
    fn show(&mut self, text: &str) -> impl Future<Output = Result<(), Ended>> + Send {
        self.say(ToModule::Show {
            text: text.to_owned(),
            error: false,
        })
    }

    /// Announces that the next message may take this long.
    fn wait(&mut self, limit: Duration) -> impl Future<Output = Result<(), Ended>> + Send {
        let seconds = limit.min(MAX_WAIT).as_secs();
        self.say(ToModule::Wait {
            seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
        })
    }

    /// Asks visibly.
    fn ask(&mut self, prompt: &str) -> impl Future<Output = Result<Reply<String>, Ended>> + Send {
        async move {
            self.say(ToModule::Ask {
                prompt: prompt.to_owned(),
            })
            .await?;
            match self.hear().await? {
                ToAgent::Answer { text } => Ok(Reply::Given(text)),
                ToAgent::CannotPrompt => Ok(Reply::CannotPrompt),
                ToAgent::Begin(_) | ToAgent::SecretAnswer { .. } => Err(Ended::Confused),
            }
        }
    }

    /// Asks without echo, for what the modules after this one may use as well.
    fn ask_password(
        &mut self,
        prompt: &str,
    ) -> impl Future<Output = Result<Reply<Secret>, Ended>> + Send {
        async move {
            self.say(ToModule::AskSecret {
                prompt: prompt.to_owned(),
                authtok: true,
            })
            .await?;
            match self.hear().await? {
                ToAgent::SecretAnswer { secret } => Ok(Reply::Given(secret)),
                ToAgent::CannotPrompt => Ok(Reply::CannotPrompt),
                ToAgent::Begin(_) | ToAgent::Answer { .. } => Err(Ended::Confused),
            }
        }
    }
}
