//! What people at the prompt are told: plain, without a detail of the tenant.
//!
//! One text serves every case that an attacker must not tell apart.

/// Wrong name and wrong password, deliberately alike.
pub const INCORRECT: &str = "Incorrect username or password.";
/// For everything that only a browser can finish.
pub const CONTINUE: &str = "This sign-in has to be continued in a browser.";
/// For a host or registration that is set up wrongly.
pub const SET_UP_WRONG: &str =
    "Sign-in is not set up correctly on this host. Please tell your administrator.";
/// For no answer, an overloaded service, or an answer that can't be read.
pub const UNREACHABLE: &str =
    "Microsoft Entra ID can't be reached at the moment. Please try again later.";
/// For an account that the tenant has disabled.
pub const DISABLED: &str = "Your account is disabled in Microsoft Entra ID.";
/// For an expired password; where the server names a page of its own, that one stands in its place.
pub const EXPIRED: &str =
    "Your password has expired. Change it at https://aka.ms/sspr and sign in again.";
/// For what a policy of the tenant forbids.
pub const POLICY: &str = "Your organisation's policy does not allow this sign-in.";

pub(super) const REFUSED: &str = "Microsoft Entra ID refused this sign-in.";
pub(super) const LOCKED: &str =
    "Your account is temporarily locked in Microsoft Entra ID. Please try again later.";
pub(super) const MANAGED_DEVICE: &str = "Your organisation's policy asks for a managed device; \
     this host can't be one. Please ask your administrator.";
pub(super) const NOT_ASSIGNED: &str =
    "Your account is not authorised to sign in to this host's application.";
pub(super) const HOURS: &str =
    "Your organisation does not allow you to sign in at this time of day.";
pub(super) const AGAIN: &str = "This sign-in is no longer valid. Please sign in again.";
