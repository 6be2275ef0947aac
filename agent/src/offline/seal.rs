//! Refresh tokens at rest: AES-256-GCM under a key of their own, for one person each.
//!
//! Such a token lets whoever has it ask the tenant, for up to 90 days, for tokens in the person's name, within the
//! login registration's rights (`openid profile`). So it is kept only of people who have a passcode, which needs
//! it, and never outside this process in the clear. The tenant and object id are authenticated along: a row that
//! was moved to somebody else opens for nobody.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::OfflineKey;
use crate::entra::RefreshToken;
use crate::identity::ObjectKey;
use crate::store::SealedToken;

/// What stands before the ids in what is authenticated along.
const PURPOSE: &[u8] = b"refresh token\0";

/// Why a token could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SealError {
    /// The system gave no random bytes, or the key has another length than it must.
    NotSealed,
    /// It was sealed with another key or for somebody else, or is damaged.
    NotOpened,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSealed => "a refresh token could not be sealed",
            Self::NotOpened => "the kept refresh token does not open with this host's key",
        })
    }
}

/// Seals a token of this person's. A nonce is drawn for each: 96 bits, of which a host never uses enough to meet
/// one twice.
pub(super) fn seal(
    key: &OfflineKey,
    whose: ObjectKey,
    token: &RefreshToken,
) -> Result<SealedToken, SealError> {
    let failed = |_| SealError::NotSealed;
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).map_err(failed)?;
    let cipher = cipher(key).ok_or(SealError::NotSealed)?;
    // With room for the tag: a buffer that grew would leave the token behind.
    let room = token.expose().len() + AES_256_GCM.tag_len();
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    text.extend_from_slice(token.expose().as_bytes());
    let along = Aad::from(along(whose));
    cipher
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), along, &mut *text)
        .map_err(failed)?;
    Ok(SealedToken {
        key_id: key.id(),
        nonce,
        sealed: text.to_vec(),
    })
}

/// Opens what was sealed for this person.
pub(super) fn open(
    key: &OfflineKey,
    whose: ObjectKey,
    sealed: &SealedToken,
) -> Result<RefreshToken, SealError> {
    let failed = |_| SealError::NotOpened;
    let cipher = cipher(key).ok_or(SealError::NotOpened)?;
    let mut text = Zeroizing::new(sealed.sealed.clone());
    let nonce = Nonce::assume_unique_for_key(sealed.nonce);
    let opened = cipher
        .open_in_place(nonce, Aad::from(along(whose)), &mut text)
        .map_err(failed)?;
    let opened = std::str::from_utf8(opened).map_err(|_| SealError::NotOpened)?;
    Ok(RefreshToken::new(Zeroizing::new(opened.to_owned())))
}

fn cipher(key: &OfflineKey) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key.of_tokens())
        .ok()
        .map(LessSafeKey::new)
}

fn along(whose: ObjectKey) -> Vec<u8> {
    let ids = [whose.tenant.to_bytes(), whose.object.to_bytes()].concat();
    [PURPOSE, &ids].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{ObjectId, TenantId};
    use crate::offline::KeySource;

    #[test]
    fn a_token_opens_for_its_person_with_its_key_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::new(None, folder.path()).read_or_make().unwrap();
        let whose = |tenant, object| ObjectKey {
            tenant: TenantId::from_bytes([tenant; 16]),
            object: ObjectId::from_bytes([object; 16]),
        };
        let token = RefreshToken::new(Zeroizing::new("1.AXoA-secret".to_owned()));
        let sealed = seal(&key, whose(1, 2), &token).unwrap();
        let again = seal(&key, whose(1, 2), &token).unwrap();
        assert_ne!(sealed.sealed, again.sealed);
        let text = String::from_utf8_lossy(&sealed.sealed).into_owned();
        assert!(!text.contains("secret"), "{text}");
        let opened = open(&key, whose(1, 2), &sealed).unwrap();
        assert_eq!(opened.expose(), "1.AXoA-secret");

        let not_opened = |key: &OfflineKey, whose, sealed: &SealedToken| {
            open(key, whose, sealed).map(drop) == Err(SealError::NotOpened)
        };
        assert!(not_opened(&key, whose(1, 3), &sealed));
        assert!(not_opened(&key, whose(3, 2), &sealed));
        let elsewhere = tempfile::tempdir().unwrap();
        let other = KeySource::new(None, elsewhere.path())
            .read_or_make()
            .unwrap();
        assert!(not_opened(&other, whose(1, 2), &sealed));
        for place in 0..sealed.sealed.len() {
            let mut damaged = sealed.clone();
            damaged.sealed[place] ^= 1;
            assert!(not_opened(&key, whose(1, 2), &damaged), "{place}");
        }
        let mut damaged = sealed;
        damaged.nonce[0] ^= 1;
        assert!(not_opened(&key, whose(1, 2), &damaged));
    }
}
