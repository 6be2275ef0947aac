//! `entractl doctor`: everything that a sign-in needs, one line each, with what to do where it is not there.
//!
//! The host's own half is looked at here, with the caller's rights; the tenants' half is the agent's. Exit code
//! 1 if something must be mended.

use entra_protocol::admin::{Check, CheckState, Done, GateMode, LocalAuth, Request, Row, Status};
use serde::Serialize;

use crate::agent::Ask;
use crate::host::Host;
use crate::host::wiring::{self, Published, id_range};
use crate::output::{ProgressLine, Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"checks": [Check]}`
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    checks: Vec<Check>,
}

pub(crate) fn doctor(ask: Ask<'_>, host: &Host, tenant: Option<&str>) -> Result<Findings, Trouble> {
    let looking = ProgressLine::begin("looking at this host");
    let published = Published::open(host);
    let mut checks = wiring::checks(host, &published);
    drop(looking);
    match ask(&[Request::Status {}]) {
        Ok(answer) => match answer.done {
            Done::Status(status) => {
                // Opened anew: the agent may have published since.
                let file = Published::open(host).generation();
                checks.extend(of_agent(&status, file));
                match ask(&[Request::LocalAuthShow {}])?.done {
                    Done::LocalAuth(done) => checks.push(gate(&done.local_auth)),
                    _ => return Err(Trouble::WrongAnswer),
                }
                checks.push(id_range(host, &published, status.id_range.as_ref()));
                checks.push(ids(&status));
            }
            _ => return Err(Trouble::WrongAnswer),
        },
        Err(trouble @ Trouble::Client(_)) => {
            let explained = crate::hint::explain(&trouble);
            checks.push(of_host(
                "agent",
                CheckState::Bad,
                explained.message,
                explained.hint,
            ));
            return Ok(Findings { checks });
        }
        Err(other) => return Err(other),
    }
    let request = Request::Doctor {
        tenant: tenant.map(str::to_owned),
    };
    for row in ask(&[request])?.rows {
        match row {
            Row::Check(check) => checks.push(check),
            _ => return Err(Trouble::WrongAnswer),
        }
    }
    Ok(Findings { checks })
}

impl Findings {
    /// Whether something must be mended.
    pub(crate) fn is_bad(&self) -> bool {
        self.checks
            .iter()
            .any(|check| check.state == CheckState::Bad)
    }
}

/// What the agent says of itself; `file` is the generation that everybody else sees.
fn of_agent(status: &Status, file: Option<u64>) -> Vec<Check> {
    let mut checks = vec![of_host(
        "agent",
        CheckState::Good,
        format!("entra-agent {} answers", status.version),
        None,
    )];
    checks.push(match &status.published_at {
        Some(_) if file.is_some_and(|file| file < status.generation) => of_host(
            "directory",
            CheckState::Bad,
            format!(
                "the agent published generation {}, and programs here see generation {}",
                status.generation,
                file.unwrap_or_default()
            ),
            Some(
                "systemctl restart entra-agent publishes it anew; a container must bind the folder, not \
                 the file"
                    .to_owned(),
            ),
        ),
        Some(at) => of_host(
            "directory",
            CheckState::Good,
            format!("{} users, published {at}", status.users),
            None,
        ),
        None => of_host(
            "directory",
            CheckState::Bad,
            "nothing was ever imported".to_owned(),
            Some("entractl import".to_owned()),
        ),
    });
    checks.push(if status.auth.enabled {
        of_host("sign-in", CheckState::Good, "switched on".to_owned(), None)
    } else {
        of_host(
            "sign-in",
            CheckState::Warning,
            "switched off: imported people can't sign in".to_owned(),
            Some("entractl auth enable".to_owned()),
        )
    });
    checks.push(match (status.auth.administrators, status.auth.enabled) {
        (0, enabled) => of_host(
            "administrators",
            if enabled {
                CheckState::Bad
            } else {
                CheckState::Warning
            },
            "nobody who can sign in is an administrator".to_owned(),
            Some("sudo entractl role set administrator NAME".to_owned()),
        ),
        (count, _) => of_host(
            "administrators",
            CheckState::Good,
            format!("{count} can sign in"),
            None,
        ),
    });
    checks
}

/// Whether whoever is shut out has a way back in.
fn gate(state: &LocalAuth) -> Check {
    const NAME: &str = "local-auth";
    let unproven = || !state.exempt.iter().any(|account| account.counts);
    let first = state
        .exempt
        .first()
        .map_or("NAME", |account| account.name.as_str());
    let word = state.gate.word();
    match &state.trial {
        _ if state.gate == GateMode::Allow => of_host(
            NAME,
            CheckState::Good,
            "local accounts sign in as without entra-login".to_owned(),
            None,
        ),
        _ if unproven() => of_host(
            NAME,
            CheckState::Bad,
            format!("{word}, and no break-glass account was proven within 30 days"),
            Some(format!("sudo entractl local-auth prove {first}")),
        ),
        Some(trial) => of_host(
            NAME,
            CheckState::Warning,
            format!("{word} on trial until {}", trial.ends),
            Some("entractl local-auth confirm, if everybody comes in who should".to_owned()),
        ),
        None => of_host(
            NAME,
            CheckState::Good,
            format!("{word}, and a break-glass account is proven"),
            None,
        ),
    }
}

/// Whether other hosts come to the same ids.
fn ids(status: &Status) -> Check {
    match status.displaced_ids {
        0 => of_host(
            "ids",
            CheckState::Good,
            "other hosts work out the same ids".to_owned(),
            None,
        ),
        displaced => of_host(
            "ids",
            CheckState::Warning,
            format!("{displaced} ids that other hosts can't work out"),
            Some(
                "entractl ids export here, entractl ids import on the others, before first use"
                    .to_owned(),
            ),
        ),
    }
}

fn of_host(name: &str, state: CheckState, found: String, cure: Option<String>) -> Check {
    Check {
        about: wiring::ABOUT.to_owned(),
        name: name.to_owned(),
        state,
        found,
        cure,
        reference: None,
    }
}

/// Checks one by one, each with what to do about it.
pub(crate) fn listed(checks: &[Check]) -> String {
    let mut data = String::new();
    let mut about = "";
    let widest = checks.iter().map(|check| check.name.len()).max();
    let width = widest.unwrap_or_default();
    for check in checks {
        if about != check.about {
            if !about.is_empty() {
                data.push('\n');
            }
            about = &check.about;
            line(&mut data, "", about);
        }
        let word = match check.state {
            CheckState::Good => "ok      ",
            CheckState::Warning => "warning ",
            CheckState::Bad => "BAD     ",
            CheckState::Skipped => "skipped ",
            CheckState::Unknown => "unknown ",
        };
        line(
            &mut data,
            &format!("  {word}"),
            &format!("{:width$}  {}", check.name, check.found),
        );
        for (label, text) in [("do", &check.cure), ("reference", &check.reference)] {
            if let Some(text) = text {
                let before = " ".repeat(STATE_WIDTH + width + 2);
                line(&mut data, &before, &format!("{label}: {text}"));
            }
        }
    }
    data
}

impl Shown for Findings {
    fn text(&self, _: Screen) -> Text {
        let data = listed(&self.checks);
        let count = |state| {
            self.checks
                .iter()
                .filter(|check| check.state == state)
                .count()
        };
        let (bad, warnings) = (count(CheckState::Bad), count(CheckState::Warning));
        Text {
            data,
            talk: vec![match (bad, warnings) {
                (0, 0) => "Everything that was looked at is well.".to_owned(),
                (0, _) => format!("{warnings} to look at, nothing that must be mended."),
                _ => format!(
                    "{bad} to mend, {warnings} to look at. The first one first: others may stand on it."
                ),
            }],
        }
    }
}

/// Columns before a check's name.
const STATE_WIDTH: usize = 10;

/// One line, escaped: what was found may quote the tenant.
fn line(data: &mut String, before: &str, text: &str) {
    data.push_str(before);
    data.push_str(&crate::output::escape::escape(text));
    data.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use entra_protocol::admin::{ExemptAccount, GateTrial};

    #[test]
    fn a_shut_gate_without_a_proven_account_must_be_mended() {
        let trial = GateTrial {
            ends: "2026-03-02T08:25:02Z".into(),
            seconds_left: 60,
            before: GateMode::Allow,
        };
        for (mode, trial, counts, state) in [
            (GateMode::Allow, None, false, CheckState::Good),
            (GateMode::Deny, None, true, CheckState::Good),
            (GateMode::Deny, None, false, CheckState::Bad),
            (
                GateMode::Fallback,
                Some(trial.clone()),
                true,
                CheckState::Warning,
            ),
            (GateMode::Fallback, Some(trial), false, CheckState::Bad),
        ] {
            let check = gate(&LocalAuth {
                gate: mode,
                in_effect: true,
                set_at: None,
                trial,
                exempt: vec![ExemptAccount {
                    name: "root".into(),
                    proven_at: None,
                    proof: None,
                    counts,
                }],
                shut_out: Vec::new(),
                shut_out_total: 0,
            });
            assert_eq!(check.state, state, "{check:?}");
            assert_eq!(check.cure.is_none(), state == CheckState::Good);
        }
    }
}
