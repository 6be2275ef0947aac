//! Frames: a little-endian `u32` length, then that many bytes of JSON `{"v": VERSION, "body": MESSAGE}`.
//!
//! Invariant: a length is checked against [`MAX_FRAME`] before anything is allocated, and every buffer
//! that may hold a secret is sized once and wiped on drop. Messages are externally tagged enums
//! (`{"answer": {...}}`): serde reads those in one pass, while internally tagged ones would first copy
//! every string into a buffer that nobody wipes.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::limits::{MAX_FRAME, VERSION};

/// What can be wrong with a frame.
#[derive(Debug)]
pub enum FrameError {
    /// The stream failed, ended inside a frame, or a wait went over its limit.
    Io(io::Error),
    /// The other side announced, or this side was asked to send, more than [`MAX_FRAME`] bytes.
    TooLong(usize),
    /// Not the JSON that this message has; the text says where and what, never a value of a secret.
    Malformed(serde_json::Error),
    /// A version below 1: nobody speaks it.
    Version(u16),
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "socket: {error}"),
            Self::TooLong(bytes) => {
                write!(f, "frame of {bytes} bytes; at most {MAX_FRAME} are allowed")
            }
            Self::Malformed(error) => write!(f, "malformed message: {error}"),
            Self::Version(version) => write!(f, "protocol version {version} does not exist"),
        }
    }
}

impl std::error::Error for FrameError {}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[derive(Serialize)]
struct Outgoing<'a, T> {
    v: u16,
    body: &'a T,
}

#[derive(Deserialize)]
struct Incoming<T> {
    v: u16,
    body: T,
}

/// One whole frame, length included, in a buffer that is wiped on drop.
///
/// # Errors
/// [`FrameError::TooLong`] if the JSON would pass [`MAX_FRAME`].
pub fn encode<T: Serialize>(message: &T) -> Result<Zeroizing<Vec<u8>>, FrameError> {
    // Two passes, so that the buffer with the secret in it is allocated once at its final size.
    let outgoing = Outgoing {
        v: VERSION,
        body: message,
    };
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, &outgoing).map_err(FrameError::Malformed)?;
    let length = u32::try_from(counter.0)
        .ok()
        .filter(|_| counter.0 <= MAX_FRAME)
        .ok_or(FrameError::TooLong(counter.0))?;
    let mut buffer = Zeroizing::new(Vec::with_capacity(counter.0 + 4));
    buffer.extend_from_slice(&length.to_le_bytes());
    serde_json::to_writer(&mut *buffer, &outgoing).map_err(FrameError::Malformed)?;
    Ok(buffer)
}

/// The length that a frame's first four bytes announce.
///
/// # Errors
/// [`FrameError::TooLong`] above [`MAX_FRAME`].
pub fn frame_length(prefix: [u8; 4]) -> Result<usize, FrameError> {
    let length = usize::try_from(u32::from_le_bytes(prefix)).unwrap_or(usize::MAX);
    if length > MAX_FRAME {
        Err(FrameError::TooLong(length))
    } else {
        Ok(length)
    }
}

/// The message in a frame's JSON.
///
/// # Errors
/// [`FrameError::Malformed`] for wrong JSON, an unknown message or trailing data; [`FrameError::Version`].
pub fn decode_body<T: DeserializeOwned>(json: &[u8]) -> Result<T, FrameError> {
    let incoming: Incoming<T> = serde_json::from_slice(json).map_err(FrameError::Malformed)?;
    if incoming.v == 0 {
        return Err(FrameError::Version(incoming.v));
    }
    Ok(incoming.body)
}

/// Writes one message as one frame.
///
/// # Errors
/// As [`encode`], and [`FrameError::Io`].
pub fn write<T: Serialize>(stream: &mut impl Write, message: &T) -> Result<(), FrameError> {
    let frame = encode(message)?;
    stream.write_all(&frame)?;
    stream.flush()?;
    Ok(())
}

/// Reads one message; `None` if the other side hung up between two frames.
///
/// # Errors
/// As [`decode_body`] and [`frame_length`]; [`FrameError::Io`] if the stream ends inside a frame.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut prefix = [0_u8; 4];
    let mut filled = 0;
    while let Some(rest) = prefix.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut json = Zeroizing::new(vec![0_u8; frame_length(prefix)?]);
    stream.read_exact(&mut json)?;
    decode_body(&json).map(Some)
}

struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::{ToAgent, ToModule};

    #[test]
    fn a_frame_comes_back_as_it_was() {
        let frame = encode(&ToModule::Ask {
            prompt: "Code: ".into(),
        })
        .unwrap();
        assert_eq!(
            &frame[4..],
            br#"{"v":1,"body":{"ask":{"prompt":"Code: "}}}"#
        );
        let back: ToModule = read(&mut &frame[..]).unwrap().unwrap();
        assert_eq!(
            back,
            ToModule::Ask {
                prompt: "Code: ".into()
            }
        );
    }

    #[test]
    fn unknown_fields_are_ignored_and_unknown_messages_refused() {
        let known = br#"{"v":7,"new":1,"body":{"ask":{"prompt":"x","colour":"red"}}}"#;
        assert!(decode_body::<ToModule>(known).is_ok());
        let unknown = br#"{"v":1,"body":{"dance":{}}}"#;
        assert!(matches!(
            decode_body::<ToModule>(unknown),
            Err(FrameError::Malformed(_))
        ));
        assert!(matches!(
            decode_body::<ToModule>(br#"{"v":0,"body":{"ask":{"prompt":""}}}"#),
            Err(FrameError::Version(0))
        ));
        assert!(decode_body::<ToModule>(br#"{"v":1,"body":{"ask":{"prompt":""}}} x"#).is_err());
    }

    #[test]
    fn an_absurd_length_is_refused_before_anything_is_allocated() {
        let mut stream: &[u8] = &[0xff, 0xff, 0xff, 0xff, b'{'];
        assert!(matches!(
            read::<ToAgent>(&mut stream),
            Err(FrameError::TooLong(_))
        ));
        let long = ToModule::Ask {
            prompt: "x".repeat(MAX_FRAME),
        };
        assert!(matches!(encode(&long), Err(FrameError::TooLong(_))));
    }

    #[test]
    fn an_end_between_frames_is_a_hang_up_and_inside_one_an_error() {
        assert!(read::<ToAgent>(&mut &b""[..]).unwrap().is_none());
        assert!(matches!(
            read::<ToAgent>(&mut &b"\x05\x00"[..]),
            Err(FrameError::Io(_))
        ));
        assert!(matches!(
            read::<ToAgent>(&mut &b"\x05\x00\x00\x00{}"[..]),
            Err(FrameError::Io(_))
        ));
    }
}
