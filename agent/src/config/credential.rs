//! How this host proves itself as the sync registration: exactly one of the ways in `[tenant.sync]`.
//!
//! Invariant: a [`Credential`] is a choice that was made, never a guess: no way at all, or two of them,
//! is an error that names the keys, and so is a key that belongs to another way. The secrets themselves
//! are read at each use, not here.

use std::path::PathBuf;

use toml::Value;
use uuid::Uuid;

use super::read::one_of;
use super::secret_source::{read_command, read_name};
use super::section::Section;
use super::{ConfigError, SecretSource};
use crate::clock::{UnixSeconds, parse_rfc3339};

/// A way to prove that this host may act as the sync registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// `client_secret_file`, `client_secret_credential` or `client_secret_command`: the client secret's
    /// value.
    Secret {
        /// Where it is.
        source: SecretSource,
        /// `client_secret_expires`: the beginning of the day on which it ends. Only the portal knows.
        expires: Option<UnixSeconds>,
    },
    /// `certificate_file`, with `private_key_file` if the key stands in a file of its own.
    Certificate {
        /// The certificate, PEM; its first block counts.
        certificate: PathBuf,
        /// The file with the RSA key, PEM; may be the certificate's.
        private_key: PathBuf,
    },
    /// `federated_token_file`: a token of an identity provider that the registration trusts.
    FederatedToken(PathBuf),
    /// `managed_identity`: Azure vouches for the machine; no registration, no secret.
    ManagedIdentity(ManagedIdentity),
}

/// Which identity of the machine, and who hands out its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedIdentity {
    /// The client id of a user-assigned identity; `None` for the machine's own.
    pub client_id: Option<String>,
    /// The metadata service.
    pub source: MetadataSource,
}

/// The metadata services that hand out tokens of managed identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataSource {
    /// A virtual machine in Azure.
    AzureVm,
    /// A machine elsewhere that Azure Arc manages.
    AzureArc,
}

impl Credential {
    /// The word for its kind in `status`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Secret { .. } => "secret",
            Self::Certificate { .. } => "certificate",
            Self::FederatedToken(_) => "federated token",
            Self::ManagedIdentity(_) => "managed identity",
        }
    }
}

/// The keys of `[tenant.sync]` of which exactly one must be there.
const WAYS: &[&str] = &[
    "client_secret_file",
    "certificate_file",
    "federated_token_file",
    "managed_identity",
    "client_secret_credential",
    "client_secret_command",
];

/// The words for `managed_identity_source`.
const SOURCES: &[(&str, MetadataSource)] = &[
    ("azure-vm", MetadataSource::AzureVm),
    ("azure-arc", MetadataSource::AzureArc),
];

/// Takes `client_id` and the credential's keys out of `[tenant.sync]`. A managed identity has no client id
/// of a registration: it is empty then.
pub(super) fn read(section: &mut Section) -> Result<(String, Credential), ConfigError> {
    let found: Vec<&'static str> = WAYS
        .iter()
        .copied()
        .filter(|way| section.has(way))
        .collect();
    let [way] = found.as_slice() else {
        return Err(ConfigError::NotOneCredential { ways: WAYS, found });
    };
    for (key, belongs_to) in [
        ("private_key_file", "certificate_file"),
        ("client_secret_expires", "client_secret_"),
        ("managed_identity_source", "managed_identity"),
    ] {
        if section.has(key) && !way.starts_with(belongs_to) {
            return Err(ConfigError::Misplaced { key, way });
        }
    }
    if *way == "managed_identity" {
        if section.has("client_id") {
            let key = "client_id";
            return Err(ConfigError::Misplaced { key, way });
        }
        return Ok((String::new(), read_managed_identity(section)?));
    }
    let client_id = section.text("client_id")?;
    let credential = match *way {
        "certificate_file" => {
            let certificate = section.text("certificate_file")?;
            let private_key = section.optional_text("private_key_file")?;
            Credential::Certificate {
                private_key: PathBuf::from(private_key.as_ref().unwrap_or(&certificate)),
                certificate: PathBuf::from(certificate),
            }
        }
        "federated_token_file" => {
            Credential::FederatedToken(PathBuf::from(section.text("federated_token_file")?))
        }
        _ => read_client_secret(section)?,
    };
    Ok((client_id, credential))
}

fn read_client_secret(section: &mut Section) -> Result<Credential, ConfigError> {
    let source = if let Some(words) = read_command(section, "client_secret_command")? {
        SecretSource::Command(words)
    } else if let Some(name) = read_name(section, "client_secret_credential")? {
        SecretSource::SystemdCredential(name)
    } else {
        SecretSource::File(PathBuf::from(section.text("client_secret_file")?))
    };
    let expires = match section.optional_date("client_secret_expires")? {
        None => None,
        Some(text) => {
            let begins = parse_rfc3339(&format!("{text}T00:00:00Z"));
            Some(begins.ok_or_else(|| {
                section.wrong(
                    "client_secret_expires",
                    "a date like \"2027-01-31\"",
                    &Value::String(text),
                )
            })?)
        }
    };
    Ok(Credential::Secret { source, expires })
}

fn read_managed_identity(section: &mut Section) -> Result<Credential, ConfigError> {
    let word = section.text("managed_identity")?;
    let client_id = match (word.as_str(), Uuid::try_parse(&word)) {
        ("system", _) => None,
        (_, Ok(id)) => Some(id.as_hyphenated().to_string()),
        (_, Err(_)) => {
            return Err(section.wrong(
                "managed_identity",
                "\"system\" or the client id of a user-assigned identity",
                &Value::String(word),
            ));
        }
    };
    let source = match section.optional_text("managed_identity_source")? {
        None => MetadataSource::AzureVm,
        Some(word) => match SOURCES.iter().find(|(known, _)| *known == word) {
            Some((_, source)) => *source,
            None => {
                let known: Vec<&str> = SOURCES.iter().map(|(known, _)| *known).collect();
                return Err(one_of(section, "managed_identity_source", &known, &word));
            }
        },
    };
    Ok(Credential::ManagedIdentity(ManagedIdentity {
        client_id,
        source,
    }))
}
