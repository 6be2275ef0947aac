//! Any text as agent.toml: a configuration, or an error with something in it to read.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = entra_agent::config::parse(text) {
        assert!(!error.to_string().is_empty());
    }
});
