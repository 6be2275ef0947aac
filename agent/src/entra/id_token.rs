//! From an id token to a [`VerifiedIdentity`]: the only way there is.
//!
//! Invariant: whoever holds a `VerifiedIdentity` holds the tenant id and object id of a person for whom
//! this tenant's login service issued, to our registration and within the last hours, a token that its
//! own key signed. It says nothing about who was asked for or who may sign in: that is `auth`'s part.
//!
//! Checked (<https://learn.microsoft.com/entra/identity-platform/id-tokens>): RS256 and nothing else, a
//! key of the tenant by `kid`, `iss`, `aud`, `exp` and `nbf` with a skew, `tid`, `oid`. The name in the
//! token is not looked at: names change and repeat.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;

use super::failure::cleaned;
use super::keys::KeyCache;
use super::{EntraError, IdToken, LoginService};
use crate::clock::Clock;
use crate::identity::{ObjectId, ObjectKey, TenantId};

/// How far the host's clock and Microsoft's may be apart, in seconds.
const SKEW: u64 = 5 * 60;

/// A person for whom the tenant's login service vouches.
#[derive(Debug, PartialEq, Eq)]
pub struct VerifiedIdentity {
    // Private, and no constructor: `Verifier::verify` is where these come from.
    key: ObjectKey,
}

impl VerifiedIdentity {
    /// Who it is.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        self.key
    }
}

/// Why a token proves nothing. For the journal; the person hears one sentence for all of them.
#[derive(Debug)]
pub enum ProofError {
    /// Not a token in form, or a claim is missing or of the wrong type.
    Malformed(String),
    /// Signed otherwise than by RS256, or not at all.
    Algorithm,
    /// No key of the tenant has this id.
    UnknownKey(String),
    /// Not signed by the key that it names.
    Signature,
    /// Issued by somebody else.
    Issuer,
    /// Issued to another registration.
    Audience,
    /// Over, by this many seconds more than the skew.
    Expired(u64),
    /// Not begun, by this many seconds more than the skew.
    NotYet(u64),
    /// Of another tenant.
    OtherTenant(String),
    /// The keys can't be had.
    NoKeys(EntraError),
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "id_token: malformed: {what}"),
            Self::Algorithm => f.write_str("id_token: alg: not RS256"),
            Self::UnknownKey(id) => write!(f, "id_token: kid: the tenant has no key {id:?}"),
            Self::Signature => f.write_str("id_token: the signature is wrong"),
            Self::Issuer => f.write_str("id_token: iss: issued by another service or tenant"),
            Self::Audience => f.write_str("id_token: aud: issued to another application"),
            Self::Expired(by) => write!(f, "id_token: exp: over since {by} s"),
            Self::NotYet(by) => write!(f, "id_token: nbf: begins in {by} s; is the clock right?"),
            Self::OtherTenant(found) => write!(f, "id_token: tid: of tenant {found:?}"),
            Self::NoKeys(error) => write!(f, "signing keys: {error}"),
        }
    }
}

impl std::error::Error for ProofError {}

/// Verifies the id tokens of one tenant for one registration.
pub struct Verifier {
    tenant: TenantId,
    issuer: String,
    audience: String,
    keys: KeyCache,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    /// For tokens that `issuer` issues about people of `tenant` to the registration `client_id`.
    #[must_use]
    pub fn new(tenant: TenantId, issuer: &str, client_id: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            tenant,
            issuer: issuer.to_owned(),
            audience: client_id.to_owned(),
            keys: KeyCache::new(),
            clock,
        }
    }

    /// Who the token is about, if it proves it.
    ///
    /// # Errors
    /// [`ProofError`]; only [`ProofError::NoKeys`] can be different at the next try.
    pub async fn verify(
        &self,
        service: &dyn LoginService,
        token: &IdToken,
    ) -> Result<VerifiedIdentity, ProofError> {
        #[derive(Deserialize)]
        struct Claims {
            exp: u64,
            nbf: u64,
            tid: String,
            oid: String,
        }
        // Also fails for `"alg":"none"`, which the library does not know.
        let header = decode_header(token.compact()).map_err(translated)?;
        if header.alg != Algorithm::RS256 {
            return Err(ProofError::Algorithm);
        }
        let id = header
            .kid
            .ok_or_else(|| ProofError::Malformed("kid is missing".to_owned()))?;
        let key = self
            .keys
            .find(service, &id)
            .await
            .map_err(ProofError::NoKeys)?
            .ok_or_else(|| ProofError::UnknownKey(cleaned(&id)))?;

        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_required_spec_claims(&["exp", "nbf", "iss", "aud"]);
        rules.set_issuer(&[&self.issuer]);
        rules.set_audience(&[&self.audience]);
        // The library reads the machine's clock; ours is a parameter, and both bounds follow below.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let claims = decode::<Claims>(token.compact(), &key, &rules)
            .map_err(translated)?
            .claims;

        let now = self.clock.now().value();
        let over = now.saturating_sub(claims.exp.saturating_add(SKEW));
        if over > 0 {
            return Err(ProofError::Expired(over));
        }
        let early = claims.nbf.saturating_sub(now.saturating_add(SKEW));
        if early > 0 {
            return Err(ProofError::NotYet(early));
        }
        let tenant: TenantId = claims
            .tid
            .parse()
            .map_err(|_| ProofError::Malformed("tid is not an id".to_owned()))?;
        if tenant != self.tenant {
            return Err(ProofError::OtherTenant(tenant.to_string()));
        }
        let object: ObjectId = claims
            .oid
            .parse()
            .map_err(|_| ProofError::Malformed("oid is not an id".to_owned()))?;
        Ok(VerifiedIdentity {
            key: ObjectKey { tenant, object },
        })
    }
}

fn translated(error: jsonwebtoken::errors::Error) -> ProofError {
    match error.kind() {
        ErrorKind::InvalidSignature => ProofError::Signature,
        ErrorKind::InvalidIssuer => ProofError::Issuer,
        ErrorKind::InvalidAudience => ProofError::Audience,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => ProofError::Algorithm,
        _ => ProofError::Malformed(cleaned(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::scripted::{
        ALICE, NOW, Tenant, claims, encoded, header, key_of, signed, token_of, verifier,
    };
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};
    use std::sync::atomic::Ordering;
    use std::time::Duration;
    use zeroize::Zeroizing;

    async fn verified(token: &IdToken) -> Result<VerifiedIdentity, ProofError> {
        verifier().verify(&Tenant::default(), token).await
    }

    fn with(field: &str, value: Value) -> IdToken {
        let mut claims = claims(ALICE);
        claims[field] = value;
        signed(&header(), &claims, false)
    }

    #[tokio::test]
    async fn a_right_token_proves_its_person() {
        let identity = verified(&token_of(ALICE)).await.unwrap();
        assert_eq!(identity.key(), key_of(ALICE));
    }

    #[tokio::test]
    async fn every_wrong_claim_is_refused_by_name() {
        let other = "00000000-0000-4000-8000-00000000dead";
        let cases = [
            ("aud", json!(other), "aud"),
            ("aud", json!([other]), "aud"),
            (
                "iss",
                json!("https://login.microsoftonline.com/common/v2.0"),
                "iss",
            ),
            ("tid", json!(other), "tid"),
            ("tid", json!("contoso"), "tid"),
            ("tid", Value::Null, "malformed"),
            ("oid", json!("alice"), "oid"),
            ("oid", Value::Null, "malformed"),
            ("exp", json!(NOW - 301), "exp"),
            ("exp", Value::Null, "malformed"),
            ("nbf", json!(NOW + 301), "nbf"),
            ("nbf", Value::Null, "malformed"),
        ];
        for (field, value, named) in cases {
            let error = verified(&with(field, value.clone()))
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains(named), "{field}={value}: {error}");
        }
    }

    #[tokio::test]
    async fn clocks_may_be_five_minutes_apart() {
        assert!(verified(&with("exp", json!(NOW - 299))).await.is_ok());
        assert!(verified(&with("nbf", json!(NOW + 299))).await.is_ok());
    }

    #[tokio::test]
    async fn only_the_tenants_own_signature_counts() {
        let stranger = signed(&header(), &claims(ALICE), true);
        assert!(matches!(
            verified(&stranger).await,
            Err(ProofError::Signature)
        ));

        let unsigned = json!({"typ": "JWT", "alg": "none", "kid": "k1"});
        let unsigned = format!("{}.{}.", encoded(&unsigned), encoded(&claims(ALICE)));
        assert!(
            verified(&IdToken::new(Zeroizing::new(unsigned)))
                .await
                .is_err()
        );

        // Signed with the public key as if it were a shared secret, the classic confusion.
        let shared = json!({"typ": "JWT", "alg": "HS256", "kid": "k1"});
        let shared = signed(&shared, &claims(ALICE), false);
        assert!(matches!(
            verified(&shared).await,
            Err(ProofError::Algorithm)
        ));

        let whole = token_of(ALICE);
        let [head, _, tail] = whole.compact().split('.').collect::<Vec<_>>()[..] else {
            panic!();
        };
        let swapped =
            URL_SAFE_NO_PAD.encode(claims("a0000000-0000-4000-8000-000000000002").to_string());
        let swapped = IdToken::new(Zeroizing::new(format!("{head}.{swapped}.{tail}")));
        assert!(matches!(
            verified(&swapped).await,
            Err(ProofError::Signature)
        ));

        for bad in ["", "x", "a.b", "a.b.c", "...."] {
            let bad = IdToken::new(Zeroizing::new(bad.to_owned()));
            assert!(verified(&bad).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_key_fetches_the_keys_again_but_once_a_minute_at_most() {
        let tenant = Tenant::default();
        let verifier = verifier();
        let unknown = json!({"typ": "JWT", "alg": "RS256", "kid": "k2"});
        let unknown = signed(&unknown, &claims(ALICE), false);
        assert!(verifier.verify(&tenant, &token_of(ALICE)).await.is_ok());
        for _ in 0..3 {
            let refused = verifier.verify(&tenant, &unknown).await;
            assert!(matches!(refused, Err(ProofError::UnknownKey(_))));
        }
        assert_eq!(tenant.key_fetches.load(Ordering::SeqCst), 2);
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(verifier.verify(&tenant, &unknown).await.is_err());
        assert!(verifier.verify(&tenant, &token_of(ALICE)).await.is_ok());
        assert_eq!(tenant.key_fetches.load(Ordering::SeqCst), 3);
    }
}
