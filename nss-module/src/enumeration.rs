//! `getpwent` and `getgrent`: one entry after the other, if the host's policy
//! lets them be listed at all.
//!
//! Invariant: no file stays open between calls. A descriptor kept here would be
//! closed by daemons that close all, and its number would then be another file.
//! Two numbers are kept instead, the generation and the position in it, and the
//! position moves only when the caller got the entry: with too small a buffer
//! the same entry comes again.
//!
//! There is no lock either: glibc serialises these calls (as its manual says,
//! the position is one per process), and a lock taken by another thread at the
//! moment of a fork would never be given back in the child. A caller that goes
//! round glibc's lock can see an entry twice or get an error, nothing worse: a
//! position that is none is noticed by the reader.
//!
//! If a new generation is published meanwhile, the list starts anew: entries
//! may come twice, but none is left out.

use std::sync::atomic::{AtomicU64, Ordering};

use entra_snapshot::{Group, ReadError, Snapshot, User};

use crate::lookup::{Answer, Directory, errno_of};

/// A place in the list of users or of groups.
pub(crate) struct Cursor {
    generation: AtomicU64,
    position: AtomicU64,
}

impl Cursor {
    pub(crate) const fn new() -> Self {
        Self {
            generation: AtomicU64::new(0),
            position: AtomicU64::new(START),
        }
    }

    /// `setpwent`, `endpwent` and their like.
    pub(crate) fn rewind(&self) {
        self.position.store(START, Ordering::Release);
    }

    pub(crate) fn next_user<T>(
        &self,
        directory: &impl Directory,
        deliver: impl FnOnce(&User) -> Answer<T>,
    ) -> Answer<T> {
        self.next(directory, Snapshot::next_user, deliver)
    }

    pub(crate) fn next_group<T>(
        &self,
        directory: &impl Directory,
        deliver: impl FnOnce(&Group) -> Answer<T>,
    ) -> Answer<T> {
        self.next(directory, Snapshot::next_group, deliver)
    }

    fn next<E, T>(
        &self,
        directory: &impl Directory,
        read: impl FnOnce(&Snapshot, u64) -> Result<Option<(E, u64)>, ReadError>,
        deliver: impl FnOnce(&E) -> Answer<T>,
    ) -> Answer<T> {
        let mut position = self.position.load(Ordering::Acquire);
        if position == END {
            return Answer::NotFound;
        }
        let snapshot = match directory.open() {
            Ok(snapshot) => snapshot,
            Err(error) => return Answer::Unavailable(errno_of(&error)),
        };
        if !snapshot.policy().enumerate {
            return Answer::NotFound;
        }
        if self
            .generation
            .swap(snapshot.generation(), Ordering::AcqRel)
            != snapshot.generation()
        {
            position = START;
        }
        match read(&snapshot, position) {
            Ok(Some((entry, after))) => {
                let answer = deliver(&entry);
                if matches!(answer, Answer::Found(_)) {
                    self.position.store(after, Ordering::Release);
                }
                answer
            }
            Ok(None) => {
                self.position.store(END, Ordering::Release);
                Answer::NotFound
            }
            Err(error) => Answer::Unavailable(errno_of(&error)),
        }
    }
}

/// Before the first entry.
const START: u64 = 0;

/// After the last entry, until the next rewind: no file is this long.
const END: u64 = u64::MAX;
