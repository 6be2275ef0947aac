//! The commands, one file per group of verbs.
//!
//! Each command asks one question (`groups select` a few) and makes one answer that [`Output`] shows; it writes nothing itself and
//! knows no socket. An answer that belongs to another question is [`Trouble::WrongAnswer`], never guessed at.

mod adopt;
mod audit;
mod auth;
mod completions;
mod doctor;
mod explain;
mod groups;
mod history;
mod ids;
mod import;
mod local_auth;
mod man_pages;
mod metrics;
mod pam;
mod release;
mod restrict;
mod role;
mod schedule;
mod select;
mod setup;
mod status;
mod summary;
mod unlock;
mod users;

use entra_protocol::admin::Request;
use entra_protocol::limits::ADMIN_SILENCE_LIMIT;

use crate::agent::{self, Answer};
use crate::args::{Arguments, Auth, Command, Groups, Ids, Pam, RoleVerb, Tenant, Users};
use crate::host::Host;
use crate::output::{Output, ProgressLine, ticks};
use crate::trouble::Trouble;

/// Runs what the command line says and shows the answer.
///
/// # Errors
/// Why it was not done; nothing was shown on stdout then.
pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Trouble> {
    let mut ask = |requests: &[Request]| -> Result<Answer, Trouble> {
        // Ends with the question, so that the line is gone when the answer is shown.
        let mut line = ProgressLine::begin("waiting for the agent");
        agent::ask(
            &arguments.socket,
            ADMIN_SILENCE_LIMIT,
            requests,
            &mut |progress| line.show(progress),
        )
    };
    match &arguments.command {
        Command::Setup(asked) if asked.cloud_shell => output.answer(&setup::Script::new()),
        Command::Setup(asked) => {
            let host = Host::of_this_process();
            let mut say = output.talker();
            let report = setup::setup(&mut ask, &host, asked, arguments.json, &mut say)?;
            output.answer(&report)
        }
        Command::Import(asked) => output.answer(&import::import(&mut ask, asked)?),
        Command::Sync(asked) => output.answer(&import::sync(&mut ask, asked)?),
        Command::Schedule { verb } => output.answer(&schedule::run(&mut ask, verb.as_ref())?),
        Command::History(asked) => match &asked.one {
            None => output.answer(&history::list(&mut ask, asked)?),
            Some(verb) => output.answer(&history::show(&mut ask, verb)?),
        },
        Command::Status => output.answer(&status::status(&mut ask)?),
        Command::Doctor(Tenant { tenant }) => {
            let host = Host::of_this_process();
            let findings = doctor::doctor(&mut ask, &host, tenant.as_deref())?;
            output.answer(&findings)?;
            if findings.is_bad() {
                Err(Trouble::Told)
            } else {
                Ok(())
            }
        }
        Command::Explain(wanted) => {
            let host = Host::of_this_process();
            output.answer(&explain::explain(&mut ask, &host, wanted)?)
        }
        Command::Metrics => output.answer(&metrics::metrics(&mut ask)?),
        Command::Audit(asked) => output.answer(&audit::list(&mut ask, asked)?),
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
        Command::Role(RoleVerb::Set(asked)) => output.answer(&role::set(&mut ask, asked)?),
        Command::Role(RoleVerb::Clear(asked)) => output.answer(&role::clear(&mut ask, asked)?),
        Command::Role(RoleVerb::List) => output.answer(&role::list(&mut ask)?),
        Command::Role(RoleVerb::Pick { role }) => {
            let mut choose = ticks::choose;
            let choose: Option<select::Choose<'_>> = match ticks::can_ask() {
                true => Some(&mut choose),
                false => None,
            };
            output.answer(&role::pick(&mut ask, choose, *role)?)
        }
        Command::Auth(Auth::Enable) => {
            let host = Host::of_this_process();
            let enablement = auth::enable(&mut ask, &host)?;
            output.answer(&enablement)?;
            told(enablement.is_refused())
        }
        Command::LocalAuth(verb) => {
            let host = Host::of_this_process();
            let gate = local_auth::run(&mut ask, &host, verb)?;
            output.answer(&gate)?;
            told(gate.is_refused())
        }
        Command::Auth(Auth::Disable) => output.answer(&auth::disable(&mut ask)?),
        Command::Auth(Auth::Status) => output.answer(&auth::status(&mut ask)?),
        Command::Users(Users::Unlock {
            users,
            remote_hosts,
        }) => output.answer(&unlock::unlock(&mut ask, users, remote_hosts)?),
        Command::Users(Users::Block { users }) => output.answer(&restrict::block(&mut ask, users)?),
        Command::Users(Users::Unblock { users }) => {
            output.answer(&restrict::unblock(&mut ask, users)?)
        }
        Command::Users(Users::Expire { users, until, .. }) => {
            output.answer(&restrict::expire(&mut ask, users, *until)?)
        }
        Command::Users(Users::Release { name, dry_run }) => {
            let host = Host::of_this_process();
            output.answer(&release::release(&mut ask, &host, name, *dry_run)?)
        }
        Command::Users(Users::Adopt {
            name,
            object,
            dry_run,
            undo,
        }) => {
            let host = Host::of_this_process();
            if *undo {
                output.answer(&adopt::undo(&mut ask, &host, name, *dry_run)?)
            } else {
                let object = object.as_deref();
                output.answer(&adopt::adopt(&mut ask, &host, name, object, *dry_run)?)
            }
        }
        Command::Pam(verb) => {
            let host = Host::of_this_process();
            match verb {
                Pam::Preview => output.answer(&pam::preview(&host)?),
                Pam::Enable(asked) => pam::enable(&host, asked, arguments.json, output),
                Pam::Confirm => output.answer(&pam::confirm(&host)?),
                Pam::Disable => output.answer(&pam::disable(&host)?),
                Pam::Undo => output.answer(&pam::undo(&host)?),
                Pam::Account { service, user } => pam::account(service, user),
            }
        }
        Command::Ids(Ids::Show { object, displaced }) => {
            output.answer(&ids::show(&mut ask, object.as_deref(), *displaced)?)
        }
        Command::Completions { shell } => output.answer(&completions::completions(shell)?),
        Command::ManPages { folder } => output.answer(&man_pages::write(folder)?),
        Command::Ids(Ids::Export) => output.answer(&ids::export(&mut ask)?),
        Command::Ids(Ids::Import {
            file,
            dry_run,
            skip_conflicts,
        }) => {
            let imported = ids::import(&mut ask, file, *dry_run, *skip_conflicts)?;
            output.answer(&imported)?;
            if imported.refused() {
                Err(Trouble::Told)
            } else {
                Ok(())
            }
        }
    }
}

/// The end of a command whose answer says itself whether something is missing.
fn told(is_refused: bool) -> Result<(), Trouble> {
    match is_refused {
        true => Err(Trouble::Told),
        false => Ok(()),
    }
}
