//! `entractl setup`: from an empty host to a first import, each answer tested against the tenant as it is given.
//!
//! The answers come from flags, from a file, or from a person at a terminal; on a host that is set up only
//! what is given or chosen changes. Invariant: nothing is written before every answer was accepted, by the
//! tenant or, with a person there, by that person in spite of it.

mod answers;
mod cloud_shell;
mod credential;
mod document;
mod place;
mod probe;
mod questions;
mod report;
mod steps;

use std::io::Read;

use entra_protocol::Secret;
use zeroize::Zeroizing;

use self::answers::Topic;
use self::document::Document;
use self::report::{Report, Step, Written};
use self::steps::Steps;
use super::{import, schedule, select};
use crate::agent::Ask;
use crate::args::{self, Answers};
use crate::host::{Host, wiring};
use crate::output::ticks;
use crate::trouble::{HostTrouble, Trouble};

/// The configuration.
const CONFIGURATION: &str = "/etc/entra-login/agent.toml";

/// Bytes of a secret at most: Entra's have some 40 characters.
const SECRET_LIMIT: u64 = 4 * 1024;

/// Who the probe runs as, and whose group reads what is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agent {
    uid: u32,
    gid: u32,
}

pub(crate) use self::cloud_shell::Script;

/// Sets the host up; `say` is for whoever watches.
pub(crate) fn setup(
    ask: Ask<'_>,
    host: &Host,
    asked: &args::Setup,
    json: bool,
    say: &mut dyn FnMut(&str),
) -> Result<Report, Trouble> {
    if !host.is_root {
        return Err(HostTrouble {
            message: "setup writes the agent's configuration, which takes root".to_owned(),
            hint: Some("sudo entractl setup".to_owned()),
        }
        .into());
    }
    let agent = Agent::of_this_host()?;
    let asks_person = !asked.non_interactive && !json && ticks::can_ask();
    let given = answers::gather(host, asked)?;
    let before = read(host)?;
    let document = Document::of(before.as_deref(), CONFIGURATION)?;
    let secret = match asked.client_secret_stdin {
        true => Some(secret_of_stdin()?),
        false => None,
    };
    let topics = answers::topics(&document, &given, secret.is_some(), asks_person)?;
    let mut steps = Steps {
        agent,
        document,
        secret,
        given,
        asks_person,
        tests: !asked.untested,
        checks: Vec::new(),
        say,
    };
    for topic in &topics {
        steps.settle(*topic)?;
    }
    steps.check_syntax()?;
    let Steps {
        document,
        secret,
        given,
        checks,
        say,
        ..
    } = steps;
    let is_another = document.is_another();
    let files = write(
        host,
        &agent,
        before.as_deref(),
        &document,
        secret.as_ref(),
        asks_person,
    )?;
    for file in &files {
        say(&format!("Written: {file}"));
    }
    if !asked.untested {
        say("Starting the agent ...");
        place::start_agent(ask)?;
    }
    let id = document.tenant_id().unwrap_or_default();
    let imported = match asked.no_import || asked.untested {
        true => None,
        false => match first_import(ask, &given, &id, &topics, asks_person) {
            // Who leaves here has set the host up all the same.
            Err(Trouble::GivenUp) => None,
            imported => imported?,
        },
    };
    if let Some(interval) = &given.interval
        && !asked.untested
    {
        set_interval(ask, interval, &id)?;
    }
    Ok(Report {
        next: next(host, imported.is_some(), is_another),
        setup: Written {
            tenant_id: id,
            domain: document.domain().unwrap_or_default(),
            cloud: document.cloud().unwrap_or_else(|| "public".to_owned()),
            files,
            checks,
            tested: !asked.untested,
        },
        import: imported,
    })
}

fn read(host: &Host) -> Result<Option<String>, HostTrouble> {
    let path = host.path(CONFIGURATION);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HostTrouble::file("read", &path, &error)),
    }
}

fn secret_of_stdin() -> Result<Secret, Trouble> {
    let mut text = Zeroizing::new(String::with_capacity(
        usize::try_from(SECRET_LIMIT).unwrap_or(0),
    ));
    let unmet = |message: String| Trouble::Unmet {
        message,
        hint: "the secret's value, and nothing else: ... --client-secret-stdin < FILE".to_owned(),
    };
    std::io::stdin()
        .take(SECRET_LIMIT)
        .read_to_string(&mut text)
        .map_err(|error| unmet(format!("can't read the client secret from stdin: {error}")))?;
    match text.trim() {
        "" => Err(unmet("stdin holds no client secret".to_owned())),
        secret => Ok(Secret::new(Zeroizing::new(secret.to_owned()))),
    }
}

/// The secret first, then what names it; what stands there already is not written again.
fn write(
    host: &Host,
    agent: &Agent,
    before: Option<&str>,
    document: &Document,
    secret: Option<&Secret>,
    asks_person: bool,
) -> Result<Vec<String>, Trouble> {
    let text = document.render();
    let is_same = before == Some(text.as_str());
    if is_same && secret.is_none() {
        return Ok(Vec::new());
    }
    if asks_person && !questions::yes(&format!("Write {CONFIGURATION}?"))? {
        return Err(Trouble::GivenUp);
    }
    let mut files = Vec::new();
    if let (Some(secret), Some(path)) = (secret, document.client_secret_file()) {
        let line = Zeroizing::new(format!("{}\n", secret.expose()));
        place::write(host, agent, path, line.as_bytes())?;
        files.push(path.to_owned());
    }
    if !is_same {
        place::write(host, agent, CONFIGURATION, text.as_bytes())?;
        files.push(CONFIGURATION.to_owned());
    }
    Ok(files)
}

/// Imports what the answers or the person say; nothing if neither says anything.
fn first_import(
    ask: Ask<'_>,
    given: &Answers,
    tenant: &str,
    topics: &[Topic],
    asks_person: bool,
) -> Result<Option<import::Imported>, Trouble> {
    let named = |list: &Option<args::List>| -> Vec<args::Names> {
        let names = list.as_ref().map(|list| list.0.clone());
        names.map(args::Names).into_iter().collect()
    };
    let of_tenant = || args::Tenant {
        tenant: Some(tenant.to_owned()),
    };
    let import = |users, groups| args::Import {
        users,
        groups,
        tenant: of_tenant(),
        ..args::Import::default()
    };
    if given.everyone || given.users.is_some() || given.groups.is_some() {
        let asked = import(named(&given.users), named(&given.groups));
        return import::import(ask, &asked).map(Some);
    }
    if !asks_person || !topics.contains(&Topic::Scope) {
        return Ok(None);
    }
    let options = [
        "groups, chosen from a list of all the tenant has",
        "users and groups that I name",
        "the whole tenant",
        "nothing now",
    ];
    match questions::choose(
        "Who is imported?",
        "only who is imported can sign in here; `entractl import` changes it later",
        &options,
    )? {
        0 => {
            let mut choose = ticks::choose;
            let asked = args::Select {
                tenant: of_tenant(),
                ..args::Select::default()
            };
            select::select(ask, Some(&mut choose), &asked).map(Some)
        }
        1 => {
            let [users, groups] = answers::names()?;
            import::import(ask, &import(users, groups)).map(Some)
        }
        2 => import::import(ask, &import(Vec::new(), Vec::new())).map(Some),
        _ => Ok(None),
    }
}

fn set_interval(ask: Ask<'_>, interval: &str, tenant: &str) -> Result<(), Trouble> {
    let every = args::minutes(interval).map_err(|message| Trouble::Unmet {
        message: format!("interval: {message}"),
        hint: "say it like 30m, 2h or 1d".to_owned(),
    })?;
    let set = args::Schedule::Set {
        every,
        tenant: args::Tenant {
            tenant: Some(tenant.to_owned()),
        },
    };
    schedule::run(ask, Some(&set)).map(drop)
}

/// What is still between this host and the first sign-in.
fn next(host: &Host, has_imported: bool, is_another: bool) -> Vec<Step> {
    let step = |command: &str, why: &str| Step {
        command: command.to_owned(),
        why: why.to_owned(),
    };
    let mut steps = Vec::new();
    if !has_imported {
        steps.push(step(
            "entractl import --groups NAME,...",
            "import the people who sign in here",
        ));
    }
    if !is_another {
        steps.push(step(
            "entractl role set administrator NAME",
            "who administers this host without sudo",
        ));
    }
    if wiring::is_missing(host) {
        steps.push(step(
            "entractl pam enable",
            "put it into PAM, names and sshd; undoes itself unless confirmed",
        ));
    }
    steps.push(step("entractl auth enable", "let imported people sign in"));
    steps.push(step("entractl doctor", "look at all of it, line by line"));
    steps
}
