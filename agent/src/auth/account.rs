//! The phases that ask no question of the person: account and session.
//!
//! They answer from the store within the module's one second; nothing here waits for the network.

use entra_protocol::login::{Outcome, Verdict};

use super::admission::{self, NotAdmitted, SWITCHED_OFF};
use super::conversation::{OWN_TROUBLE, in_store, said};
use super::{Asked, SignIns};
use crate::config::is_remote;
use crate::entra::errors;

impl SignIns {
    /// `pam_sm_acct_mgmt`: may this person be on this host now, however they came (keys and cron
    /// included)?
    pub async fn account(&self, asked: &Asked) -> Verdict {
        let user = asked.user.clone();
        let found = in_store(&self.store, move |store| {
            Ok((store.person_by_login(&user)?, store.policy()?))
        });
        let verdict = match found.await {
            Err(error) => {
                tracing::error!("account of {:?}: {error}", asked.user);
                said(Outcome::Unavailable, OWN_TROUBLE)
            }
            Ok((None, _)) => admission::refusal(NotAdmitted::NotImported, &asked.user),
            Ok((Some(person), _)) if !self.tenants.contains_key(&person.key.tenant) => {
                admission::refusal(NotAdmitted::NotServed, &person.name)
            }
            Ok((Some(person), policy)) => match admission::standing(&person, &policy) {
                Ok(()) => Verdict {
                    outcome: Outcome::Success,
                    message: match is_remote(&asked.service) {
                        true => self.untold.take(person.key),
                        false => None,
                    },
                },
                Err(NotAdmitted::SwitchedOff) => said(Outcome::PermissionDenied, SWITCHED_OFF),
                Err(NotAdmitted::Disabled) => said(Outcome::AccountExpired, errors::DISABLED),
                Err(reason) => admission::refusal(reason, &person.name),
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

    /// `pam_sm_open_session`: reported, never refused.
    pub fn open_session(&self, asked: &Asked) -> Verdict {
        tracing::info!(
            "session opened: user={:?} service={:?} rhost={:?}",
            asked.user,
            asked.service,
            asked.remote_host
        );
        Verdict {
            outcome: Outcome::Success,
            message: None,
        }
    }
}
