//! How the directory's refusals are said, to the person and to libpam. `entra_snapshot` decides them.

use pamsm::PamError;

pub(crate) use entra_snapshot::{Refusal, is_fresh, stands};

use crate::sentences;

/// The sentence for the person.
pub(crate) fn sentence(refusal: Refusal) -> String {
    match refusal {
        Refusal::SwitchedOff => sentences::SWITCHED_OFF.to_owned(),
        Refusal::Disabled => sentences::DISABLED.to_owned(),
        Refusal::Blocked => sentences::BLOCKED.to_owned(),
        Refusal::Expired => sentences::EXPIRED.to_owned(),
        Refusal::OtherService => sentences::OTHER_SERVICE.to_owned(),
        Refusal::Stale(age) => sentences::not_heard(age),
        Refusal::Clock => sentences::CLOCK.to_owned(),
    }
}

/// The account phase's result (pam_sm_acct_mgmt(3)).
pub(crate) fn result(refusal: Refusal) -> PamError {
    match refusal {
        Refusal::Disabled | Refusal::Expired => PamError::ACCT_EXPIRED,
        _ => PamError::PERM_DENIED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{FakeHost, MAXIMUM_AGE, PUBLISHED, imported};

    /// Seconds: a step of NTP just after a publish.
    const CLOCK_STEP: u64 = 300;

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
