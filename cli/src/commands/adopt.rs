//! `entractl users adopt NAME`: a local account becomes an imported person's, with uid, gid and home.
//!
//! The agent pins what the person is to have; then the account's lines leave the host's files; then the
//! person is published and must be found by that name and number. Whatever goes wrong on the way, the lines
//! come back and the pin goes: the host is as it was. `--undo` is that way back, at any later time.
//!
//! Nothing of the account is touched but its lines: files, crontab, mail and running sessions go by name and
//! number, and both stay.

use std::thread;
use std::time::{Duration, Instant};

use entra_protocol::admin::{AdoptStep, Adoption, Done, Request};
use serde::Serialize;

use crate::agent::Ask;
use crate::host::account::{Found, find};
use crate::host::belongings::{Belonging, belongings, processes};
use crate::host::files::{Contents, Lock, Way};
use crate::host::{Host, saved};
use crate::output::table::properties;
use crate::output::{ProgressLine, Screen, Shown, Text};
use crate::trouble::{HostTrouble, Trouble};

/// How long the person may take to be found by NSS: the agent has published by then, and nscd keeps a wrong
/// answer for some seconds.
const FOUND_LIMIT: Duration = Duration::from_secs(20);

/// Between two looks.
const FOUND_PAUSE: Duration = Duration::from_millis(200);

/// `{"adoption": Adoption, "account": ..., "kept": [...], "processes": [...], "done": bool}`
#[derive(Debug, Serialize)]
pub(crate) struct Adopted {
    adoption: Adoption,
    #[serde(flatten)]
    found: Found,
    /// What goes on belonging to the name.
    kept: Vec<Belonging>,
    /// What runs with the account's uid, and goes on.
    processes: Vec<String>,
    /// False of a dry run.
    done: bool,
}

/// `{"adoption": Adoption, "lines": ["/etc/passwd", ...], "done": bool}`
#[derive(Debug, Serialize)]
pub(crate) struct Undone {
    /// `None` if the agent knows nothing of it any more.
    adoption: Option<Adoption>,
    /// The files that have their lines back.
    lines: Vec<String>,
    #[serde(skip)]
    name: String,
    done: bool,
}

pub(crate) fn adopt(
    ask: Ask<'_>,
    host: &Host,
    name: &str,
    object: Option<&str>,
    dry_run: bool,
) -> Result<Adopted, Trouble> {
    root_only(host)?;
    if saved::read(host, name)?.is_some() {
        return Err(Trouble::Host(HostTrouble {
            message: format!(
                "an account called {name} was adopted before: {} has its lines",
                saved::path(host, name).display()
            ),
            hint: Some(format!("`entractl users adopt {name} --undo` puts it back")),
        }));
    }
    let before = Contents::read(host)?;
    let found = find(name, &before).map_err(|reason| cannot(name, &reason))?;
    let mut step = |step| {
        let request = Request::UsersAdopt {
            account: found.account.clone(),
            object: object.map(str::to_owned),
            step,
        };
        adoption(ask(&[request])?.done)
    };
    let preview = step(AdoptStep::Preview)?;
    let home = found.account.home.as_str();
    let looking = ProgressLine::begin("looking for what belongs to the account");
    let mut adopted = Adopted {
        adoption: preview,
        kept: belongings(host, name, Some(home), Some(found.account.uid)),
        processes: processes(host, found.account.uid),
        found: found.clone(),
        done: false,
    };
    drop(looking);
    if dry_run {
        return Ok(adopted);
    }
    step(AdoptStep::Pin)?;
    let mut ours = false;
    let outcome = take_out(host, &before, &found, &mut ours).and_then(|()| {
        let published = step(AdoptStep::Publish)?;
        await_person(host, &found)?;
        Ok(published)
    });
    match outcome {
        Ok(published) => {
            adopted.adoption = published;
            adopted.done = true;
            Ok(adopted)
        }
        // Another adoption of the same account, which came first: it is not ours to take back.
        Err(trouble) if !ours && saved::read(host, name)?.is_some() => Err(trouble),
        Err(trouble) => match back(ask, host, name) {
            Ok(_) => Err(trouble),
            Err(second) => Err(Trouble::Host(HostTrouble {
                message: format!(
                    "{}; and then: {}",
                    crate::hint::explain(&trouble).message,
                    crate::hint::explain(&second).message
                ),
                hint: Some(format!(
                    "`entractl users adopt {name} --undo` puts the account back"
                )),
            })),
        },
    }
}

pub(crate) fn undo(
    ask: Ask<'_>,
    host: &Host,
    name: &str,
    dry_run: bool,
) -> Result<Undone, Trouble> {
    root_only(host)?;
    let Some(lines) = saved::read(host, name)? else {
        return Err(Trouble::Host(HostTrouble {
            message: format!(
                "no account called {name} was adopted: there is no {}",
                saved::path(host, name).display()
            ),
            hint: None,
        }));
    };
    if dry_run {
        let contents = Contents::read(host)?;
        contents
            .with(&lines)
            .map_err(|reason| cannot(name, &reason))?;
        return Ok(Undone {
            adoption: unadopted(ask, name, true)?,
            lines: lines
                .iter()
                .map(|line| format!("/etc/{}", line.file))
                .collect(),
            name: name.to_owned(),
            done: false,
        });
    }
    back(ask, host, name)
}

/// Writes the lines down, from when on they are ours to put back, and takes them out, if the files still say
/// what they said.
fn take_out(host: &Host, before: &Contents, found: &Found, ours: &mut bool) -> Result<(), Trouble> {
    let name = found.account.name.as_str();
    let _lock = Lock::take(host)?;
    let now = Contents::read(host)?;
    if now != *before && find(name, &now).as_ref() != Ok(found) {
        return Err(cannot(name, "somebody else changed the account meanwhile"));
    }
    saved::write(host, name, &found.lines)?;
    *ours = true;
    now.without(&found.lines).write(&now, Way::Out, host)?;
    Ok(())
}

/// Waits until the name means the person.
fn await_person(host: &Host, found: &Found) -> Result<(), Trouble> {
    let began = Instant::now();
    let _waiting = ProgressLine::begin("waiting until the person is found");
    while (host.resolve)(&found.account.name) != Some(found.account.uid) {
        if began.elapsed() > FOUND_LIMIT {
            return Err(Trouble::Host(HostTrouble {
                message: format!(
                    "{} is not found with the uid {} after {} s; the account is a local one again",
                    found.account.name,
                    found.account.uid,
                    FOUND_LIMIT.as_secs()
                ),
                hint: Some(
                    "does /etc/nsswitch.conf say entra, and what does journalctl -u entra-agent say?"
                        .to_owned(),
                ),
            }));
        }
        thread::sleep(FOUND_PAUSE);
    }
    Ok(())
}

/// Puts the lines back where they were, then tells the agent; the file goes last, so that a way back that
/// was cut short can be gone again.
fn back(ask: Ask<'_>, host: &Host, name: &str) -> Result<Undone, Trouble> {
    let mut files = Vec::new();
    if let Some(lines) = saved::read(host, name)? {
        let _lock = Lock::take(host)?;
        let now = Contents::read(host)?;
        let whole = now.with(&lines).map_err(|reason| cannot(name, &reason))?;
        whole.write(&now, Way::Back, host)?;
        files = lines
            .iter()
            .map(|line| format!("/etc/{}", line.file))
            .collect();
    }
    let adoption = unadopted(ask, name, false)?;
    saved::remove(host, name)?;
    Ok(Undone {
        adoption,
        lines: files,
        name: name.to_owned(),
        done: true,
    })
}

/// Takes the pin back; no pin is as good.
fn unadopted(ask: Ask<'_>, name: &str, dry_run: bool) -> Result<Option<Adoption>, Trouble> {
    use entra_protocol::admin::FailureKind;
    let request = Request::UsersUnadopt {
        name: name.to_owned(),
        dry_run,
    };
    match ask(&[request]) {
        Ok(answer) => adoption(answer.done).map(Some),
        Err(Trouble::Refused(failure)) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

fn adoption(done: Done) -> Result<Adoption, Trouble> {
    match done {
        Done::Adoption(adoption) => Ok(adoption),
        _ => Err(Trouble::WrongAnswer),
    }
}

fn root_only(host: &Host) -> Result<(), Trouble> {
    if host.is_root {
        return Ok(());
    }
    Err(Trouble::Host(HostTrouble {
        message: "`users adopt` changes /etc/passwd and its like, which takes root".to_owned(),
        hint: Some("run it with sudo".to_owned()),
    }))
}

fn cannot(name: &str, reason: &str) -> Trouble {
    Trouble::Host(HostTrouble {
        message: format!("the account {name} can't be adopted: {reason}"),
        hint: None,
    })
}

impl Shown for Adopted {
    fn text(&self, _: Screen) -> Text {
        let account = &self.found.account;
        let Adoption {
            upn,
            display_name,
            object_id,
            id_before,
            enabled,
            sign_in_enabled,
            ..
        } = &self.adoption;
        let files: Vec<String> = self
            .found
            .lines
            .iter()
            .map(|line| format!("/etc/{}", line.file))
            .collect();
        let mut lines = vec![
            ("Account", account.name.clone()),
            ("Person", format!("{upn} ({display_name}), {object_id}")),
            ("Uid", account.uid.to_string()),
            ("Gid", account.gid.to_string()),
            ("Home", account.home.clone()),
            ("Shell", account.shell.clone()),
            ("Lines that go", files.join(", ")),
        ];
        if let Some(id) = id_before {
            lines.push(("Id given up", format!("{id}, which was never used")));
        }
        if !self.found.groups.is_empty() {
            lines.push((
                "Local groups",
                format!(
                    "{}, which /etc/group goes on giving",
                    self.found.groups.join(", ")
                ),
            ));
        }
        for one in self.kept.iter().filter(|one| one.what != "local group") {
            lines.push(("Stays", format!("{} {}", one.what, one.place)));
        }
        if !self.processes.is_empty() {
            lines.push(("Running", self.processes.join(", ")));
        }
        let mut talk = Vec::new();
        if !self.found.private_group_members.is_empty() {
            talk.push(format!(
                "warning: {} lose the group {}, which becomes the person's own",
                self.found.private_group_members.join(", "),
                account.name
            ));
        }
        if self.found.last_with_password {
            talk.push(
                "warning: no local account but root has a password then; keep one for the day on which \
                 Entra ID can't be reached"
                    .to_owned(),
            );
        }
        if !sign_in_enabled {
            talk.push(
                "warning: sign-in through Entra ID is off on this host; `entractl auth enable` lets the \
                 person in"
                    .to_owned(),
            );
        }
        if !enabled {
            talk.push("warning: the person is disabled in the tenant and can't sign in".to_owned());
        }
        talk.push(if self.done {
            format!(
                "{} is {upn} now and signs in through Entra ID; `entractl users adopt {} --undo` takes it back.",
                account.name, account.name
            )
        } else {
            "A dry run: nothing was changed.".to_owned()
        });
        Text {
            data: properties(&lines),
            talk,
        }
    }
}

impl Shown for Undone {
    fn text(&self, _: Screen) -> Text {
        let mut lines = vec![
            ("Account", self.name.clone()),
            ("Lines that come back", self.lines.join(", ")),
        ];
        if let Some(adoption) = &self.adoption {
            lines.push((
                "Person",
                format!("{}, {}", adoption.upn, adoption.object_id),
            ));
            if let Some(id) = adoption.id_before {
                lines.push(("Their id again", id.to_string()));
            }
        }
        let talk = if self.done {
            format!(
                "{} is a local account again, with its old password.",
                self.name
            )
        } else {
            "A dry run: nothing was changed.".to_owned()
        };
        Text {
            data: properties(&lines),
            talk: vec![talk],
        }
    }
}

#[cfg(test)]
mod tests;
