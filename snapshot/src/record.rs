//! Users and groups as bytes (docs/snapshot.md, "Records").
//!
//! Invariant: `decode(encode(entry)) == entry`, and `decode` gives an entry only
//! if the checksum fits the place where the record was found, every field is
//! legal by its type and, at this version, no byte is left over.

use crate::bytes::{Cursor, put_count, put_text};
use crate::entry::{Account, Group, User};
use crate::error::{ReadError, WriteError};
use crate::header::MINOR;
use crate::legal::{AbsolutePath, Id, Illegal, Name, Text, Upn};
use crate::siphash::{DOMAIN_RECORD, SipHasher};

/// One entry of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    User(User),
    Group(Group),
}

/// The first bytes of a record, enough to skip it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    pub(crate) kind: Kind,
    /// Length of the whole record in bytes, within the kind's limit.
    pub(crate) length: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Group,
}

impl Kind {
    /// Bytes a record of this kind may have, and so what a reader allocates.
    pub(crate) const fn bytes_max(self) -> u32 {
        match self {
            Self::User => USER_BYTES_MAX,
            Self::Group => GROUP_BYTES_MAX,
        }
    }
}

impl Prefix {
    /// Nothing if these are not the first bytes of a record.
    pub(crate) fn decode(bytes: &[u8; PREFIX_BYTES]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let _checksum = cursor.take_u64()?;
        let kind = match cursor.take_u32()? {
            KIND_USER => Kind::User,
            KIND_GROUP => Kind::Group,
            _ => return None,
        };
        let length = cursor.take_u32()?;
        let legal = length >= PREFIX_BYTES as u32 && length <= kind.bytes_max();
        legal.then_some(Self { kind, length })
    }
}

/// The whole record of `user`, to be written at `offset`.
pub(crate) fn encode_user(user: &User, seed: u64, offset: u64) -> Result<Vec<u8>, WriteError> {
    for service in &user.account.services {
        if let Some(reason) = service_fault(service) {
            return Err(Illegal::new("service", reason, service).into());
        }
    }
    let mut record = begin(KIND_USER);
    let complete = put_user(&mut record, user).is_some();
    finish(record, complete, "user record", Kind::User, seed, offset)
}

/// All of the record of `group` but its members, `count` texts of `bytes` bytes
/// together, which `each_member_piece` gives whenever it is asked, and the same
/// bytes each time. They follow this.
pub(crate) fn encode_group(
    group: &Group,
    count: u32,
    bytes: u64,
    each_member_piece: impl FnOnce(&mut SipHasher) -> Result<(), WriteError>,
    seed: u64,
    offset: u64,
) -> Result<GroupRecord, WriteError> {
    let mut head = begin(KIND_GROUP);
    let complete = put_group(&mut head, group, count).is_some();
    let limit = u64::from(GROUP_BYTES_MAX);
    let size = bytes.saturating_add(head.len() as u64);
    if !complete || size > limit {
        let what = "group record";
        return Err(WriteError::TooLarge { what, size, limit });
    }
    let length = size as u32;
    put_length(&mut head, length);
    let mut checksum = record_hasher(seed, offset);
    if let Some((place, rest)) = head.split_first_chunk_mut::<8>() {
        checksum.write(rest);
        each_member_piece(&mut checksum)?;
        *place = checksum.finish().to_le_bytes();
    }
    Ok(GroupRecord { head, length })
}

/// A group's record up to its members.
pub(crate) struct GroupRecord {
    pub(crate) head: Vec<u8>,
    /// Length of the whole record in bytes.
    pub(crate) length: u32,
}

/// Takes the bytes of one whole record that was found at `offset` of a file
/// whose writer had the minor version `minor`.
pub(crate) fn decode(
    bytes: &[u8],
    seed: u64,
    offset: u64,
    minor: u16,
) -> Result<Record, ReadError> {
    let (kind, body) = checked(bytes, seed, offset)?;
    let mut cursor = Cursor::new(body);
    let record = match kind {
        Kind::User => take_user(&mut cursor).map(Record::User),
        Kind::Group => take_group(&mut cursor).map(Record::Group),
    };
    record
        .filter(|_| cursor.is_empty() || minor > MINOR)
        .ok_or(ReadError::Damaged {
            what: "record",
            offset,
        })
}

/// The same, of a group without its members, which are neither looked at nor
/// given room; nothing for a user.
pub(crate) fn decode_group_head(
    bytes: &[u8],
    seed: u64,
    offset: u64,
) -> Result<Option<Group>, ReadError> {
    let (kind, body) = checked(bytes, seed, offset)?;
    match kind {
        Kind::User => Ok(None),
        Kind::Group => {
            take_group_head(&mut Cursor::new(body))
                .map(Some)
                .ok_or(ReadError::Damaged {
                    what: "record",
                    offset,
                })
        }
    }
}

/// What a record is and what follows its prefix, after its length and its
/// checksum fitted.
fn checked(bytes: &[u8], seed: u64, offset: u64) -> Result<(Kind, &[u8]), ReadError> {
    let damaged = |what| ReadError::Damaged { what, offset };
    let prefix = bytes
        .first_chunk()
        .and_then(Prefix::decode)
        .filter(|prefix| prefix.length as usize == bytes.len())
        .ok_or_else(|| damaged("record prefix"))?;
    let mut cursor = Cursor::new(bytes);
    let checksum = cursor.take_u64();
    let (_, rest) = bytes
        .split_first_chunk::<8>()
        .ok_or_else(|| damaged("record prefix"))?;
    if checksum != Some(record_checksum(seed, offset, rest)) {
        return Err(damaged("record checksum"));
    }
    Ok((prefix.kind, bytes.get(PREFIX_BYTES..).unwrap_or_default()))
}

/// The checksum of a record that begins at `offset`, over all but itself.
fn record_checksum(seed: u64, offset: u64, rest: &[u8]) -> u64 {
    let mut hasher = record_hasher(seed, offset);
    hasher.write(rest);
    hasher.finish()
}

/// For that checksum, where the record comes in pieces.
pub(crate) const fn record_hasher(seed: u64, offset: u64) -> SipHasher {
    SipHasher::new(seed, DOMAIN_RECORD ^ offset)
}

/// The name of a record, from its first [`NAMED_BYTES`] bytes, for a message.
pub(crate) fn name_in(bytes: &[u8]) -> Option<&str> {
    let prefix = bytes.first_chunk().and_then(Prefix::decode)?;
    let before = match prefix.kind {
        Kind::User => USER_BYTES_BEFORE_NAME,
        Kind::Group => GROUP_BYTES_BEFORE_NAME,
    };
    Cursor::new(bytes.get(PREFIX_BYTES + before..)?).take_text()
}

fn begin(kind: u32) -> Vec<u8> {
    let mut record = Vec::with_capacity(256);
    record.extend_from_slice(&[0; 8]);
    record.extend_from_slice(&kind.to_le_bytes());
    record.extend_from_slice(&[0; 4]);
    record
}

/// Puts length and checksum into the prefix.
fn finish(
    record: Vec<u8>,
    complete: bool,
    what: &'static str,
    kind: Kind,
    seed: u64,
    offset: u64,
) -> Result<Vec<u8>, WriteError> {
    let limit = u64::from(kind.bytes_max());
    let size = record.len() as u64;
    if !complete || size > limit {
        return Err(WriteError::TooLarge { what, size, limit });
    }
    let mut record = record;
    put_length(&mut record, size as u32);
    if let Some((place, rest)) = record.split_first_chunk_mut::<8>() {
        *place = record_checksum(seed, offset, rest).to_le_bytes();
    }
    Ok(record)
}

fn put_length(record: &mut [u8], length: u32) {
    if let Some(place) = record.get_mut(12..PREFIX_BYTES) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// Nothing if a text or list is longer than its length field can say.
fn put_user(into: &mut Vec<u8>, user: &User) -> Option<()> {
    let account = &user.account;
    let mut flags = 0;
    flags |= if account.enabled { USER_ENABLED } else { 0 };
    flags |= if account.blocked { USER_BLOCKED } else { 0 };
    flags |= if account.expires.is_some() {
        USER_EXPIRES
    } else {
        0
    };
    flags |= if user.upn.is_some() { USER_UPN } else { 0 };
    into.extend_from_slice(&user.uid.value().to_le_bytes());
    into.extend_from_slice(&user.gid.value().to_le_bytes());
    into.extend_from_slice(&flags.to_le_bytes());
    into.extend_from_slice(&account.expires.unwrap_or(0).to_le_bytes());
    into.extend_from_slice(&user.tenant_id);
    into.extend_from_slice(&user.object_id);
    put_text(into, user.name.as_str())?;
    put_text(into, user.upn.as_ref().map_or("", Upn::as_str))?;
    put_text(into, user.display_name.as_str())?;
    put_text(into, user.home.as_str())?;
    put_text(into, user.shell.as_str())?;
    put_count(into, account.services.len())?;
    for service in &account.services {
        put_text(into, service)?;
    }
    put_count(into, user.gids.len())?;
    for gid in &user.gids {
        into.extend_from_slice(&gid.value().to_le_bytes());
    }
    Some(())
}

fn take_user(cursor: &mut Cursor<'_>) -> Option<User> {
    let uid = Id::new(cursor.take_u32()?).ok()?;
    let gid = Id::new(cursor.take_u32()?).ok()?;
    let flags = cursor.take_u32()?;
    if flags & !(USER_ENABLED | USER_BLOCKED | USER_EXPIRES | USER_UPN) != 0 {
        return None;
    }
    let expires = cursor.take_u64()?;
    let tenant_id = cursor.take_array()?;
    let object_id = cursor.take_array()?;
    let name = Name::new(cursor.take_text()?).ok()?;
    let upn = match (flags & USER_UPN != 0, cursor.take_text()?) {
        (true, text) => Some(Upn::new(text).ok()?),
        (false, "") => None,
        (false, _) => return None,
    };
    let display_name = Text::new(cursor.take_text()?).ok()?;
    let home = AbsolutePath::new(cursor.take_text()?).ok()?;
    let shell = AbsolutePath::new(cursor.take_text()?).ok()?;
    let count = cursor.take_count(size_of::<u16>())?;
    let mut services = Vec::with_capacity(count);
    for _ in 0..count {
        let service = cursor.take_text()?;
        if service_fault(service).is_some() {
            return None;
        }
        services.push(service.to_owned());
    }
    let count = cursor.take_count(size_of::<u32>())?;
    let mut gids = Vec::with_capacity(count);
    for _ in 0..count {
        gids.push(Id::new(cursor.take_u32()?).ok()?);
    }
    let account = Account {
        enabled: flags & USER_ENABLED != 0,
        blocked: flags & USER_BLOCKED != 0,
        expires: (flags & USER_EXPIRES != 0).then_some(expires),
        services,
    };
    Some(User {
        name,
        upn,
        uid,
        gid,
        display_name,
        home,
        shell,
        tenant_id,
        object_id,
        account,
        gids,
    })
}

/// Up to the members. Nothing if a text is longer than its length field can say.
fn put_group(into: &mut Vec<u8>, group: &Group, members: u32) -> Option<()> {
    into.extend_from_slice(&group.gid.value().to_le_bytes());
    let flags = if group.always_whole { GROUP_WHOLE } else { 0 };
    into.extend_from_slice(&flags.to_le_bytes());
    into.extend_from_slice(&group.object_id);
    put_text(into, group.name.as_str())?;
    into.extend_from_slice(&members.to_le_bytes());
    Some(())
}

fn take_group(cursor: &mut Cursor<'_>) -> Option<Group> {
    let mut group = take_group_head(cursor)?;
    let count = cursor.take_count(MEMBER_BYTES_MIN)?;
    group.members.reserve_exact(count);
    for _ in 0..count {
        group.members.push(take_member(cursor)?);
    }
    Some(group)
}

/// One member.
pub(crate) fn take_member(cursor: &mut Cursor<'_>) -> Option<Name> {
    Name::new(cursor.take_text()?).ok()
}

/// A group up to the number of its members, which follows.
pub(crate) fn take_group_head(cursor: &mut Cursor<'_>) -> Option<Group> {
    let gid = Id::new(cursor.take_u32()?).ok()?;
    let flags = cursor.take_u32()?;
    if flags & !GROUP_WHOLE != 0 {
        return None;
    }
    let object_id = cursor.take_array()?;
    let name = Name::new(cursor.take_text()?).ok()?;
    Some(Group {
        name,
        gid,
        object_id,
        members: Vec::new(),
        always_whole: flags & GROUP_WHOLE != 0,
    })
}

/// The name of a file in /etc/pam.d.
fn service_fault(service: &str) -> Option<&'static str> {
    if service.is_empty() {
        Some("it is empty")
    } else if service
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() || byte == b'/')
    {
        Some("only printable ASCII without '/' is allowed")
    } else {
        None
    }
}

/// Checksum (8), kind (4), length (4).
pub(crate) const PREFIX_BYTES: usize = 16;

/// Room for a quarter of a million gids; Linux itself hands a process 65,536.
const USER_BYTES_MAX: u32 = 1 << 20;

/// Room for a role group of more than two million members.
const GROUP_BYTES_MAX: u32 = 64 << 20;

/// Bytes of a record that surely hold its name, which has 113 bytes at most.
pub(crate) const NAMED_BYTES: usize = 256;

/// Bytes of a user's body before the name.
const USER_BYTES_BEFORE_NAME: usize = 4 + 4 + 4 + 8 + 16 + 16;

/// Bytes of a group's body before the name.
const GROUP_BYTES_BEFORE_NAME: usize = 4 + 4 + 16;

/// A member's length field and at least one byte of name; what a count of
/// members is held against before room is reserved.
const MEMBER_BYTES_MIN: usize = 3;

const KIND_USER: u32 = 1;
const KIND_GROUP: u32 = 2;

const USER_ENABLED: u32 = 1;
const USER_BLOCKED: u32 = 2;
const USER_EXPIRES: u32 = 4;
const USER_UPN: u32 = 8;

const GROUP_WHOLE: u32 = 1;
