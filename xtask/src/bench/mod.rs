//! `cargo xtask bench`: timings and memory, always next to a peer in the same run.
//!
//! Apart from the tests, since a busy machine makes any timing wrong; what is compared with the peer holds
//! on any machine, and so do the limits on memory, which are checked.

mod import;
mod login;
mod roles;

use crate::command::Outcome;
use crate::place::Workspace;

/// Imports of tenants of these sizes.
pub(crate) fn import(workspace: &Workspace, sizes: &[u64]) -> Outcome {
    import::run(workspace, sizes)
}

/// So many sign-ins, one at a time.
pub(crate) fn login(workspace: &Workspace, count: Option<u64>) -> Outcome {
    login::run(workspace, count.unwrap_or(login::COUNT))
}

/// Roles on a host of so many people.
pub(crate) fn roles(workspace: &Workspace, people: Option<u64>) -> Outcome {
    roles::run(workspace, people.unwrap_or(roles::PEOPLE))
}

/// The sizes that count: a large company, a very large one, and what no one has.
pub(crate) const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
