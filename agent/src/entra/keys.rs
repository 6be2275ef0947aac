//! The tenant's signing keys, kept.
//!
//! Entra signs with several keys and changes them without notice: an unknown `kid` fetches the document
//! once more at once, but not more often than [`REFETCH_GAP`], so that tokens with made-up key ids can't
//! make this host hammer the service. After [`KEYS_LIFE`] the document is fetched anew, so that a withdrawn
//! key stops counting.

use std::collections::BTreeMap;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{EntraError, LoginService};

/// How long the document counts: what Entra's own `Cache-Control: max-age` says, one day.
const KEYS_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The least time between two fetches for the sake of an unknown key.
const REFETCH_GAP: Duration = Duration::from_secs(60);

/// The keys of one tenant.
pub(super) struct KeyCache(Mutex<Option<Kept>>);

struct Kept {
    by_id: BTreeMap<String, DecodingKey>,
    fetched: Instant,
    /// When the document was last fetched for the sake of an unknown key.
    searched: Option<Instant>,
}

impl KeyCache {
    pub(super) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The key with this id; `None` if the tenant has no such key.
    pub(super) async fn find(
        &self,
        service: &dyn LoginService,
        id: &str,
    ) -> Result<Option<DecodingKey>, EntraError> {
        // Held across the request on purpose: sign-ins that wait for the same document fetch it once.
        let mut kept = self.0.lock().await;
        let searched = kept.as_ref().and_then(|keys| keys.searched);
        let (fetch, searched) = match &*kept {
            None => (true, None),
            Some(keys) if keys.fetched.elapsed() >= KEYS_LIFE => (true, searched),
            Some(keys) if keys.by_id.contains_key(id) => (false, searched),
            Some(_) => {
                let again = searched.is_none_or(|last| last.elapsed() >= REFETCH_GAP);
                (again, Some(Instant::now()).filter(|_| again).or(searched))
            }
        };
        if fetch {
            let document = service.signing_keys().await?;
            *kept = Some(Kept {
                by_id: read(&document)?,
                fetched: Instant::now(),
                searched,
            });
        }
        Ok(kept.as_ref().and_then(|keys| keys.by_id.get(id).cloned()))
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
