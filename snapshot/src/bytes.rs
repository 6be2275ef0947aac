//! A cursor that cannot overrun, for bytes from the file.
//!
//! Invariant: each `take_…` gives exactly what was asked for or nothing, and
//! nothing is allocated before its bytes are known to be there. All integers of
//! the file are little-endian.

/// The bytes not read yet.
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn take_array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    pub(crate) fn take_u8(&mut self) -> Option<u8> {
        self.take_array().map(u8::from_le_bytes)
    }

    pub(crate) fn take_u16(&mut self) -> Option<u16> {
        self.take_array().map(u16::from_le_bytes)
    }

    pub(crate) fn take_u32(&mut self) -> Option<u32> {
        self.take_array().map(u32::from_le_bytes)
    }

    pub(crate) fn take_u64(&mut self) -> Option<u64> {
        self.take_array().map(u64::from_le_bytes)
    }

    /// Whether all bytes of a text with its length are there.
    pub(crate) fn holds_text(&self) -> bool {
        self.rest
            .split_first_chunk()
            .is_some_and(|(length, rest)| rest.len() >= usize::from(u16::from_le_bytes(*length)))
    }

    /// A text with its length, in bytes, in a `u16` before it.
    pub(crate) fn take_text(&mut self) -> Option<&'a str> {
        let length = self.take_u16()?;
        std::str::from_utf8(self.take(usize::from(length))?).ok()
    }

    /// A count in a `u32`, refused if that many items of at least `item_bytes`
    /// each could not follow: what makes it safe to reserve room for them.
    pub(crate) fn take_count(&mut self, item_bytes: usize) -> Option<usize> {
        let count = usize::try_from(self.take_u32()?).ok()?;
        (count.checked_mul(item_bytes)? <= self.remaining()).then_some(count)
    }
}

/// Appends a text with its length before it; nothing if it is longer than a
/// `u16` can say.
pub(crate) fn put_text(into: &mut Vec<u8>, text: &str) -> Option<()> {
    let length = u16::try_from(text.len()).ok()?;
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(text.as_bytes());
    Some(())
}

/// Appends a count; nothing if it is larger than a `u32` can say.
pub(crate) fn put_count(into: &mut Vec<u8>, count: usize) -> Option<()> {
    into.extend_from_slice(&u32::try_from(count).ok()?.to_le_bytes());
    Some(())
}
