//! What the agent says about local accounts: whether Entra can be reached, which is all that the gate
//! `fallback` asks, and that a break-glass account has opened a session.
//!
//! Invariant: there is no answer here that lets a local account in, and [`Outcome::Reachable`], the only one that
//! keeps it out, is given only if *every* tenant's login service is sure to answer: whoever belongs to the one
//! that does not has nothing but a local account left. Whether the account may sign in is the module's and the
//! rest of the stack's business.

use std::time::Duration;

use entra_protocol::login::{Outcome, Verdict};
use entra_snapshot::is_a_way_in;
use tokio::task::JoinSet;

use super::conversation::in_store;
use super::{Asked, SignIns};
use crate::store::{Actor, Proof};

/// How long a probe may take: the module waits one second for all of it.
const PROBE_PATIENCE: Duration = Duration::from_millis(800);

impl SignIns {
    /// A local account wants to sign in while the gate is `fallback`.
    pub async fn local_account(&self, asked: &Asked) -> Verdict {
        let mut questions: JoinSet<bool> = self
            .reachability
            .iter()
            .cloned()
            .map(|memory| async move { memory.is_surely_there(PROBE_PATIENCE).await })
            .collect();
        let mut is_reachable = !questions.is_empty();
        while let Some(answer) = questions.join_next().await {
            is_reachable &= answer.unwrap_or(false);
        }
        tracing::info!(
            "local account {:?} at the gate: service={:?} rhost={:?} entra_reachable={is_reachable}",
            asked.user,
            asked.service,
            asked.remote_host
        );
        Verdict {
            outcome: match is_reachable {
                true => Outcome::Reachable,
                false => Outcome::Unavailable,
            },
            message: None,
        }
    }

    /// Keeps in mind that a break-glass account came in, if this is one and that was a way in: a job of cron's
    /// and root's own `su` prove nothing.
    pub(super) async fn note_break_glass(&self, asked: &Asked) {
        if !is_a_way_in(&asked.service) {
            return;
        }
        let name = asked.user.clone();
        let noted = in_store(&self.store, move |store| {
            store.prove_break_glass(&name, Proof::Session, &Actor::agent())
        });
        if let Err(error) = noted.await {
            tracing::error!("a session of {:?} was not noted: {error}", asked.user);
        }
    }
}
