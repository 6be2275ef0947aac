//! Who of the directory is not in the snapshot.
//!
//! Each is in the journal with the reason, up to a number: a mistake that keeps everybody out must not
//! fill it, nor the agent's memory.

use entra_snapshot::WriteError;

use super::PublishError;
use crate::identity::ObjectKey;
use crate::store::Verdict;

/// A person or group of the directory that is not in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Which it is.
    pub key: ObjectKey,
    /// Its canonical name.
    pub name: String,
    /// What stands in the way.
    pub reason: String,
}

/// Those of one publication.
#[derive(Default)]
pub(super) struct LeftOutList {
    listed: Vec<LeftOut>,
    total: u64,
}

impl LeftOutList {
    pub(super) fn add(&mut self, key: ObjectKey, name: &str, reason: String) -> Verdict {
        self.total += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(LeftOut {
                key,
                name: name.to_owned(),
                reason,
            });
        }
        Verdict::LeftOut
    }

    /// An entry that the writer refused; trouble with the file itself ends the publication.
    pub(super) fn add_refused(
        &mut self,
        key: ObjectKey,
        name: &str,
        error: WriteError,
    ) -> Result<Verdict, PublishError> {
        match error {
            WriteError::Illegal(_) | WriteError::TooLarge { .. } => {
                Ok(self.add(key, name, error.to_string()))
            }
            WriteError::Duplicate { .. } | WriteError::Io { .. } | WriteError::Unverified(_) => {
                Err(error.into())
            }
        }
    }

    /// The list and how many there are, after telling the journal.
    pub(super) fn told(self) -> (Vec<LeftOut>, u64) {
        for out in &self.listed {
            tracing::warn!(name = out.name, object = %out.key, reason = out.reason, "not published");
        }
        let listed = u64::try_from(self.listed.len()).unwrap_or(u64::MAX);
        if self.total > listed {
            tracing::warn!("{} further entries not published", self.total - listed);
        }
        (self.listed, self.total)
    }
}

/// Entries that are named one by one.
const LISTED_MAX: usize = 1_000;
