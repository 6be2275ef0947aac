//! What is given, and what is left to ask.

use toml_edit::Table;

use super::document::Document;
use super::questions;
use crate::args::{Answers, Names, Setup};
use crate::host::Host;
use crate::trouble::{HostTrouble, Trouble};

/// A part of the answers that is asked and tested as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// Which tenant, in which cloud, by which proxy.
    Tenant,
    /// The registration that reads, and its credential.
    Sync,
    /// The registration that people sign in through.
    Login,
    /// Ways to sign in.
    Methods,
    /// Who is imported.
    Scope,
    /// How often.
    Interval,
}

impl Topic {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Tenant, "the tenant"),
        (
            Self::Sync,
            "the registration that reads users and groups, and its credential",
        ),
        (Self::Login, "the registration that people sign in through"),
        (Self::Methods, "ways to sign in"),
        (Self::Scope, "who is imported"),
        (Self::Interval, "how often"),
    ];

    fn is_in(self, given: &Answers, has_secret: bool) -> bool {
        match self {
            Self::Tenant => {
                given.tenant.is_some()
                    || given.domain.is_some()
                    || given.cloud.is_some()
                    || given.proxy.is_some()
            }
            Self::Sync => {
                has_secret || given.sync_client_id.is_some() || !credentials(given).is_empty()
            }
            Self::Login => given.login_client_id.is_some(),
            Self::Methods => given.remote_methods.is_some() || given.local_methods.is_some(),
            Self::Scope => given.everyone || given.users.is_some() || given.groups.is_some(),
            Self::Interval => given.interval.is_some(),
        }
    }
}

/// The flags that say how this host proves itself, of those that are given.
pub(super) fn credentials(given: &Answers) -> Vec<&'static str> {
    [
        ("client-secret-file", given.client_secret_file.is_some()),
        (
            "client-secret-credential",
            given.client_secret_credential.is_some(),
        ),
        (
            "client-secret-command",
            given.client_secret_command.is_some(),
        ),
        ("certificate-file", given.certificate_file.is_some()),
        ("federated-token-file", given.federated_token_file.is_some()),
        ("managed-identity", given.managed_identity.is_some()),
    ]
    .into_iter()
    .filter_map(|(flag, is_given)| is_given.then_some(flag))
    .collect()
}

/// The file's answers, with the flags' over them.
pub(super) fn gather(host: &Host, asked: &Setup) -> Result<Answers, Trouble> {
    let Some(file) = &asked.file else {
        return Ok(asked.answers.clone());
    };
    let path = host.path(&file.to_string_lossy());
    let wrong = |message: String| HostTrouble {
        message: format!("{}: {message}", file.display()),
        hint: Some(
            "its keys are the long flags of `entractl setup --help`, with _ for -".to_owned(),
        ),
    };
    let text = match file.is_absolute() {
        true => std::fs::read_to_string(&path),
        false => std::fs::read_to_string(file),
    }
    .map_err(|error| wrong(error.to_string()))?;
    let mut table: Table = text
        .parse::<toml_edit::DocumentMut>()
        .map_err(|error| wrong(error.to_string()))?
        .into_table();
    let flags =
        toml_edit::ser::to_document(&asked.answers).map_err(|error| wrong(error.to_string()))?;
    let flags: Vec<_> = flags.into_table().into_iter().collect();
    // Another credential on the command line takes the place of the file's.
    let by_flag = credentials(&asked.answers);
    if !by_flag.is_empty() || asked.client_secret_stdin {
        for key in credentials(&read(&table).map_err(wrong)?) {
            table.remove(&key.replace('-', "_"));
        }
    }
    for (key, item) in flags {
        table.insert(&key, item);
    }
    let answers = read(&table).map_err(wrong)?;
    if let Some(interval) = &answers.interval {
        crate::args::minutes(interval).map_err(|message| wrong(format!("interval: {message}")))?;
    }
    if answers.everyone && (answers.users.is_some() || answers.groups.is_some()) {
        return Err(wrong("everyone leaves no place for users and groups".to_owned()).into());
    }
    Ok(answers)
}

fn read(table: &Table) -> Result<Answers, String> {
    toml_edit::de::from_document(toml_edit::DocumentMut::from(table.clone()))
        .map_err(|error| error.message().to_owned())
}

/// What is to be settled, in the order in which one builds on the other.
pub(super) fn topics(
    document: &Document,
    given: &Answers,
    has_secret: bool,
    asks_person: bool,
) -> Result<Vec<Topic>, Trouble> {
    let is_given = |topic: Topic| topic.is_in(given, has_secret);
    let any = Topic::ALL.iter().any(|(topic, _)| is_given(*topic));
    if document.is_complete() {
        let mut chosen: Vec<Topic> = match any || !asks_person {
            true => Topic::ALL
                .into_iter()
                .map(|(topic, _)| topic)
                .filter(|topic| is_given(*topic))
                .collect(),
            false => {
                let options = Topic::ALL.map(|(_, words)| words);
                let ticked = questions::tick("This host is set up. What shall change?", &options)?;
                ticked
                    .into_iter()
                    .filter_map(|place| Topic::ALL.get(place))
                    .map(|(topic, _)| *topic)
                    .collect()
            }
        };
        if chosen.is_empty() {
            return Err(Trouble::Unmet {
                message: "this host is set up already, and nothing was given that would change it".to_owned(),
                hint: "`entractl setup --help` lists the flags; `entractl doctor` looks at what stands".to_owned(),
            });
        }
        // A tenant that is named again is tested with its registrations.
        if chosen.contains(&Topic::Tenant) {
            chosen.extend([Topic::Sync, Topic::Login]);
        }
        chosen.sort();
        chosen.dedup();
        return Ok(chosen);
    }
    let mut all = vec![Topic::Tenant, Topic::Sync, Topic::Login];
    all.extend(
        [Topic::Methods, Topic::Scope, Topic::Interval]
            .into_iter()
            .filter(|topic| asks_person || is_given(*topic)),
    );
    let missing = missing(document, given, has_secret);
    if !asks_person && !missing.is_empty() {
        return Err(Trouble::Unmet {
            message: format!("not given: {}", missing.join(", ")),
            hint: "give them as flags or in --answers FILE; in a terminal `entractl setup` asks"
                .to_owned(),
        });
    }
    Ok(all)
}

/// The flags without which a host can't be set up.
fn missing(document: &Document, given: &Answers, has_secret: bool) -> Vec<&'static str> {
    let has_identity = given.managed_identity.is_some();
    let has_credential = has_secret || !credentials(given).is_empty() || document.has_sync();
    [
        (
            "--tenant",
            given.tenant.is_some() || document.tenant_id().is_some(),
        ),
        (
            "--sync-client-id",
            has_identity || given.sync_client_id.is_some() || document.has_sync(),
        ),
        (
            "a credential (--client-secret-stdin or another)",
            has_credential,
        ),
        (
            "--login-client-id",
            given.login_client_id.is_some() || document.login_client_id().is_some(),
        ),
    ]
    .into_iter()
    .filter_map(|(flag, is_there)| (!is_there).then_some(flag))
    .collect()
}

/// Users and groups by name, from the person.
pub(super) fn names() -> Result<[Vec<Names>; 2], Trouble> {
    loop {
        let users = questions::text_or_nothing(
            "Users (UPN, short name or object id, separated by commas):",
            "Enter for none",
        )?;
        let groups = questions::text_or_nothing(
            "Groups (display name or object id, separated by commas):",
            "their members come along; a comma that belongs to a name is written \\,",
        )?;
        let read = |text: Option<String>| -> Result<Vec<Names>, Trouble> {
            text.map(|text| crate::args::names(&text))
                .transpose()
                .map(|names| names.into_iter().collect())
                .map_err(|message| Trouble::Unmet {
                    message,
                    hint: "separate names by one comma".to_owned(),
                })
        };
        let both = [read(users)?, read(groups)?];
        if both.iter().any(|names| !names.is_empty()) {
            return Ok(both);
        }
    }
}
