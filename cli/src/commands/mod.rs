//! The commands, one file per group of verbs.
//!
//! Each command asks one question (`groups select` a few) and makes one answer that [`Output`] shows; it writes nothing itself and
//! knows no socket. An answer that belongs to another question is [`Trouble::WrongAnswer`], never guessed at.

mod auth;
mod groups;
mod history;
mod import;
mod role;
mod schedule;
mod select;
mod status;
mod summary;
mod users;

use entra_protocol::admin::Request;
use entra_protocol::limits::ADMIN_SILENCE_LIMIT;

use crate::agent::{self, Answer};
use crate::args::{Arguments, Auth, Command, Groups, RoleVerb, Users};
use crate::output::{Output, ProgressLine, ticks};
use crate::trouble::Trouble;

/// Runs what the command line says and shows the answer.
///
/// # Errors
/// Why it was not done; nothing was shown on stdout then.
pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Trouble> {
    let mut ask = |requests: &[Request]| -> Result<Answer, Trouble> {
        // Ends with the question, so that the line is gone when the answer is shown.
        let mut line = ProgressLine::default();
        agent::ask(
            &arguments.socket,
            ADMIN_SILENCE_LIMIT,
            requests,
            &mut |progress| line.show(progress),
        )
    };
    match &arguments.command {
        Command::Import(asked) => output.answer(&import::import(&mut ask, asked)?),
        Command::Sync(asked) => output.answer(&import::sync(&mut ask, asked)?),
        Command::Schedule { verb } => output.answer(&schedule::run(&mut ask, verb.as_ref())?),
        Command::History(asked) => match &asked.one {
            None => output.answer(&history::list(&mut ask, asked)?),
            Some(verb) => output.answer(&history::show(&mut ask, verb)?),
        },
        Command::Status => output.answer(&status::status(&mut ask)?),
        Command::Users(Users::List) => output.answer(&users::list(&mut ask)?),
        Command::Users(Users::Show { user }) => output.answer(&users::show(&mut ask, user)?),
        Command::Groups(Groups::Fetch(tenant)) => output.answer(&groups::fetch(&mut ask, tenant)?),
        Command::Groups(Groups::Select(asked)) => {
            let mut choose = ticks::choose;
            let choose: Option<select::Choose<'_>> = match ticks::can_ask() {
                true => Some(&mut choose),
                false => None,
            };
            output.answer(&select::select(&mut ask, choose, asked)?)
        }
        Command::Groups(Groups::List) => output.answer(&groups::list(&mut ask)?),
        Command::Groups(Groups::Show { group }) => output.answer(&groups::show(&mut ask, group)?),
        Command::Role(RoleVerb::Set { role, users }) => {
            output.answer(&role::set(&mut ask, *role, users)?)
        }
        Command::Auth(Auth::Enable) => output.answer(&auth::enable(&mut ask)?),
        Command::Auth(Auth::Disable) => output.answer(&auth::disable(&mut ask)?),
        Command::Auth(Auth::Status) => output.answer(&auth::status(&mut ask)?),
    }
}
