//! A reader for DER (ITU-T X.690 §10) that cannot overrun: element by element, borrowed from the input.
//!
//! Invariant: every slice handed out lies within the input, and a length that says otherwise ends the
//! reading. Only what certificates and RSA keys need: definite lengths up to 16 MiB, tags of one byte.

/// INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// BIT STRING.
pub(super) const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub(super) const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// UTCTime.
pub(super) const UTC_TIME: u8 = 0x17;
/// GeneralizedTime.
pub(super) const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE, constructed.
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed: a certificate's version.
pub(super) const CONTEXT_0: u8 = 0xA0;

/// The content of rsaEncryption's OBJECT IDENTIFIER, 1.2.840.113549.1.1.1 (RFC 8017 appendix C).
pub(super) const RSA_ENCRYPTION: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads these bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element's content if it has this tag; otherwise nothing is read.
    pub(super) fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content, rest) = element(self.0)?;
        if found != tag {
            return None;
        }
        self.0 = rest;
        Some(content)
    }

    /// The next element's content as a reader, if it has this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.read(tag).map(Reader)
    }

    /// Whether all was read.
    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

/// Tag, content and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7F => (usize::from(short), rest),
        long @ 0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7F))?;
            let length = digits
                .iter()
                .fold(0, |length, digit| (length << 8) | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_read_in_order_and_only_by_their_tag() {
        let bytes = [SEQUENCE, 5, INTEGER, 1, 7, 0x05, 0, INTEGER, 0x81, 1, 9];
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.read(INTEGER), None);
        let mut inner = reader.enter(SEQUENCE).unwrap();
        assert_eq!(inner.read(INTEGER), Some(&[7][..]));
        assert!(!inner.is_at_end());
        assert_eq!(reader.read(INTEGER), Some(&[9][..]));
        assert!(reader.is_at_end());
    }

    #[test]
    fn a_length_beyond_the_end_or_of_a_foreign_form_is_refused() {
        for bytes in [
            &[INTEGER, 2, 1][..],
            &[INTEGER, 0x80, 1, 0, 0],
            &[INTEGER, 0x84, 0, 0, 0, 1, 1],
            &[INTEGER, 0x82, 1],
            &[INTEGER],
            &[],
        ] {
            assert_eq!(Reader::new(bytes).read(INTEGER), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_stumble(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            for tag in &bytes {
                if reader.read(*tag).is_none() {
                    break;
                }
            }
        }
    }
}
