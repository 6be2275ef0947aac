//! Reads a new file back before it is published.
//!
//! Invariant: after `verify` every record is whole, every key of every record
//! leads to it, and no slot leads anywhere else.

use crate::error::ReadError;
use crate::header::HEADER_BYTES;
use crate::reader::Snapshot;
use crate::record::Record;
use crate::source::ReadAt;
use crate::table::Table;

/// Reads every record and every slot, and looks every key up.
pub(crate) fn verify<R: ReadAt>(snapshot: &Snapshot<R>) -> Result<(), ReadError> {
    let mut position = HEADER_BYTES as u64;
    let mut users = 0;
    let mut groups = 0;
    let mut keys = [0; 4];
    while let Some(prefix) = snapshot.prefix_at(position)? {
        let record = snapshot.record_at(position, prefix.length)?;
        let found = match &record {
            Record::User(user) => {
                users += 1;
                let name = user.name.as_str().as_bytes();
                let upn = user
                    .upn
                    .as_ref()
                    .map_or(name, |upn| upn.as_str().as_bytes());
                *Table::UserName.of_mut(&mut keys) += if name == upn { 1 } else { 2 };
                *Table::Uid.of_mut(&mut keys) += 1;
                snapshot.user_by_name(name)?.as_ref() == Some(user)
                    && snapshot.user_by_name(upn)?.as_ref() == Some(user)
                    && snapshot.user_by_uid(user.uid.value())?.as_ref() == Some(user)
            }
            Record::Group(group) => {
                groups += 1;
                *Table::GroupName.of_mut(&mut keys) += 1;
                *Table::Gid.of_mut(&mut keys) += 1;
                snapshot
                    .group_by_name(group.name.as_str().as_bytes())?
                    .as_ref()
                    == Some(group)
                    && snapshot.group_by_gid(group.gid.value())?.as_ref() == Some(group)
            }
        };
        if !found {
            return Err(ReadError::Damaged {
                what: "table entry of a record",
                offset: position,
            });
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
