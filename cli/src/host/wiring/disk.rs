//! Room on the disk of the agent's folder for what an import writes.
//!
//! An import keeps what it reads beside what is there and swaps it in at the end, through a log that may
//! hold all of it, and then writes the new directory beside the published one. So twice what there is now
//! is enough, but for a tenant that has doubled since.

use std::fs;
use std::path::Path;

use entra_protocol::admin::Check;
use nix::sys::statvfs::statvfs;

use super::{Host, bad, good, skipped, warning};

const NAME: &str = "disk";
const FOLDER: &str = "/var/lib/entra-login";
const CURE: &str = "make room on the disk of /var/lib/entra-login; sign-ins go on, imports do not";

/// Bytes that are wanted for a first import and for what else is kept.
const LEAST: u64 = 32 << 20;
/// Bytes without which not even an audit row can be written for long.
const NEARLY_NONE: u64 = 4 << 20;
/// Files that SQLite and the new directory take, and some for others.
const INODES: u64 = 64;

pub(super) fn disk(host: &Host) -> Check {
    let folder = host.path(FOLDER);
    let room = match statvfs(&folder) {
        Ok(room) => room,
        Err(error) => return skipped(NAME, format!("{FOLDER}: {error}")),
    };
    let free = Room {
        bytes: room.blocks_available().saturating_mul(room.fragment_size()),
        // A file system without a fixed number of them says 0 of 0.
        inodes: (room.files() > 0).then(|| room.files_available()),
    };
    let size = |name: &str| fs::metadata(folder.join(name)).map_or(0, |found| found.len());
    let database = size("directory.db") + size("directory.db-wal");
    let published = size(
        Path::new("public")
            .join(entra_snapshot::FILE_NAME)
            .to_str()
            .unwrap_or_default(),
    );
    judge(free, database, published)
}

#[derive(Clone, Copy)]
struct Room {
    bytes: u64,
    inodes: Option<u64>,
}

fn judge(free: Room, database: u64, published: u64) -> Check {
    let needed = (2 * (database + published)).max(LEAST);
    let found = format!(
        "{} free, an import may take {}",
        size(free.bytes),
        size(needed)
    );
    if free.bytes < published + NEARLY_NONE {
        return bad(NAME, format!("{found}: nothing new can be published"), CURE);
    }
    if let Some(inodes) = free.inodes
        && inodes < INODES
    {
        return bad(
            NAME,
            format!("{found}, but only {inodes} inodes are free"),
            "remove files from the disk of /var/lib/entra-login: it has too many small ones",
        );
    }
    if free.bytes < needed {
        return warning(NAME, found, CURE);
    }
    good(NAME, found)
}

/// Bytes in the unit that people read.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576..10_737_418_240 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use entra_protocol::admin::CheckState;

    use super::*;

    #[test]
    fn room_is_compared_with_what_the_tenant_takes() {
        const MIB: u64 = 1 << 20;
        let state = |bytes, inodes| judge(Room { bytes, inodes }, 500 * MIB, 100 * MIB).state;
        assert_eq!(state(1200 * MIB, None), CheckState::Good);
        assert_eq!(state(1200 * MIB - 1, Some(64)), CheckState::Warning);
        assert_eq!(state(104 * MIB, Some(64)), CheckState::Warning);
        assert_eq!(state(104 * MIB - 1, Some(64)), CheckState::Bad);
        assert_eq!(state(1200 * MIB, Some(63)), CheckState::Bad);
        let first = judge(
            Room {
                bytes: LEAST - 1,
                inodes: None,
            },
            0,
            0,
        );
        assert_eq!(first.state, CheckState::Warning);
        assert_eq!(first.found, "31 MiB free, an import may take 32 MiB");
    }
}
