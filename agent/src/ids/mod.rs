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

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use entra_snapshot::Id;
use sha2::{Digest, Sha256};

use crate::config::Ids;
use crate::identity::ObjectKey;
use crate::names::LocalAccounts;
use crate::store::NewId;

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

    /// Whether this is one of the role groups' gids.
    #[must_use]
    pub fn is_role_gid(&self, id: u32) -> bool {
        id.checked_sub(self.base + self.size)
            .is_some_and(|position| position < ROLE_IDS)
    }

    /// The gid of the role group with this position in [`crate::publish::ROLE_GROUPS`].
    #[must_use]
    pub fn role_gid(&self, position: u32) -> u32 {
        self.base + self.size + position.min(ROLE_IDS - 1)
    }
}

/// What came of a request for ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allocation {
    /// Ids given out now.
    pub new: Vec<NewId>,
    /// Objects for which there was none.
    pub unplaced: BTreeSet<ObjectKey>,
}

/// Gives an id to each of `objects` that has none in `known`. The order of `objects` decides who gets its
/// first candidate where two share one: the oldest comes first.
#[must_use]
pub fn allocate(
    range: IdRange,
    objects: &[ObjectKey],
    known: &BTreeMap<ObjectKey, u32>,
    local: &LocalAccounts,
) -> Allocation {
    let mut taken: BTreeSet<u32> = known.values().copied().collect();
    let mut placed: BTreeSet<ObjectKey> = BTreeSet::new();
    let mut allocation = Allocation::default();
    for key in objects {
        if known.contains_key(key) || !placed.insert(*key) {
            continue;
        }
        let free = (0..ATTEMPTS_MAX)
            .map(|attempt| (attempt, range.candidate(*key, attempt)))
            .find(|(_, id)| !taken.contains(id) && !local.has_id(*id));
        match free {
            Some((attempt, id)) => {
                taken.insert(id);
                allocation.new.push(NewId {
                    key: *key,
                    id,
                    attempt,
                });
            }
            None => {
                allocation.unplaced.insert(*key);
            }
        }
    }
    allocation
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
