//! A certificate and its RSA key, as the files hold them.
//!
//! Invariant: a [`KeyPair`] is a certificate whose public key is that of the private key beside it, both
//! RSA. The certificate is ours: nothing of it is trusted or verified here, Entra compares it with the one
//! that was uploaded. The key's bytes are wiped on drop; inside the library that signs they are out of our
//! hands.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::der::{
    BIT_STRING, CONTEXT_0, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING,
    RSA_ENCRYPTION, Reader, SEQUENCE, UTC_TIME,
};
use super::pem::{Block, blocks};
use crate::clock::{UnixSeconds, parse_rfc3339};

/// What signs assertions, and how Entra finds the certificate it belongs to.
pub(super) struct KeyPair {
    /// The private key; wiped on drop.
    pub(super) key: EncodingKey,
    /// `x5t#S256`: SHA-256 over the certificate, base64url without padding (RFC 7515 §4.1.8).
    pub(super) thumbprint: String,
    /// The last instant at which the certificate counts.
    pub(super) not_after: UnixSeconds,
}

/// Which of the two texts is wrong, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PairError {
    /// The certificate's text.
    Certificate(&'static str),
    /// The key's text.
    Key(&'static str),
}

/// An RSA public key: modulus and exponent, as DER writes them.
#[derive(PartialEq, Eq)]
struct PublicKey<'a> {
    modulus: &'a [u8],
    exponent: &'a [u8],
}

/// Reads the first certificate of one text and the first private key of the other; both may be the same.
pub(super) fn read(certificate: &str, key: &str) -> Result<KeyPair, PairError> {
    let der = first_certificate(certificate).map_err(PairError::Certificate)?;
    let (public, not_after) = certificate_facts(&der).map_err(PairError::Certificate)?;

    let block = blocks(key)
        .into_iter()
        .find(|block| block.label.ends_with("PRIVATE KEY"))
        .ok_or(PairError::Key("there is no private key (PEM) in it"))?;
    check_label(&block).map_err(PairError::Key)?;
    let bytes = block.bytes().ok_or(PairError::Key(BROKEN))?;
    let private = match block.label {
        "PRIVATE KEY" => unwrapped(&bytes).map_err(PairError::Key)?,
        _ => bytes.as_slice(),
    };
    if public_half(private).ok_or(PairError::Key(BROKEN))? != public {
        return Err(PairError::Key("the key is not the certificate's"));
    }
    Ok(KeyPair {
        key: EncodingKey::from_rsa_der(private),
        thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(&der)),
        not_after,
    })
}

/// When the first certificate of a text ends.
pub(super) fn end(certificate: &str) -> Result<UnixSeconds, &'static str> {
    let der = first_certificate(certificate)?;
    certificate_facts(&der).map(|(_, not_after)| not_after)
}

fn first_certificate(text: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    blocks(text)
        .into_iter()
        .find(|block| block.label == "CERTIFICATE")
        .ok_or("there is no certificate (PEM) in it")?
        .bytes()
        .ok_or(BROKEN)
}

const BROKEN: &str = "its PEM block can't be read";
const NOT_RSA: &str = "the key is not an RSA key, and Entra takes no other";

fn check_label(block: &Block<'_>) -> Result<(), &'static str> {
    match block.label {
        "PRIVATE KEY" | "RSA PRIVATE KEY" => Ok(()),
        "ENCRYPTED PRIVATE KEY" => {
            Err("the key is encrypted; the agent has no one to ask for a passphrase")
        }
        _ => Err(NOT_RSA),
    }
}

/// Public key and end of a certificate (RFC 5280 §4.1).
fn certificate_facts(der: &[u8]) -> Result<(PublicKey<'_>, UnixSeconds), &'static str> {
    let mut facts = Reader::new(der)
        .enter(SEQUENCE)
        .and_then(|mut whole| whole.enter(SEQUENCE))
        .ok_or(BROKEN)?;
    // Version 1 has no version field.
    let _ = facts.read(CONTEXT_0);
    facts.read(INTEGER).ok_or(BROKEN)?; // serial number
    facts.read(SEQUENCE).ok_or(BROKEN)?; // signature algorithm
    facts.read(SEQUENCE).ok_or(BROKEN)?; // issuer
    let mut validity = facts.enter(SEQUENCE).ok_or(BROKEN)?;
    instant(&mut validity).ok_or(BROKEN)?;
    let not_after = instant(&mut validity).ok_or(BROKEN)?;
    facts.read(SEQUENCE).ok_or(BROKEN)?; // subject
    let mut info = facts.enter(SEQUENCE).ok_or(BROKEN)?;
    let algorithm = info
        .enter(SEQUENCE)
        .and_then(|mut algorithm| algorithm.read(OBJECT_IDENTIFIER))
        .ok_or(BROKEN)?;
    if algorithm != RSA_ENCRYPTION {
        return Err(NOT_RSA);
    }
    // A BIT STRING's first byte counts its unused bits; a key has none.
    let key = info
        .read(BIT_STRING)
        .and_then(|bits| bits.strip_prefix(&[0]))
        .and_then(|bits| Reader::new(bits).enter(SEQUENCE))
        .and_then(numbers)
        .ok_or(BROKEN)?;
    Ok((key, not_after))
}

/// The RSAPrivateKey inside a PKCS#8 key (RFC 5208 §5).
fn unwrapped(der: &[u8]) -> Result<&[u8], &'static str> {
    let mut info = Reader::new(der).enter(SEQUENCE).ok_or(BROKEN)?;
    info.read(INTEGER).ok_or(BROKEN)?;
    let algorithm = info
        .enter(SEQUENCE)
        .and_then(|mut algorithm| algorithm.read(OBJECT_IDENTIFIER))
        .ok_or(BROKEN)?;
    if algorithm != RSA_ENCRYPTION {
        return Err(NOT_RSA);
    }
    info.read(OCTET_STRING).ok_or(BROKEN)
}

/// The public half of an RSAPrivateKey (RFC 8017 appendix A.1.2); nothing may follow it.
fn public_half(der: &[u8]) -> Option<PublicKey<'_>> {
    let mut whole = Reader::new(der);
    let mut key = whole.enter(SEQUENCE).filter(|_| whole.is_at_end())?;
    key.read(INTEGER)?;
    numbers(key)
}

fn numbers(mut key: Reader<'_>) -> Option<PublicKey<'_>> {
    Some(PublicKey {
        modulus: key.read(INTEGER)?,
        exponent: key.read(INTEGER)?,
    })
}

/// A Time (RFC 5280 §4.1.2.5): UTCTime of two-digit years from 1950 on, or GeneralizedTime.
fn instant(reader: &mut Reader<'_>) -> Option<UnixSeconds> {
    let text = match reader.read(UTC_TIME) {
        Some(short) => {
            let short = str::from_utf8(short).ok()?;
            let century = if short < "50" { "20" } else { "19" };
            format!("{century}{short}")
        }
        None => str::from_utf8(reader.read(GENERALIZED_TIME)?)
            .ok()?
            .to_owned(),
    };
    let part = |range| text.get(range);
    parse_rfc3339(&format!(
        "{}-{}-{}T{}:{}:{}",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(8..10)?,
        part(10..12)?,
        text.get(12..)?
    ))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::*;
    use super::*;

    #[test]
    fn a_pair_is_read_from_one_file_or_two_in_both_forms() {
        let one_file = format!("{PKCS8_KEY}{CERTIFICATE}");
        for (certificate, key) in [
            (CERTIFICATE, PKCS8_KEY),
            (CERTIFICATE, PKCS1_KEY),
            (one_file.as_str(), one_file.as_str()),
        ] {
            let pair = read(certificate, key).map_err(|_| "refused").unwrap();
            assert_eq!(pair.thumbprint, THUMBPRINT);
            assert_eq!(pair.not_after, NOT_AFTER);
        }
    }

    #[test]
    fn what_is_no_pair_is_named() {
        let truncated = CERTIFICATE.replacen("MII", "MIJ", 1);
        let encrypted = PKCS8_KEY.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let other_kind = PKCS8_KEY.replace("PRIVATE", "EC PRIVATE");
        let no_base64 = PKCS8_KEY.replacen('M', "?", 1);
        let rows = [
            (
                "",
                PKCS8_KEY,
                PairError::Certificate("there is no certificate (PEM) in it"),
            ),
            (
                PKCS8_KEY,
                PKCS8_KEY,
                PairError::Certificate("there is no certificate (PEM) in it"),
            ),
            (
                truncated.as_str(),
                PKCS8_KEY,
                PairError::Certificate(BROKEN),
            ),
            (EC_CERTIFICATE, PKCS8_KEY, PairError::Certificate(NOT_RSA)),
            (
                CERTIFICATE,
                CERTIFICATE,
                PairError::Key("there is no private key (PEM) in it"),
            ),
            (
                CERTIFICATE,
                OTHER_KEY,
                PairError::Key("the key is not the certificate's"),
            ),
            (CERTIFICATE, EC_KEY, PairError::Key(NOT_RSA)),
            (CERTIFICATE, &other_kind, PairError::Key(NOT_RSA)),
            (CERTIFICATE, &no_base64, PairError::Key(BROKEN)),
        ];
        for (certificate, key, expected) in rows {
            assert_eq!(read(certificate, key).err(), Some(expected), "{key}");
        }
        let refused = read(CERTIFICATE, &encrypted).err().unwrap();
        assert!(matches!(refused, PairError::Key(text) if text.contains("encrypted")));
    }

    #[test]
    fn years_are_read_as_the_standard_says() {
        let read = |tag: u8, text: &str| {
            let mut bytes = vec![tag, u8::try_from(text.len()).unwrap()];
            bytes.extend(text.as_bytes());
            instant(&mut Reader::new(&bytes)).map(UnixSeconds::value)
        };
        assert_eq!(read(UTC_TIME, "260104194418Z"), Some(1_767_555_858));
        assert_eq!(read(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(
            read(GENERALIZED_TIME, "20500101000000Z"),
            Some(2_524_608_000)
        );
        assert_eq!(read(UTC_TIME, "2601"), None);
        assert_eq!(read(INTEGER, "260104194418Z"), None);
    }
}
