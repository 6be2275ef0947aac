//! `pam_entra.so`: decides who is imported, lets the agent drive the sign-in of those, and stays out of
//! the way of everybody else.
//!
//! Four layers, each of which can only be reached through the one before it:
//!
//! 1. `exports_ffi`: the six `pam_sm_*` symbols.
//! 2. `guard`: asks `identity` whose sign-in this is, and catches whatever panics.
//! 3. `phases` (with `account`): what each entry point answers for an *imported* user. Only here does the
//!    word `SUCCESS` occur, so that no local user can be given it, whatever the agent says.
//! 4. `dialogue`: carries the agent's messages to the person and back.
//!
//! All of that is safe code over two traits: `application::Application`, the process that called PAM,
//! and `host::Host`, the machine around it. Unsafe code is in `exports_ffi`, `pam_ffi` and `system_ffi`.
//!
//! Invariants: a local user is never refused, delayed or let in by this module while the gate is `allow`;
//! an imported user is let in by a verdict, never by an error; nothing waits without a limit; `PAM_USER`
//! is never changed. What it does not do: it knows no OAuth word and no network, reads no configuration
//! and no environment, starts no thread and keeps nothing between two calls.

mod account;
mod application;
mod dialogue;
mod exports_ffi;
mod guard;
mod host;
mod identity;
mod local_groups;
mod pam_ffi;
mod passwd_file;
mod phases;
mod root_file;
mod sentences;
mod system_ffi;

#[cfg(test)]
mod fakes;
