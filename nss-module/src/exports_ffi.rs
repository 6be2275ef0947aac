//! The functions that glibc looks up by name, bound to the published file.
//!
//! Invariant: nothing is decided here; each export is one call of `calls_ffi`,
//! whose head says what the caller vouches for.
#![expect(unsafe_code, reason = "C calls these functions")]

use libc::{c_char, c_int, c_long, gid_t, group, passwd, size_t, uid_t};

use crate::calls_ffi::{self, SUCCESS};
use crate::enumeration::Cursor;
use crate::lookup::At;

/// `getpwnam(3)`.
///
/// # Safety
/// See the head of `calls_ffi`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _nss_entra_getpwnam_r(
    name: *const c_char,
    result: *mut passwd,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: glibc keeps to the contract of calls_ffi.
    unsafe { calls_ffi::getpwnam(&PUBLISHED, name, result, buffer, length, errnop) }
}

/// `getpwuid(3)`.
///
/// # Safety
/// See the head of `calls_ffi`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _nss_entra_getpwuid_r(
    uid: uid_t,
    result: *mut passwd,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: glibc keeps to the contract of calls_ffi.
    unsafe { calls_ffi::getpwuid(&PUBLISHED, uid, result, buffer, length, errnop) }
}

/// `getgrnam(3)`.
///
/// # Safety
/// See the head of `calls_ffi`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _nss_entra_getgrnam_r(
    name: *const c_char,
    result: *mut group,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: glibc keeps to the contract of calls_ffi.
    unsafe { calls_ffi::getgrnam(&PUBLISHED, name, result, buffer, length, errnop) }
}

/// `getgrgid(3)`.
///
/// # Safety
/// See the head of `calls_ffi`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _nss_entra_getgrgid_r(
    gid: gid_t,
    result: *mut group,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: glibc keeps to the contract of calls_ffi.
    unsafe { calls_ffi::getgrgid(&PUBLISHED, gid, result, buffer, length, errnop) }
}

/// `initgroups(3)` and `getgrouplist(3)`: adds the groups of one user in one
/// read. Without it glibc would walk through all groups.
///
/// # Safety
/// See the head of `calls_ffi`; `start`, `size` and `groups` describe a list from
/// `malloc`, as glibc keeps it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _nss_entra_initgroups_dyn(
    name: *const c_char,
    primary: gid_t,
    start: *mut c_long,
    size: *mut c_long,
    groups: *mut *mut gid_t,
    limit: c_long,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: glibc keeps to the contract of calls_ffi.
    unsafe {
        calls_ffi::initgroups(
            &PUBLISHED, name, primary, start, size, groups, limit, errnop,
        )
    }
}

/// `setpwent(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn _nss_entra_setpwent(_stay_open: c_int) -> c_int {
    USERS.rewind();
    SUCCESS
}

/// `getpwent(3)`.
///
/// # Safety
/// See the head of `calls_ffi`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _nss_entra_getpwent_r(
    result: *mut passwd,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: glibc keeps to the contract of calls_ffi.
    unsafe { calls_ffi::getpwent(&PUBLISHED, &USERS, result, buffer, length, errnop) }
}

/// `endpwent(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn _nss_entra_endpwent() -> c_int {
    USERS.rewind();
    SUCCESS
}

/// `setgrent(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn _nss_entra_setgrent(_stay_open: c_int) -> c_int {
    GROUPS.rewind();
    SUCCESS
}

/// `getgrent(3)`.
///
/// # Safety
/// See the head of `calls_ffi`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _nss_entra_getgrent_r(
    result: *mut group,
    buffer: *mut c_char,
    length: size_t,
    errnop: *mut c_int,
) -> c_int {
    // SAFETY: glibc keeps to the contract of calls_ffi.
    unsafe { calls_ffi::getgrent(&PUBLISHED, &GROUPS, result, buffer, length, errnop) }
}

/// `endgrent(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn _nss_entra_endgrent() -> c_int {
    GROUPS.rewind();
    SUCCESS
}

/// Where the agent publishes.
static PUBLISHED: At<'static> = At(entra_snapshot::PATH);

static USERS: Cursor = Cursor::new();
static GROUPS: Cursor = Cursor::new();
