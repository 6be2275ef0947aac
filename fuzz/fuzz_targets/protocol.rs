//! Any bytes on either socket, read as each of the four kinds of message. What is read can be written, and
//! comes back the same.
#![no_main]

use entra_protocol::admin::{Reply, Request};
use entra_protocol::login::{ToAgent, ToModule};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = entra_protocol::read::<ToAgent>(&mut &*bytes);
    if let Ok(Some(message)) = entra_protocol::read::<ToModule>(&mut &*bytes) {
        if let Ok(frame) = entra_protocol::encode(&message) {
            let again = entra_protocol::read::<ToModule>(&mut &frame[..]);
            assert!(again.is_ok_and(|again| again.as_ref() == Some(&message)));
        }
    }
    if let Ok(Some(message)) = entra_protocol::read::<Request>(&mut &*bytes) {
        if let Ok(frame) = entra_protocol::encode(&message) {
            let again = entra_protocol::read::<Request>(&mut &frame[..]);
            assert!(again.is_ok_and(|again| again.as_ref() == Some(&message)));
        }
    }
    let _ = entra_protocol::read::<Reply>(&mut &*bytes);
});
