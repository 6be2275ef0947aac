//! Sign-ins: what is asked of a person, what the tenant says to it, and the verdict.
//!
//! Success takes two proofs that nothing else can make: a [`VerifiedIdentity`](crate::entra), which only
//! a verified id token gives, or a [`Matched`](crate::offline), which only a comparison with a kept secret gives
//! and is asked for only where no verdict could be had; and an `Admitted`, which only the policy gives, for
//! the same person. Every other path through this folder ends in a refusal.
//!
//! A conversation is one future over a [`Module`]; it is cancelled by being dropped, which the server
//! does when the peer hangs up. It holds no lock and no transaction while it waits.

mod account;
mod admission;
mod conversation;
mod device_code;
mod explain;
mod invitation;
mod journal;
mod local_account;
mod module;
mod passcode;
mod password;
mod patience;
mod qr_code;
mod realms;
mod remembering;
#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;
mod throttle;

use std::collections::BTreeMap;
use std::sync::Arc;

use entra_protocol::login::Screen;
use tokio::time::Instant;

use crate::config::{Access, SignIn};
use crate::counters::Counters;
use crate::entra::{LoginService, Reachability, Verifier};
use crate::identity::TenantId;
use crate::offline::Offline;
use crate::store::Store;

use realms::Realms;

pub use explain::Question;
pub use module::{Ended, Module, Reply};
pub use throttle::Throttle;

pub(crate) use conversation::{away, in_store};
pub(crate) use throttle::{RemoteHost, Rule as TryRule, Standing as Tries};

/// Builds and publishes the snapshot; blocking. The error is a fact for the journal.
pub type Publish = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Everything that a sign-in needs, shared by all of them.
pub struct SignIns {
    /// People, policy, and what sign-ins leave behind.
    store: Store,
    /// For a cut-off that an online sign-in brings.
    publish: Publish,
    /// Who answers for a person: their tenant, and no other.
    tenants: BTreeMap<TenantId, TenantLogin>,
    /// Which methods each PAM service offers.
    methods: SignIn,
    /// How often a password may fail.
    throttle: Throttle,
    /// Who may be let in without their tenant.
    offline: Offline,
    /// Who was let in without their tenant and has not been told: see `remembering`.
    untold: remembering::Untold,
    /// For monitoring.
    counters: Counters,
    /// Who may use which service.
    access: Arc<Access>,
    /// Whether the tenants' login services answer, for the gate on local accounts.
    reachability: Vec<Reachability>,
}

impl SignIns {
    /// Sign-ins of the people in `store`, each at their own tenant.
    #[must_use]
    pub fn new(
        store: Store,
        publish: Publish,
        tenants: impl IntoIterator<Item = (TenantId, TenantLogin)>,
        methods: SignIn,
        throttle: Throttle,
        offline: Offline,
    ) -> Self {
        Self {
            store,
            publish,
            tenants: tenants.into_iter().collect(),
            methods,
            throttle,
            offline,
            untold: remembering::Untold::default(),
            counters: Counters::default(),
            access: Arc::default(),
            reachability: Vec::new(),
        }
    }

    /// The same, for those only whom `[[access]]` lets in.
    #[must_use]
    pub fn granting(mut self, access: Access) -> Self {
        self.access = Arc::new(access);
        self
    }

    /// The same, knowing whether the login services answer. Without that, nothing is ever sure to be reachable.
    #[must_use]
    pub fn watching(mut self, reachability: impl IntoIterator<Item = Reachability>) -> Self {
        self.reachability = reachability.into_iter().collect();
        self
    }

    /// The same, counting there how sign-ins end.
    #[must_use]
    pub fn counting(mut self, counters: Counters) -> Self {
        self.counters = counters;
        self
    }
}

/// One tenant, as sign-ins need it.
pub struct TenantLogin {
    /// Its login service.
    pub service: Arc<dyn LoginService>,
    /// The only source of its people's identities.
    pub verifier: Verifier,
    /// How often a password of one of its people may fail here.
    tries: TryRule,
    /// Whose passwords it judges.
    realms: Realms,
    /// Whether its login service is there; unknown where nobody probes.
    reach: Option<Reachability>,
}

impl TenantLogin {
    /// A tenant at `service`, of whose people nothing is known yet.
    #[must_use]
    pub(crate) fn new(service: Arc<dyn LoginService>, verifier: Verifier, tries: TryRule) -> Self {
        Self {
            service,
            verifier,
            tries,
            realms: Realms::default(),
            reach: None,
        }
    }

    /// The same; who can do without the service waits for it only as long as this memory advises.
    #[must_use]
    pub(crate) fn remembered_by(mut self, reach: Reachability) -> Self {
        self.reach = Some(reach);
        self
    }
}

/// What a sign-in is about, as far as the caller is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The name as typed: short or UPN, in any case.
    pub user: String,
    /// The PAM service; empty if a caller who isn't root named one.
    pub service: String,
    /// The remote host; empty if there is none, or if the caller isn't root.
    pub remote_host: String,
    /// What texts will be shown on.
    pub screen: Screen,
    /// When the conversation began: limits count from here.
    pub began: Instant,
}
