//! Where the agent's journal goes: journald if this process was started with it, else stderr.
//!
//! Lines are whole sentences with their facts in the text: whoever reads `journalctl -u entra-agent`
//! must not need `-o verbose`. Lines of the audit log have fields as well, for programs. No line ever holds a secret; the types that hold one print `[redacted]`.

use std::io;
use std::os::unix::fs::MetadataExt;

use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Everything from `info` on goes to the journal; libraries from `warn` on.
pub fn begin() {
    let filter = tracing_subscriber::filter::Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("entra_agent", Level::INFO);
    let registry = tracing_subscriber::registry().with(filter);
    // A second call, or a subscriber that is there already, changes nothing.
    let _ = match tracing_journald::layer() {
        Ok(journald) if stderr_is_the_journal() => {
            // Fields are named in full where they are written (`entra_verb`); no prefix `F_`.
            registry.with(journald.with_field_prefix(None)).try_init()
        }
        _ => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(io::stderr)
                    .with_ansi(false)
                    .with_target(false),
            )
            .try_init(),
    };
}

/// `JOURNAL_STREAM` names the device and inode of the stream that systemd gave this process; it is
/// inherited by children whose stderr goes elsewhere, hence the comparison (systemd.exec(5)).
fn stderr_is_the_journal() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(stderr) = std::fs::metadata("/proc/self/fd/2") else {
        return false;
    };
    stream.to_str() == Some(&format!("{}:{}", stderr.dev(), stderr.ino()))
}
