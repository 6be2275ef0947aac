//! Frames over an asynchronous stream, with the limits of `entra_protocol`.
//!
//! Invariant: nothing is allocated for a frame before its length is checked, a frame that has begun is
//! whole within [`FRAME_LIMIT`], and buffers that may hold a secret are wiped.

use std::io;
use std::time::Duration;

use entra_protocol::{FrameError, decode_body, encode, frame_length};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::limits::{FRAME_LIMIT, SEND_LIMIT};

/// The next message; `None` if the peer hung up between two. Waits for its first byte as long as it
/// takes: callers bound that by what they wait for.
pub(super) async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<T>, FrameError> {
    let mut prefix = [0_u8; 4];
    let (first, rest) = prefix.split_at_mut(1);
    if stream.read(first).await? == 0 {
        return Ok(None);
    }
    within(FRAME_LIMIT, stream.read_exact(rest)).await?;
    let mut json = Zeroizing::new(vec![0_u8; frame_length(prefix)?]);
    within(FRAME_LIMIT, stream.read_exact(&mut json)).await?;
    decode_body(&json).map(Some)
}

/// Sends one message.
pub(super) async fn write<T: Serialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> Result<(), FrameError> {
    let frame = encode(message)?;
    within(SEND_LIMIT, stream.write_all(&frame)).await?;
    Ok(())
}

/// Hands every message of the peer on, until it hangs up or says something that can't be read. To be
/// polled beside the conversation: its end is the peer's end.
pub(super) async fn listen<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    messages: mpsc::Sender<T>,
) -> Result<(), FrameError> {
    while let Some(message) = read(stream).await? {
        // Nobody listens any more: the conversation is at its end.
        if messages.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, FrameError> {
    match timeout(limit, work).await {
        Ok(result) => result.map_err(FrameError::Io),
        Err(_) => Err(FrameError::Io(io::Error::from(io::ErrorKind::TimedOut))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use entra_protocol::login::{ToAgent, ToModule};

    #[tokio::test]
    async fn messages_come_and_go() {
        let (mut here, mut there) = tokio::io::duplex(64 * 1024);
        write(&mut there, &ToAgent::CannotPrompt).await.unwrap();
        let heard: Option<ToAgent> = read(&mut here).await.unwrap();
        assert!(matches!(heard, Some(ToAgent::CannotPrompt)));
        drop(there);
        assert!(read::<ToAgent>(&mut here).await.unwrap().is_none());
        assert!(
            write(&mut here, &ToModule::Wait { seconds: 1 })
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_trickles_or_does_not_read_is_given_up() {
        let (mut here, mut there) = tokio::io::duplex(8);
        there.write_all(&[9, 0, 0, 0, b'{']).await.unwrap();
        let trickled = read::<ToAgent>(&mut here).await;
        assert!(matches!(trickled, Err(FrameError::Io(_))), "{trickled:?}");
        let text = "x".repeat(100);
        let stuck = write(&mut here, &ToModule::Ask { prompt: text }).await;
        assert!(matches!(stuck, Err(FrameError::Io(_))));
    }

    #[tokio::test]
    async fn an_absurd_length_is_refused() {
        let (mut here, mut there) = tokio::io::duplex(64);
        there.write_all(&[0xff; 4]).await.unwrap();
        let result = read::<ToAgent>(&mut here).await;
        assert!(matches!(result, Err(FrameError::TooLong(_))));
    }
}
