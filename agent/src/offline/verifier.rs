//! A verifier: what is kept of a secret so that it can be recognised.
//!
//! HMAC-SHA-256, under the host's key, of Argon2id (RFC 9106) of the secret. Whoever has the database alone can't
//! even guess: without the key no guess can be checked. Whoever has both pays Argon2's price for each guess. The
//! tenant, the object id and the kind of secret are part of what is authenticated, so that a row that was moved
//! to somebody else matches nothing.
//!
//! Invariant: everything that could tell the secret is in memory that is wiped; comparison takes the same time
//! for every wrong secret.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::{hmac, rand};
use entra_protocol::Secret;
use zeroize::Zeroizing;

use super::OfflineKey;
use crate::identity::ObjectKey;
use crate::store::{Kept, VerifierKind};

/// The way in which [`tag`] computes; a change of anything below is another number, and what was kept by
/// another number is dead.
pub(super) const SCHEME: u32 = 1;

/// Memory of one computation, in KiB: the first of OWASP's recommended settings for Argon2id (19 MiB, 2
/// passes, 1 lane; Password Storage Cheat Sheet). More would let a handful of sign-ins at once take the memory
/// of a small host.
const MEMORY_KIB: u32 = 19 * 1024;

/// Passes over it; from the same source. Some 50 ms on a processor of 2020.
const PASSES: u32 = 2;

/// Lanes: the computation runs on one thread.
const LANES: u32 = 1;

/// Bytes that Argon2 gives, and that HMAC-SHA-256 gives.
const LENGTH: usize = 32;

/// Bytes of salt (RFC 9106 §3.1 recommends 16).
pub(super) const SALT_LENGTH: usize = 16;

/// Why nothing could be computed.
#[derive(Debug)]
pub(super) enum ComputeError {
    /// Argon2 refused what it was given, or there is no memory.
    Argon2(argon2::Error),
    /// The system gave no random bytes.
    NoRandom,
}

impl fmt::Display for ComputeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2(error) => write!(f, "Argon2id: {error}"),
            Self::NoRandom => f.write_str("the system gives no random bytes"),
        }
    }
}

/// A new salt.
pub(super) fn salt() -> Result<[u8; SALT_LENGTH], ComputeError> {
    let mut salt = [0; SALT_LENGTH];
    rand::fill(&mut salt).map_err(|_| ComputeError::NoRandom)?;
    Ok(salt)
}

/// What is kept of a person's secret.
pub(super) fn tag(
    key: &OfflineKey,
    kind: VerifierKind,
    whose: ObjectKey,
    salt: &[u8],
    secret: &Secret,
) -> Result<[u8; LENGTH], ComputeError> {
    let message = message(kind, whose, salt, secret)?;
    let signature = hmac::sign(&key.of_verifiers(), &message);
    let mut tag = [0; LENGTH];
    for (to, from) in tag.iter_mut().zip(signature.as_ref()) {
        *to = *from;
    }
    Ok(tag)
}

/// Whether it is this secret that is kept.
pub(super) fn matches(
    key: &OfflineKey,
    kind: VerifierKind,
    whose: ObjectKey,
    kept: &Kept,
    secret: &Secret,
) -> Result<bool, ComputeError> {
    let message = message(kind, whose, &kept.salt, secret)?;
    Ok(hmac::verify(&key.of_verifiers(), &message, &kept.tag).is_ok())
}

/// Whose it is, what it is, and Argon2id of it; each of a fixed length but the kind, which stands first and
/// ends with a zero byte.
fn message(
    kind: VerifierKind,
    whose: ObjectKey,
    salt: &[u8],
    secret: &Secret,
) -> Result<Zeroizing<Vec<u8>>, ComputeError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, Some(LENGTH)).map_err(ComputeError::Argon2)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hashed = Zeroizing::new([0; LENGTH]);
    argon2
        .hash_password_into(secret.expose().as_bytes(), salt, hashed.as_mut())
        .map_err(ComputeError::Argon2)?;
    let word = kind.word().as_bytes();
    // Sized once: a buffer that grew would leave the hash behind.
    let mut message = Zeroizing::new(Vec::with_capacity(word.len() + 1 + 2 * 16 + LENGTH));
    message.extend_from_slice(word);
    message.push(0);
    message.extend_from_slice(&whose.tenant.to_bytes());
    message.extend_from_slice(&whose.object.to_bytes());
    message.extend_from_slice(hashed.as_ref());
    Ok(message)
}
