//! Microsoft Graph v1.0, read only: pages of users and groups, and single objects.
//!
//! Invariants:
//! - Nothing that Graph sends decides where this agent goes: a next link is followed as it is written,
//!   but only within the configured origin.
//! - Everything is bounded: bytes of an answer, pages of a round, requests, tries and waiting of a run.
//! - A refusal is an error that names what was asked and the permission that is missing, never an empty
//!   list: an importer that takes a 403 for "no users" empties the directory.
//! - `Retry-After` is obeyed exactly; a request is repeated only if it may succeed (429, 5xx, network),
//!   and once with a fresh token after a 401.
//!
//! `client` sends, `retry` decides on waiting, `pages` follows links, `raw` takes elements apart for the
//! mirror, `objects` and `fields` read them, `error` says what went wrong. None of it knows the directory; `sync` does.

mod client;
mod error;
mod fields;
mod objects;
mod pages;
mod raw;
mod retry;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use zeroize::Zeroizing;

pub use client::{Graph, Session, Usage};
pub use error::{GraphError, GraphProblem, Place};
pub use objects::{
    Fault, GROUP_SELECT, GroupChange, GroupObject, MemberChange, MemberKind, USER_SELECT,
    UserChange, UserObject, group_change, user_change,
};
pub use pages::{Page, Pager};
pub use raw::{RawElement, RawObject, raw_element};

/// Sixteen random bytes. A parameter, so that tests decide; the product passes a v4 UUID's.
pub type RandomBytes = fn() -> [u8; 16];

/// What [`Bearer::bearer`] gives.
pub type BearerFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Zeroizing<String>, BearerError>> + Send + 'a>>;

/// Gives the access token that Graph is asked with.
pub trait Bearer: Send + Sync {
    /// An access token; with `fresh` one that was issued just now, because Graph refused the last.
    fn bearer(&self, fresh: bool) -> BearerFuture<'_>;
}

/// Why there is no token. The message names what is wrong and where ("the token is for tenant ...").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerError {
    /// One sentence for the person.
    pub message: String,
    /// What to do about it, if something can be done.
    pub hint: Option<String>,
    /// Ids for Microsoft's support.
    pub reference: Option<String>,
}

impl fmt::Display for BearerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.reference {
            Some(reference) => write!(f, " ({reference})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for BearerError {}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
