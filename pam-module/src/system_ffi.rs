//! Calls of libc: who has this name (getpwnam_r(3)), one line for the journal (syslog(3)), how
//! large the controlling terminal is (tty_ioctl(4)), and further groups for this process (setgroups(2)).
//!
//! Nothing here decides. The buffer for a passwd entry is bounded; an entry that does not fit counts as
//! not found.
#![expect(
    unsafe_code,
    reason = "std offers neither NSS, nor syslog, nor ioctl, nor setgroups"
)]

use std::ffi::{CString, c_char};
use std::fs::OpenOptions;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::ptr;

/// Bytes of a passwd entry's strings: the first try, which holds any sane entry.
const FIRST_BUFFER: usize = 4 * 1024;

/// Bytes of a passwd entry's strings at most; the buffer doubles up to here.
const LARGEST_BUFFER: usize = 1024 * 1024;

/// The uid that NSS gives `name`; none if there is no such name or NSS can't say.
pub(crate) fn uid_of(name: &[u8]) -> Option<u32> {
    let name = CString::new(name).ok()?;
    let mut size = FIRST_BUFFER;
    while size <= LARGEST_BUFFER {
        let mut buffer = vec![0_u8; size];
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found: *mut libc::passwd = ptr::null_mut();
        // SAFETY: every pointer refers to a local that outlives the call, with its own length.
        let status = unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                entry.as_mut_ptr(),
                buffer.as_mut_ptr().cast::<c_char>(),
                buffer.len(),
                &raw mut found,
            )
        };
        match status {
            0 if found.is_null() => return None,
            // SAFETY: on success `found` points to `entry`, which glibc has filled in.
            0 => return Some(unsafe { (*found).pw_uid }),
            libc::ERANGE => size *= 2,
            libc::EINTR => {}
            _ => return None,
        }
    }
    None
}

/// One line at `LOG_AUTHPRIV`, under the name of the process that called PAM.
pub(crate) fn journal(line: &str) {
    let Ok(line) = CString::new(line.replace('\0', "")) else {
        return;
    };
    // SAFETY: the format takes exactly one string, which outlives the call.
    unsafe {
        libc::syslog(
            libc::LOG_AUTHPRIV | libc::LOG_WARNING,
            c"%s".as_ptr(),
            line.as_ptr(),
        );
    }
}

/// Columns and rows of the controlling terminal; none if there is none (sshd, display managers) or it has
/// no size. Opening it must neither wait for a modem nor make it anybody's controlling terminal.
pub(crate) fn terminal_size() -> Option<(u16, u16)> {
    let terminal = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK)
        .open("/dev/tty")
        .ok()?;
    let mut size = MaybeUninit::<libc::winsize>::uninit();
    // SAFETY: an open descriptor, and room for the one structure that this request fills in.
    let status = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, size.as_mut_ptr()) };
    if status != 0 {
        return None;
    }
    // SAFETY: filled in by the kernel, since the request succeeded.
    let size = unsafe { size.assume_init() };
    Some((size.ws_col, size.ws_row))
}

/// Adds `gids` to the supplementary groups of this process, which keeps those that it has.
pub(crate) fn add_groups(gids: &[u32]) -> io::Result<()> {
    // SAFETY: with a size of 0 nothing is written (getgroups(2)).
    let count = unsafe { libc::getgroups(0, ptr::null_mut()) };
    let room = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    let mut groups = vec![0; room];
    // SAFETY: room for `count` groups; the kernel refuses rather than write more.
    let filled = unsafe { libc::getgroups(count, groups.as_mut_ptr()) };
    groups.truncate(usize::try_from(filled).map_err(|_| io::Error::last_os_error())?);
    let before = groups.len();
    for gid in gids {
        if !groups.contains(gid) {
            groups.push(*gid);
        }
    }
    if groups.len() == before {
        return Ok(());
    }
    // SAFETY: a list of that many groups, which outlives the call.
    let status = unsafe { libc::setgroups(groups.len(), groups.as_ptr()) };
    match status {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_zero_and_nonsense_is_nobody() {
        assert_eq!(uid_of(b"root"), Some(0));
        assert_eq!(uid_of(b"no-such-name-here"), None);
        assert_eq!(uid_of(b"ro\0ot"), None);
    }
}
