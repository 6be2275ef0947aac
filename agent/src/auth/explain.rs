//! What would happen if somebody signed in now, told by the code that decides when they do.
//!
//! Invariant: nothing is asked of the person or the tenant, no try is counted, nothing is kept. Where the real thing
//! would have to ask (a password's rightness, a federated domain that nobody has signed in from yet), it says so.

use entra_protocol::admin::{Step, StepOutcome};
use entra_protocol::login::{Outcome, Screen};
use tokio::time::Instant;

use super::throttle::Trying;
use super::{Asked, SignIns, TenantLogin};
use crate::clock::rfc3339;
use crate::config::Method;
use crate::entra::Reach;
use crate::store::{Person, StoreError};

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
        for method in methods {
            steps.push(match method {
                Method::Password => self.password(tenant, &asked, person, is_away).await,
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

    async fn password(
        &self,
        tenant: &TenantLogin,
        asked: &Asked,
        person: &Person,
        is_away: bool,
    ) -> Step {
        let trying = Trying::new(asked, person, tenant.tries);
        if let Err(held) = self.throttle.may_ask(&trying).await {
            return step("password", StepOutcome::Refuses, held.fact());
        }
        let kept = self.offline.against(person).await;
        match (is_away, kept) {
            (false, Ok(())) => step(
                "password",
                StepOutcome::Asks,
                "the Entra password, which the tenant judges; one is remembered for times without it"
                    .to_owned(),
            ),
            (false, Err(reason)) => step(
                "password",
                StepOutcome::Asks,
                format!("the Entra password, which the tenant judges; without it: {reason}"),
            ),
            (true, Ok(())) => step(
                "offline-password",
                StepOutcome::Asks,
                "the password, which is compared with what this host remembers".to_owned(),
            ),
            (true, Err(reason)) => step("offline-password", StepOutcome::Refuses, reason),
        }
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
