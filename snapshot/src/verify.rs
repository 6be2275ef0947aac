//! Reads a new file back before it is published.
//!
//! Invariant: after `verify` every record is whole, every key of every record
//! leads to it, and no slot leads anywhere else. Memory holds one user at a time,
//! or a piece of a group: a role group lists everybody.

use crate::bytes::Cursor;
use crate::entry::{Group, User};
use crate::error::ReadError;
use crate::header::HEADER_BYTES;
use crate::reader::Snapshot;
use crate::record::{Kind, PREFIX_BYTES, Record, record_hasher, take_group_head, take_member};
use crate::source::ReadAt;
use crate::table::Table;

/// Reads every record and every slot, and looks every key up.
pub(crate) fn verify<R: ReadAt>(snapshot: &Snapshot<R>) -> Result<(), ReadError> {
    let mut position = HEADER_BYTES as u64;
    let mut users = 0;
    let mut groups = 0;
    let mut keys = [0; 4];
    let mut buffer = Vec::new();
    while let Some(prefix) = snapshot.prefix_at(position)? {
        let damaged = ReadError::Damaged {
            what: "table entry of a record",
            offset: position,
        };
        let found = match prefix.kind {
            Kind::User => {
                let Record::User(user) = snapshot.record_at(position, prefix.length)? else {
                    return Err(damaged);
                };
                users += 1;
                *Table::UserName.of_mut(&mut keys) += names_of(&user).count();
                *Table::Uid.of_mut(&mut keys) += 1;
                is_found_as_user(snapshot, &user, position, prefix.length)?
            }
            Kind::Group => {
                let group = read_group(snapshot, position, prefix.length, &mut buffer)?;
                groups += 1;
                *Table::GroupName.of_mut(&mut keys) += 1;
                *Table::Gid.of_mut(&mut keys) += 1;
                is_found_as_group(snapshot, &group, position, prefix.length)?
            }
        };
        if !found {
            return Err(damaged);
        }
        position = position.saturating_add(u64::from(prefix.length));
    }
    let mut slots = [0; 4];
    for (table, count) in Table::ALL.into_iter().zip(&mut slots) {
        for index in 0..table.of(&snapshot.header().tables).buckets {
            let bucket = snapshot.bucket(table, index)?;
            *count += bucket.slots.iter().filter(|slot| slot.offset != 0).count();
        }
    }
    let counted = users == snapshot.user_count() && groups == snapshot.group_count();
    if counted && slots == keys {
        Ok(())
    } else {
        Err(ReadError::Damaged {
            what: "number of entries",
            offset: 0,
        })
    }
}

/// The keys under which a user is found by name: one or two.
fn names_of(user: &User) -> impl Iterator<Item = &[u8]> {
    let name = user.name.as_str().as_bytes();
    let upn = user.upn.as_ref().map(|upn| upn.as_str().as_bytes());
    std::iter::once(name).chain(upn.filter(move |upn| *upn != name))
}

fn is_found_as_user<R: ReadAt>(
    snapshot: &Snapshot<R>,
    user: &User,
    position: u64,
    length: u32,
) -> Result<bool, ReadError> {
    for key in names_of(user) {
        let carries = |record: &Record| match record {
            Record::User(other) => names_of(other).any(|name| name == key),
            Record::Group(_) => false,
        };
        if !snapshot.leads_to(Table::UserName, key, position, length, carries)? {
            return Ok(false);
        }
    }
    let carries = |record: &Record| match record {
        Record::User(other) => other.uid == user.uid,
        Record::Group(_) => false,
    };
    let key = user.uid.value().to_le_bytes();
    snapshot.leads_to(Table::Uid, &key, position, length, carries)
}

fn is_found_as_group<R: ReadAt>(
    snapshot: &Snapshot<R>,
    group: &Group,
    position: u64,
    length: u32,
) -> Result<bool, ReadError> {
    let carries = |record: &Record| match record {
        Record::Group(other) => other.name == group.name,
        Record::User(_) => false,
    };
    let key = group.name.as_str().as_bytes();
    if !snapshot.leads_to(Table::GroupName, key, position, length, carries)? {
        return Ok(false);
    }
    let carries = |record: &Record| match record {
        Record::Group(other) => other.gid == group.gid,
        Record::User(_) => false,
    };
    let key = group.gid.value().to_le_bytes();
    snapshot.leads_to(Table::Gid, &key, position, length, carries)
}

/// The group at `position` without its members, after every byte was read, every
/// member proved legal and the checksum fitted: what `record::decode` does, piece by
/// piece. `buffer` is for the pieces.
fn read_group<R: ReadAt>(
    snapshot: &Snapshot<R>,
    position: u64,
    length: u32,
    buffer: &mut Vec<u8>,
) -> Result<Group, ReadError> {
    let damaged = |what| ReadError::Damaged {
        what,
        offset: position,
    };
    let mut pieces = Pieces {
        snapshot,
        next: position,
        end: position.saturating_add(u64::from(length)),
        buffer,
    };
    pieces.buffer.clear();
    let mut checksum = record_hasher(snapshot.header().seed, position);

    pieces.more()?;
    let mut cursor = Cursor::new(pieces.buffer);
    let written = cursor.take_u64().ok_or_else(|| damaged("record prefix"))?;
    checksum.write(pieces.buffer.get(8..).unwrap_or_default());
    let mut cursor = Cursor::new(pieces.buffer.get(PREFIX_BYTES..).unwrap_or_default());
    let group = take_group_head(&mut cursor).ok_or_else(|| damaged("record"))?;
    let mut members = cursor.take_u32().ok_or_else(|| damaged("record"))?;
    let mut left = cursor.remaining();
    loop {
        let parsed = pieces.buffer.len().saturating_sub(left);
        let mut cursor = Cursor::new(pieces.buffer.get(parsed..).unwrap_or_default());
        while members > 0 && cursor.holds_text() {
            take_member(&mut cursor).ok_or_else(|| damaged("record"))?;
            members -= 1;
        }
        left = cursor.remaining();
        if pieces.next == pieces.end || (members == 0 && left > 0) {
            break;
        }
        let parsed = pieces.buffer.len().saturating_sub(left);
        pieces.buffer.drain(..parsed);
        pieces.more()?;
        checksum.write(pieces.buffer.get(left..).unwrap_or_default());
        left = pieces.buffer.len();
    }
    if checksum.finish() != written {
        return Err(damaged("record checksum"));
    }
    if members == 0 && left == 0 {
        Ok(group)
    } else {
        Err(damaged("record"))
    }
}

/// A record that is read piece by piece.
struct Pieces<'a, R: ReadAt> {
    snapshot: &'a Snapshot<R>,
    /// First byte that was not read yet.
    next: u64,
    end: u64,
    /// What was read and not dropped.
    buffer: &'a mut Vec<u8>,
}

impl<R: ReadAt> Pieces<'_, R> {
    /// Appends the next piece to the buffer.
    fn more(&mut self) -> Result<(), ReadError> {
        let length = PIECE_BYTES.min(self.end.saturating_sub(self.next) as usize);
        let kept = self.buffer.len();
        self.buffer.resize(kept + length, 0);
        let into = self.buffer.get_mut(kept..).unwrap_or_default();
        self.snapshot.bytes_at(into, self.next, "record")?;
        self.next += length as u64;
        Ok(())
    }
}

/// Bytes of a group that are read at once; more than all before the members.
const PIECE_BYTES: usize = 64 << 10;
