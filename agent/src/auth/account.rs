//! The phases that ask no question of the person: account and session.
//!
//! They answer from the store within the module's one second; nothing here waits for the network.

use entra_protocol::login::{Outcome, Verdict};

use super::admission::{self, Known, NotAdmitted, SWITCHED_OFF};
use super::conversation::{OWN_TROUBLE, said};
use super::{Asked, SignIns};
use crate::config::is_remote;
use crate::entra::errors;
use crate::store::Barred;

impl SignIns {
    /// `pam_sm_acct_mgmt`: may this person be on this host now, however they came (keys and cron
    /// included)?
    pub async fn account(&self, asked: &Asked) -> Verdict {
        let verdict = match self.whom(asked).await {
            Err(error) => {
                tracing::error!("account of {:?}: {error}", asked.user);
                said(Outcome::Unavailable, OWN_TROUBLE)
            }
            Ok(None) => admission::refusal(NotAdmitted::NotImported, &asked.user),
            Ok(Some(known)) => match self.stands(&known, &asked.service) {
                Ok(()) => Verdict {
                    outcome: Outcome::Success,
                    message: match is_remote(&asked.service) {
                        true => self.untold.take(known.person.key),
                        false => None,
                    },
                },
                Err(NotAdmitted::SwitchedOff) => said(Outcome::PermissionDenied, SWITCHED_OFF),
                Err(NotAdmitted::Disabled) => said(Outcome::AccountExpired, errors::DISABLED),
                Err(NotAdmitted::Barred(barred @ Barred::Expired)) => {
                    said(Outcome::AccountExpired, admission::sentence(barred))
                }
                Err(reason) => admission::refusal(reason, &known.person.name),
            },
        };
        if verdict.outcome != Outcome::Success {
            tracing::warn!(
                "account refused: outcome={:?} user={:?} service={:?} rhost={:?}",
                verdict.outcome,
                asked.user,
                asked.service,
                asked.remote_host
            );
        }
        verdict
    }

    /// Whether this person may be here, whoever they proved to be.
    pub(super) fn stands(&self, known: &Known, service: &str) -> Result<(), NotAdmitted> {
        if !self.tenants.contains_key(&known.person.key.tenant) {
            return Err(NotAdmitted::NotServed);
        }
        known.standing(service, self.store.now())
    }

    /// `pam_sm_open_session`: reported, never refused.
    pub async fn open_session(&self, asked: &Asked) -> Verdict {
        tracing::info!(
            "session opened: user={:?} service={:?} rhost={:?}",
            asked.user,
            asked.service,
            asked.remote_host
        );
        self.note_break_glass(asked).await;
        Verdict {
            outcome: Outcome::Success,
            message: None,
        }
    }
}
