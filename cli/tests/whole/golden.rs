//! Wording that a reviewer reads as a document: the files of `cli/tests/golden`.
//!
//! Plain files rather than a snapshot crate: a whole page of a verb is one file, reads as Markdown, and
//! needs no tool to accept. `BLESS=1` in the environment writes what is said now; the difference is then for
//! the reviewer of the commit.

use std::fs;
use std::path::PathBuf;

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// Holds a text against its file.
pub(crate) fn hold(name: &str, said: &str) {
    let path = path(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, said).unwrap();
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = kept
        .lines()
        .zip(said.lines())
        .position(|(kept, said)| kept != said)
        .unwrap_or_else(|| kept.lines().count().min(said.lines().count()));
    assert!(
        kept == said,
        "cli/tests/golden/{name} is not what is said now, from line {}: {:?}. If the new wording is meant: \
         BLESS=1 cargo test --release -p entractl, then read the difference",
        differs + 1,
        said.lines().nth(differs).unwrap_or("(the end)"),
    );
}
