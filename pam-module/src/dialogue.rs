//! Carries the agent's messages to the person and the answers back, until a verdict.
//!
//! Invariants: nothing is sent to a peer that is neither root nor the agent's own user; no wait is longer
//! than its [`Patience`] allows, and all waits together not longer than its `in_all`; one conversation has
//! at most [`MAX_MESSAGES`]; whatever this build does not understand ends it with a [`Failure`], never
//! with a verdict. What a `Failure` means for the person is the business of `phases`.

use std::fmt;
use std::time::{Duration, Instant};

use entra_protocol::limits::{AGENT_USER, CONNECT_LIMIT, MAX_WAIT, SILENCE_LIMIT};
use entra_protocol::login::{Begin, Outcome, ToAgent, ToModule, Verdict};
use entra_protocol::{ClientError, Secret};
use zeroize::Zeroizing;

use crate::application::{Application, Echo, PromptError, Style, printable};
use crate::host::{Agent, Host};

/// Messages of the agent in one conversation at most. A sign-in that tries the password three times and
/// goes on to the device code takes some twenty; an agent that sends more is out of order.
const MAX_MESSAGES: usize = 64;

/// How long a phase waits for the agent. What the person takes to type is not counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For the connection.
    pub(crate) connect: Duration,
    /// For each message, unless the one before it was `Wait`.
    pub(crate) silence: Duration,
    /// For all of it: connection, messages and `Wait`.
    pub(crate) in_all: Duration,
    /// Whether the agent may prompt and ask for time in this phase.
    pub(crate) may_prompt: bool,
}

impl Patience {
    /// For the phases in which a person is asked: a device code's whole life fits in.
    pub(crate) const SIGN_IN: Self = Self {
        connect: CONNECT_LIMIT,
        silence: SILENCE_LIMIT,
        in_all: MAX_WAIT,
        may_prompt: true,
    };

    /// For a question without prompts that has to be answered `within` that time.
    pub(crate) const fn question(within: Duration) -> Self {
        Self {
            connect: within,
            silence: within,
            in_all: within,
            may_prompt: false,
        }
    }
}

/// How a conversation ended well.
#[derive(Debug)]
pub(crate) struct Ending {
    /// The agent's word.
    pub(crate) verdict: Verdict,
    /// The last answer that the agent named as the password, if there was one and no visible prompt
    /// came after it: then another method went on, which proves nothing about that answer.
    pub(crate) password: Option<Secret>,
    /// Whether the verdict's sentence is for the journal only.
    pub(crate) is_silent: bool,
}

/// Why a conversation has no verdict.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection, no answer in time, hung up, or a frame that can't be read.
    Agent(ClientError),
    /// Somebody else listens on the agent's socket.
    Stranger(u32),
    /// More than [`MAX_MESSAGES`].
    Flood,
    /// A prompt in a phase that has none.
    Prompted,
    /// The person's answer can't be passed on.
    Answer(PromptError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(error) => write!(f, "{error}"),
            Self::Stranger(uid) => write!(
                f,
                "uid {uid} listens on the agent's socket, which is neither root nor {AGENT_USER}; \
                 nothing was sent"
            ),
            Self::Flood => write!(f, "the agent sent more than {MAX_MESSAGES} messages"),
            Self::Prompted => f.write_str("the agent prompted in a phase without prompts"),
            Self::Answer(PromptError::TooLong) => f.write_str("the answer was too long"),
            Self::Answer(PromptError::NotText) => f.write_str("the answer was not UTF-8"),
            Self::Answer(PromptError::Cannot) => f.write_str("the application can't prompt"),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Agent(error)
    }
}

/// Holds one conversation, from the connection to the verdict.
///
/// # Errors
/// [`Failure`], each of which leaves the caller without a verdict.
pub(crate) fn converse(
    host: &impl Host,
    application: &impl Application,
    begin: Begin,
    patience: Patience,
) -> Result<Ending, Failure> {
    let mut stage = Stage {
        application,
        is_silent: begin.silent,
        held: Vec::new(),
    };
    let mut time = TimeLeft(patience.in_all);
    let mut agent = time.spend(|_| host.agent(patience.connect))?;
    if !is_the_agent(host, agent.peer_uid()) {
        return Err(Failure::Stranger(agent.peer_uid()));
    }
    agent.send(&ToAgent::Begin(begin))?;

    let mut password = None;
    let mut limit = patience.silence;
    for _ in 0..MAX_MESSAGES {
        let message = time.spend(|left| agent.receive(limit.min(left)))?;
        limit = patience.silence;
        match message {
            ToModule::Verdict(verdict) => return Ok(stage.ending(verdict, password)),
            ToModule::Show { text, error } => {
                let style = if error {
                    Style::Error
                } else {
                    Style::Information
                };
                stage.show(printable(&text), style);
            }
            _ if !patience.may_prompt => return Err(Failure::Prompted),
            ToModule::Wait { seconds } => limit = Duration::from_secs(seconds.into()),
            ToModule::Ask { prompt } => {
                password = None;
                let answer = stage.prompt(&printable(&prompt), Echo::Shown);
                let answer = answer.map(|line| ToAgent::Answer {
                    text: line.to_string(),
                });
                if let Sent::TooLate(verdict) = send_answer(&mut agent, answer)? {
                    return Ok(stage.ending(verdict, None));
                }
            }
            ToModule::AskSecret { prompt, authtok } => {
                let answer = stage.prompt(&printable(&prompt), Echo::Hidden);
                let answer = answer.map(|line| ToAgent::SecretAnswer {
                    secret: Secret::new(line),
                });
                match send_answer(&mut agent, answer)? {
                    Sent::Answer(ToAgent::SecretAnswer { secret }) if authtok => {
                        password = Some(secret);
                    }
                    Sent::Answer(_) => {}
                    Sent::TooLate(verdict) => return Ok(stage.ending(verdict, None)),
                }
            }
        }
    }
    Err(Failure::Flood)
}

/// The application as a conversation shows things on it. `PAM_SILENT`, which sudo always says, is kept until a
/// question is put: what was to be shown before belongs to the question, and whoever answers is there to be
/// told what came of it (docs/decisions/0022).
struct Stage<'a, A> {
    application: &'a A,
    is_silent: bool,
    /// What silence holds back; at most [`MAX_MESSAGES`].
    held: Vec<(String, Style)>,
}

impl<A: Application> Stage<'_, A> {
    fn show(&mut self, text: String, style: Style) {
        if self.is_silent {
            self.held.push((text, style));
        } else {
            self.application.show(&text, style);
        }
    }

    fn prompt(&mut self, text: &str, echo: Echo) -> Result<Zeroizing<String>, PromptError> {
        self.is_silent = false;
        for (text, style) in self.held.drain(..) {
            self.application.show(&text, style);
        }
        self.application.prompt(text, echo)
    }

    fn ending(&self, verdict: Verdict, password: Option<Secret>) -> Ending {
        Ending {
            verdict,
            password,
            is_silent: self.is_silent,
        }
    }
}

/// What became of an answer.
enum Sent {
    /// It is with the agent.
    Answer(ToAgent),
    /// The agent had decided while the person was typing.
    TooLate(Verdict),
}

/// Sends the answer, or that there is none, and hands back what was sent. An agent that has hung up may have
/// left its verdict behind: a prompt can't be taken back when time is over.
fn send_answer(
    agent: &mut impl Agent,
    answer: Result<ToAgent, PromptError>,
) -> Result<Sent, Failure> {
    /// For what is already there.
    const LEFT_BEHIND: Duration = Duration::from_millis(100);
    let message = match answer {
        Ok(message) => message,
        Err(PromptError::Cannot) => ToAgent::CannotPrompt,
        Err(error) => return Err(Failure::Answer(error)),
    };
    let Err(error) = agent.send(&message) else {
        return Ok(Sent::Answer(message));
    };
    match agent.receive(LEFT_BEHIND) {
        Ok(ToModule::Verdict(verdict)) if verdict.outcome != Outcome::Success => {
            Ok(Sent::TooLate(verdict))
        }
        _ => Err(error.into()),
    }
}

/// Root (the owner of a listener that systemd made), or the agent's user as `/etc/passwd` has it.
fn is_the_agent(host: &impl Host, uid: u32) -> bool {
    let of_agent = || host.passwd_file().ok()?.uid_of(AGENT_USER.as_bytes());
    uid == 0 || of_agent() == Some(uid)
}

/// What is left of a phase's time for the agent.
struct TimeLeft(Duration);

impl TimeLeft {
    fn spend<T, E>(&mut self, wait: impl FnOnce(Duration) -> Result<T, E>) -> Result<T, E> {
        let before = Instant::now();
        let result = wait(self.0);
        self.0 = self.0.saturating_sub(before.elapsed());
        result
    }
}

#[cfg(test)]
mod tests;
