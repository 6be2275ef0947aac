//! The caller's buffer: strings and pointer lists that `struct passwd` and
//! `struct group` point to.
//!
//! Invariant: nothing is written outside the buffer, pointer lists are aligned,
//! and the caller's structure is filled only when everything had room; until
//! then the answer is "too small" and the caller comes again with a larger one.
#![expect(unsafe_code, reason = "the buffer is C's memory")]

use std::mem::MaybeUninit;

use entra_snapshot::{Group, User};
use libc::{c_char, size_t};

use crate::lookup::Answer;

/// The part of the caller's buffer that is still free.
pub(crate) struct Buffer<'a> {
    free: &'a mut [MaybeUninit<u8>],
}

impl<'a> Buffer<'a> {
    /// Takes the buffer that an `…_r` function was given.
    ///
    /// # Safety
    /// `start` is null or points to `length` bytes that nobody else uses during
    /// `'a`; they need not be initialised.
    pub(crate) unsafe fn new(start: *mut c_char, length: size_t) -> Self {
        if start.is_null() {
            return Self { free: &mut [] };
        }
        // SAFETY: the caller of this function vouches for start and length. No
        // object is longer than isize::MAX, and a caller that says otherwise
        // gets no more than that.
        let free = unsafe {
            std::slice::from_raw_parts_mut(start.cast(), length.min(isize::MAX.unsigned_abs()))
        };
        Self { free }
    }

    /// A copy of `text` with a NUL behind it; nothing if it has no room.
    fn put(&mut self, text: &str) -> Option<*mut c_char> {
        let needed = text.len().checked_add(1)?;
        let (place, free) = std::mem::take(&mut self.free).split_at_mut_checked(needed)?;
        self.free = free;
        for (to, from) in place.iter_mut().zip(text.bytes().chain([0])) {
            to.write(from);
        }
        Some(place.as_mut_ptr().cast())
    }

    /// Room for a list of `length` pointers, aligned for them.
    fn put_list(&mut self, length: usize) -> Option<&'a mut [MaybeUninit<*mut c_char>]> {
        let free = std::mem::take(&mut self.free);
        let padding = free.as_ptr().align_offset(align_of::<*mut c_char>());
        let (_, free) = free.split_at_mut_checked(padding)?;
        let bytes = length.checked_mul(size_of::<*mut c_char>())?;
        let (place, free) = free.split_at_mut_checked(bytes)?;
        self.free = free;
        // SAFETY: uninitialised bytes may be viewed as uninitialised pointers;
        // align_to_mut keeps to the slice and to the alignment.
        let (_, list, _) = unsafe { place.align_to_mut::<MaybeUninit<*mut c_char>>() };
        (list.len() == length).then_some(list)
    }
}

/// The passwd entry of `user`, its strings in `buffer`.
pub(crate) fn passwd(user: &User, buffer: &mut Buffer<'_>) -> Answer<libc::passwd> {
    let mut fill = || {
        Some(libc::passwd {
            pw_name: buffer.put(user.name.as_str())?,
            pw_passwd: buffer.put(NO_PASSWORD)?,
            pw_uid: user.uid.value(),
            pw_gid: user.gid.value(),
            pw_gecos: buffer.put(user.display_name.as_str())?,
            pw_dir: buffer.put(user.home.as_str())?,
            pw_shell: buffer.put(user.shell.as_str())?,
        })
    };
    fill().map_or(Answer::BufferTooSmall, Answer::Found)
}

/// The group entry of `group`, its strings and its list of members in `buffer`.
pub(crate) fn group(group: &Group, buffer: &mut Buffer<'_>) -> Answer<libc::group> {
    let mut fill = || {
        let gr_name = buffer.put(group.name.as_str())?;
        let gr_passwd = buffer.put(NO_PASSWORD)?;
        let list = buffer.put_list(group.members.len().checked_add(1)?)?;
        let (end, places) = list.split_last_mut()?;
        for (place, member) in places.iter_mut().zip(&group.members) {
            place.write(buffer.put(member.as_str())?);
        }
        end.write(std::ptr::null_mut());
        let gr_mem = list.as_mut_ptr().cast();
        Some(libc::group {
            gr_name,
            gr_passwd,
            gr_gid: group.gid.value(),
            gr_mem,
        })
    };
    fill().map_or(Answer::BufferTooSmall, Answer::Found)
}

/// With `*`, unlike `x`, pam_unix neither looks for a shadow entry nor calls the
/// account expired; no password hashes to it.
const NO_PASSWORD: &str = "*";
