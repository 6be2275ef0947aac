//! Chance that is the host's own: two hosts, or two tenants of one host, come apart, and one host at one
//! instant always answers the same, so that what it planned can be explained.

use sha2::{Digest, Sha256};

use crate::clock::UnixSeconds;
use crate::identity::TenantId;

/// Spreads instants.
#[derive(Debug, Clone)]
pub struct Jitter {
    /// What tells this host from others.
    host: Vec<u8>,
}

impl Jitter {
    /// Of the host that these bytes tell from others (`/etc/machine-id`, say).
    #[must_use]
    pub fn new(host: &[u8]) -> Self {
        Self {
            host: host.to_vec(),
        }
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&self, tenant: TenantId, now: UnixSeconds, low: u64, high: u64) -> u64 {
        let mut hash = Sha256::new();
        hash.update(&self.host);
        hash.update(tenant.to_bytes());
        hash.update(now.value().to_le_bytes());
        let drawn = hash
            .finalize()
            .iter()
            .take(8)
            .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        let span = high.saturating_sub(low).saturating_add(1);
        low.saturating_add(drawn % span.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_tenants_and_instants_come_apart() {
        let draw = |host: &[u8], tenant: u8, now| {
            let tenant = TenantId::from_bytes([tenant; 16]);
            Jitter::new(host).between(tenant, UnixSeconds::new(now), 0, u64::MAX - 1)
        };
        let one = draw(b"a", 1, 1);
        assert_eq!(one, draw(b"a", 1, 1));
        assert_ne!(one, draw(b"b", 1, 1));
        assert_ne!(one, draw(b"a", 2, 1));
        assert_ne!(one, draw(b"a", 1, 2));
    }

    #[test]
    fn both_ends_are_reached_and_not_passed() {
        let tenant = TenantId::from_bytes([1; 16]);
        let drawn: std::collections::BTreeSet<u64> = (0..100)
            .map(|now| Jitter::new(b"a").between(tenant, UnixSeconds::new(now), 3, 5))
            .collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
    }
}
