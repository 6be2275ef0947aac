//! What happened since the agent began, counted for `entractl metrics`.
//!
//! In memory alone, by tenant and by words of this program: never by anything that somebody at a prompt or in
//! the tenant chose, so that what is kept stays small.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entra_protocol::admin::ImportSummary;
use entra_protocol::login::Outcome;
use entra_protocol::metrics::{Runs, SignInCount, Throttled};

use crate::identity::TenantId;

/// The counts; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
struct Counted {
    tenants: BTreeMap<TenantId, OfTenant>,
    throttle_refusals: Throttled,
}

/// One tenant's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OfTenant {
    pub(crate) runs: Runs,
    pub(crate) graph_requests: u64,
    pub(crate) graph_throttled: u64,
    sign_ins: BTreeMap<(&'static str, &'static str), u64>,
}

/// The method of a sign-in that came to none.
pub(crate) const NO_METHOD: &str = "none";
/// A password that was compared with what this host keeps, since no verdict could be had.
pub(crate) const OFFLINE_PASSWORD: &str = "offline-password";
/// A passcode, and the tenant said that the sign-in stands that it was set by.
pub(crate) const PASSCODE: &str = "passcode";
/// A passcode, since no verdict could be had.
pub(crate) const OFFLINE_PASSCODE: &str = "offline-passcode";
/// In place of a verdict: another method was tried after this one.
const CONTINUED: &str = "continued";

/// What is shown with 0 before it happens, so that the first time is a change.
const EXPECTED: [(&str, &str); 8] = [
    ("password", "success"),
    ("password", "auth_error"),
    ("password", CONTINUED),
    ("device-code", "success"),
    ("device-code", "auth_error"),
    ("device-code", "unavailable"),
    (OFFLINE_PASSWORD, "success"),
    (OFFLINE_PASSWORD, "auth_error"),
];

impl Counters {
    pub(crate) fn sign_in(&self, tenant: TenantId, method: &'static str, outcome: Outcome) {
        self.count(tenant, method, word(outcome));
    }

    /// A method led on to another one.
    pub(crate) fn continued(&self, tenant: TenantId, method: &'static str) {
        self.count(tenant, method, CONTINUED);
    }

    /// A password was refused without asking the tenant.
    pub(crate) fn throttle_refusal(&self, is_of_remote_host: bool) {
        let refusals = &mut self.counted().throttle_refusals;
        let count = match is_of_remote_host {
            true => &mut refusals.remote_hosts,
            false => &mut refusals.users,
        };
        *count = count.saturating_add(1);
    }

    pub(crate) fn run_succeeded(&self, tenant: TenantId, summary: &ImportSummary) {
        let mut counted = self.counted();
        let of_tenant = counted.tenants.entry(tenant).or_default();
        of_tenant.runs.succeeded = of_tenant.runs.succeeded.saturating_add(1);
        let requests = &mut of_tenant.graph_requests;
        *requests = requests.saturating_add(summary.requests);
        let throttled = &mut of_tenant.graph_throttled;
        *throttled = throttled.saturating_add(summary.throttled);
    }

    pub(crate) fn run_failed(&self, tenant: TenantId) {
        let mut counted = self.counted();
        let failed = &mut counted.tenants.entry(tenant).or_default().runs.failed;
        *failed = failed.saturating_add(1);
    }

    pub(crate) fn run_given_up(&self, tenant: TenantId) {
        let mut counted = self.counted();
        let given_up = &mut counted.tenants.entry(tenant).or_default().runs.given_up;
        *given_up = given_up.saturating_add(1);
    }

    pub(crate) fn of_tenant(&self, tenant: TenantId) -> OfTenant {
        let counted = self.counted();
        counted.tenants.get(&tenant).cloned().unwrap_or_default()
    }

    pub(crate) fn throttle_refusals(&self) -> Throttled {
        self.counted().throttle_refusals
    }

    fn count(&self, tenant: TenantId, method: &'static str, verdict: &'static str) {
        let mut counted = self.counted();
        let sign_ins = &mut counted.tenants.entry(tenant).or_default().sign_ins;
        let count = sign_ins.entry((method, verdict)).or_default();
        *count = count.saturating_add(1);
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        // Nothing in here panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OfTenant {
    /// The sign-ins, those that are expected and did not happen with 0.
    pub(crate) fn sign_ins(&self) -> Vec<SignInCount> {
        let mut all: BTreeMap<_, u64> = EXPECTED.iter().map(|pair| (*pair, 0)).collect();
        all.extend(self.sign_ins.iter().map(|(pair, count)| (*pair, *count)));
        all.into_iter()
            .map(|((method, verdict), count)| SignInCount {
                method: method.to_owned(),
                verdict: verdict.to_owned(),
                count,
            })
            .collect()
    }
}

/// As the protocol spells it.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::AuthError => "auth_error",
        Outcome::PermissionDenied => "permission_denied",
        Outcome::AccountExpired => "account_expired",
        Outcome::Unavailable => "unavailable",
        Outcome::MaxTries => "max_tries",
        Outcome::Reachable => "reachable",
        Outcome::UserUnknown => "user_unknown",
        Outcome::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_spelled_as_in_the_protocol() {
        for outcome in [
            Outcome::Success,
            Outcome::AuthError,
            Outcome::PermissionDenied,
            Outcome::AccountExpired,
            Outcome::Unavailable,
            Outcome::MaxTries,
            Outcome::UserUnknown,
        ] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), word(outcome));
        }
    }

    #[test]
    fn each_tenant_has_its_own_counts_and_zeros_for_what_is_expected() {
        let counters = Counters::default();
        let (one, other) = (TenantId::from_bytes([1; 16]), TenantId::from_bytes([2; 16]));
        counters.sign_in(one, "password", Outcome::Success);
        counters.sign_in(one, "password", Outcome::Success);
        counters.continued(one, "password");
        counters.sign_in(one, NO_METHOD, Outcome::PermissionDenied);
        let count = |tenant, method: &str, verdict: &str| {
            let sign_ins = counters.of_tenant(tenant).sign_ins();
            let of = |one: &&SignInCount| one.method == method && one.verdict == verdict;
            sign_ins.iter().find(of).map(|one| one.count)
        };
        assert_eq!(count(one, "password", "success"), Some(2));
        assert_eq!(count(one, "password", "continued"), Some(1));
        assert_eq!(count(one, "none", "permission_denied"), Some(1));
        assert_eq!(count(other, "password", "success"), Some(0));
        assert_eq!(count(other, "none", "permission_denied"), None);
    }
}
