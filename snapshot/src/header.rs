//! The header page with the policy (docs/snapshot.md, "Header page").
//!
//! Invariant: what `decode` accepts was written by `encode` of the same major
//! version: magic, version and checksum are right, the file has the length it was
//! published with, and its sections follow each other and fill it.

use crate::bytes::{Cursor, put_count, put_text};
use crate::entry::{Gate, Policy};
use crate::error::{ReadError, WriteError};
use crate::legal::Illegal;
use crate::siphash::{DOMAIN_HEADER, siphash};
use crate::table::{BUCKET_BYTES, Extent};

/// The header page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Minor version of the writer; above [`MINOR`] there may be fields at the
    /// end of header and records that this reader does not know.
    pub(crate) minor: u16,
    pub(crate) file_length: u64,
    pub(crate) generation: u64,
    pub(crate) known_at: u64,
    pub(crate) seed: u64,
    pub(crate) user_count: u64,
    pub(crate) group_count: u64,
    /// The records lie from [`HEADER_BYTES`] to here.
    pub(crate) records_end: u64,
    pub(crate) tables: [Extent; 4],
    pub(crate) policy: Policy,
}

impl Header {
    /// The whole page of [`HEADER_BYTES`].
    pub(crate) fn encode(&self) -> Result<Vec<u8>, WriteError> {
        let mut body = Vec::with_capacity(HEADER_BYTES);
        for number in [
            self.file_length,
            self.generation,
            self.known_at,
            self.seed,
            self.user_count,
            self.group_count,
            self.records_end,
        ] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        for table in self.tables {
            body.extend_from_slice(&table.offset.to_le_bytes());
            body.extend_from_slice(&table.buckets.to_le_bytes());
        }
        let too_large = |size: usize| WriteError::TooLarge {
            what: "policy",
            size: size as u64,
            limit: (HEADER_BYTES - PREFIX_BYTES) as u64,
        };
        put_policy(&mut body, &self.policy)?.ok_or_else(|| too_large(usize::MAX))?;
        let used = PREFIX_BYTES + body.len();
        if used > HEADER_BYTES {
            return Err(too_large(body.len()));
        }
        let mut page = Vec::with_capacity(HEADER_BYTES);
        page.extend_from_slice(&MAGIC);
        page.extend_from_slice(&MAJOR.to_le_bytes());
        page.extend_from_slice(&self.minor.to_le_bytes());
        page.extend_from_slice(&(used as u32).to_le_bytes());
        page.extend_from_slice(&header_checksum(self.minor, used as u32, &body).to_le_bytes());
        page.extend_from_slice(&body);
        page.resize(HEADER_BYTES, 0);
        Ok(page)
    }

    /// Takes a page of [`HEADER_BYTES`] from a file of `actual_length` bytes.
    pub(crate) fn decode(page: &[u8], actual_length: u64) -> Result<Self, ReadError> {
        let damaged = |what| ReadError::Damaged { what, offset: 0 };
        let mut cursor = Cursor::new(page);
        if cursor.take_array() != Some(MAGIC) {
            return Err(damaged("magic"));
        }
        let short = || damaged("header");
        let major = cursor.take_u16().ok_or_else(short)?;
        if major > MAJOR {
            return Err(ReadError::NewerVersion);
        }
        if major < MAJOR {
            return Err(damaged("version"));
        }
        let minor = cursor.take_u16().ok_or_else(short)?;
        let used = cursor.take_u32().ok_or_else(short)?;
        let checksum = cursor.take_u64().ok_or_else(short)?;
        let body = usize::try_from(used)
            .ok()
            .and_then(|used| used.checked_sub(PREFIX_BYTES))
            .and_then(|length| cursor.take(length))
            .ok_or_else(|| damaged("header length"))?;
        if header_checksum(minor, used, body) != checksum {
            return Err(damaged("header checksum"));
        }
        let header = Self::decode_body(minor, body).ok_or_else(short)?;
        if header.file_length != actual_length {
            return Err(damaged("file length"));
        }
        if !header.sections_fit() {
            return Err(damaged("sections"));
        }
        Ok(header)
    }

    fn decode_body(minor: u16, body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let header = Self {
            minor,
            file_length: cursor.take_u64()?,
            generation: cursor.take_u64()?,
            known_at: cursor.take_u64()?,
            seed: cursor.take_u64()?,
            user_count: cursor.take_u64()?,
            group_count: cursor.take_u64()?,
            records_end: cursor.take_u64()?,
            tables: [
                take_extent(&mut cursor)?,
                take_extent(&mut cursor)?,
                take_extent(&mut cursor)?,
                take_extent(&mut cursor)?,
            ],
            policy: take_policy(&mut cursor, minor)?,
        };
        (cursor.is_empty() || minor > MINOR).then_some(header)
    }

    /// The records follow the header, the tables follow the records, without a
    /// gap, and fill the file.
    fn sections_fit(&self) -> bool {
        let mut position = self.records_end;
        for table in self.tables {
            if table.buckets == 0 || table.offset != position {
                return false;
            }
            let end = table
                .buckets
                .checked_mul(BUCKET_BYTES as u64)
                .and_then(|length| position.checked_add(length));
            match end {
                Some(end) => position = end,
                None => return false,
            }
        }
        self.records_end >= HEADER_BYTES as u64 && position == self.file_length
    }
}

fn header_checksum(minor: u16, used: u32, body: &[u8]) -> u64 {
    siphash(DOMAIN_HEADER | u64::from(minor), u64::from(used), body)
}

fn take_extent(cursor: &mut Cursor<'_>) -> Option<Extent> {
    Some(Extent {
        offset: cursor.take_u64()?,
        buckets: cursor.take_u64()?,
    })
}

/// Nothing if a list or text is longer than its length field can say.
fn put_policy(into: &mut Vec<u8>, policy: &Policy) -> Result<Option<()>, WriteError> {
    let mut flags = 0;
    flags |= if policy.sign_in_enabled {
        POLICY_SIGN_IN
    } else {
        0
    };
    flags |= if policy.enumerate {
        POLICY_ENUMERATE
    } else {
        0
    };
    flags |= if policy.gate_trial_ends.is_some() {
        POLICY_TRIAL
    } else {
        0
    };
    into.push(flags);
    into.push(match policy.gate {
        Gate::Allow => 0,
        Gate::Fallback => 1,
        Gate::Deny => 2,
    });
    into.extend_from_slice(&policy.gate_trial_ends.unwrap_or(0).to_le_bytes());
    into.extend_from_slice(&policy.offline_maximum_age.to_le_bytes());
    if put_count(into, policy.break_glass.len()).is_none() {
        return Ok(None);
    }
    for name in &policy.break_glass {
        if let Some(reason) = local_name_fault(name) {
            return Err(Illegal::new("break-glass account", reason, name).into());
        }
        if put_text(into, name).is_none() {
            return Ok(None);
        }
    }
    into.extend_from_slice(&policy.gate_set_at.unwrap_or(0).to_le_bytes());
    Ok(Some(()))
}

fn take_policy(cursor: &mut Cursor<'_>, minor: u16) -> Option<Policy> {
    let flags = cursor.take_u8()?;
    if flags & !(POLICY_SIGN_IN | POLICY_ENUMERATE | POLICY_TRIAL) != 0 {
        return None;
    }
    let gate = match cursor.take_u8()? {
        0 => Gate::Allow,
        1 => Gate::Fallback,
        2 => Gate::Deny,
        _ => return None,
    };
    let trial_ends = cursor.take_u64()?;
    let offline_maximum_age = cursor.take_u32()?;
    let count = cursor.take_count(size_of::<u16>())?;
    let mut break_glass = Vec::with_capacity(count);
    for _ in 0..count {
        let name = cursor.take_text()?;
        if local_name_fault(name).is_some() {
            return None;
        }
        break_glass.push(name.to_owned());
    }
    let gate_set_at = match minor {
        0 => 0,
        _ => cursor.take_u64()?,
    };
    Some(Policy {
        sign_in_enabled: flags & POLICY_SIGN_IN != 0,
        enumerate: flags & POLICY_ENUMERATE != 0,
        gate,
        gate_trial_ends: (flags & POLICY_TRIAL != 0).then_some(trial_ends),
        gate_set_at: (gate_set_at != 0).then_some(gate_set_at),
        offline_maximum_age,
        break_glass,
    })
}

/// A local account may have any name that fits a line of /etc/passwd, also one
/// that no imported account could have.
fn local_name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.contains(|c: char| c == ':' || c.is_control()) {
        Some("it holds ':' or a control character")
    } else {
        None
    }
}

const MAGIC: [u8; 8] = *b"ENTRADIR";

/// Readers refuse a newer major version: the layout differs.
const MAJOR: u16 = 1;

/// A newer minor version only appends to the header and to record bodies. 1 has when the gate was set.
pub(crate) const MINOR: u16 = 1;

/// Bytes before the part of the header that its checksum covers.
const PREFIX_BYTES: usize = 24;

/// Bytes of the header page; the first record follows. One page, so that one
/// read brings the policy along.
pub(crate) const HEADER_BYTES: usize = 4096;

const POLICY_SIGN_IN: u8 = 1;
const POLICY_ENUMERATE: u8 = 2;
const POLICY_TRIAL: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::policy;

    /// What version 1.0 wrote ends with the break-glass accounts.
    #[test]
    fn a_header_of_version_1_0_is_read_without_the_instant_that_it_lacks() {
        let table = |offset| Extent { offset, buckets: 1 };
        let first = HEADER_BYTES as u64;
        let step = BUCKET_BYTES as u64;
        let header = Header {
            minor: MINOR,
            file_length: first + 4 * step,
            generation: 7,
            known_at: 1,
            seed: 2,
            user_count: 0,
            group_count: 0,
            records_end: first,
            tables: [0, 1, 2, 3].map(|number| table(first + number * step)),
            policy: policy(),
        };
        let page = header.encode().unwrap();
        assert_eq!(Header::decode(&page, header.file_length).unwrap(), header);

        let used = u32::from_le_bytes(page[12..16].try_into().unwrap()) - 8;
        let body = page[PREFIX_BYTES..used as usize].to_vec();
        let mut earlier = page;
        earlier[10..12].copy_from_slice(&0_u16.to_le_bytes());
        earlier[12..16].copy_from_slice(&used.to_le_bytes());
        let checksum = header_checksum(0, used, &body);
        earlier[16..24].copy_from_slice(&checksum.to_le_bytes());
        let read = Header::decode(&earlier, header.file_length).unwrap();
        assert_eq!(read.policy.gate_set_at, None);
        assert_eq!(read.policy.gate_trial_ends, policy().gate_trial_ends);
        assert_eq!(read.policy.break_glass, policy().break_glass);
    }
}
