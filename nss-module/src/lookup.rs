//! From a key to an answer, in safe code and without C's types.
//!
//! Invariant: a key that no imported entry can have is answered before the disk
//! is touched (`root` most of all, which every process asks for), and a failure
//! to read is never reported as "there is none".

use std::io;

use entra_snapshot::{Group, Id, ReadError, Snapshot, User, may_be_a_group, may_be_a_user};

/// Where the directory is.
pub(crate) trait Directory {
    /// Opens the present generation.
    fn open(&self) -> Result<Snapshot, ReadError>;
}

/// The file at this path.
pub(crate) struct At<'a>(pub(crate) &'a str);

impl Directory for At<'_> {
    fn open(&self) -> Result<Snapshot, ReadError> {
        Snapshot::open(self.0)
    }
}

/// What a lookup came to, in the terms of nsswitch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer<T> {
    /// There it is.
    Found(T),
    /// There is none, for certain.
    NotFound,
    /// The caller's buffer is too small; a larger one will do.
    BufferTooSmall,
    /// The caller's list could not be enlarged.
    OutOfMemory,
    /// No answer; `errno` says why.
    Unavailable(i32),
}

impl<T> Answer<T> {
    pub(crate) fn and_then<U>(self, next: impl FnOnce(T) -> Answer<U>) -> Answer<U> {
        match self {
            Self::Found(value) => next(value),
            Self::NotFound => Answer::NotFound,
            Self::BufferTooSmall => Answer::BufferTooSmall,
            Self::OutOfMemory => Answer::OutOfMemory,
            Self::Unavailable(errno) => Answer::Unavailable(errno),
        }
    }
}

impl<T> From<Result<Option<T>, ReadError>> for Answer<T> {
    fn from(result: Result<Option<T>, ReadError>) -> Self {
        match result {
            Ok(Some(value)) => Self::Found(value),
            Ok(None) => Self::NotFound,
            Err(error) => Self::Unavailable(errno_of(&error)),
        }
    }
}

pub(crate) fn user_by_name(directory: &impl Directory, name: &[u8]) -> Answer<User> {
    if !may_be_a_user(name) {
        return Answer::NotFound;
    }
    directory
        .open()
        .and_then(|snapshot| snapshot.user_by_name(name))
        .into()
}

/// The user called `name`, if `primary` is the user's own primary group.
///
/// glibc asks every service of the `group` line by name alone. A local account that
/// has taken the name of an imported user since the last publication must not get
/// that user's groups: its primary group, which the caller names, tells them apart.
pub(crate) fn member_by_name(
    directory: &impl Directory,
    name: &[u8],
    primary: u32,
) -> Answer<User> {
    user_by_name(directory, name).and_then(|user| {
        if user.gid.value() == primary {
            Answer::Found(user)
        } else {
            Answer::NotFound
        }
    })
}

pub(crate) fn user_by_uid(directory: &impl Directory, uid: u32) -> Answer<User> {
    if Id::new(uid).is_err() {
        return Answer::NotFound;
    }
    directory
        .open()
        .and_then(|snapshot| snapshot.user_by_uid(uid))
        .into()
}

pub(crate) fn group_by_name(directory: &impl Directory, name: &[u8]) -> Answer<Group> {
    if !may_be_a_group(name) {
        return Answer::NotFound;
    }
    directory
        .open()
        .and_then(|snapshot| snapshot.group_by_name(name))
        .into()
}

pub(crate) fn group_by_gid(directory: &impl Directory, gid: u32) -> Answer<Group> {
    if Id::new(gid).is_err() {
        return Answer::NotFound;
    }
    directory
        .open()
        .and_then(|snapshot| snapshot.group_by_gid(gid))
        .into()
}

/// "Nothing published yet" is `ENOENT`, which callers read as "no such entry"
/// when no other service answers; a damaged file is an input error, which they
/// can tell from that. `ERANGE` is kept for small buffers: glibc's callers
/// answer it with a larger one, without end.
pub(crate) fn errno_of(error: &ReadError) -> i32 {
    match error {
        ReadError::Missing => libc::ENOENT,
        ReadError::Unreadable(error) if error.kind() == io::ErrorKind::OutOfMemory => libc::ENOMEM,
        ReadError::Unreadable(error) => match error.raw_os_error() {
            Some(libc::ERANGE) | None => libc::EIO,
            Some(errno) => errno,
        },
        ReadError::Damaged { .. } | ReadError::NewerVersion => libc::EIO,
    }
}
