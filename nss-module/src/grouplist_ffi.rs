//! The list of group ids that `initgroups_dyn` fills: C memory of the caller's,
//! enlarged with C's `realloc`, as glibc frees it with `free`.
//!
//! Invariant: the list never holds more than its capacity or the caller's limit;
//! what other services put there stays; nothing is added twice, and not the
//! primary group, which glibc itself put first.
#![expect(unsafe_code, reason = "the list is C's memory")]

use std::collections::BTreeSet;

use entra_snapshot::Id;
use libc::{c_long, gid_t};

use crate::lookup::Answer;

/// The caller's list: four numbers and a pointer of `getgrouplist(3)`'s inside.
pub(crate) struct GroupList<'a> {
    /// Number of ids in the list.
    start: &'a mut c_long,
    /// Ids the list has room for.
    size: &'a mut c_long,
    /// The list itself, from `malloc`.
    groups: &'a mut *mut gid_t,
    /// The most ids the list may hold; no limit if not above zero.
    limit: c_long,
}

impl<'a> GroupList<'a> {
    /// Takes the arguments of `initgroups_dyn`; nothing if one is null or they
    /// contradict each other.
    ///
    /// # Safety
    /// Each pointer is null or valid and used by nobody else during `'a`;
    /// `*groups` comes from `malloc`, has room for `*size` ids, of which the
    /// first `*start` are initialised.
    pub(crate) unsafe fn new(
        start: *mut c_long,
        size: *mut c_long,
        groups: *mut *mut gid_t,
        limit: c_long,
    ) -> Option<Self> {
        // SAFETY: null or valid, says the caller of this function.
        let start = unsafe { start.as_mut() }?;
        // SAFETY: as above.
        let size = unsafe { size.as_mut() }?;
        // SAFETY: as above.
        let groups = unsafe { groups.as_mut() }?;
        let sound = *start >= 0 && *start <= *size && !groups.is_null();
        sound.then_some(Self {
            start,
            size,
            groups,
            limit,
        })
    }

    /// Adds what is not there yet, up to the limit.
    pub(crate) fn add(&mut self, primary: gid_t, gids: &[Id]) -> Answer<()> {
        let mut known: BTreeSet<gid_t> = self.present().iter().copied().collect();
        known.insert(primary);
        for gid in gids.iter().map(|gid| gid.value()) {
            if !known.insert(gid) {
                continue;
            }
            if self.limit > 0 && *self.start >= self.limit {
                break;
            }
            if *self.start == *self.size && !self.grow() {
                return Answer::OutOfMemory;
            }
            self.push(gid);
        }
        Answer::Found(())
    }

    fn present(&self) -> &[gid_t] {
        let length = usize::try_from(*self.start).unwrap_or(0);
        // SAFETY: the first `start` ids are initialised (see new and push).
        unsafe { std::slice::from_raw_parts(*self.groups, length) }
    }

    fn push(&mut self, gid: gid_t) {
        let Ok(place) = usize::try_from(*self.start) else {
            return;
        };
        // SAFETY: start is below size (see add), so the place is in the list.
        let place = unsafe { self.groups.add(place) };
        // SAFETY: as above; aligned, as the list is one of gid_t.
        unsafe { place.write(gid) };
        *self.start += 1;
    }

    /// Doubles the room, up to the limit; false if memory is short, and then
    /// the list is as before.
    fn grow(&mut self) -> bool {
        let mut size = self.size.saturating_mul(2).max(SIZE_MIN);
        if self.limit > 0 {
            size = size.min(self.limit);
        }
        let bytes = usize::try_from(size)
            .ok()
            .and_then(|size| size.checked_mul(size_of::<gid_t>()));
        let Some(bytes) = bytes else {
            return false;
        };
        // SAFETY: the list comes from malloc, and bytes is not 0: grow is called
        // below the limit only, which makes size at least 1.
        let groups: *mut gid_t = unsafe { libc::realloc((*self.groups).cast(), bytes) }.cast();
        if groups.is_null() {
            return false;
        }
        *self.groups = groups;
        *self.size = size;
        true
    }
}

/// Room after the first growth of an empty list.
const SIZE_MIN: c_long = 16;
