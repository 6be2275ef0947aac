//! The bytes of a tiny file, piece by piece as docs/snapshot.md names them. If
//! this test fails, installed modules will not read what the agent writes: raise
//! the version as the document says instead of changing the bytes here.

use super::{PUBLISHED_AT, SEED, bytes, group, policy, user};
use crate::Snapshot;

/// Offset, bytes, meaning; all other bytes of the file are zero.
const PIECES: &[(usize, &str, &str)] = &[
    (0, "454e545241444952", "magic ENTRADIR"),
    (8, "0100 0100", "version 1.1"),
    (12, "b9000000", "header length 185"),
    (16, "8ff67e8902e95daa", "header checksum"),
    (24, "bc12000000000000", "file length 4796"),
    (32, "0700000000000000", "generation 7"),
    (40, "00d2496b00000000", "published at 1800000000"),
    (48, "efcdab8967452301", "seed"),
    (56, "0100000000000000", "one user"),
    (64, "0100000000000000", "one group"),
    (72, "bc10000000000000", "records end at 4284"),
    (
        80,
        "bc10000000000000 0100000000000000",
        "user names at 4284, one bucket",
    ),
    (
        96,
        "3c11000000000000 0100000000000000",
        "uids at 4412, one bucket",
    ),
    (
        112,
        "bc11000000000000 0100000000000000",
        "group names at 4540, one bucket",
    ),
    (
        128,
        "3c12000000000000 0100000000000000",
        "gids at 4668, one bucket",
    ),
    (144, "05 01", "sign-in on, a trial ends; gate fallback"),
    (146, "58d4496b00000000", "the trial ends at 1800000600"),
    (154, "00751200", "offline maximum age 1209600 s"),
    (158, "02000000", "two break-glass accounts"),
    (162, "0400 726f6f74", "root"),
    (168, "0700 52657363756524", "Rescue$"),
    (177, "00d2496b00000000", "the gate was set at 1800000000"),
    (4096, "8975930942afcaa0", "checksum of the user's record"),
    (4104, "01000000 88000000", "a user, 136 bytes"),
    (4112, "70110100 70110100", "uid and gid 70000"),
    (
        4120,
        "09000000 0000000000000000",
        "enabled, has a principal name; no expiry",
    ),
    (4132, "11111111111111111111111111111111", "tenant id"),
    (4148, "70707070707070707070707070707070", "object id"),
    (4164, "0200 616c", "al"),
    (
        4168,
        "1200 616c40636f6e746f736f2e6578616d706c65",
        "al@contoso.example",
    ),
    (4188, "0900 506572736f6e20616c", "Person al"),
    (4199, "0800 2f686f6d652f616c", "/home/al"),
    (4209, "0900 2f62696e2f62617368", "/bin/bash"),
    (4220, "00000000", "every service"),
    (4224, "01000000 d4110100", "one gid, 70100"),
    (4232, "17e7b6ccc7495e65", "checksum of the group's record"),
    (4240, "02000000 34000000", "a group, 52 bytes"),
    (4248, "d4110100 00000000", "gid 70100, not always whole"),
    (4256, "d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4", "object id"),
    (4272, "0200 6974", "it"),
    (4276, "01000000 0200616c", "one member, al"),
    (4284, "cc1277345b72906c", "checksum of the bucket"),
    (
        4292,
        "006419dd 88000000 0010000000000000",
        "a key of the record at 4096",
    ),
    (
        4308,
        "2da99750 88000000 0010000000000000",
        "the other key of that record",
    ),
    (4412, "23dd8c1425a463be", "checksum of the uids' bucket"),
    (
        4420,
        "9f24a8b4 88000000 0010000000000000",
        "the record at 4096",
    ),
    (
        4540,
        "c64ce23d92241101",
        "checksum of the group names' bucket",
    ),
    (
        4548,
        "0a6c419b 34000000 8810000000000000",
        "the record at 4232",
    ),
    (4668, "1818df70302fb76b", "checksum of the gids' bucket"),
    (
        4676,
        "3b559043 34000000 8810000000000000",
        "the record at 4232",
    ),
];

#[test]
fn a_tiny_file_has_these_bytes() {
    let file = tiny();
    let mut expected = vec![0; file.len()];
    for (offset, hexadecimal, meaning) in PIECES {
        let digits: String = hexadecimal.split(' ').collect();
        for (index, pair) in digits.as_bytes().chunks(2).enumerate() {
            let pair = std::str::from_utf8(pair).unwrap();
            expected[offset + index] = u8::from_str_radix(pair, 16).unwrap();
        }
        let end = offset + digits.len() / 2;
        assert_eq!(
            file[*offset..end],
            expected[*offset..end],
            "{meaning} at {offset}"
        );
    }
    assert!(file == expected, "bytes that no piece names");
}

#[test]
fn the_tiny_file_is_read_as_it_was_meant() {
    let file = tiny();
    let snapshot = Snapshot::from_source(file.as_slice()).unwrap();
    assert_eq!(
        (snapshot.generation(), snapshot.known_at()),
        (7, PUBLISHED_AT)
    );
    assert_eq!(*snapshot.policy(), policy());
    assert_eq!(
        snapshot.user_by_uid(70_000).unwrap(),
        Some(user("al", 70_000, &[70_100]))
    );
    assert_eq!(
        snapshot.group_by_gid(70_100).unwrap(),
        Some(group("it", 70_100, &["al"]))
    );
}

fn tiny() -> Vec<u8> {
    let users = [user("al", 70_000, &[70_100])];
    bytes(7, SEED, &users, &[group("it", 70_100, &["al"])])
}
