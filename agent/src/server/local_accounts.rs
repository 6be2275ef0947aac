//! Watches the host's own account files: a `useradd alice` must win over an imported alice within
//! seconds, not at the next import.
//!
//! By looking, every two seconds, at what stat(2) says: tools replace these files by a rename, which a
//! watch on the file itself would miss, and two calls cost nothing.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::auth::{Publish, away};

/// How long a change may go unseen.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The pause after a publication that failed (a full disk, say): a line in the journal every two seconds
/// would help nobody.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// What changes whenever a file does: device, inode, size, and the time of its last change.
type Look = Option<(u64, u64, u64, i64, i64)>;

/// Publishes whenever one of `files` has changed, and with `at_start` once at once. Never ends; a
/// publication that fails is tried again.
pub async fn republish_on_change(files: Vec<PathBuf>, at_start: bool, publish: Publish) {
    // Looked at before anything is published: a change meanwhile is then a change.
    let mut seen = Some(look(&files)).filter(|_| !at_start);
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = look(&files);
        if seen.as_ref() == Some(&now) {
            continue;
        }
        let publish = publish.clone();
        match away(move || publish()).await {
            Ok(()) => {
                tracing::info!("published anew, after the host's own accounts");
                seen = Some(now);
            }
            Err(error) => {
                tracing::error!("{error}; tried again in {} s", TRY_AGAIN.as_secs());
                sleep(TRY_AGAIN).await;
            }
        }
    }
}

fn look(files: &[PathBuf]) -> Vec<Look> {
    files.iter().map(|file| look_at(file)).collect()
}

fn look_at(file: &Path) -> Look {
    let metadata = fs::metadata(file).ok()?;
    Some((
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_changed_file_is_published_until_that_worked() {
        let folder = tempfile::tempdir().unwrap();
        let passwd = folder.path().join("passwd");
        fs::write(&passwd, "root:x:0:0::/root:/bin/sh\n").unwrap();
        let published = Arc::new(AtomicUsize::new(0));
        let counter = published.clone();
        let publish: Publish = Arc::new(move || match counter.fetch_add(1, Ordering::SeqCst) {
            0 => Err("full".to_owned()),
            _ => Ok(()),
        });
        let watching = tokio::spawn(republish_on_change(vec![passwd.clone()], false, publish));
        tokio::time::sleep(LOOK_EVERY * 3).await;
        assert_eq!(published.load(Ordering::SeqCst), 0);

        // As useradd does: a new file over the old one.
        let new = folder.path().join("passwd+");
        fs::write(
            &new,
            "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n",
        )
        .unwrap();
        fs::rename(&new, &passwd).unwrap();
        while published.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        tokio::time::sleep(LOOK_EVERY * 3).await;
        assert_eq!(published.load(Ordering::SeqCst), 2);
        watching.abort();
    }
}
