//! `doctor`: each step of a tenant's registration, looked at by doing what it is there for.
//!
//! Nothing is kept from an earlier answer: tokens are asked for anew, so that consent given a minute ago
//! shows. Nothing is changed: two tokens, a device code that nobody enters, and one user and one group are
//! read. Invariant: a check that can't be made says so and names no guess; whoever reads the list from the
//! top mends the first bad line first, since the later ones stand on it.

mod login;
mod sync;
mod way;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use entra_protocol::admin::{Check, CheckState};
use reqwest::Client;

use crate::clock::{Clock, UnixSeconds};
use crate::config::{Proxy, Tenant};
use crate::entra::{EntraError, ProviderMetadata, provider_metadata};
use crate::graph::RandomBytes;
use crate::store::Store;

/// Seconds that clocks may be apart before somebody should look; tokens allow five minutes.
const SKEW_WARNING: u64 = 60;
/// Seconds from which on tokens are refused.
const SKEW_BAD: u64 = 5 * 60;

/// Findings on their way.
pub type Examining<'a> = Pin<Box<dyn Future<Output = Vec<Check>> + Send + 'a>>;

/// Looks at one tenant.
pub trait Examiner: Send + Sync {
    /// Every step, in the order in which they build on one another.
    fn examine<'a>(&'a self, tenant: &'a Tenant) -> Examining<'a>;
}

/// The real one.
pub struct Doctor {
    /// Reaches Entra and Graph as imports and sign-ins do.
    pub client: Client,
    /// The same with every request on a connection of its own: a kept one says nothing of the way.
    pub lone: Client,
    /// What sign-ins were told lately; for `setup`, which asks before there are any, none.
    pub store: Option<Store>,
    /// For skew and for ends.
    pub clock: Arc<dyn Clock>,
    /// For the ids of requests.
    pub random: RandomBytes,
    /// The way that all of them take (`[proxy]`).
    pub proxy: Option<Proxy>,
}

impl Examiner for Doctor {
    fn examine<'a>(&'a self, tenant: &'a Tenant) -> Examining<'a> {
        Box::pin(self.checks(tenant))
    }
}

impl Doctor {
    /// The steps of the sync registration alone.
    pub async fn sync_registration(&self, tenant: &Tenant) -> Vec<Check> {
        let mut findings = Findings::of(tenant);
        sync::examine(self, tenant, &mut findings).await;
        findings.list
    }

    /// The steps of the login registration alone.
    pub async fn login_registration(&self, tenant: &Tenant) -> Vec<Check> {
        let mut findings = Findings::of(tenant);
        login::examine(self, tenant, &mut findings).await;
        findings.list
    }

    async fn checks(&self, tenant: &Tenant) -> Vec<Check> {
        let mut findings = Findings::of(tenant);
        let id = tenant.id.to_string();
        way::dns(self, tenant, &mut findings).await;
        let answer = provider_metadata(&self.lone, &tenant.login_url, &id).await;
        let outcome = answer.as_ref().map(|_| ());
        way::proxy(self, outcome, &mut findings);
        match &answer {
            Ok(_) => {
                findings.good("login-service", format!("{} answers", tenant.login_url));
            }
            Err(error) => findings.refused("login-service", error, way::cure(error)),
        }
        way::tls(outcome, &mut findings);
        match answer {
            Err(error) => {
                for name in OF_THE_TENANT {
                    findings.skipped(name);
                }
                if error.refusal().is_none() {
                    for name in OF_THE_REGISTRATIONS {
                        findings.skipped(name);
                    }
                    return findings.list;
                }
            }
            Ok(found) => self.discovered(&found, tenant, &mut findings).await,
        }
        sync::examine(self, tenant, &mut findings).await;
        login::examine(self, tenant, &mut findings).await;
        findings.list
    }

    /// Clock, cloud and domain.
    async fn discovered(&self, found: &ProviderMetadata, tenant: &Tenant, findings: &mut Findings) {
        match found.date {
            None => findings.skipped("clock"),
            Some(date) => findings.push(skew(date, self.clock.now())),
        }
        let graph = tenant.graph_url.host_str().unwrap_or_default();
        match found.graph_host.as_deref() {
            Some(host) if host != graph => findings.bad(
                "cloud",
                format!("this tenant's Graph is {host}, agent.toml asks {graph}"),
                "set `cloud` in [[tenant]] to the cloud that the tenant lives in",
            ),
            Some(_) => findings.good("cloud", format!("{graph} is this tenant's Graph")),
            None => findings.skipped("cloud"),
        }
        match provider_metadata(&self.client, &tenant.login_url, &tenant.domain).await {
            Err(error) => findings.refused(
                "domain",
                &error,
                "set `domain` in [[tenant]] to a verified domain of the tenant (Entra admin center, \
                 Domain names)",
            ),
            Ok(by_domain) if by_domain.issuer == found.issuer => {
                findings.good("domain", format!("{} is this tenant's", tenant.domain));
            }
            Ok(by_domain) => findings.bad(
                "domain",
                format!("{} belongs to {}", tenant.domain, by_domain.issuer),
                "set `domain` or `id` in [[tenant]] so that both mean one tenant",
            ),
        }
    }
}

/// What can't be looked at if the tenant is unknown.
const OF_THE_TENANT: [&str; 3] = ["clock", "cloud", "domain"];
/// What can't be looked at, either, without any answer.
const OF_THE_REGISTRATIONS: [&str; 6] = [
    "sync-credential",
    "sync-permissions",
    "reads-users",
    "reads-groups",
    "login-registration",
    "device-code",
];

/// The service's clock and this host's.
fn skew(service: UnixSeconds, host: UnixSeconds) -> Check {
    let (seconds, word) = match service.since(host) {
        0 => (host.since(service), "ahead of"),
        seconds => (seconds, "behind"),
    };
    let state = match seconds {
        0..SKEW_WARNING => CheckState::Good,
        SKEW_WARNING..SKEW_BAD => CheckState::Warning,
        _ => CheckState::Bad,
    };
    Check {
        about: String::new(),
        name: "clock".to_owned(),
        state,
        found: match state {
            CheckState::Good => "this host's clock is the service's".to_owned(),
            _ => format!("this host's clock is {seconds} s {word} the service's"),
        },
        cure: (state != CheckState::Good)
            .then(|| "set the clock: timedatectl set-ntp true".to_owned()),
        reference: None,
    }
}

/// The list as it grows.
struct Findings {
    about: String,
    list: Vec<Check>,
}

impl Findings {
    fn of(tenant: &Tenant) -> Self {
        Self {
            about: tenant.domain.clone(),
            list: Vec::new(),
        }
    }

    fn push(&mut self, check: Check) {
        self.list.push(Check {
            about: self.about.clone(),
            ..check
        });
    }

    fn good(&mut self, name: &str, found: impl Into<String>) {
        self.add(name, CheckState::Good, found.into(), None);
    }

    fn warning(&mut self, name: &str, found: impl Into<String>, cure: impl Into<String>) {
        self.add(name, CheckState::Warning, found.into(), Some(cure.into()));
    }

    fn bad(&mut self, name: &str, found: impl Into<String>, cure: impl Into<String>) {
        self.add(name, CheckState::Bad, found.into(), Some(cure.into()));
    }

    fn skipped(&mut self, name: &str) {
        let found = "not looked at: see above".to_owned();
        self.add(name, CheckState::Skipped, found, None);
    }

    /// An error of the login service.
    fn refused(&mut self, name: &str, error: &EntraError, cure: &str) {
        self.bad(name, error.to_string(), cure);
        if let Some(check) = self.list.last_mut() {
            check.reference = error.reference();
        }
    }

    fn add(&mut self, name: &str, state: CheckState, found: String, cure: Option<String>) {
        self.push(Check {
            about: String::new(),
            name: name.to_owned(),
            state,
            found,
            cure,
            reference: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_told_which_way_and_how_bad_that_is() {
        let found = |service, host| {
            let check = skew(UnixSeconds::new(service), UnixSeconds::new(host));
            assert_eq!(check.cure.is_some(), check.state != CheckState::Good);
            (check.state, check.found)
        };
        let well = "this host's clock is the service's".to_owned();
        assert_eq!(found(1_000, 1_000), (CheckState::Good, well.clone()));
        assert_eq!(found(1_059, 1_000), (CheckState::Good, well));
        let behind = "this host's clock is 60 s behind the service's".to_owned();
        assert_eq!(found(1_060, 1_000), (CheckState::Warning, behind));
        let ahead = "this host's clock is 300 s ahead of the service's".to_owned();
        assert_eq!(found(1_000, 1_300), (CheckState::Bad, ahead));
    }
}
