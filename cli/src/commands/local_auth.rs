//! `entractl local-auth show|set|confirm|prove|exempt`: the gate on local accounts.
//!
//! The agent judges and says what is missing; whether an account can sign in with its password only root can
//! see, so that `prove` looks here, before it tells the agent.

use entra_protocol::admin::{
    Check, CheckState, Done, ExemptAccount, GateMode, LocalAuth, LocalAuthDone, Request, Row,
};
use serde::Serialize;

use super::doctor;
use crate::agent::Ask;
use crate::args::{Exempt, LocalAuth as Verb, SetGate};
use crate::host::{Host, break_glass};
use crate::output::escape::escape;
use crate::output::table::properties;
use crate::output::{Screen, Shown, Text};
use crate::trouble::{HostTrouble, Trouble};

/// `{"local_auth": LocalAuth, "changed"?: boolean, "checks"?: [Check]}`
#[derive(Debug, Serialize)]
pub(crate) struct Gate {
    local_auth: LocalAuth,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Vec<Check>>,
    /// Nothing was to be changed.
    #[serde(skip)]
    dry_run: bool,
}

impl Gate {
    /// Whether the gate was not changed because something is missing.
    pub(crate) fn is_refused(&self) -> bool {
        self.bad().next().is_some()
    }

    fn bad(&self) -> impl Iterator<Item = &Check> {
        let checks = self.checks.iter().flatten();
        checks.filter(|check| check.state == CheckState::Bad)
    }
}

pub(crate) fn run(ask: Ask<'_>, host: &Host, verb: &Verb) -> Result<Gate, Trouble> {
    match verb {
        Verb::Show => plain(ask, Request::LocalAuthShow {}),
        Verb::Set(SetGate {
            gate,
            trial,
            dry_run,
        }) => {
            let request = Request::LocalAuthSet {
                gate: *gate,
                try_seconds: trial.map(|trial| u32::try_from(trial.as_secs()).unwrap_or(u32::MAX)),
                dry_run: *dry_run,
            };
            checked(ask, request, *dry_run)
        }
        Verb::Confirm => checked(ask, Request::LocalAuthConfirm {}, false),
        Verb::Prove { name } => {
            if !host.is_root {
                return Err(Trouble::Host(HostTrouble {
                    message: "`local-auth prove` takes root: it reads /etc/shadow".to_owned(),
                    hint: Some("run it with sudo".to_owned()),
                }));
            }
            break_glass::can_sign_in(host, name).map_err(|reason| {
                Trouble::Host(HostTrouble {
                    message: format!("\"{name}\" is not proven: {reason}"),
                    hint: Some(format!(
                        "mend that (passwd {name}, chage {name}), or open a session as {name} here, which proves \
                         it as well"
                    )),
                })
            })?;
            plain(ask, Request::LocalAuthProve { name: name.clone() })
        }
        Verb::Exempt(Exempt::Add { name }) => plain(ask, exempt(name, true)),
        Verb::Exempt(Exempt::Remove { name }) => plain(ask, exempt(name, false)),
    }
}

fn exempt(name: &str, exempt: bool) -> Request {
    Request::LocalAuthExempt {
        name: name.to_owned(),
        exempt,
    }
}

fn plain(ask: Ask<'_>, request: Request) -> Result<Gate, Trouble> {
    let answer = ask(&[request])?;
    Ok(Gate {
        local_auth: state(answer.done)?.local_auth,
        changed: None,
        checks: None,
        dry_run: false,
    })
}

fn checked(ask: Ask<'_>, request: Request, dry_run: bool) -> Result<Gate, Trouble> {
    let answer = ask(&[request])?;
    let mut checks = Vec::new();
    for row in answer.rows {
        match row {
            Row::Check(check) => checks.push(check),
            _ => return Err(Trouble::WrongAnswer),
        }
    }
    let done = state(answer.done)?;
    Ok(Gate {
        local_auth: done.local_auth,
        changed: Some(done.changed),
        checks: Some(checks),
        dry_run,
    })
}

fn state(done: Done) -> Result<LocalAuthDone, Trouble> {
    match done {
        Done::LocalAuth(done) => Ok(*done),
        _ => Err(Trouble::WrongAnswer),
    }
}

impl Shown for Gate {
    fn text(&self, _: Screen) -> Text {
        let state = &self.local_auth;
        let bad: Vec<&str> = self.bad().map(|check| check.name.as_str()).collect();
        let mut data = String::new();
        if !bad.is_empty() {
            let checks = self.checks.as_deref().unwrap_or_default();
            data.push_str(&doctor::listed(checks));
            data.push('\n');
        }
        data.push_str(&properties(&lines(state)));
        let talk = if !bad.is_empty() {
            let what = if self.dry_run {
                "Nothing would be changed."
            } else {
                "Nothing was changed."
            };
            vec![format!(
                "{what} To mend first: {}.",
                escape(&bad.join(", "))
            )]
        } else if self.dry_run {
            vec!["Nothing was changed: this is what it would be.".to_owned()]
        } else if self.changed == Some(true) {
            advice(state)
        } else {
            Vec::new()
        };
        Text { data, talk }
    }
}

fn lines(state: &LocalAuth) -> Vec<(&'static str, String)> {
    let mut lines = vec![("Local accounts", meaning(state))];
    if let Some(trial) = &state.trial {
        lines.push((
            "Trial",
            format!(
                "until {} ({} s), then {} again unless it is confirmed",
                trial.ends, trial.seconds_left, trial.before
            ),
        ));
    }
    for account in &state.exempt {
        lines.push(("Exempt", exempt_line(account)));
    }
    if state.gate != GateMode::Allow {
        lines.push(("Shut out", shut_out(state)));
    }
    lines
}

fn meaning(state: &LocalAuth) -> String {
    let meaning = match state.gate {
        GateMode::Allow => "allow: they sign in as without entra-login",
        GateMode::Fallback => "fallback: they sign in only while Entra ID can't be reached",
        GateMode::Deny => "deny: only the exempt ones sign in",
    };
    if state.in_effect || state.gate == GateMode::Allow {
        meaning.to_owned()
    } else {
        format!("{meaning} (without effect: Entra ID sign-in is off)")
    }
}

fn exempt_line(account: &ExemptAccount) -> String {
    let name = &account.name;
    match (&account.proven_at, account.proof.as_deref()) {
        (None, _) => format!("{name}, not proven to be able to sign in"),
        (Some(at), proof) => {
            let how = match proof {
                Some("password") => "root looked at its password",
                Some("session") => "it opened a session",
                _ => "proven",
            };
            let still = if account.counts {
                ""
            } else {
                "; that does not count any more"
            };
            format!("{name}, {how} at {at}{still}")
        }
    }
}

fn shut_out(state: &LocalAuth) -> String {
    let shown = state.shut_out.len();
    let more = usize::try_from(state.shut_out_total)
        .unwrap_or(usize::MAX)
        .saturating_sub(shown);
    match (shown, more) {
        (0, _) => "nobody: no other local account has a shell".to_owned(),
        (_, 0) => state.shut_out.join(", "),
        (_, more) => format!("{} and {more} more", state.shut_out.join(", ")),
    }
}

fn advice(state: &LocalAuth) -> Vec<String> {
    match (&state.trial, state.gate) {
        (Some(trial), _) => vec![format!(
            "Sign in anew in another session, then run `entractl local-auth confirm` before {}; else it goes back \
             to {}.",
            trial.ends, trial.before
        )],
        (None, GateMode::Allow) => Vec::new(),
        (None, _) => vec![
            "Keep this session open until somebody has signed in anew. The way back: `entractl local-auth set \
             allow`."
                .to_owned(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use entra_protocol::admin::GateTrial;

    fn state(gate: GateMode) -> LocalAuth {
        LocalAuth {
            gate,
            in_effect: true,
            set_at: None,
            trial: None,
            exempt: vec![ExemptAccount {
                name: "root".into(),
                proven_at: None,
                proof: None,
                counts: false,
            }],
            shut_out: vec!["lars".into()],
            shut_out_total: 1,
        }
    }

    fn shown(state: LocalAuth) -> Text {
        Gate {
            local_auth: state,
            changed: Some(true),
            checks: Some(Vec::new()),
            dry_run: false,
        }
        .text(Screen::Plain)
    }

    #[test]
    fn each_state_is_said_in_words() {
        assert_eq!(
            shown(state(GateMode::Deny)).data,
            "Local accounts:  deny: only the exempt ones sign in\n\
             Exempt:          root, not proven to be able to sign in\n\
             Shut out:        lars\n"
        );
        let open = shown(state(GateMode::Allow));
        assert!(!open.data.contains("Shut out") && open.talk.is_empty());
        let idle = LocalAuth {
            in_effect: false,
            shut_out: Vec::new(),
            shut_out_total: 0,
            ..state(GateMode::Fallback)
        };
        let idle = shown(idle).data;
        assert!(
            idle.contains("without effect") && idle.contains("nobody: no other"),
            "{idle}"
        );
        let many = LocalAuth {
            shut_out_total: 250,
            ..state(GateMode::Deny)
        };
        assert!(shown(many).data.contains("lars and 249 more"));
        let tried = LocalAuth {
            trial: Some(GateTrial {
                ends: "2026-03-02T08:25:00Z".into(),
                seconds_left: 600,
                before: GateMode::Fallback,
            }),
            ..state(GateMode::Deny)
        };
        let tried = shown(tried);
        assert!(
            tried
                .data
                .contains("then fallback again unless it is confirmed")
        );
        assert!(
            tried.talk[0].contains("local-auth confirm"),
            "{:?}",
            tried.talk
        );
    }

    #[test]
    fn an_account_that_cannot_sign_in_is_not_told_to_the_agent() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        let passwd = "rescue:x:1000:1000::/:/bin/sh\n";
        std::fs::write(folder.path().join("etc/passwd"), passwd).unwrap();
        std::fs::write(folder.path().join("etc/shadow"), "rescue:!:1::::::\n").unwrap();
        let verb = Verb::Prove {
            name: "rescue".into(),
        };
        for is_root in [true, false] {
            let host = Host::below(folder.path(), is_root, |_| None);
            let result = run(&mut |_| panic!("the agent was asked"), &host, &verb);
            assert!(matches!(result, Err(Trouble::Host(_))), "{result:?}");
        }
    }
}
