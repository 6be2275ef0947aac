//! `libnss_entra.so.2`: answers passwd, group and initgroups from the snapshot.
//!
//! This library is loaded into every process of the host that resolves a name,
//! from `ls` to sshd, as whoever runs it. So it is small and does little: each
//! call opens one read-only file, reads a few hundred bytes, closes it, and puts
//! the answer into the caller's buffer.
//!
//! The way of a call: `exports_ffi` (names) → `calls_ffi` (C's types) → `guard`
//! (a panic becomes a status) → `lookup` (safe; a trait says where the directory
//! is) → `buffer_ffi` or `grouplist_ffi` (the caller's memory).
//!
//! Invariants:
//! - no panic, signal or exit of this library reaches the host process;
//! - a missing or damaged snapshot is `UNAVAIL`: glibc goes on with the next
//!   service, and nobody is told that a name does not exist;
//! - nothing is kept between calls but, for enumeration, two numbers; no file
//!   stays open, no lock is held over a fork, no thread is started;
//! - `pw_name` and `gr_name` are always the canonical name, however it was asked
//!   for.
//!
//! What it does not do: it reads no configuration and no environment, talks to
//! no daemon and no network, logs nothing, and never calls a function that could
//! resolve a name and so come back here.

mod buffer_ffi;
mod calls_ffi;
mod enumeration;
pub mod exports_ffi;
mod grouplist_ffi;
mod guard;
mod lookup;
#[cfg(test)]
mod tests_ffi;
