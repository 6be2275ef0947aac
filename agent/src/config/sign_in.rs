//! Which sign-in methods a PAM service offers, in which order.
//!
//! Two lists by default: services that strangers can reach over the network offer no password prompt
//! (it would be a password oracle on a trusted address), local ones do. `[sign_in.services]` overrides
//! both for one service.

use std::collections::BTreeMap;
use std::time::Duration;

/// Services that people reach over the network.
const REMOTE_SERVICES: &[&str] = &["sshd", "cockpit"];

/// A way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The Entra password, typed here (OAuth's resource owner password grant).
    Password,
    /// A code entered in a browser elsewhere (RFC 8628).
    DeviceCode,
}

impl Method {
    /// The words of `agent.toml`.
    pub(super) const WORDS: &'static [&'static str] = &["password", "device-code"];

    /// The word for it in `agent.toml`, the journal and the audit log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::DeviceCode => "device-code",
        }
    }

    /// The method that a word of `agent.toml` names.
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "password" => Some(Self::Password),
            "device-code" => Some(Self::DeviceCode),
            _ => None,
        }
    }
}

/// `[sign_in]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// For services that people reach over the network.
    pub remote: Vec<Method>,
    /// For every other service.
    pub local: Vec<Method>,
    /// For services named one by one.
    pub services: BTreeMap<String, Vec<Method>>,
    /// sshd's `LoginGraceTime` (sshd_config(5)), in seconds.
    pub login_grace_seconds: u32,
}

/// sshd's own default.
const LOGIN_GRACE_SECONDS: u32 = 120;

/// What is believed of `LoginGraceTime`, in seconds: below it nobody finishes a sign-in in a browser, above
/// it the code's own life ends first.
pub(super) const LOGIN_GRACE: std::ops::RangeInclusive<u32> = 30..=900;

/// How long before sshd closes the connection the last word must be said: the clock of `LoginGraceTime` starts with
/// the connection, and keys were tried before PAM was asked.
const LAST_WORD: Duration = Duration::from_secs(10);

impl SignIn {
    /// How long a sign-in over the network may take in all.
    #[must_use]
    pub fn remote_limit(&self) -> Duration {
        Duration::from_secs(self.login_grace_seconds.into()).saturating_sub(LAST_WORD)
    }

    /// The methods of one PAM service, first tried first.
    #[must_use]
    pub fn methods(&self, service: &str) -> &[Method] {
        match self.services.get(service) {
            Some(methods) => methods,
            None if is_remote(service) => &self.remote,
            None => &self.local,
        }
    }
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            remote: vec![Method::DeviceCode],
            local: vec![Method::Password, Method::DeviceCode],
            services: BTreeMap::new(),
            login_grace_seconds: LOGIN_GRACE_SECONDS,
        }
    }
}

/// True for a service that people reach over the network.
#[must_use]
pub fn is_remote(service: &str) -> bool {
    REMOTE_SERVICES.contains(&service)
}
