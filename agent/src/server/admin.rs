//! `admin.sock`: one request of `entractl`, its rows and progress, and its end.
//!
//! Invariant: the peer hears something at least every [`PROGRESS_GAP`] while a verb works, and exactly
//! one end. When the peer hangs up, the verb is dropped: what it had committed stays, nothing else
//! happens.

use entra_protocol::FrameError;
use entra_protocol::admin::{Failure, FailureKind, Progress, Reply, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::limits::{FRAME_LIMIT, PROGRESS_GAP};
use super::line;
use crate::admin::{Admin, Replies, Requests};

/// Replies that wait for the peer at most; a handler goes on when it has read.
const QUEUE: usize = 64;

/// Serves one connection of the peer `uid` to its end.
pub(super) async fn converse<S>(stream: S, uid: u32, admin: &Admin)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let request = match timeout(FRAME_LIMIT, line::read::<Request>(&mut reader)).await {
        Ok(Ok(Some(request))) => request,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => {
            tracing::warn!("admin.sock: uid {uid}: {error}");
            let failure = Failure {
                kind: FailureKind::BadRequest,
                message: format!("the agent can't read this request: {error}"),
                hint: Some(
                    "entractl and entra-agent are of different versions, it seems: compare \
                     `entractl --version` with `entra-agent --version`, and restart the agent after an upgrade"
                        .to_owned(),
                ),
                reference: None,
            };
            let _ = line::write(&mut writer, &Reply::Failed(failure)).await;
            return;
        }
        Err(_) => return tracing::warn!("admin.sock: uid {uid} was silent"),
    };
    let (to_handler, requests) = mpsc::channel(1);
    let (replies, from_handler) = mpsc::channel(QUEUE);
    let answering = admin.answer(uid, request, Replies::new(replies), Requests::new(requests));
    let listening = line::listen(&mut reader, to_handler);
    // Biased: the verb is begun before it is seen whether the peer is gone, so that nobody is refused unseen.
    let sent = tokio::select! {
        biased;
        sent = send(answering, from_handler, &mut writer) => sent,
        ended = listening => ended,
    };
    if let Err(error) = sent {
        tracing::info!("admin.sock: uid {uid}: {error}");
    }
}

/// Sends what the handler says until its end is sent, too.
async fn send(
    answering: impl Future<Output = Result<entra_protocol::admin::Done, Failure>>,
    mut from_handler: mpsc::Receiver<Reply>,
    writer: &mut (impl AsyncWrite + Unpin),
) -> Result<(), FrameError> {
    tokio::pin!(answering);
    let mut last = Progress {
        stage: "working".to_owned(),
        done: 0,
        total: None,
    };
    let mut due = Instant::now() + PROGRESS_GAP;
    let end = loop {
        let reply = tokio::select! {
            biased;
            Some(reply) = from_handler.recv() => reply,
            end = &mut answering => break end,
            () = sleep_until(due) => Reply::Progress(last.clone()),
        };
        if let Reply::Progress(progress) = &reply {
            last.clone_from(progress);
        }
        line::write(writer, &reply).await?;
        due = Instant::now() + PROGRESS_GAP;
    };
    // The handler is gone and its queue closed: what is left in it comes before the end.
    while let Some(reply) = from_handler.recv().await {
        line::write(writer, &reply).await?;
    }
    let end = match end {
        Ok(done) => Reply::Done(Box::new(done)),
        Err(failure) => Reply::Failed(failure),
    };
    line::write(writer, &end).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use entra_protocol::admin::{Done, Role, RoleChange, Row};
    use std::time::Duration;

    fn row(user: &str) -> Reply {
        Reply::Row(Row::Role(RoleChange {
            user: user.to_owned(),
            before: Role::User,
            after: Role::Auditor,
            source: None,
        }))
    }

    async fn read_all(mut stream: tokio::io::DuplexStream) -> Vec<Reply> {
        let mut replies = Vec::new();
        while let Ok(Some(reply)) = line::read(&mut stream).await {
            replies.push(reply);
        }
        replies
    }

    #[tokio::test]
    async fn rows_that_wait_come_before_the_end() {
        let (mut here, there) = tokio::io::duplex(64 * 1024);
        let (queue, from_handler) = mpsc::channel(4);
        let handler = async move {
            for user in ["alice", "bob"] {
                queue.send(row(user)).await.unwrap();
            }
            Ok(Done::Rows { count: 2 })
        };
        send(handler, from_handler, &mut here).await.unwrap();
        drop(here);
        let end = Reply::Done(Box::new(Done::Rows { count: 2 }));
        assert_eq!(read_all(there).await, [row("alice"), row("bob"), end]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_verb_still_says_that_it_works() {
        let (mut here, there) = tokio::io::duplex(64 * 1024);
        let (queue, from_handler) = mpsc::channel(4);
        let handler = async move {
            tokio::time::sleep(Duration::from_secs(25)).await;
            drop(queue);
            Ok(Done::Rows { count: 0 })
        };
        send(handler, from_handler, &mut here).await.unwrap();
        drop(here);
        let replies = read_all(there).await;
        assert_eq!(replies.len(), 3, "{replies:?}");
        assert!(matches!(replies[1], Reply::Progress(_)));
    }
}
