//! Names for things that are made once: a short hash over what went into them.
//!
//! FNV-1a, 64 bits: it tells one list of packages or one set of files from
//! another on this machine. It is no protection against anybody.

use std::path::Path;

use crate::command::{Outcome, at};

/// Collects what a made thing depends on.
#[derive(Debug)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// An empty collection.
    pub(crate) fn new() -> Self {
        Self(OFFSET_BASIS)
    }

    /// Adds a text, with its end marked so that "a"+"bc" differs from "ab"+"c".
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0]);
    }

    /// Adds a file's content.
    pub(crate) fn file(&mut self, path: &Path) -> Outcome {
        let content = std::fs::read(path).map_err(at(path))?;
        self.bytes(&content);
        self.bytes(&[0]);
        Ok(())
    }

    /// The name: 16 hexadecimal digits.
    pub(crate) fn name(&self) -> String {
        format!("{:016x}", self.0)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }
}

/// FNV-1a's published constants for 64 bits.
const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_comes_out() {
        let mut stamp = Stamp::new();
        stamp.bytes(b"foobar");
        assert_eq!(stamp.name(), "85944171f73967e8");
    }

    #[test]
    fn where_a_text_ends_matters() {
        let (mut one, mut other) = (Stamp::new(), Stamp::new());
        one.text("a");
        one.text("bc");
        other.text("ab");
        other.text("c");
        assert_ne!(one.name(), other.name());
    }
}
