//! Keeps a panic inside the library.
//!
//! Invariant: whatever the closure does, the host process goes on and gets a
//! status; unwinding into C would end it.
//!
//! The code behind the guard is meant not to panic at all: no indexing, no
//! unwrapping, checked arithmetic. If it does all the same, the standard
//! library's hook would write to descriptor 2, which in a daemon may be anything.
//! The hook is therefore silent while a call is in here. That is no change to
//! the host: a cdylib has a standard library, and so a hook, of its own. (In a
//! Rust test binary the two are one; that is why the hook passes on the panics
//! that are not ours.)

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::lookup::Answer;

/// Runs `call`; a panic in it becomes [`Answer::Unavailable`].
pub(crate) fn guarded<T>(call: impl FnOnce() -> Answer<T>) -> Answer<T> {
    // An atomic, not a `Once`: if the process forks while another thread is in
    // here, a `Once` would stay locked in the child for ever.
    if !HOOKED.swap(true, Ordering::AcqRel) {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |report| {
            if !INSIDE.get() {
                before(report);
            }
        }));
    }
    INSIDE.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(call));
    INSIDE.set(false);
    outcome.unwrap_or_else(|payload| {
        // Dropping the payload could panic again.
        std::mem::forget(payload);
        Answer::Unavailable(libc::EIO)
    })
}

static HOOKED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_unavailable_directory_and_the_next_call_works() {
        let caught = guarded::<()>(|| panic!("a defect"));
        assert_eq!(caught, Answer::Unavailable(libc::EIO));
        assert_eq!(guarded(|| Answer::Found(1)), Answer::Found(1));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_not_dropped() {
        struct Trap;
        impl Drop for Trap {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        let caught = guarded::<()>(|| panic::panic_any(Trap));
        assert_eq!(caught, Answer::Unavailable(libc::EIO));
    }
}
