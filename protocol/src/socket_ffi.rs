//! The three socket calls that std does not offer: time limits before `connect`, and the peer's uid.
//!
//! The only unsafe code of this crate. Nothing here allocates, logs or decides.
#![expect(
    unsafe_code,
    reason = "std can neither limit connect(2) on a Unix socket nor ask SO_PEERCRED"
)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// A stream socket connected to `path`, or an error within about `limit`.
///
/// `connect` on a Unix socket whose backlog is full blocks for ever; it honours `SO_SNDTIMEO`, which
/// therefore has to be set first (unix(7), socket(7)).
pub(crate) fn connect(path: &Path, limit: Duration) -> io::Result<OwnedFd> {
    // SAFETY: socket(2) takes no pointers.
    let raw = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };

    let limit = libc::timeval {
        tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_usec: libc::suseconds_t::from(limit.subsec_micros()),
    };
    // SAFETY: the pointer and the length describe `limit`, which outlives the call.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_SNDTIMEO,
            (&raw const limit).cast(),
            socklen::<libc::timeval>(),
        )
    };
    if set != 0 {
        return Err(io::Error::last_os_error());
    }

    let address = address(path)?;
    // SAFETY: the pointer and the length describe `address`, which outlives the call.
    let connected = unsafe {
        libc::connect(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            socklen::<libc::sockaddr_un>(),
        )
    };
    if connected == 0 {
        Ok(socket)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The uid of the process that holds the other end; with socket activation, of the listener's owner.
pub(crate) fn peer_uid(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut credentials = libc::ucred {
        pid: 0,
        uid: u32::MAX,
        gid: u32::MAX,
    };
    let mut length = socklen::<libc::ucred>();
    // SAFETY: both pointers refer to locals of the sizes given, which outlive the call.
    let asked = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut length,
        )
    };
    if asked == 0 {
        Ok(credentials.uid)
    } else {
        Err(io::Error::last_os_error())
    }
}

fn address(path: &Path) -> io::Result<libc::sockaddr_un> {
    let bytes = path.as_os_str().as_bytes();
    let mut address = libc::sockaddr_un {
        sun_family: libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or_default(),
        sun_path: [0; 108],
    };
    // One byte stays zero: the kernel reads up to the first NUL (unix(7)).
    if bytes.len() >= address.sun_path.len() || bytes.contains(&0) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    for (slot, byte) in address.sun_path.iter_mut().zip(bytes) {
        *slot = libc::c_char::from_ne_bytes([*byte]);
    }
    Ok(address)
}

fn socklen<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(mem::size_of::<T>()).unwrap_or_default()
}
