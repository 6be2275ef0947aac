//! When a credential ends, and what is to be done about it in time.
//!
//! Invariant: what is said here is computed from the files and the clock each time: nothing is kept that
//! could be older than the certificate that an administrator has just put there.

use std::path::Path;

use zeroize::Zeroizing;

use super::{PEM_LIMIT, certificate};
use crate::clock::UnixSeconds;
use crate::config::{self, Credential};

/// Seconds before the end from which on there is a warning: 30 days, a month's change board.
const AHEAD: u64 = 30 * 24 * 60 * 60;

/// A credential as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialState {
    /// When it ends, where this host can know.
    pub expires: Option<UnixSeconds>,
    /// What is to be done, and how long there is for it.
    pub warning: Option<String>,
}

/// The state of a credential as of now. Reads files: not for a thread that serves others.
#[must_use]
pub fn credential_state(credential: &Credential, now: UnixSeconds) -> CredentialState {
    let (expires, what, cure) = match credential {
        Credential::Certificate { certificate, .. } => match end_of(certificate) {
            Ok(end) => (
                Some(end),
                format!("the certificate {}", certificate.display()),
                "upload a new one to the registration (Certificates & secrets), then put it and its key \
                 in place of the old one; no restart is needed"
                    .to_owned(),
            ),
            Err(reason) => {
                return CredentialState {
                    expires: None,
                    warning: Some(reason),
                };
            }
        },
        Credential::Secret { source, expires } => (
            *expires,
            "the client secret".to_owned(),
            format!(
                "make a new one in the portal (App registrations, Certificates & secrets), put its value \
                 into {source} and its last day into `client_secret_expires`"
            ),
        ),
        // Renewed by whoever issues them.
        Credential::FederatedToken(_) | Credential::ManagedIdentity(_) => {
            return CredentialState {
                expires: None,
                warning: None,
            };
        }
    };
    let warning = expires.filter(|end| end.since(now) <= AHEAD).map(|end| {
        let days = end.since(now) / (24 * 60 * 60);
        let when = match days {
            _ if end <= now => format!("{what} ended at {end}"),
            0 => format!("{what} ends today, at {end}"),
            1 => format!("{what} ends tomorrow, at {end}"),
            days => format!("{what} ends in {days} days, at {end}"),
        };
        format!("{when}: {cure}")
    });
    CredentialState { expires, warning }
}

fn end_of(file: &Path) -> Result<UnixSeconds, String> {
    let text = config::read_bounded(file, u64::from(PEM_LIMIT))
        .map(Zeroizing::new)
        .map_err(|error| error.to_string())?;
    certificate::end(&text).map_err(|what| format!("{}: {what}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::fixture::{CERTIFICATE, NOT_AFTER};
    use super::*;
    use crate::config::SecretSource;

    const DAY: u64 = 24 * 60 * 60;

    fn before(end: UnixSeconds, seconds: u64) -> UnixSeconds {
        UnixSeconds::new(end.value() - seconds)
    }

    #[test]
    fn a_certificate_says_itself_when_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sync.crt");
        fs::write(&file, CERTIFICATE).unwrap();
        let pair = Credential::Certificate {
            certificate: file.clone(),
            private_key: "/never/read".into(),
        };
        let state = |now| credential_state(&pair, now);
        let far = state(before(NOT_AFTER, 31 * DAY));
        assert_eq!((far.expires, far.warning), (Some(NOT_AFTER), None));
        for (left, says) in [
            (30 * DAY, "ends in 30 days"),
            (2 * DAY - 1, "ends tomorrow"),
            (DAY - 1, "ends today"),
            (0, "ended at 2126-10-30"),
        ] {
            let warning = state(before(NOT_AFTER, left)).warning.unwrap();
            assert!(warning.contains(says), "{warning}");
            assert!(warning.contains("sync.crt") && warning.contains("upload a new one"));
        }
        fs::write(&file, "nothing").unwrap();
        let broken = state(before(NOT_AFTER, 31 * DAY));
        assert_eq!(broken.expires, None);
        assert!(
            broken
                .warning
                .unwrap()
                .contains("sync.crt: there is no certificate")
        );
    }

    #[test]
    fn a_secret_ends_when_the_configuration_says_so() {
        let end = UnixSeconds::new(1_800_000_000);
        let secret = |expires| Credential::Secret {
            source: SecretSource::File("/etc/s".into()),
            expires,
        };
        let warned = credential_state(&secret(Some(end)), before(end, 3 * DAY));
        let text = warned.warning.unwrap();
        assert!(
            text.starts_with("the client secret ends in 3 days, at 2027-01-15"),
            "{text}"
        );
        assert!(text.contains("put its value into /etc/s"), "{text}");
        let over = credential_state(&secret(Some(end)), end.plus(9 * DAY));
        assert!(over.warning.unwrap().contains("ended at"));
        let unknown = credential_state(&secret(None), end);
        assert_eq!((unknown.expires, unknown.warning), (None, None));
    }
}
