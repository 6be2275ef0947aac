//! How this host proves itself as the sync registration: exactly one of the ways in `[tenant.sync]`.
//!
//! Invariant: a [`Credential`] is a choice that was made, never a guess: no way at all, or two of them,
//! is an error that names the keys. The files themselves are read at each use, not here.

use std::path::PathBuf;

use super::ConfigError;
use super::section::Section;

/// A way to prove that this host may act as the sync registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// `client_secret_file`: the client secret's value.
    Secret(PathBuf),
    /// `certificate_file`, with `private_key_file` if the key stands in a file of its own.
    Certificate {
        /// The certificate, PEM; its first block counts.
        certificate: PathBuf,
        /// The file with the RSA key, PEM; may be the certificate's.
        private_key: PathBuf,
    },
    /// `federated_token_file`: a token of an identity provider that the registration trusts.
    FederatedToken(PathBuf),
}

/// The keys of `[tenant.sync]` of which exactly one must be there.
const WAYS: &[&str] = &[
    "client_secret_file",
    "certificate_file",
    "federated_token_file",
];

/// Takes the credential's keys out of `[tenant.sync]`.
pub(super) fn read(section: &mut Section) -> Result<Credential, ConfigError> {
    let mut found = Vec::new();
    for way in WAYS {
        if let Some(value) = section.optional_text(way)? {
            found.push((*way, value));
        }
    }
    let private_key = section.optional_text("private_key_file")?;
    let (way, value) = match (found.pop(), found.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            return Err(ConfigError::NotOneCredential {
                ways: WAYS,
                found: found.into_iter().chain(last).map(|(way, _)| way).collect(),
            });
        }
    };
    match way {
        "certificate_file" => Ok(Credential::Certificate {
            private_key: PathBuf::from(private_key.as_ref().unwrap_or(&value)),
            certificate: PathBuf::from(value),
        }),
        _ if private_key.is_some() => Err(ConfigError::KeyWithoutCertificate(way)),
        "federated_token_file" => Ok(Credential::FederatedToken(PathBuf::from(value))),
        _ => Ok(Credential::Secret(PathBuf::from(value))),
    }
}
