//! The two ends that a handler has: what it sends, and what else it is sent.
//!
//! Handlers know no socket. What they send waits in a short queue until the peer has read it, so that a
//! list of a million people is never in one buffer.

use std::time::Duration;

use entra_protocol::admin::{Failure, FailureKind, Progress, Reply, Request, Row};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::failure;

/// How long the next frame of one bulk request may take: `entractl` has them all at hand.
const MORE_LIMIT: Duration = Duration::from_secs(10);

/// Sends rows and progress.
#[derive(Clone)]
pub struct Replies(mpsc::Sender<Reply>);

impl Replies {
    /// Into this queue.
    #[must_use]
    pub fn new(queue: mpsc::Sender<Reply>) -> Self {
        Self(queue)
    }

    /// Sends a row as soon as the peer keeps up.
    pub(super) async fn row(&self, row: Row) -> Result<(), Failure> {
        self.0
            .send(Reply::Row(row))
            .await
            .map_err(|_| failure::of(FailureKind::Internal, "the peer hung up"))
    }

    /// Sends progress, unless the peer still has some to read.
    pub(super) fn progress(&self, progress: Progress) {
        let _ = self.0.try_send(Reply::Progress(progress));
    }
}

/// The further frames of a bulk request.
pub struct Requests(mpsc::Receiver<Request>);

impl Requests {
    /// From this queue.
    #[must_use]
    pub fn new(queue: mpsc::Receiver<Request>) -> Self {
        Self(queue)
    }

    pub(super) async fn next(&mut self) -> Result<Request, Failure> {
        match timeout(MORE_LIMIT, self.0.recv()).await {
            Ok(Some(request)) => Ok(request),
            Ok(None) | Err(_) => Err(failure::of(
                FailureKind::BadRequest,
                "a further frame was announced and did not come",
            )),
        }
    }
}
