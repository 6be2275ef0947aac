//! How many tries with a password may fail here, and what follows: each limit with its unit and reason.
//!
//! **The sum against Entra's smart lock-out**, which locks an account at its 10th failed try (public cloud
//! and China; a tenant may set another number) for 60 s, and for longer and longer at each further one
//! (<https://learn.microsoft.com/entra/identity/authentication/howto-password-smart-lockout>). Somebody who
//! guesses at one person on one host as fast as this file lets them fails at minute 0 (five times), 1, 3,
//! 7, 15, 30 and then every 15 minutes. So the tenth failure comes half an hour after the first, and from
//! then on four an hour. Somebody who stays below the first wait has four, and three more an hour. Microsoft
//! does not say how long Entra remembers a failure; if it never forgets one without a success, a guesser of
//! such patience does reach its lock-out, which no rule that leaves the person any try can prevent. That
//! lock begins with 60 s while the wait here is 15 minutes.
//!
//! In the US government's clouds Entra locks at the third failure. Two come at once here, the third a
//! minute later.
//!
//! The sum is one host's. A person has as many tries as there are hosts that know them; what they make
//! together only the tenant can count.

use std::time::Duration;

use reqwest::Url;

/// How failures of one kind of subject add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Failures at which passwords are refused for the first time.
    pub(super) free: u32,
    /// The time after which one failure is forgiven, one after another.
    pub(super) forgiven_every: Duration,
}

impl Rule {
    /// For a person whose tenant locks an account after this many failures.
    const fn of_a_person(free: u32) -> Self {
        Self {
            free,
            forgiven_every: PERSON_FORGIVEN_EVERY,
        }
    }

    /// For the people of a tenant, by the login service that counts their tries, too.
    #[must_use]
    pub(crate) fn of_people_at(login: &Url) -> Self {
        match login.host_str() {
            Some(US_GOVERNMENT) => Self::of_a_person(PERSON_TRIES_US_GOVERNMENT),
            _ => PERSON,
        }
    }
}

/// For people of the public cloud: half of Entra's ten, so that mistakes made here leave room for those
/// made elsewhere.
pub(crate) const PERSON: Rule = Rule::of_a_person(5);

/// For a remote host. Behind one address there may be an office of which somebody mistypes every few
/// minutes: twenty at once and twenty an hour are theirs, and a guesser's five hundred a day are few
/// beside the passwords that there are.
pub(crate) const REMOTE_HOST: Rule = Rule {
    free: 20,
    forgiven_every: Duration::from_secs(3 * 60),
};

/// Failures of a person in the US government's clouds: one less than Entra's three.
const PERSON_TRIES_US_GOVERNMENT: u32 = 2;

/// The login service of both US government clouds.
const US_GOVERNMENT: &str = "login.microsoftonline.us";

/// A person's failures are forgiven slower than the longest wait lasts (else a guesser would never get
/// there), and all five within the morning.
const PERSON_FORGIVEN_EVERY: Duration = Duration::from_secs(20 * 60);

/// The first time for which passwords are refused: as long as Entra's own, so that waiting here is not
/// worse than waiting there. Each further failure doubles it.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(60);

/// The longest: what a person who was guessed at has to wait for, or to sign in with another method.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// Failures beyond the free ones that still count: with these the wait has its full length, and a siege of
/// days is forgiven as fast as one of an hour.
pub(super) const COUNTED_BEYOND: u32 = 4;

/// Remote hosts that are remembered at most: some 400 KiB. A stranger with more addresses than that pushes
/// out the least guilty; what counts per person stays.
pub(super) const REMOTE_HOSTS: usize = 4096;

/// Characters of a remote host's name that are kept: a DNS name has no more.
pub(super) const REMOTE_HOST_LENGTH: usize = 253;

/// How long a sign-in waits for its turn to ask the tenant: two hundred sign-ins of one person, five at a
/// time, a second each, are done in forty seconds; sshd hangs up after 120 s.
pub(crate) const TURN_LIMIT: Duration = Duration::from_secs(60);
