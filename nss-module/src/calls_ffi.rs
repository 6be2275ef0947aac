//! The calls of nsswitch in C's types, over any directory.
//!
//! Invariant: each call only turns C's arguments into safe ones, runs the lookup
//! inside the guard and turns its answer into status and `errno`. On success
//! `errno` is what it was before the call, and `*result` is written only then.
//!
//! Safety, for every call: as glibc does ("NSS Module Interface" in its manual),
//! the caller passes a NUL-terminated name (or none), a `result` that can be
//! written, a buffer of the length it says and an `errnop` that can be written,
//! and lets nobody else use them during the call.
#![expect(unsafe_code, reason = "the arguments are C's")]

use std::ffi::CStr;

use libc::{c_char, c_int, c_long, gid_t, group, passwd, size_t, uid_t};

use crate::buffer_ffi::{self, Buffer};
use crate::enumeration::Cursor;
use crate::grouplist_ffi::GroupList;
use crate::guard::guarded;
use crate::lookup::{self, Answer, Directory};

/// # Safety
/// See the head of this file.
pub(crate) unsafe fn getpwnam(
    directory: &impl Directory,
    name: *const c_char,
    result: *mut passwd,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: the caller vouches for name.
    let name = unsafe { text(name) };
    // SAFETY: the caller vouches for buffer and length.
    let mut buffer = unsafe { Buffer::new(buffer, length) };
    let call = || {
        lookup::user_by_name(directory, name)
            .and_then(|found| buffer_ffi::passwd(&found, &mut buffer))
    };
    // SAFETY: the caller vouches for result and errnop.
    unsafe { answer(call, result, errnop) }
}

/// # Safety
/// See the head of this file.
pub(crate) unsafe fn getpwuid(
    directory: &impl Directory,
    uid: uid_t,
    result: *mut passwd,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: the caller vouches for buffer and length.
    let mut buffer = unsafe { Buffer::new(buffer, length) };
    let call = || {
        lookup::user_by_uid(directory, uid)
            .and_then(|found| buffer_ffi::passwd(&found, &mut buffer))
    };
    // SAFETY: the caller vouches for result and errnop.
    unsafe { answer(call, result, errnop) }
}

/// # Safety
/// See the head of this file.
pub(crate) unsafe fn getgrnam(
    directory: &impl Directory,
    name: *const c_char,
    result: *mut group,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: the caller vouches for name.
    let name = unsafe { text(name) };
    // SAFETY: the caller vouches for buffer and length.
    let mut buffer = unsafe { Buffer::new(buffer, length) };
    let call = || {
        lookup::group_by_name(directory, name)
            .and_then(|found| buffer_ffi::group(&found, &mut buffer))
    };
    // SAFETY: the caller vouches for result and errnop.
    unsafe { answer(call, result, errnop) }
}

/// # Safety
/// See the head of this file.
pub(crate) unsafe fn getgrgid(
    directory: &impl Directory,
    gid: gid_t,
    result: *mut group,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: the caller vouches for buffer and length.
    let mut buffer = unsafe { Buffer::new(buffer, length) };
    let call = || {
        lookup::group_by_gid(directory, gid)
            .and_then(|found| buffer_ffi::group(&found, &mut buffer))
    };
    // SAFETY: the caller vouches for result and errnop.
    unsafe { answer(call, result, errnop) }
}

/// # Safety
/// See the head of this file; `start`, `size` and `groups` describe a list from
/// `malloc` (`grouplist_ffi`).
#[expect(
    clippy::too_many_arguments,
    reason = "seven are C's, one says where to look"
)]
pub(crate) unsafe fn initgroups(
    directory: &impl Directory,
    name: *const c_char,
    primary: gid_t,
    start: *mut c_long,
    size: *mut c_long,
    groups: *mut *mut gid_t,
    limit: c_long,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: the caller vouches for name.
    let name = unsafe { text(name) };
    // SAFETY: the caller vouches for start, size and groups.
    let list = unsafe { GroupList::new(start, size, groups, limit) };
    let call = || {
        let Some(mut list) = list else {
            return Answer::Unavailable(libc::EINVAL);
        };
        lookup::member_by_name(directory, name, primary)
            .and_then(|user| list.add(primary, &user.gids))
    };
    let mut nothing = ();
    // SAFETY: the caller vouches for errnop; the result is our own.
    unsafe { answer(call, &raw mut nothing, errnop) }
}

/// # Safety
/// See the head of this file.
pub(crate) unsafe fn getpwent(
    directory: &impl Directory,
    cursor: &Cursor,
    result: *mut passwd,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: the caller vouches for buffer and length.
    let mut buffer = unsafe { Buffer::new(buffer, length) };
    let call = || cursor.next_user(directory, |entry| buffer_ffi::passwd(entry, &mut buffer));
    // SAFETY: the caller vouches for result and errnop.
    unsafe { answer(call, result, errnop) }
}

/// # Safety
/// See the head of this file.
pub(crate) unsafe fn getgrent(
    directory: &impl Directory,
    cursor: &Cursor,
    result: *mut group,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: the caller vouches for buffer and length.
    let mut buffer = unsafe { Buffer::new(buffer, length) };
    let call = || cursor.next_group(directory, |entry| buffer_ffi::group(entry, &mut buffer));
    // SAFETY: the caller vouches for result and errnop.
    unsafe { answer(call, result, errnop) }
}

/// A name as bytes; an empty one, which nobody has, for none.
///
/// # Safety
/// `name` is null or NUL-terminated and stays so during `'a`.
unsafe fn text<'a>(name: *const c_char) -> &'a [u8] {
    if name.is_null() {
        return &[];
    }
    // SAFETY: says the caller of this function.
    unsafe { CStr::from_ptr(name) }.to_bytes()
}

/// Runs `call` in the guard and hands its answer to C.
///
/// # Safety
/// `result` and `errnop` are null or can be written.
unsafe fn answer<T>(call: impl FnOnce() -> Answer<T>, result: *mut T, errnop: *mut c_int) -> c_int {
    // SAFETY: the C library's own errno of this thread.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { place.read() };
    let (status, errno) = match guarded(call) {
        Answer::Found(found) => {
            if !result.is_null() {
                // SAFETY: not null, so it can be written.
                unsafe { result.write(found) };
            }
            // SAFETY: as above.
            unsafe { place.write(before) };
            return SUCCESS;
        }
        Answer::NotFound => (NOT_FOUND, libc::ENOENT),
        Answer::BufferTooSmall => (TRY_AGAIN, libc::ERANGE),
        Answer::OutOfMemory => (TRY_AGAIN, libc::ENOMEM),
        Answer::Unavailable(errno) => (UNAVAILABLE, errno),
    };
    if !errnop.is_null() {
        // SAFETY: not null, so it can be written.
        unsafe { errnop.write(errno) };
    }
    status
}

// enum nss_status of nss.h.
pub(crate) const TRY_AGAIN: c_int = -2;
pub(crate) const UNAVAILABLE: c_int = -1;
pub(crate) const NOT_FOUND: c_int = 0;
pub(crate) const SUCCESS: c_int = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errno_and_errnop_are_kept_on_success_and_said_on_failure() {
        // SAFETY: this thread's own errno.
        let errno = unsafe { libc::__errno_location() };
        let disturb = || {
            // SAFETY: as above.
            unsafe { errno.write(libc::EINTR) };
        };
        // SAFETY: as above.
        unsafe { errno.write(libc::ENOTTY) };
        let (mut result, mut said) = (0, 0);
        let found = || {
            disturb();
            Answer::Found(7)
        };
        // SAFETY: result and said can be written.
        let status = unsafe { answer(found, &raw mut result, &raw mut said) };
        // SAFETY: as above.
        let kept = unsafe { errno.read() };
        assert_eq!((status, result, said, kept), (SUCCESS, 7, 0, libc::ENOTTY));

        let failed = || Answer::Unavailable(libc::EIO);
        // SAFETY: result and said can be written.
        let status = unsafe { answer(failed, &raw mut result, &raw mut said) };
        assert_eq!((status, result, said), (UNAVAILABLE, 7, libc::EIO));
    }
}
