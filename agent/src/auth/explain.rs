//! What would happen if somebody signed in now, told by the code that decides when they do.
//!
//! Invariant: nothing is asked of the person or the tenant, no try is counted, nothing is kept. Where the real thing
//! would have to ask (a password's rightness, a federated domain that nobody has signed in from yet), it says so.

use entra_protocol::admin::{Step, StepOutcome};
use entra_protocol::login::{Outcome, Screen};
use tokio::time::Instant;

use super::throttle::Trying;
use super::{Asked, SignIns, TenantLogin, passcode};
use crate::clock::rfc3339;
use crate::config::Method;
use crate::entra::Reach;
use crate::store::{Person, StoreError, VerifierKind};

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Short name or UPN.
    pub user: String,
    /// The PAM service.
    pub service: String,
    /// As if no login service could be reached.
    pub offline: bool,
}

impl SignIns {
    /// Every step of a sign-in that the agent decides, up to the first that refuses it for good.
    ///
    /// # Errors
    /// What the database said.
    pub async fn explain(&self, question: &Question) -> Result<Vec<Step>, StoreError> {
        let asked = Asked {
            user: question.user.clone(),
            service: question.service.clone(),
            remote_host: String::new(),
            screen: Screen::default(),
            began: Instant::now(),
        };
        let Some(known) = self.whom(&asked).await? else {
            return Ok(vec![self.gate(&asked, question.offline).await]);
        };
        let person = &known.person;
        let mut steps = Vec::new();
        if let Err(reason) = self.stands(&known, &question.service) {
            steps.push(step("standing", StepOutcome::Refuses, reason.to_string()));
            return Ok(steps);
        }
        steps.push(step(
            "standing",
            StepOutcome::Passes,
            format!(
                "enabled in the tenant, neither blocked nor expired here, role {}, may use {}",
                person.role, question.service
            ),
        ));
        // `stands` has seen that it is served.
        let Some(tenant) = self.tenants.get(&person.key.tenant) else {
            return Ok(steps);
        };
        let (is_away, reach) = reach(tenant, question.offline);
        steps.push(reach);
        let methods = self.methods.methods(&question.service);
        if methods.is_empty() {
            let found = format!("[sign_in] offers {} no method", question.service);
            steps.push(step("methods", StepOutcome::Refuses, found));
        }
        if is_away {
            steps.extend(self.kept(&asked, person, methods).await);
        } else if passcode::is_first(self, &asked, person).await {
            let found = "the passcode, if the tenant says that the sign-in behind it still stands";
            steps.push(step("passcode", StepOutcome::Asks, found.to_owned()));
        }
        for method in methods {
            steps.push(match method {
                Method::Password if is_away => continue,
                Method::Password => self.password(tenant, &asked, person).await,
                Method::DeviceCode if is_away => step(
                    "device-code",
                    StepOutcome::Refuses,
                    "a code comes from Entra ID, which can't be reached".to_owned(),
                ),
                Method::DeviceCode => step(
                    "device-code",
                    StepOutcome::Asks,
                    "a link and a code are shown, to be entered in a browser by this very person"
                        .to_owned(),
                ),
            });
        }
        Ok(steps)
    }

    async fn password(&self, tenant: &TenantLogin, asked: &Asked, person: &Person) -> Step {
        let trying = Trying::new(asked, person, tenant.tries);
        match self.throttle.may_ask(&trying).await {
            Ok(()) => step(
                "password",
                StepOutcome::Asks,
                "the Entra password, which the tenant judges".to_owned(),
            ),
            Err(held) => step("password", StepOutcome::Refuses, held.fact()),
        }
    }

    /// What is kept of the person for times without the tenant, as the methods of the service would use it.
    async fn kept(&self, asked: &Asked, person: &Person, methods: &[Method]) -> Vec<Step> {
        let takes_passwords = methods.contains(&Method::Password);
        let mut steps = Vec::new();
        for (kind, stands) in self.offline.explained(person, &asked.service).await {
            let name = format!("offline-{}", kind.word());
            steps.push(match stands {
                _ if kind == VerifierKind::Password && !takes_passwords => step(
                    &name,
                    StepOutcome::Refuses,
                    format!("[sign_in] offers {} no password", asked.service),
                ),
                Ok(()) => step(
                    &name,
                    StepOutcome::Asks,
                    "what is typed is compared with what this host remembers".to_owned(),
                ),
                Err(reason) => step(&name, StepOutcome::Refuses, reason),
            });
        }
        steps
    }

    /// What the module is told when it asks whether a gate that is `fallback` is shut.
    async fn gate(&self, asked: &Asked, offline: bool) -> Step {
        if offline {
            return away("assumed to be away");
        }
        match self.local_account(asked).await.outcome {
            Outcome::Reachable => step(
                "login-service",
                StepOutcome::Passes,
                "every tenant's login service answers".to_owned(),
            ),
            _ => away("not every tenant's login service is sure to answer"),
        }
    }
}

/// Whether the tenant's login service counts as unreachable, and what is known of it.
fn reach(tenant: &TenantLogin, offline: bool) -> (bool, Step) {
    if offline {
        return (true, away("assumed to be away"));
    }
    let Some(reach) = &tenant.reach else {
        return (false, there("nothing is known of it"));
    };
    match reach.now() {
        Reach::NotAsked => (false, there("nobody has asked it yet")),
        Reach::Reachable { since } => (false, there(&format!("answers since {}", rfc3339(since)))),
        Reach::Unreachable(outage) => {
            let found = format!(
                "does not answer since {}: {}",
                rfc3339(outage.since),
                outage.reason
            );
            (true, away(&found))
        }
    }
}

fn there(found: &str) -> Step {
    step("login-service", StepOutcome::Passes, found.to_owned())
}

fn away(found: &str) -> Step {
    step("login-service", StepOutcome::Refuses, found.to_owned())
}

fn step(name: &str, outcome: StepOutcome, found: String) -> Step {
    Step {
        by: "agent".to_owned(),
        name: name.to_owned(),
        outcome,
        found,
    }
}
