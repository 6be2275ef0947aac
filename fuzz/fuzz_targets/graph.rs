//! Any JSON as an element of a Graph page: a bad object is a fault that is named, never a panic.
#![no_main]

use entra_agent::graph::{GROUP_SELECT, group_change, raw_element, user_change};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(element) = serde_json::from_slice(bytes) {
        let _ = user_change(&element);
        let _ = group_change(&element);
        let _ = raw_element(&element, GROUP_SELECT);
    }
});
