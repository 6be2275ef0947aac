//! The blocks of a PEM file (RFC 7468): their labels, and their bytes in memory that is wiped.
//!
//! What stands between the blocks (openssl writes attributes there) is passed over. What a block's bytes
//! mean is decided elsewhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// One block, not yet decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    /// What stands behind BEGIN.
    pub(super) label: &'a str,
    encoded: &'a str,
}

impl Block<'_> {
    /// The bytes; `None` if it isn't base64 (old encrypted keys have headers inside).
    pub(super) fn bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        // Sized once, as everything that may hold a key.
        let mut text = Zeroizing::new(Vec::with_capacity(self.encoded.len()));
        text.extend(
            self.encoded
                .bytes()
                .filter(|byte| !byte.is_ascii_whitespace()),
        );
        let mut bytes = Zeroizing::new(vec![0; self.encoded.len()]);
        let length = STANDARD.decode_slice(text.as_slice(), &mut bytes).ok()?;
        bytes.truncate(length);
        Some(bytes)
    }
}

/// All blocks in order; one without its end closes the list.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let Some((label, after)) = after.split_once(DASHES) else {
            break;
        };
        let Some((encoded, after)) = after.split_once(&format!("-----END {label}-----")) else {
            break;
        };
        found.push(Block { label, encoded });
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_other_text() {
        let text = "Bag Attributes\n-----BEGIN A-----\nAQ\r\nID\n-----END A-----\nsubject=x\n\
                    -----BEGIN B C-----\n?\n-----END B C-----\n-----BEGIN D-----\nAQID\n";
        let found = blocks(text);
        let labels: Vec<&str> = found.iter().map(|block| block.label).collect();
        assert_eq!(labels, ["A", "B C"]);
        assert_eq!(found[0].bytes().unwrap().as_slice(), [1, 2, 3]);
        assert!(found[1].bytes().is_none());
    }
}
