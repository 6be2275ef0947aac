//! A client assertion: the registration's signed word for one token request (`private_key_jwt`).
//!
//! PS256 with `x5t#S256`, as Microsoft documents certificate credentials. Every request gets a new one, so
//! that nothing that was sent once is worth keeping.

use jsonwebtoken::{Algorithm, Header, encode};
use serde::Serialize;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::certificate::KeyPair;
use crate::clock::UnixSeconds;

/// Seconds that an assertion counts. Microsoft advises five to ten minutes; a request takes seconds, the
/// rest is for clocks that differ.
const LIFE: u64 = 5 * 60;

/// For which request an assertion is made.
#[derive(Debug, Clone)]
pub(in crate::entra) struct Occasion {
    /// The token endpoint.
    pub(in crate::entra) audience: String,
    /// The registration that speaks.
    pub(in crate::entra) client_id: String,
    /// Now.
    pub(in crate::entra) now: UnixSeconds,
    /// Never used before.
    pub(in crate::entra) id: Uuid,
}

/// Signs an assertion; `None` if the library can't sign with this key.
pub(super) fn sign(pair: &KeyPair, occasion: &Occasion) -> Option<Zeroizing<String>> {
    #[derive(Serialize)]
    struct Claims<'a> {
        aud: &'a str,
        iss: &'a str,
        sub: &'a str,
        jti: String,
        nbf: u64,
        iat: u64,
        exp: u64,
    }
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(pair.thumbprint.clone());
    let now = occasion.now.value();
    let claims = Claims {
        aud: &occasion.audience,
        iss: &occasion.client_id,
        sub: &occasion.client_id,
        jti: occasion.id.to_string(),
        nbf: now,
        iat: now,
        exp: now.saturating_add(LIFE),
    };
    encode(&header, &claims, &pair.key).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        KeyPair as _, RSA_PSS_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
    };
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::super::certificate::read;
    use super::super::fixture::{CERTIFICATE, PKCS8_KEY, THUMBPRINT};
    use super::super::pem::blocks;
    use super::*;

    #[test]
    fn an_assertion_says_what_entra_documents_and_verifies() {
        let pair = read(CERTIFICATE, PKCS8_KEY).map_err(|_| "refused").unwrap();
        let id = Uuid::from_u128(7);
        let occasion = Occasion {
            audience: "https://login.example/t/oauth2/v2.0/token".to_owned(),
            client_id: "c".to_owned(),
            now: UnixSeconds::new(1_767_555_858),
            id,
        };
        let signed = sign(&pair, &occasion).unwrap();
        let parts: Vec<&str> = signed.split('.').collect();
        let part = |index: usize| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[index]).unwrap()).unwrap()
        };
        assert_eq!(
            part(0),
            json!({"typ": "JWT", "alg": "PS256", "x5t#S256": THUMBPRINT})
        );
        assert_eq!(
            part(1),
            json!({
                "aud": occasion.audience, "iss": "c", "sub": "c", "jti": id.to_string(),
                "nbf": 1_767_555_858_u64, "iat": 1_767_555_858_u64, "exp": 1_767_556_158_u64,
            })
        );
        let der = blocks(PKCS8_KEY)[0].bytes().unwrap();
        let own = RsaKeyPair::from_pkcs8(&der).unwrap();
        let message = format!("{}.{}", parts[0], parts[1]);
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, own.public_key().as_ref())
            .verify(
                message.as_bytes(),
                &URL_SAFE_NO_PAD.decode(parts[2]).unwrap(),
            )
            .unwrap();
    }
}
