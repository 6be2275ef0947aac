//! What a person at a terminal is asked, drawn on stderr so that stdout stays for the answer.
//!
//! Invariant: leaving a question ends the command with nothing changed.

use std::io;

use entra_protocol::Secret;
use inquire::validator::Validation;
use inquire::{Confirm, InquireError, MultiSelect, Password, PasswordDisplayMode, Select, Text};
use zeroize::Zeroizing;

use crate::trouble::Trouble;

/// A line of text; `now` is what stands there already, which Enter keeps.
pub(super) fn text(question: &str, help: &str, now: Option<&str>) -> Result<String, Trouble> {
    let mut asking = Text::new(question)
        .with_help_message(help)
        .with_validator(|text: &str| {
            Ok(match text.trim().is_empty() {
                true => Validation::Invalid("an answer is needed; Esc leaves".into()),
                false => Validation::Valid,
            })
        });
    if let Some(now) = now {
        asking = asking.with_default(now);
    }
    Ok(given(asking.prompt())?.trim().to_owned())
}

/// A line of text that may be empty.
pub(super) fn text_or_nothing(question: &str, help: &str) -> Result<Option<String>, Trouble> {
    let text = given(Text::new(question).with_help_message(help).prompt())?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// A secret, which nobody sees.
pub(super) fn secret(question: &str, help: &str) -> Result<Secret, Trouble> {
    let typed = Password::new(question)
        .with_help_message(help)
        .with_display_mode(PasswordDisplayMode::Masked)
        .without_confirmation()
        .prompt();
    let typed = Zeroizing::new(given(typed)?);
    Ok(Secret::new(Zeroizing::new(typed.trim().to_owned())))
}

/// One of several; gives back its position.
pub(super) fn choose(question: &str, help: &str, options: &[&str]) -> Result<usize, Trouble> {
    let chosen = Select::new(question, options.to_vec())
        .with_help_message(help)
        .raw_prompt();
    Ok(given(chosen)?.index)
}

/// Any of several; gives back their positions.
pub(super) fn tick(question: &str, options: &[&str]) -> Result<Vec<usize>, Trouble> {
    let chosen = MultiSelect::new(question, options.to_vec())
        .with_help_message("space to tick, Enter to confirm, Esc to leave")
        .raw_prompt();
    Ok(given(chosen)?
        .into_iter()
        .map(|option| option.index)
        .collect())
}

/// Yes or no; Enter says yes.
pub(super) fn yes(question: &str) -> Result<bool, Trouble> {
    given(Confirm::new(question).with_default(true).prompt())
}

fn given<T>(answer: Result<T, InquireError>) -> Result<T, Trouble> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => {
            Err(Trouble::GivenUp)
        }
        Err(InquireError::IO(error)) => Err(Trouble::Output(error)),
        Err(error) => Err(Trouble::Output(io::Error::other(error.to_string()))),
    }
}
