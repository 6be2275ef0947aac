//! What the published directory alone says about an imported user's account.
//!
//! Invariant: the snapshot can always refuse, and its refusal is final: the agent publishes it, so an agent
//! that says otherwise is out of step with itself. It can admit only while it is young enough, and only
//! when the agent gave no verdict. A clock that runs behind the directory's date makes the age unknown,
//! not small.

use pamsm::PamError;

use crate::identity::Imported;
use crate::sentences;

/// Seconds by which the clock may run behind the directory's date: a step of NTP just after a publish.
const CLOCK_STEP: u64 = 300;

/// Why an account is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Entra sign-in is switched off on this host.
    SwitchedOff,
    /// Disabled in Entra.
    Disabled,
    /// Blocked on this host.
    Blocked,
    /// Past its expiry on this host.
    Expired,
    /// Not for this service.
    OtherService,
    /// The directory is older than allowed: so many seconds.
    Stale(u64),
    /// The directory's date lies in the future.
    Clock,
}

impl Refusal {
    /// The sentence for the person.
    pub(crate) fn sentence(self) -> String {
        match self {
            Self::SwitchedOff => sentences::SWITCHED_OFF.to_owned(),
            Self::Disabled => sentences::DISABLED.to_owned(),
            Self::Blocked => sentences::BLOCKED.to_owned(),
            Self::Expired => sentences::EXPIRED.to_owned(),
            Self::OtherService => sentences::OTHER_SERVICE.to_owned(),
            Self::Stale(age) => sentences::not_heard(age),
            Self::Clock => sentences::CLOCK.to_owned(),
        }
    }

    /// The account phase's result (pam_sm_acct_mgmt(3)).
    pub(crate) fn result(self) -> PamError {
        match self {
            Self::Disabled | Self::Expired => PamError::ACCT_EXPIRED,
            _ => PamError::PERM_DENIED,
        }
    }
}

/// Whether the account stands, by its state alone, at `now`.
///
/// # Errors
/// The first reason that it does not.
pub(crate) fn stands(imported: &Imported, service: &str, now: u64) -> Result<(), Refusal> {
    let account = &imported.user.account;
    if !imported.policy.sign_in_enabled {
        return Err(Refusal::SwitchedOff);
    }
    if !account.enabled {
        return Err(Refusal::Disabled);
    }
    if account.blocked {
        return Err(Refusal::Blocked);
    }
    if account.expires.is_some_and(|expires| now >= expires) {
        return Err(Refusal::Expired);
    }
    let services = &account.services;
    if !services.is_empty() && !services.iter().any(|allowed| allowed == service) {
        return Err(Refusal::OtherService);
    }
    Ok(())
}

/// Whether the directory is young enough to admit somebody without the agent.
///
/// # Errors
/// [`Refusal::Stale`] or [`Refusal::Clock`].
pub(crate) fn is_fresh(imported: &Imported, now: u64) -> Result<(), Refusal> {
    if now.saturating_add(CLOCK_STEP) < imported.known_at {
        return Err(Refusal::Clock);
    }
    let age = now.saturating_sub(imported.known_at);
    if age > u64::from(imported.policy.offline_maximum_age) {
        return Err(Refusal::Stale(age));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{FakeHost, MAXIMUM_AGE, PUBLISHED, imported};

    type Change = fn(&mut FakeHost);

    #[test]
    fn every_part_of_the_state_can_refuse() {
        let cases: [(Change, Refusal); 5] = [
            (
                |host| host.policy().sign_in_enabled = false,
                Refusal::SwitchedOff,
            ),
            (|host| host.account().enabled = false, Refusal::Disabled),
            (|host| host.account().blocked = true, Refusal::Blocked),
            (
                |host| host.account().expires = Some(PUBLISHED),
                Refusal::Expired,
            ),
            (
                |host| host.account().services = vec!["sudo".to_owned()],
                Refusal::OtherService,
            ),
        ];
        for (change, refusal) in cases {
            let mut host = FakeHost::with_alice();
            assert_eq!(stands(&imported(&host), "sshd", PUBLISHED), Ok(()));
            change(&mut host);
            assert_eq!(stands(&imported(&host), "sshd", PUBLISHED), Err(refusal));
        }
    }

    #[test]
    fn an_expiry_to_come_and_a_listed_service_do_not_refuse() {
        let mut host = FakeHost::with_alice();
        host.account().expires = Some(PUBLISHED + 1);
        host.account().services = vec!["sudo".to_owned(), "sshd".to_owned()];
        assert_eq!(stands(&imported(&host), "sshd", PUBLISHED), Ok(()));
        assert_eq!(
            stands(&imported(&host), "ssh", PUBLISHED),
            Err(Refusal::OtherService)
        );
    }

    #[test]
    fn age_counts_to_the_second_and_a_clock_gone_back_is_not_youth() {
        let alice = imported(&FakeHost::with_alice());
        let last = PUBLISHED + u64::from(MAXIMUM_AGE);
        assert_eq!(is_fresh(&alice, last), Ok(()));
        assert_eq!(
            is_fresh(&alice, last + 1),
            Err(Refusal::Stale(u64::from(MAXIMUM_AGE) + 1))
        );
        assert_eq!(is_fresh(&alice, PUBLISHED - CLOCK_STEP), Ok(()));
        assert_eq!(
            is_fresh(&alice, PUBLISHED - CLOCK_STEP - 1),
            Err(Refusal::Clock)
        );
        assert_eq!(is_fresh(&alice, 0), Err(Refusal::Clock));
        assert_eq!(
            is_fresh(&alice, u64::MAX),
            Err(Refusal::Stale(u64::MAX - PUBLISHED))
        );
    }
}
