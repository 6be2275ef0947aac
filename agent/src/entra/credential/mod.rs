//! The sync registration's proof of itself, made anew for each token request from the files, systemd
//! credentials or programs that `[tenant.sync]` names.
//!
//! Invariant: nothing secret is kept between requests, so that a new secret, certificate or key counts
//! without a restart, and every refusal names the file and what is wrong with it, never what it holds.

mod assertion;
mod certificate;
mod command;
mod der;
mod expiry;
#[cfg(test)]
mod fixture;
mod pem;

use std::path::Path;

use zeroize::Zeroizing;

use super::EntraError;
use crate::clock::UnixSeconds;
use crate::config::{self, ConfigError, Credential, SecretSource};
use certificate::{KeyPair, PairError};

pub(super) use assertion::Occasion;
pub use expiry::{CredentialState, credential_state};

/// Bytes of a certificate or key file at most: a chain of four with its key has some 12 KiB.
const PEM_LIMIT: u32 = 64 * 1024;

/// Bytes of a federated token's file at most: such tokens have one or two KiB.
const TOKEN_LIMIT: u32 = 16 * 1024;

/// What goes into the token request beside the client id.
pub(super) enum Proof {
    /// `client_secret`.
    Secret(Zeroizing<String>),
    /// `client_assertion`.
    Assertion(Zeroizing<String>),
}

/// Makes the proof for one request.
///
/// # Errors
/// [`EntraError::Credential`], naming the file or the program.
pub(super) async fn prove(
    credential: &Credential,
    occasion: Occasion,
) -> Result<Proof, EntraError> {
    if let Credential::Secret {
        source: SecretSource::Command(words),
        ..
    } = credential
    {
        return command::secret(words).await.map(Proof::Secret);
    }
    let credential = credential.clone();
    tokio::task::spawn_blocking(move || from_files(&credential, &occasion))
        .await
        .map_err(|_| EntraError::Credential("reading it was cut short".to_owned()))?
}

/// What can be proven by reading files.
fn from_files(credential: &Credential, occasion: &Occasion) -> Result<Proof, EntraError> {
    match credential {
        Credential::Secret { source, .. } => match source.read_file().map_err(refused)? {
            Some(secret) => Ok(Proof::Secret(secret)),
            None => Err(EntraError::Credential(format!("{source} is no file"))),
        },
        Credential::ManagedIdentity(_) => Err(EntraError::Credential(
            "a managed identity has no proof of its own".to_owned(),
        )),
        Credential::FederatedToken(file) => federated_token(file).map(Proof::Assertion),
        Credential::Certificate {
            certificate,
            private_key,
        } => {
            let pair = key_pair(certificate, private_key, occasion.now)?;
            assertion::sign(&pair, occasion)
                .map(Proof::Assertion)
                .ok_or_else(|| {
                    about(
                        private_key,
                        "can't sign: no sound RSA key of 2048 bits or more",
                    )
                })
        }
    }
}

/// The token of another identity provider, as it stands in its file now: whoever puts it there renews it
/// (Kubernetes every hour).
fn federated_token(file: &Path) -> Result<Zeroizing<String>, EntraError> {
    let text = config::read_shared_token(file, TOKEN_LIMIT).map_err(refused)?;
    let token = text.trim();
    let is_part = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !part.is_empty() && part.bytes().all(fits)
    };
    // Something else, a key say, is not to be sent anywhere.
    if token.split('.').count() != 3 || !token.split('.').all(is_part) {
        return Err(about(
            file,
            "there is no signed token (JWT) in it, or more than that",
        ));
    }
    Ok(Zeroizing::new(token.to_owned()))
}

/// Whether the files that the credential names hold what they should, and may be read by whoever asks. A
/// program is not run, nor a metadata service asked; a systemd credential is looked at only where systemd
/// gave this process some.
///
/// # Errors
/// [`EntraError::Credential`], naming the file or the program.
pub fn check_credential(credential: &Credential, now: UnixSeconds) -> Result<(), EntraError> {
    match credential {
        Credential::ManagedIdentity(_) => return Ok(()),
        Credential::Secret { source, .. } => match source {
            SecretSource::Command(words) => return command::check(words),
            SecretSource::SystemdCredential(_) if config::credentials_folder().is_none() => {
                return Ok(());
            }
            _ => {}
        },
        _ => {}
    }
    let occasion = Occasion {
        audience: String::new(),
        client_id: String::new(),
        now,
        id: uuid::Uuid::nil(),
    };
    from_files(credential, &occasion).map(drop)
}

fn key_pair(certificate: &Path, key: &Path, now: UnixSeconds) -> Result<KeyPair, EntraError> {
    let key_text = config::read_private(key, PEM_LIMIT).map_err(refused)?;
    let certificate_text = if certificate == key {
        key_text.clone()
    } else {
        config::read_bounded(certificate, u64::from(PEM_LIMIT))
            .map(Zeroizing::new)
            .map_err(refused)?
    };
    let pair = certificate::read(&certificate_text, &key_text).map_err(|error| match error {
        PairError::Certificate(what) => about(certificate, what),
        PairError::Key(what) => about(key, what),
    })?;
    if pair.not_after < now {
        return Err(about(
            certificate,
            &format!("the certificate ended at {}", pair.not_after),
        ));
    }
    Ok(pair)
}

fn refused(error: ConfigError) -> EntraError {
    EntraError::Credential(error.to_string())
}

fn about(file: &Path, what: &str) -> EntraError {
    EntraError::Credential(format!("{}: {what}", file.display()))
}

#[cfg(test)]
mod tests;
