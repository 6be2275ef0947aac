//! libpam, loaded when it is needed: `pam_start`, `pam_acct_mgmt`, `pam_end`, and nothing else.
//!
//! Loaded and not linked, since `entractl` must work on hosts that have no PAM, in a container with nothing but
//! the agent's socket for instance. Invariant: one call in one short-lived process, which ends right after; a
//! module that crashes or hangs takes nothing along but that process.

#![allow(unsafe_code, reason = "the interface of libpam is one of C")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use nix::libc;

/// What pam_acct_mgmt(3) answers for a user of a service; 0 is `PAM_SUCCESS`.
///
/// # Errors
/// A clause: libpam can't be loaded, or a name holds a NUL.
pub(crate) fn account(service: &str, user: &str) -> Result<i32, String> {
    let nul = |_| "a name holds a NUL".to_owned();
    let (service, user) = (
        CString::new(service).map_err(nul)?,
        CString::new(user).map_err(nul)?,
    );
    // SAFETY: a constant C string; dlopen(3) keeps no pointer to it.
    let library = unsafe { libc::dlopen(LIBRARY.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if library.is_null() {
        return Err("libpam.so.0 is not on this host, or can't be loaded".to_owned());
    }
    let start = symbol(library, c"pam_start")?;
    let acct_mgmt = symbol(library, c"pam_acct_mgmt")?;
    let end = symbol(library, c"pam_end")?;
    // SAFETY: libpam documents pam_start with exactly this type (pam_start(3)).
    let start = unsafe { std::mem::transmute::<*mut c_void, Start>(start) };
    // SAFETY: as documented in pam_acct_mgmt(3).
    let acct_mgmt = unsafe { std::mem::transmute::<*mut c_void, WithHandle>(acct_mgmt) };
    // SAFETY: as documented in pam_end(3).
    let end = unsafe { std::mem::transmute::<*mut c_void, WithHandle>(end) };

    let conversation = Conversation {
        ask: nobody_answers,
        data: ptr::null_mut(),
    };
    let mut handle: *mut c_void = ptr::null_mut();
    // SAFETY: the strings live until the end of this function, libpam copies the conversation and writes the
    // handle, for which there is room.
    let started = unsafe {
        start(
            service.as_ptr(),
            user.as_ptr(),
            &raw const conversation,
            &raw mut handle,
        )
    };
    if started != 0 || handle.is_null() {
        return Ok(if started == 0 {
            PAM_SYSTEM_ERR
        } else {
            started
        });
    }
    // SAFETY: the handle is the one that pam_start has just given.
    let answer = unsafe { acct_mgmt(handle, PAM_SILENT) };
    // SAFETY: as above, and it is used no more after this.
    unsafe { end(handle, answer) };
    Ok(answer)
}

fn symbol(library: *mut c_void, name: &CStr) -> Result<*mut c_void, String> {
    // SAFETY: a handle that dlopen has given and a C string.
    let found = unsafe { libc::dlsym(library, name.as_ptr()) };
    if found.is_null() {
        return Err(format!("libpam.so.0 has no {}", name.to_string_lossy()));
    }
    Ok(found)
}

/// `struct pam_conv` of pam_conv(3).
#[repr(C)]
struct Conversation {
    ask: unsafe extern "C" fn(c_int, *mut *const c_void, *mut *mut c_void, *mut c_void) -> c_int,
    data: *mut c_void,
}

type Start = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const Conversation,
    *mut *mut c_void,
) -> c_int;
type WithHandle = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;

/// Account management has nothing to ask; what a module says by the way is not shown.
unsafe extern "C" fn nobody_answers(
    _count: c_int,
    _messages: *mut *const c_void,
    _replies: *mut *mut c_void,
    _data: *mut c_void,
) -> c_int {
    PAM_CONV_ERR
}

const LIBRARY: &CStr = c"libpam.so.0";

// security/_pam_types.h
const PAM_SYSTEM_ERR: c_int = 4;
const PAM_CONV_ERR: c_int = 19;
const PAM_SILENT: c_int = 0x8000;
