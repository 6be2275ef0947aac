//! A certificate that was uploaded to a registration.
//!
//! Written as PEM in the seed and the control API; a text that is none is an
//! error there, never a certificate that matches nothing.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use x509_parser::pem::parse_x509_pem;

/// One certificate, with what is needed to find it and to verify by it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Certificate {
    pem: String,
    /// SHA-1 of the DER, base64url: what `x5t` names.
    pub(crate) sha1: String,
    /// SHA-256 of the DER, base64url: what `x5t#S256` names.
    pub(crate) sha256: String,
    /// The RSA public key (PKCS#1 DER).
    pub(crate) public_key: Vec<u8>,
    /// The last instant at which it counts.
    pub(crate) not_after: OffsetDateTime,
}

impl TryFrom<String> for Certificate {
    type Error = String;

    fn try_from(pem: String) -> Result<Self, String> {
        let (_, block) =
            parse_x509_pem(pem.as_bytes()).map_err(|error| format!("no PEM: {error}"))?;
        let parsed = block
            .parse_x509()
            .map_err(|error| format!("no certificate: {error}"))?;
        let thumbprint =
            |algorithm| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, &block.contents));
        Ok(Self {
            sha1: thumbprint(&SHA1_FOR_LEGACY_USE_ONLY),
            sha256: thumbprint(&SHA256),
            public_key: parsed.public_key().subject_public_key.data.to_vec(),
            not_after: parsed.validity().not_after.to_datetime(),
            pem,
        })
    }
}

impl From<Certificate> for String {
    fn from(certificate: Certificate) -> Self {
        certificate.pem
    }
}
