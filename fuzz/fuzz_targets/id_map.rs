//! Any text as an id map: rows that name no object and no id twice, or an error that names a line.
#![no_main]

use std::collections::BTreeSet;

use entra_protocol::id_map;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match id_map::read(text) {
        Ok(rows) => {
            let ids: BTreeSet<u32> = rows.iter().map(|row| row.id).collect();
            assert_eq!(ids.len(), rows.len());
        }
        Err(error) => assert!(error.line <= text.lines().count().max(1)),
    }
});
