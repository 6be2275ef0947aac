//! Behaviours of a whole host, one file each.
//!
//! Run by `cargo xtask test`, which makes the image first.

mod hosts_boot;
mod root_and_local_users;
