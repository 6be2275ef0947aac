//! The tenant's signing keys, kept.
//!
//! Entra signs with several keys and changes them without notice: an unknown `kid` fetches the document
//! once more at once, but not more often than [`REFETCH_GAP`], so that tokens with made-up key ids can't
//! make this host hammer the service. After [`KEYS_LIFE`] the document is fetched anew, so that a withdrawn
//! key stops counting.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use tokio::time::Instant;

use super::{EntraError, LoginService};

/// How long the document counts: what Entra's own `Cache-Control: max-age` says, one day.
const KEYS_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The least time between two fetches for the sake of an unknown key.
const REFETCH_GAP: Duration = Duration::from_secs(60);

/// The keys of one tenant.
pub(super) struct KeyCache {
    /// Locked for a look, never across a wait.
    kept: Mutex<Option<Kept>>,
    /// Held across a request on purpose: sign-ins that wait for the same document fetch it once. Keeps when
    /// the last fetch failed and why, for those who waited for it.
    fetching: tokio::sync::Mutex<Option<(Instant, EntraError)>>,
}

struct Kept {
    by_id: BTreeMap<String, DecodingKey>,
    fetched: Instant,
    /// When the document was last fetched for the sake of an unknown key.
    searched: Option<Instant>,
}

/// What the kept document says of a key.
enum Look {
    Is(DecodingKey),
    /// The tenant has no such key.
    IsNot,
    /// It has to be fetched; for the sake of this very key, if true.
    Fetch(bool),
}

impl KeyCache {
    pub(super) fn new() -> Self {
        Self {
            kept: Mutex::new(None),
            fetching: tokio::sync::Mutex::new(None),
        }
    }

    /// The key with this id; `None` if the tenant has no such key. Whoever asks for a known key waits for
    /// nobody, and nobody waits for more than one request.
    pub(super) async fn find(
        &self,
        service: &dyn LoginService,
        id: &str,
    ) -> Result<Option<DecodingKey>, EntraError> {
        let came = Instant::now();
        match self.look(id) {
            Look::Is(key) => return Ok(Some(key)),
            Look::IsNot => return Ok(None),
            Look::Fetch(_) => {}
        }
        let mut failed = self.fetching.lock().await;
        let search = match self.look(id) {
            Look::Is(key) => return Ok(Some(key)),
            Look::IsNot => return Ok(None),
            Look::Fetch(search) => search,
        };
        if let Some((at, error)) = &*failed
            && *at > came
        {
            return Err(error.clone());
        }
        let document = service.signing_keys().await;
        let read = document.and_then(|document| read(&document));
        let by_id = read.inspect_err(|error| *failed = Some((Instant::now(), error.clone())))?;
        let mut kept = self.lock();
        let searched = kept.as_ref().and_then(|keys| keys.searched);
        let kept = kept.insert(Kept {
            by_id,
            fetched: Instant::now(),
            searched: Some(Instant::now()).filter(|_| search).or(searched),
        });
        Ok(kept.by_id.get(id).cloned())
    }

    fn look(&self, id: &str) -> Look {
        match &*self.lock() {
            None => Look::Fetch(false),
            Some(keys) if keys.fetched.elapsed() >= KEYS_LIFE => Look::Fetch(false),
            Some(keys) => match keys.by_id.get(id) {
                Some(key) => Look::Is(key.clone()),
                None if keys
                    .searched
                    .is_none_or(|last| last.elapsed() >= REFETCH_GAP) =>
                {
                    Look::Fetch(true)
                }
                None => Look::IsNot,
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        // Whole at every instant: it is replaced in one assignment.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The RSA signing keys of a key document. Keys of other kinds are left out; they may be new, and RS256
/// is all that counts here.
fn read(document: &[u8]) -> Result<BTreeMap<String, DecodingKey>, EntraError> {
    #[derive(Deserialize)]
    struct Document {
        keys: Vec<serde_json::Value>,
    }
    #[derive(Deserialize)]
    struct RsaKey {
        kty: String,
        #[serde(rename = "use", default)]
        usage: Option<String>,
        kid: String,
        n: String,
        e: String,
    }
    let unusable = |reason: String| EntraError::Unusable {
        place: "signing keys".to_owned(),
        reason,
    };
    let document: Document =
        serde_json::from_slice(document).map_err(|error| unusable(error.to_string()))?;
    let keys: BTreeMap<String, DecodingKey> = document
        .keys
        .into_iter()
        .filter_map(|value| serde_json::from_value::<RsaKey>(value).ok())
        .filter(|key| key.kty == "RSA" && key.usage.as_deref().unwrap_or("sig") == "sig")
        .filter_map(|key| {
            let decoding = DecodingKey::from_rsa_components(&key.n, &key.e).ok()?;
            Some((key.kid, decoding))
        })
        .collect();
    if keys.is_empty() {
        return Err(unusable("keys: no RSA signing key among them".to_owned()));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    use crate::auth::scripted::Tenant;

    #[tokio::test(start_paused = true)]
    async fn a_known_key_waits_for_nobodys_fetch() {
        let (cache, service) = (KeyCache::new(), Tenant::whose_keys_hang_after(1));
        assert!(cache.find(&service, "k1").await.unwrap().is_some());
        let began = Instant::now();
        let known = async {
            let found = cache.find(&service, "k1").await.unwrap();
            assert!(found.is_some());
            Instant::now() - began
        };
        // The one who searches goes first and hangs.
        let (searched, waited) = tokio::join!(cache.find(&service, "unknown"), known);
        assert!(searched.is_err());
        assert_eq!(waited, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_for_a_fetch_that_failed_does_not_wait_again() {
        let (cache, service) = (KeyCache::new(), Tenant::whose_keys_hang_after(0));
        let began = Instant::now();
        let find = || cache.find(&service, "k1");
        let (one, two, three) = tokio::join!(find(), find(), find());
        assert!(one.is_err() && two.is_err() && three.is_err());
        assert_eq!(service.key_fetches.load(Ordering::SeqCst), 1);
        assert_eq!((Instant::now() - began).as_secs(), 60);
        // Whoever comes later asks anew.
        assert!(find().await.is_err());
        assert_eq!(service.key_fetches.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn other_kinds_of_keys_are_left_out_and_none_at_all_is_an_error() {
        let keys = read(
            br#"{"keys":[{"kty":"EC","kid":"e","crv":"P-256"},7,
                {"kty":"RSA","use":"enc","kid":"x","n":"AQAB","e":"AQAB"},
                {"kty":"RSA","use":"sig","kid":"s","n":"AQAB","e":"AQAB"}]}"#,
        )
        .unwrap();
        assert_eq!(keys.keys().collect::<Vec<_>>(), ["s"]);
        for bad in [&br#"{"keys":[]}"#[..], b"{}", b"[", br#"{"keys":{}}"#] {
            assert!(read(bad).is_err());
        }
    }
}
