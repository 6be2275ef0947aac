//! `entractl explain USER`: what would happen if somebody signed in now, step by step.
//!
//! Whom the name belongs to, what the record says and what the gate says is decided here by the functions that the
//! PAM module calls, on the files that it reads; the rest the agent tells. Without the agent it is told what the
//! module does without it. Nobody is asked for anything, and nothing is counted.

use entra_protocol::admin::{CheckState, Done, Request, Row, Step, StepOutcome};
use entra_snapshot::{
    Directory, Doubt, GatePhase, Identity, Imported, LocalCall, PATH, Reason, Refusal, Ruling,
    identify, is_fresh, stands,
};
use serde::Serialize;

use crate::agent::Ask;
use crate::args::Explain;
use crate::hint;
use crate::host::{Host, wiring};
use crate::output::table::{Column, properties, table};
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"explain": Explanation}`
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    explain: Explanation,
}

/// What would happen, and every step to it.
#[derive(Debug, Serialize)]
struct Explanation {
    user: String,
    service: String,
    offline: bool,
    /// `local`, `imported`, `unknown`, `other` or `doubtful`.
    identity: &'static str,
    /// What becomes of proving who it is: `asks`, `refuses`, `left` or `unknown`.
    auth: StepOutcome,
    /// What becomes of the account phase, which key logins and cron come through, too.
    account: StepOutcome,
    steps: Vec<Step>,
}

pub(crate) fn explain(ask: Ask<'_>, host: &Host, wanted: &Explain) -> Result<Explained, Trouble> {
    let mut told = Explanation {
        user: wanted.user.clone(),
        service: wanted.service.clone(),
        offline: wanted.offline,
        identity: "other",
        auth: StepOutcome::Left,
        account: StepOutcome::Left,
        steps: Vec::new(),
    };
    told.wiring(host);
    match identify(host, wanted.user.as_bytes()) {
        Identity::Local { uid } => told.local(ask, host, uid)?,
        Identity::Imported(imported) => told.imported(ask, host, &imported)?,
        Identity::Doubtful(doubt) => told.doubtful(&doubt),
        Identity::Other => told.step(
            "name",
            StepOutcome::Left,
            "an account of another NSS module, or nothing was ever imported: entra-login passes over it",
        ),
        Identity::Unknown { .. } => {
            told.identity = "unknown";
            told.step(
                "name",
                StepOutcome::Left,
                "neither this host nor the directory knows the name: the other PAM modules refuse it",
            );
        }
    }
    Ok(Explained { explain: told })
}

impl Explanation {
    fn step(&mut self, name: &str, outcome: StepOutcome, found: impl Into<String>) {
        self.steps.push(Step {
            by: wiring::ABOUT.to_owned(),
            name: name.to_owned(),
            outcome,
            found: found.into(),
        });
    }

    /// What keeps this host from asking the module at all.
    fn wiring(&mut self, host: &Host) {
        let missing = wiring::preflight(host)
            .into_iter()
            .filter(|check| check.name != "other-software" && check.state == CheckState::Bad);
        for check in missing {
            self.step(&check.name, StepOutcome::Refuses, check.found);
        }
    }

    fn doubtful(&mut self, doubt: &Doubt) {
        self.identity = "doubtful";
        self.auth = StepOutcome::Refuses;
        self.account = StepOutcome::Refuses;
        self.step("name", StepOutcome::Refuses, doubt.to_string());
    }

    fn local(&mut self, ask: Ask<'_>, host: &Host, uid: Option<u32>) -> Result<(), Trouble> {
        self.identity = "local";
        let number = uid.map_or("without a readable uid".to_owned(), |uid| {
            format!("uid {uid}")
        });
        self.step(
            "name",
            StepOutcome::Left,
            format!("a line of /etc/passwd, {number}: the other PAM modules judge the password"),
        );
        let policy = match Directory::read(host.path(PATH), self.user.as_bytes()) {
            Ok(directory) => directory.policy,
            Err(error) => {
                let found = format!("there is no gate: {error}");
                self.step("gate", StepOutcome::Passes, found);
                return Ok(());
            }
        };
        let mut asked = None;
        for phase in [GatePhase::Auth, GatePhase::Account] {
            let call = LocalCall {
                phase,
                name: self.user.as_bytes(),
                uid,
                service: &self.service,
                by_root: false,
            };
            let (outcome, found) = match policy.rule(&call, host.now) {
                Ruling::Pass(reason) => (StepOutcome::Passes, reason_text(reason).to_owned()),
                Ruling::Refuse => (
                    StepOutcome::Refuses,
                    "the gate is deny: local accounts may not sign in here".to_owned(),
                ),
                Ruling::PassIfUnreachable => {
                    let reachable = match asked {
                        Some(reachable) => reachable,
                        None => self.reachable(ask)?,
                    };
                    asked = Some(reachable);
                    fallback(reachable)
                }
            };
            let name = match phase {
                GatePhase::Auth => "gate-auth",
                GatePhase::Account => "gate-account",
            };
            let after = match outcome {
                StepOutcome::Passes => StepOutcome::Left,
                other => other,
            };
            match phase {
                GatePhase::Auth => self.auth = after,
                GatePhase::Account => self.account = after,
            }
            self.step(name, outcome, found);
        }
        Ok(())
    }

    fn imported(&mut self, ask: Ask<'_>, host: &Host, imported: &Imported) -> Result<(), Trouble> {
        self.identity = "imported";
        let user = &imported.user;
        self.step(
            "name",
            StepOutcome::Passes,
            format!(
                "imported as {}, uid {}",
                user.name.as_str(),
                user.uid.value()
            ),
        );
        let record = stands(imported, &self.service, host.now);
        match record {
            Ok(()) => self.step(
                "record",
                StepOutcome::Passes,
                "the published directory lets the account in",
            ),
            Err(refusal) => self.step("record", StepOutcome::Refuses, refusal_text(refusal)),
        }
        let fresh = is_fresh(imported, host.now);
        let agent = self.ask_agent(ask)?;
        let asks = self
            .steps
            .iter()
            .any(|step| step.outcome == StepOutcome::Asks);
        let standing = self.steps.iter().find(|step| step.name == "standing");
        let stands = standing.is_some_and(|step| step.outcome == StepOutcome::Passes);
        if standing.is_none() && matches!(agent, AgentSays::Told) {
            self.step(
                "agent",
                StepOutcome::Refuses,
                "the agent knows no such person",
            );
        }
        self.auth = match agent {
            AgentSays::Nothing | AgentSays::Told => match asks && imported.policy.sign_in_enabled {
                true => StepOutcome::Asks,
                false => StepOutcome::Refuses,
            },
            AgentSays::NotToYou => StepOutcome::Unknown,
        };
        self.account = match (record, agent) {
            (Err(_), _) => StepOutcome::Refuses,
            (Ok(()), AgentSays::Told) if stands => StepOutcome::Passes,
            (Ok(()), AgentSays::Told) => StepOutcome::Refuses,
            (Ok(()), AgentSays::NotToYou) => StepOutcome::Unknown,
            (Ok(()), AgentSays::Nothing) => match fresh {
                Ok(()) => StepOutcome::Passes,
                Err(_) => StepOutcome::Refuses,
            },
        };
        if matches!(agent, AgentSays::Nothing) {
            match fresh {
                Ok(()) => self.step(
                    "age",
                    StepOutcome::Passes,
                    "without the agent the directory counts, which is young enough: keys and jobs get in",
                ),
                Err(refusal) => self.step("age", StepOutcome::Refuses, refusal_text(refusal)),
            }
        }
        Ok(())
    }

    /// Whether the agent would say that Entra can be reached; `None` if the caller may not know.
    fn reachable(&mut self, ask: Ask<'_>) -> Result<Option<bool>, Trouble> {
        Ok(match self.ask_agent(ask)? {
            AgentSays::Told => {
                let last = self.steps.last().map(|step| step.outcome);
                Some(last == Some(StepOutcome::Passes))
            }
            AgentSays::Nothing => Some(false),
            AgentSays::NotToYou => None,
        })
    }

    /// The agent's own steps, behind those that are there.
    fn ask_agent(&mut self, ask: Ask<'_>) -> Result<AgentSays, Trouble> {
        let request = Request::Explain {
            user: self.user.clone(),
            service: self.service.clone(),
            offline: self.offline,
        };
        let answer = match ask(&[request]) {
            Ok(answer) => answer,
            Err(trouble @ Trouble::Client(_)) => {
                let why = hint::explain(&trouble).message;
                let found = format!("{why}: nobody can prove here who they are");
                self.step("agent", StepOutcome::Refuses, found);
                return Ok(AgentSays::Nothing);
            }
            Err(trouble @ Trouble::Refused(_)) => {
                let found = hint::explain(&trouble).message;
                self.step("agent", StepOutcome::Unknown, found);
                return Ok(AgentSays::NotToYou);
            }
            Err(other) => return Err(other),
        };
        if !matches!(answer.done, Done::Rows { .. }) {
            return Err(Trouble::WrongAnswer);
        }
        for row in answer.rows {
            match row {
                Row::Step(step) => self.steps.push(step),
                _ => return Err(Trouble::WrongAnswer),
            }
        }
        Ok(AgentSays::Told)
    }
}

/// What came of asking the agent.
#[derive(Debug, Clone, Copy)]
enum AgentSays {
    /// Its steps.
    Told,
    /// It does not answer.
    Nothing,
    /// The caller may not know.
    NotToYou,
}

/// The gate `fallback`; it is shut only by an agent that says in so many words that Entra can be reached.
fn fallback(reachable: Option<bool>) -> (StepOutcome, String) {
    match reachable {
        Some(true) => (
            StepOutcome::Refuses,
            "the gate is fallback: shut while Entra ID can be reached".to_owned(),
        ),
        Some(false) => (
            StepOutcome::Passes,
            "the gate is fallback: open while Entra ID can't be reached".to_owned(),
        ),
        None => (
            StepOutcome::Unknown,
            "the gate is fallback: open only while Entra ID can't be reached".to_owned(),
        ),
    }
}

fn reason_text(reason: Reason) -> &'static str {
    match reason {
        Reason::Open => "the gate is open",
        Reason::Service => "the gate does not look at this service in this phase",
        Reason::SystemAccount => "the gate does not look at system accounts",
        Reason::BreakGlass => "the account is exempt from the gate",
        Reason::ByRoot => "root becomes whoever it wants",
    }
}

fn refusal_text(refusal: Refusal) -> String {
    match refusal {
        Refusal::SwitchedOff => {
            "Entra ID sign-in is switched off (entractl auth enable)".to_owned()
        }
        Refusal::Disabled => "disabled in Entra ID".to_owned(),
        Refusal::Blocked => "blocked on this host (entractl users unblock)".to_owned(),
        Refusal::Expired => "past the last day on this host (entractl users expire)".to_owned(),
        Refusal::OtherService => "no [[access]] of agent.toml grants this service".to_owned(),
        Refusal::Stale(age) => format!(
            "the last import was {} hours ago, longer than [offline] allows (entractl sync)",
            age / 3600
        ),
        Refusal::Clock => "this host's clock is behind the last import".to_owned(),
    }
}

impl Shown for Explained {
    fn text(&self, screen: Screen) -> Text {
        let told = &self.explain;
        let mut data = properties(&[
            ("User", told.user.clone()),
            ("Service", told.service.clone()),
            ("Sign-in", auth_text(told)),
            ("Account", account_text(told.account).to_owned()),
        ]);
        data.push('\n');
        data.push_str(&table(
            screen,
            [
                Column::text("STEP"),
                Column::text("BY"),
                Column::text("RESULT"),
                Column::text("WHY"),
            ],
            told.steps.iter().map(|step| {
                [
                    step.name.clone(),
                    step.by.clone(),
                    step.outcome.word().to_owned(),
                    step.found.clone(),
                ]
            }),
        ));
        Text {
            data,
            talk: Vec::new(),
        }
    }
}

fn auth_text(told: &Explanation) -> String {
    match told.auth {
        StepOutcome::Asks => {
            let ways: Vec<&str> = told
                .steps
                .iter()
                .filter(|step| step.outcome == StepOutcome::Asks)
                .map(|step| step.name.as_str())
                .collect();
            format!("asked for: {}", ways.join(", then "))
        }
        StepOutcome::Refuses => "refused".to_owned(),
        StepOutcome::Left => "left to the other PAM modules".to_owned(),
        StepOutcome::Passes | StepOutcome::Unknown => "can't be told".to_owned(),
    }
}

fn account_text(account: StepOutcome) -> &'static str {
    match account {
        StepOutcome::Passes => "passes, for keys and jobs, too",
        StepOutcome::Refuses => "refused, for keys and jobs, too",
        StepOutcome::Left => "left to the other PAM modules",
        StepOutcome::Asks | StepOutcome::Unknown => "can't be told",
    }
}

#[cfg(test)]
mod tests;
