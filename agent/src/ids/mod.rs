//! Which uid or gid an object gets (design.md §3).
//!
//! An object's candidates follow from its identity alone: candidate `n` is
//! `base + H(tenant, object, n) mod size`, where H is the first eight bytes, big-endian, of the SHA-256 of
//! `"entra-login id 1" ‖ tenant ‖ object ‖ n`, ids as their 16 bytes and `n` as a big-endian u32. It gets
//! the first that nobody has, so that hosts agree on every object but the few whose first candidate was
//! taken. The formula is a contract between hosts: it never changes for a given text in front.
//!
//! Invariant: an allocation never moves and is never given to another object. A private group's gid is its
//! user's uid, so users and groups share one space. The 16 ids above the range are the role groups'.
//!
//! `compare` says what another host's map means here.
//!
//! What it does not do: it keeps nothing; `store` does.

mod compare;

use std::fmt;

use entra_protocol::admin::IdSpan;
use entra_snapshot::Id;
use sha2::{Digest, Sha256};

use crate::config::Ids;
use crate::identity::ObjectKey;

pub use compare::{Comparison, Difference, compare, moves};

/// A range of which every id is legal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    base: u32,
    size: u32,
}

/// A range that holds ids which imported objects must not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalRange {
    reason: String,
}

impl fmt::Display for IllegalRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[ids]: {}", self.reason)
    }
}

impl std::error::Error for IllegalRange {}

impl IdRange {
    /// Takes `[ids]` if the range and the 16 ids above it are legal throughout.
    ///
    /// # Errors
    /// [`IllegalRange`] says which id is not.
    pub fn new(ids: Ids) -> Result<Self, IllegalRange> {
        if ids.size == 0 {
            return Err(IllegalRange {
                reason: "size must be at least 1".to_owned(),
            });
        }
        let last = ids
            .base
            .checked_add(ids.size)
            .and_then(|next| next.checked_add(ROLE_IDS - 1));
        let last = last.ok_or_else(|| IllegalRange {
            reason: format!("base + size + {ROLE_IDS} does not fit into 32 bits"),
        })?;
        // What lies between two legal ids is legal if no forbidden range begins there.
        let inside = FORBIDDEN_STARTS
            .iter()
            .copied()
            .filter(|start| (ids.base..=last).contains(start));
        for id in [ids.base, last].into_iter().chain(inside) {
            Id::new(id).map_err(|illegal| IllegalRange {
                reason: format!(
                    "{id} is in the range {}..={last}: {}",
                    ids.base, illegal.reason
                ),
            })?;
        }
        Ok(Self {
            base: ids.base,
            size: ids.size,
        })
    }

    /// From the first id to the last of the role groups'.
    #[must_use]
    pub fn span(&self) -> IdSpan {
        IdSpan {
            first: self.base,
            last: self.role_gid(ROLE_IDS - 1),
        }
    }

    /// The object's candidate number `attempt`.
    #[must_use]
    pub fn candidate(&self, key: ObjectKey, attempt: u32) -> u32 {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(key.tenant.to_bytes());
        hash.update(key.object.to_bytes());
        hash.update(attempt.to_be_bytes());
        let number = hash
            .finalize()
            .iter()
            .take(8)
            .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        // Less than `size`, which is a u32.
        self.base + u32::try_from(number % u64::from(self.size)).unwrap_or(0)
    }

    /// Whether an id belongs to the role groups.
    #[must_use]
    pub fn is_role_gid(&self, id: u32) -> bool {
        (self.role_gid(0)..=self.role_gid(ROLE_IDS - 1)).contains(&id)
    }

    /// The gid of the role group with this position in [`crate::publish::ROLE_GROUPS`].
    #[must_use]
    pub fn role_gid(&self, position: u32) -> u32 {
        self.base + self.size + position.min(ROLE_IDS - 1)
    }

    /// Whether the id is one of the 16 above the range, which are the role groups'.
    #[must_use]
    pub fn is_for_roles(&self, id: u32) -> bool {
        (self.role_gid(0)..=self.role_gid(ROLE_IDS)).contains(&id)
    }
}

/// The first of the object's candidates that nobody has, as `(attempt, id)`; `None` if the range is as
/// good as full. Where two objects share a candidate, who asks first gets it: the caller asks for the
/// oldest first.
///
/// # Errors
/// What `is_taken` said.
pub fn first_free<E>(
    range: IdRange,
    key: ObjectKey,
    is_taken: &impl Fn(u32) -> Result<bool, E>,
) -> Result<Option<(u32, u32)>, E> {
    for attempt in 0..ATTEMPTS_MAX {
        let id = range.candidate(key, attempt);
        if !is_taken(id)? {
            return Ok(Some((attempt, id)));
        }
    }
    Ok(None)
}

/// Ids above the range that belong to role groups.
const ROLE_IDS: u32 = 16;

/// Candidates tried for one object: with the range half full, a thousand misses in a row do not happen.
const ATTEMPTS_MAX: u32 = 1000;

/// Keeps these hashes apart from any other use of SHA-256 over ids.
const DOMAIN: &[u8] = b"entra-login id 1";

/// Where the ranges that [`Id`] refuses begin.
const FORBIDDEN_STARTS: [u32; 3] = [60_001, 0x7FFE_0000, 0x8000_0000];

#[cfg(test)]
mod tests;
