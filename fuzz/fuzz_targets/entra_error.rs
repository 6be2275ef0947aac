//! Any bytes as the body of a refusal: it stays a refusal, and has a meaning.
#![no_main]

use entra_agent::entra::{EntraError, Refusal};
use entra_protocol::login::Outcome;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (status, body) = input;
    let refusal = Refusal::read("POST login.microsoftonline.com/t/token", status, body);
    let error = EntraError::Refused(refusal.into());
    assert!(error.meaning().outcome != Outcome::Success);
    assert!(error.to_string().chars().all(|character| !character.is_control()));
});
