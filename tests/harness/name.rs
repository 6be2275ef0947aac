//! Names of hosts: unique on the machine, and telling who made them.

use std::sync::atomic::{AtomicU32, Ordering};

/// A name for the next host of this process.
pub(crate) fn next() -> String {
    format!(
        "{PREFIX}{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Whether this is the name of a host, or of something that belongs to one, whose
/// process is gone. Such leftovers come from killed test runs and hold nothing.
pub(crate) fn is_abandoned(name: &str) -> bool {
    let maker = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split('-').next());
    maker
        .and_then(|maker| maker.parse::<u32>().ok())
        .is_some_and(|maker| !runs(maker))
}

/// A process that has ended has no program, also while its entry is still there
/// because nobody took note of its end.
fn runs(process: u32) -> bool {
    std::fs::read_link(format!("/proc/{process}/exe")).is_ok()
}

const PREFIX: &str = "entra-";

/// Hosts of one process are numbered; the process's own id tells processes apart.
static NEXT: AtomicU32 = AtomicU32::new(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_process_made_is_abandoned() {
        assert!(!is_abandoned(&next()));
        // Above the largest process id the kernel gives (2^22).
        assert!(is_abandoned("entra-9999999-1"));
        assert!(is_abandoned("entra-9999999-1.console"));
        assert!(!is_abandoned("entra-something-else"));
        assert!(!is_abandoned("9999999"));
    }
}
