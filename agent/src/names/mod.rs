//! What people and groups are called on this host (design.md §3).
//!
//! A name is made from one property, in lower case, without the characters that no name may have, and
//! must then be legal, not reserved, not local, not another object's and not retired. Otherwise the
//! object has no name here, and so doesn't exist here: a failed row with its reason and its cure. A name
//! never falls back to another one, since a name is what sudoers and file owners are written with.
//!
//! People and groups share one space of names: everybody's private group bears their name.
//!
//! `derive` makes a name from an object, `assign` settles who gets it, `local` reads what the host has,
//! `reserved` lists what no host should give away. None of them touches a database.

mod assign;
mod derive;
mod local;
mod reserved;

pub use assign::{Holders, settle};
pub use derive::{group_name, user_name};
pub use local::{LocalAccounts, LocalFileError};

/// Why an object has no name here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameFault {
    /// What is wrong, naming the property.
    pub reason: String,
    /// What to do about it.
    pub cure: String,
}

impl NameFault {
    fn new(reason: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            cure: cure.into(),
        }
    }
}

/// The cure that helps in every case.
const OVERRIDE: &str = "give it another name under [names.overrides] in agent.toml";
