//! Real hosts for tests and for the demo.
//!
//! A [`Host`] is a booted Debian container of its own: systemd, sshd, sudo, cron,
//! the project's artefacts wired as the packages wire them, and the simulated
//! tenant reached by Microsoft's real host names. It starts in a second or two
//! and leaves nothing behind, also when the test that made it is killed.
//!
//! Invariant: nothing of the machine is changed. All mounts are made in a mount
//! namespace that dies with the host; what is written goes to memory.
//!
//! It is driven by the programs people use (nsenter, ssh, su, getent), so that it
//! proves what people would see; it never reaches into the product's own code.

#![forbid(unsafe_code)]

mod agent;
mod cgroup;
mod host;
mod http;
mod launch;
mod name;
mod output;
pub mod people;
mod places;
mod screen;
mod ssh;
pub mod tenant;
mod terminal;
mod trouble;
mod wait;

pub use host::Host;
pub use output::Output;
pub use places::Places;
pub use ssh::DEVICE_CODE_PROMPT;
pub use tenant::Control;
pub use terminal::Terminal;
pub use trouble::Trouble;
pub use wait::{Limit, until};
