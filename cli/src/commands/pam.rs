//! `entractl pam preview|enable|confirm|disable`: sign-in is wired into this host, shown first, proven, kept or
//! taken back. What is done is in `host/pam`; here are the questions and the words.

use inquire::{Confirm, InquireError};
use serde::Serialize;

use crate::args::PamEnable;
use crate::host::Host;
use crate::host::pam::accounts::{AccountCheck, UNASKED};
use crate::host::pam::kept::State;
use crate::host::pam::{self, Plan, ShownChange, TakenBack, libpam_ffi};
use crate::output::{Output, Screen, Shown, Text, ticks};
use crate::trouble::{HostTrouble, Trouble};

/// `{"wired": bool, "changes": [{"path", "diff"}], "commands": [..], "notes": [..]}`
#[derive(Debug, Serialize)]
pub(crate) struct Preview {
    /// All is as `enable` would make it.
    wired: bool,
    /// True if `enable` was run and waits for `confirm`.
    waiting: bool,
    changes: Vec<ShownChange>,
    commands: Vec<String>,
    notes: Vec<String>,
}

/// The same of what was done, with `"checks"`, `"undo_after"` and `"done"`.
#[derive(Debug, Serialize)]
pub(crate) struct Enabled {
    #[serde(flatten)]
    preview: Preview,
    checks: Vec<AccountCheck>,
    /// Seconds; `None` if it stays without a confirmation.
    undo_after: Option<u64>,
    /// False if there was nothing to do.
    done: bool,
}

/// `{"confirmed": true}`
#[derive(Debug, Serialize)]
pub(crate) struct Confirmed {
    confirmed: bool,
}

pub(crate) fn preview(host: &Host) -> Result<Preview, Trouble> {
    root_only(host, "preview")?;
    let plan = pam::plan(host)?;
    Ok(of_plan(&plan, pam::state(host)? == Some(State::Waiting)))
}

/// Shows the plan, asks, and carries it out.
pub(crate) fn enable(
    host: &Host,
    asked: &PamEnable,
    json: bool,
    output: &mut Output,
) -> Result<(), Trouble> {
    root_only(host, "enable")?;
    let plan = pam::plan(host)?;
    let waiting = pam::state(host)? == Some(State::Waiting);
    let undo_after = (!asked.without_confirmation).then_some(asked.undo_after);
    let mut enabled = Enabled {
        preview: of_plan(&plan, waiting),
        checks: Vec::new(),
        undo_after: undo_after.map(|limit| limit.as_secs()),
        done: false,
    };
    if plan.is_empty() {
        enabled.undo_after = None;
        return output.answer(&enabled);
    }
    if !asked.yes {
        if json || !ticks::can_ask() {
            return Err(Trouble::Unmet {
                message: "this changes how everybody signs in, and there is nobody to ask"
                    .to_owned(),
                hint: "look at `entractl pam preview`, then say --yes".to_owned(),
            });
        }
        output.answer(&enabled.preview)?;
        match Confirm::new("Change these files?")
            .with_default(false)
            .prompt()
        {
            Ok(true) => {}
            Ok(false)
            | Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => {
                return Err(Trouble::GivenUp);
            }
            Err(error) => {
                return Err(Trouble::Host(HostTrouble {
                    message: format!("can't ask on this terminal: {error}"),
                    hint: None,
                }));
            }
        }
    } else if !json {
        output.answer(&enabled.preview)?;
    }
    enabled.checks = pam::enable(host, &plan, undo_after)?.checks;
    enabled.done = true;
    output.answer(&enabled)
}

pub(crate) fn confirm(host: &Host) -> Result<Confirmed, Trouble> {
    root_only(host, "confirm")?;
    pam::confirm(host)?;
    Ok(Confirmed { confirmed: true })
}

pub(crate) fn disable(host: &Host) -> Result<TakenBack, Trouble> {
    root_only(host, "disable")?;
    Ok(pam::disable(host)?)
}

pub(crate) fn undo(host: &Host) -> Result<TakenBack, Trouble> {
    root_only(host, "undo")?;
    Ok(pam::undo(host)?)
}

/// One question to libpam; exit code 0 is `PAM_SUCCESS`.
pub(crate) fn account(service: &str, user: &str) -> Result<(), Trouble> {
    match libpam_ffi::account(service, user) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Trouble::Told),
        Err(reason) => Err(Trouble::Host(HostTrouble {
            message: format!("{UNASKED}: {reason}"),
            hint: None,
        })),
    }
}

fn of_plan(plan: &Plan, waiting: bool) -> Preview {
    Preview {
        wired: plan.is_empty(),
        waiting,
        changes: plan.changes(),
        commands: plan.commands().to_vec(),
        notes: plan.notes.clone(),
    }
}

fn root_only(host: &Host, verb: &str) -> Result<(), Trouble> {
    if host.is_root {
        return Ok(());
    }
    Err(Trouble::Host(HostTrouble {
        message: format!("`pam {verb}` is about root's files in /etc, which takes root"),
        hint: Some("run it with sudo".to_owned()),
    }))
}

const WAITING: &str =
    "`entractl pam enable` waits for a confirmation: `entractl pam confirm` from a new session.";

impl Shown for Preview {
    fn text(&self, _: Screen) -> Text {
        let mut data: String = self
            .changes
            .iter()
            .map(|change| escaped(&change.diff))
            .collect();
        if !self.commands.is_empty() {
            data.push_str("\nCommands:\n");
            for command in &self.commands {
                data.push_str(&format!("    {command}\n"));
            }
        }
        let mut talk: Vec<String> = self
            .notes
            .iter()
            .map(|note| format!("note: {note}"))
            .collect();
        if self.wired {
            talk.push("Sign-in is wired on this host: there is nothing to change.".to_owned());
        }
        if self.waiting {
            talk.push(WAITING.to_owned());
        }
        Text { data, talk }
    }
}

/// A diff for a terminal: what a file holds moves no cursor.
fn escaped(diff: &str) -> String {
    use crate::output::escape::escape;
    let keep = |part: &str| escape(part).into_owned();
    diff.split_inclusive('\n')
        .map(|line| {
            let text = line
                .trim_end_matches('\n')
                .split('\t')
                .map(keep)
                .collect::<Vec<_>>()
                .join("\t");
            format!("{text}\n")
        })
        .collect()
}

impl Shown for Enabled {
    fn text(&self, screen: Screen) -> Text {
        if !self.done {
            return self.preview.text(screen);
        }
        let passing = self.checks.iter().filter(|check| check.after).count();
        let mut talk = vec![format!(
            "Sign-in is wired. Account management lets {passing} of {} pass, as before: {}.",
            self.checks.len(),
            users(&self.checks).join(" and "),
        )];
        talk.push(match self.undo_after {
            Some(seconds) => format!(
                "Now keep this session, sign in a second time (ssh or console), and run `entractl pam confirm` there. \
                 Otherwise all is taken back in {}, or when the host boots.",
                time(seconds)
            ),
            None => "It stays: nobody has to confirm it. `entractl pam disable` takes it back.".to_owned(),
        });
        Text {
            data: String::new(),
            talk,
        }
    }
}

fn users(checks: &[AccountCheck]) -> Vec<&str> {
    let mut users: Vec<&str> = Vec::new();
    for check in checks {
        if !users.contains(&check.user.as_str()) {
            users.push(&check.user);
        }
    }
    users
}

fn time(seconds: u64) -> String {
    match seconds {
        hours if hours % 3600 == 0 => format!("{} h", hours / 3600),
        minutes if minutes % 60 == 0 => format!("{} min", minutes / 60),
        seconds => format!("{seconds} s"),
    }
}

impl Shown for Confirmed {
    fn text(&self, _: Screen) -> Text {
        Text {
            data: String::new(),
            talk: vec![
                "Confirmed: the wiring stays. `entractl pam disable` takes it back.".to_owned(),
            ],
        }
    }
}

impl Shown for TakenBack {
    fn text(&self, _: Screen) -> Text {
        let mut data = String::new();
        for path in &self.restored {
            data.push_str(&format!("{path}: as it was before\n"));
        }
        for path in &self.trimmed {
            data.push_str(&format!(
                "{path}: changed by somebody else meanwhile; only our part is out\n"
            ));
        }
        let talk = match data.is_empty() {
            true => {
                "Nothing is wired on this host by `entractl pam enable`: there was nothing to take back."
            }
            false => {
                "Nobody signs in through Entra ID on this host any more; local accounts are as before."
            }
        };
        Text {
            data,
            talk: vec![talk.to_owned()],
        }
    }
}
