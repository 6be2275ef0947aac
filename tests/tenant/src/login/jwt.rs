//! Signing keys, and tokens made with them.
//!
//! Id tokens are plain RS256. Graph access tokens carry a `nonce` in their header
//! that is hashed before signing, as the real ones do: whoever is not Graph
//! cannot verify them, so a client that tries shows its mistake here too.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use aws_lc_rs::{digest, encoding::AsDer};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};

/// The keys in use: the first signs, all are published and verify.
pub(crate) struct KeyRing {
    keys: Vec<SigningKey>,
}

struct SigningKey {
    /// SHA-1 of the certificate, base64url: `kid` and `x5t` alike.
    id: String,
    pair: RsaKeyPair,
    certificate: Vec<u8>,
}

/// How many keys are published at a time.
const PUBLISHED: usize = 2;

/// No key could be made, or no signature.
#[derive(Debug)]
pub(crate) struct KeyError(&'static str);

impl std::fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0)
    }
}

impl KeyRing {
    /// Two new keys.
    pub(crate) fn new() -> Result<Self, KeyError> {
        Ok(Self {
            keys: vec![SigningKey::generate()?, SigningKey::generate()?],
        })
    }

    /// A new key signs from now on; the oldest is published no more. Tokens of
    /// the key before stay good.
    pub(crate) fn rotate(&mut self) -> Result<(), KeyError> {
        self.keys.insert(0, SigningKey::generate()?);
        self.keys.truncate(PUBLISHED);
        Ok(())
    }

    /// The id of the key that signs.
    pub(crate) fn active(&self) -> &str {
        self.keys.first().map_or("", |key| &key.id)
    }

    /// The key set, each key with the issuer it is valid for.
    pub(crate) fn jwks(&self, issuer: &str) -> Value {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|key| {
                let public = key.pair.public_key();
                let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
                json!({
                    "kty": "RSA",
                    "use": "sig",
                    "kid": key.id,
                    "x5t": key.id,
                    "n": number(public.modulus().big_endian_without_leading_zero()),
                    "e": number(public.exponent().big_endian_without_leading_zero()),
                    "x5c": [STANDARD.encode(&key.certificate)],
                    "cloud_instance_name": "microsoftonline.com",
                    "issuer": issuer,
                })
            })
            .collect();
        json!({"keys": keys})
    }

    /// An id token: anybody with the key set can verify it.
    pub(crate) fn id_token(&self, claims: &Value) -> Result<String, KeyError> {
        let key = self
            .keys
            .first()
            .ok_or(KeyError("there is no signing key"))?;
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": key.id});
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = key.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{signature}"))
    }

    /// An access token for Graph: only Graph can verify it.
    pub(crate) fn access_token(&self, claims: &Value) -> Result<String, KeyError> {
        let key = self
            .keys
            .first()
            .ok_or(KeyError("there is no signing key"))?;
        let nonce = random_text(32);
        let signed = format!(
            "{}.{}",
            part(&access_header(&hashed(&nonce), &key.id)),
            part(claims)
        );
        let signature = key.sign(signed.as_bytes())?;
        Ok(format!(
            "{}.{}.{signature}",
            part(&access_header(&nonce, &key.id)),
            part(claims)
        ))
    }

    /// The claims of an access token whose signature is good.
    pub(crate) fn verify_access_token(&self, token: &str) -> Option<Value> {
        let mut parts = token.split('.');
        let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let header: Value = decoded(header)?;
        let key = self
            .keys
            .iter()
            .find(|key| header.get("kid") == Some(&json!(key.id)))?;
        let nonce = header.get("nonce").and_then(Value::as_str)?;
        let signed = format!("{}.{claims}", part(&access_header(&hashed(nonce), &key.id)));
        let public = key.pair.public_key();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.as_ref())
            .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?)
            .ok()?;
        decoded(claims)
    }
}

impl SigningKey {
    fn generate() -> Result<Self, KeyError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)
            .map_err(|_| KeyError("no RSA key could be made"))?;
        let certificate = certificate(&pair).ok_or(KeyError("no key certificate could be made"))?;
        let thumbprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
        Ok(Self {
            id: URL_SAFE_NO_PAD.encode(thumbprint),
            pair,
            certificate,
        })
    }

    fn sign(&self, text: &[u8]) -> Result<String, KeyError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &signature::RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text,
                &mut signature,
            )
            .map_err(|_| KeyError("no signature could be made"))?;
        Ok(URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The self-signed certificate that `x5c` shows, DER.
fn certificate(pair: &RsaKeyPair) -> Option<Vec<u8>> {
    let private: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().ok()?;
    let private = private.as_ref().into();
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&private, &PKCS_RSA_SHA256).ok()?;
    let mut params = CertificateParams::new(Vec::<String>::new()).ok()?;
    params
        .distinguished_name
        .push(DnType::CommonName, "accounts.accesscontrol.windows.net");
    Some(params.self_signed(&pair).ok()?.der().to_vec())
}

fn access_header(nonce: &str, key: &str) -> Value {
    json!({"typ": "JWT", "nonce": nonce, "alg": "RS256", "x5t": key, "kid": key})
}

fn hashed(nonce: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, nonce.as_bytes()))
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A part of a token as JSON.
pub(crate) fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Random base64url text from so many bytes.
pub(crate) fn random_text(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    // The generator does not fail on Linux; if it did, the text would be weak,
    // which a simulated tenant can bear.
    let _ = aws_lc_rs::rand::fill(&mut buffer);
    URL_SAFE_NO_PAD.encode(buffer)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

    use super::*;

    fn decoding_key(ring: &KeyRing, id: &str) -> Option<DecodingKey> {
        let keys = ring.jwks("https://issuer/v2.0");
        let key = keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .find(|key| key["kid"] == id)?;
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        Some(DecodingKey::from_rsa_components(&text("n"), &text("e")).unwrap())
    }

    fn validation() -> Validation {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&["me"]);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        validation
    }

    #[test]
    fn an_id_token_is_verified_by_the_published_keys() {
        let ring = KeyRing::new().unwrap();
        let token = ring.id_token(&json!({"aud": "me", "oid": "1"})).unwrap();
        let key = decoding_key(&ring, &decode_header(&token).unwrap().kid.unwrap()).unwrap();
        let claims = decode::<Value>(&token, &key, &validation()).unwrap().claims;
        assert_eq!(claims["oid"], "1");
    }

    #[test]
    fn an_access_token_is_verified_by_graph_alone() {
        let ring = KeyRing::new().unwrap();
        let token = ring.access_token(&json!({"aud": "me"})).unwrap();
        assert_eq!(ring.verify_access_token(&token), Some(json!({"aud": "me"})));
        let key = decoding_key(&ring, ring.active()).unwrap();
        assert!(decode::<Value>(&token, &key, &validation()).is_err());
        let forged = token.replace(&part(&json!({"aud": "me"})), &part(&json!({"aud": "you"})));
        assert_eq!(ring.verify_access_token(&forged), None);
    }

    #[test]
    fn rotation_keeps_the_last_key_and_drops_the_one_before() {
        let mut ring = KeyRing::new().unwrap();
        let first = ring.active().to_owned();
        ring.rotate().unwrap();
        assert_ne!(ring.active(), first);
        assert!(decoding_key(&ring, &first).is_some());
        ring.rotate().unwrap();
        assert!(decoding_key(&ring, &first).is_none());
    }
}
