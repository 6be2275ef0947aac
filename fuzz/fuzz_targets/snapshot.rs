//! Any bytes as a published directory: every lookup ends in an answer or an error.
#![no_main]

use entra_snapshot::Snapshot;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(snapshot) = Snapshot::from_source(bytes) else {
        return;
    };
    let _ = snapshot.user_by_name(b"alice");
    let _ = snapshot.user_by_uid(2_014_100_119);
    let _ = snapshot.group_by_name(b"entra-users");
    let _ = snapshot.group_by_gid(2_147_352_560);
    // Bounded by the file: each step moves on, and an error ends it.
    for user in snapshot.users() {
        let _ = user;
    }
    for group in snapshot.groups() {
        let _ = group;
    }
});
