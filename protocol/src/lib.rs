//! What the PAM module and `entractl` say to the agent: frames, messages, a blocking client, limits.
//!
//! The contract is `docs/protocol.md`. Three rules shape it:
//!
//! * One connection is one conversation; hanging up cancels it.
//! * Unknown *fields* are ignored, unknown *messages* are refused, so that an old module works with a
//!   new agent and a new module with an old agent.
//! * Whatever comes from the other side is bounded before it is read: no frame is longer than
//!   [`limits::MAX_FRAME`], no wait is longer than the limit that its caller names.
//!
//! This crate decides nothing: who may ask for what is the agent's business, who is local or imported
//! is the module's. It holds no OAuth word, so that new sign-in methods never change `pam_entra.so`.

mod audit;
mod checks;
mod client;
mod directory;
mod explain;
mod frame;
mod gate;
mod ids;
mod roles;
mod runs;
mod secret;
mod socket_ffi;
mod status;

pub mod admin;
pub mod id_map;
pub mod limits;
pub mod login;
pub mod metrics;
pub mod probe;

pub use client::{ClientError, Connection};
pub use frame::{FrameError, decode_body, encode, frame_length, read, write};
pub use secret::Secret;
