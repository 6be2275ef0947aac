//! What changed since when: the memory behind delta queries.
//!
//! A change's place in the list is its time. A delta link holds the place up to
//! which its reader has seen everything.

use std::collections::{BTreeMap, BTreeSet};

/// One change of one object.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// Object id of the user or group.
    pub(crate) object: String,
    pub(crate) what: What,
}

/// What happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// It came, came back, or went: every reader learns it, whatever they select.
    Presence,
    /// A property got another value.
    Property(String),
    /// A direct member came or went.
    Member(String),
}

/// The changes of one object since a place, taken together.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) presence: bool,
    pub(crate) properties: BTreeSet<String>,
    pub(crate) members: BTreeSet<String>,
}

/// All changes since the seed, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<Change>);

impl Changes {
    /// Notes one.
    pub(crate) fn note(&mut self, object: &str, what: What) {
        self.0.push(Change {
            object: object.to_owned(),
            what,
        });
    }

    /// The place after the newest change.
    pub(crate) fn place(&self) -> usize {
        self.0.len()
    }

    /// Everything from place `from` up to and without place `to`, by object.
    pub(crate) fn between(&self, from: usize, to: usize) -> BTreeMap<&str, Summary> {
        let mut out: BTreeMap<&str, Summary> = BTreeMap::new();
        for change in self.0.iter().take(to).skip(from) {
            let summary = out.entry(&change.object).or_default();
            match &change.what {
                What::Presence => summary.presence = true,
                What::Property(name) => {
                    summary.properties.insert(name.clone());
                }
                What::Member(id) => {
                    summary.members.insert(id.clone());
                }
            }
        }
        out
    }
}
