//! Who may sign in here, once it is proven who it is.
//!
//! Invariant: an [`Admitted`] exists only for the person who was asked for, proven by a
//! [`VerifiedIdentity`] of the same tenant and object id, imported, enabled, neither blocked nor expired here,
//! granted the service by `[[access]]`, and on a host where Entra sign-in is on, by what the store said after the proof.

use std::fmt;

use entra_protocol::login::{Outcome, Verdict};

use crate::clock::UnixSeconds;
use crate::config::{Access, Services};
use crate::entra::{VerifiedIdentity, errors};
use crate::identity::ObjectKey;
use crate::store::{Barred, Person, Policy, Store, StoreError};

/// What the person hears while Entra sign-in is off.
pub(super) const SWITCHED_OFF: &str = "Microsoft Entra ID sign-in is switched off on this host.";

/// What a person hears whose tenant was taken out of the configuration.
const NOT_SERVED: &str = "People of your organisation can no longer sign in on this host.";

/// What a person hears whom `[[access]]` does not let in here.
const OTHER_SERVICE: &str = "Your account may not be used for this service on this host.";

/// What a person hears whom an operator of this host blocked. These are the module's own as well, which
/// says them when it decides by the snapshot.
const BLOCKED: &str = "Your account is blocked on this host. Ask your administrator.";

/// What a person hears whose account has come to its end here.
const EXPIRED: &str = "Your account has expired on this host. Ask your administrator.";

/// The policy's consent to one proven sign-in.
#[derive(Debug)]
pub(super) struct Admitted {
    key: ObjectKey,
}

/// Why a person may not sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAdmitted {
    /// Somebody else proved an identity.
    OtherPerson {
        /// Who.
        signed_in_as: ObjectKey,
    },
    /// Not imported, or no longer.
    NotImported,
    /// Disabled in Entra.
    Disabled,
    /// Blocked on this host, or past the expiry here.
    Barred(Barred),
    /// `[[access]]` does not let them use this service, or any.
    OtherService,
    /// Entra sign-in is off.
    SwitchedOff,
    /// Their tenant is no longer in `agent.toml`.
    NotServed,
}

/// For the journal.
impl fmt::Display for NotAdmitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherPerson { signed_in_as } => {
                write!(f, "another person signed in: {signed_in_as}")
            }
            Self::NotImported => f.write_str("not imported, or no longer"),
            Self::Disabled => f.write_str("disabled in the tenant"),
            Self::Barred(Barred::Blocked) => f.write_str("blocked on this host"),
            Self::Barred(Barred::Expired) => f.write_str("past the expiry on this host"),
            Self::OtherService => f.write_str("no [[access]] lets them use this service here"),
            Self::SwitchedOff => f.write_str("Entra sign-in is off"),
            Self::NotServed => f.write_str("their tenant is no longer in agent.toml"),
        }
    }
}

/// All that decides whether a person may be here.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) person: Person,
    pub(super) policy: Policy,
    /// What `[[access]]` grants them.
    pub(super) services: Services,
}

impl Known {
    /// What the store and the configuration know of a person.
    pub(super) fn of(store: &Store, access: &Access, person: Person) -> Result<Self, StoreError> {
        let services = access.services(&person.key, person.role, |group| {
            store.is_member(group, &person.key)
        })?;
        Ok(Self {
            policy: store.policy()?,
            services,
            person,
        })
    }

    /// What stands against this person before anything is asked of them.
    pub(super) fn standing(&self, service: &str, now: UnixSeconds) -> Result<(), NotAdmitted> {
        if !self.policy.sign_in_enabled {
            Err(NotAdmitted::SwitchedOff)
        } else if !self.person.enabled {
            Err(NotAdmitted::Disabled)
        } else if let Some(barred) = self.person.barred(now) {
            Err(NotAdmitted::Barred(barred))
        } else if !self.services.allow(service) {
            Err(NotAdmitted::OtherService)
        } else {
            Ok(())
        }
    }
}

/// Admits the proven identity, if it is the person who was asked for and may sign in as of now.
pub(super) fn admit(
    identity: &VerifiedIdentity,
    asked: ObjectKey,
    service: &str,
    known: Option<&Known>,
    now: UnixSeconds,
) -> Result<Admitted, NotAdmitted> {
    let key = identity.key();
    if key != asked {
        return Err(NotAdmitted::OtherPerson { signed_in_as: key });
    }
    let known = known
        .filter(|known| known.person.key == key)
        .ok_or(NotAdmitted::NotImported)?;
    known.standing(service, now)?;
    Ok(Admitted { key })
}

/// The only success there is.
pub(super) fn success(identity: &VerifiedIdentity, admitted: &Admitted) -> Verdict {
    if identity.key() == admitted.key {
        Verdict {
            outcome: Outcome::Success,
            message: None,
        }
    } else {
        refusal(
            NotAdmitted::OtherPerson {
                signed_in_as: identity.key(),
            },
            "",
        )
    }
}

/// The refusal of a sign-in as `name`, with its sentence.
pub(super) fn refusal(reason: NotAdmitted, name: &str) -> Verdict {
    let (outcome, message) = match reason {
        NotAdmitted::OtherPerson { .. } => (
            Outcome::AuthError,
            Some(format!(
                "You signed in to Microsoft as another person than {name}. Sign-in refused."
            )),
        ),
        NotAdmitted::NotImported => (Outcome::UserUnknown, None),
        NotAdmitted::Disabled => (Outcome::PermissionDenied, Some(errors::DISABLED.to_owned())),
        NotAdmitted::Barred(barred) => {
            (Outcome::PermissionDenied, Some(sentence(barred).to_owned()))
        }
        NotAdmitted::OtherService => (Outcome::PermissionDenied, Some(OTHER_SERVICE.to_owned())),
        NotAdmitted::SwitchedOff => (Outcome::Unavailable, Some(SWITCHED_OFF.to_owned())),
        NotAdmitted::NotServed => (Outcome::PermissionDenied, Some(NOT_SERVED.to_owned())),
    };
    Verdict { outcome, message }
}

/// What the person hears.
pub(super) fn sentence(barred: Barred) -> &'static str {
    match barred {
        Barred::Blocked => BLOCKED,
        Barred::Expired => EXPIRED,
    }
}
