//! A password on its way from the prompt to Entra.
//!
//! Invariant: the bytes are wiped when the value is dropped, and nothing prints them: `Debug` says
//! `[redacted]`, there is no `Display` and no `Clone`. On the wire a secret is the hexadecimal form of
//! its UTF-8 bytes: such a string holds no JSON escape, so no parser keeps an unescaped copy of it.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::limits::MAX_SECRET;

/// A secret text of at most [`MAX_SECRET`] bytes.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over a wiped-on-drop text.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The secret itself, for the one place that sends or checks it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True if nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        // Sized once: a string that grew would leave its old buffer behind, unwiped.
        let mut hex = Zeroizing::new(String::with_capacity(self.0.len().saturating_mul(2)));
        for byte in self.0.bytes() {
            for nibble in [byte >> 4, byte & 0xf] {
                hex.push(DIGITS.get(usize::from(nibble)).copied().unwrap_or('0'));
            }
        }
        serializer.serialize_str(&hex)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor)
    }
}

struct HexVisitor;

impl Visitor<'_> for HexVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a secret of at most {MAX_SECRET} bytes in hexadecimal")
    }

    // The errors below name the form and never the value.
    fn visit_str<E: de::Error>(self, hex: &str) -> Result<Secret, E> {
        if hex.len() > MAX_SECRET * 2 {
            return Err(E::custom(format_args!(
                "secret longer than {MAX_SECRET} bytes"
            )));
        }
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        if !rest.is_empty() {
            return Err(E::custom("secret with an odd number of hexadecimal digits"));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
        for [high, low] in pairs {
            match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => bytes.push(high << 4 | low),
                _ => return Err(E::custom("secret that is not hexadecimal")),
            }
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Secret(Zeroizing::new(text.to_owned()))),
            Err(_) => Err(E::custom("secret that is not UTF-8")),
        }
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn travels_as_hexadecimal_and_comes_back_whole() {
        let json = serde_json::to_string(&secret("pä\"ss\\\n")).unwrap();
        assert_eq!(json, "\"70c3a42273735c0a\"");
        let back: Secret = serde_json::from_str(&json).unwrap();
        assert_eq!(back.expose(), "pä\"ss\\\n");
    }

    #[test]
    fn is_never_printed() {
        assert_eq!(format!("{:?}", secret("hunter2")), "[redacted]");
    }

    #[test]
    fn errors_do_not_repeat_the_value() {
        for bad in ["\"6\"", "\"hunter2!\"", "\"ff\""] {
            let error = serde_json::from_str::<Secret>(bad).unwrap_err().to_string();
            assert!(error.starts_with("secret"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let long = format!("\"{}\"", "61".repeat(MAX_SECRET + 1));
        assert!(serde_json::from_str::<Secret>(&long).is_err());
    }
}
