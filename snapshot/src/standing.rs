//! What the published directory alone says about an imported user's account.
//!
//! Invariant: the snapshot can always refuse, and its refusal is final: the agent publishes it, so an agent
//! that says otherwise is out of step with itself. It can admit only while it is young enough, and only
//! when the agent gave no verdict. A clock that runs behind the directory's date makes the age unknown,
//! not small.

use crate::identity::Imported;

/// Seconds by which the clock may run behind the directory's date: a step of NTP just after a publish.
const CLOCK_STEP: u64 = 300;

/// Why an account is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
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

/// Whether the account stands, by its state alone, at `now`.
///
/// # Errors
/// The first reason that it does not.
pub fn stands(imported: &Imported, service: &str, now: u64) -> Result<(), Refusal> {
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
pub fn is_fresh(imported: &Imported, now: u64) -> Result<(), Refusal> {
    if now.saturating_add(CLOCK_STEP) < imported.known_at {
        return Err(Refusal::Clock);
    }
    let age = now.saturating_sub(imported.known_at);
    if age > u64::from(imported.policy.offline_maximum_age) {
        return Err(Refusal::Stale(age));
    }
    Ok(())
}
