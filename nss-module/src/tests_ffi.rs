//! The calls as glibc makes them: C's types, tight buffers, its own list of
//! groups.
#![expect(unsafe_code, reason = "the tests stand in for C")]

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::path::Path;

use entra_snapshot::{
    AbsolutePath, Account, FILE_NAME, Gate, Group, Id, Name, Policy, Text, Upn, User, Writer,
};
use libc::{c_char, c_int, c_long, gid_t};

use crate::calls_ffi::{self, NOT_FOUND, SUCCESS, TRY_AGAIN, UNAVAILABLE};
use crate::enumeration::Cursor;
use crate::lookup::At;

/// A folder with a published directory.
struct Host {
    folder: tempfile::TempDir,
    path: String,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME).to_str().unwrap().to_owned();
        Self { folder, path }
    }

    fn with(users: &[User], groups: &[Group]) -> Self {
        let host = Self::new();
        host.publish(1, true, users, groups);
        host
    }

    fn publish(&self, generation: u64, enumerate: bool, users: &[User], groups: &[Group]) {
        publish(self.folder.path(), generation, enumerate, users, groups);
    }

    fn at(&self) -> At<'_> {
        At(&self.path)
    }
}

fn publish(folder: &Path, generation: u64, enumerate: bool, users: &[User], groups: &[Group]) {
    let policy = Policy {
        sign_in_enabled: true,
        enumerate,
        gate: Gate::Allow,
        gate_trial_ends: None,
        gate_set_at: None,
        offline_maximum_age: 1,
        break_glass: Vec::new(),
    };
    let mut writer = Writer::create(folder, policy, generation, 0, 42 + generation).unwrap();
    users.iter().for_each(|user| writer.add_user(user).unwrap());
    groups
        .iter()
        .for_each(|group| writer.add_group(group).unwrap());
    writer.publish().unwrap();
}

fn user(name: &str, uid: u32, gids: &[u32]) -> User {
    User {
        name: Name::new(name).unwrap(),
        upn: Some(Upn::new(&format!("{name}@contoso.example")).unwrap()),
        uid: Id::new(uid).unwrap(),
        gid: Id::new(uid).unwrap(),
        display_name: Text::cleaned("Alice Liddell"),
        home: AbsolutePath::new(&format!("/home/{name}")).unwrap(),
        shell: AbsolutePath::new("/bin/bash").unwrap(),
        tenant_id: [1; 16],
        object_id: [2; 16],
        account: Account {
            enabled: true,
            blocked: false,
            expires: None,
            services: Vec::new(),
        },
        gids: gids.iter().map(|gid| Id::new(*gid).unwrap()).collect(),
    }
}

fn group(name: &str, gid: u32, members: &[&str]) -> Group {
    Group {
        name: Name::new(name).unwrap(),
        gid: Id::new(gid).unwrap(),
        object_id: [3; 16],
        members: members
            .iter()
            .map(|member| Name::new(member).unwrap())
            .collect(),
        always_whole: false,
    }
}

fn staff() -> Host {
    Host::with(
        &[user("alice", 70_000, &[70_100, 70_101])],
        &[group("staff", 70_100, &["alice", "bob", "carol"])],
    )
}

/// What a call wrote of `struct passwd` or `struct group`, in the form of a line
/// of /etc/passwd or /etc/group.
trait Line {
    fn line(&self) -> String;
}

impl Line for libc::passwd {
    fn line(&self) -> String {
        let [name, password, gecos, home, shell] = [
            self.pw_name,
            self.pw_passwd,
            self.pw_gecos,
            self.pw_dir,
            self.pw_shell,
        ]
        .map(text);
        format!(
            "{name}:{password}:{}:{}:{gecos}:{home}:{shell}",
            self.pw_uid, self.pw_gid
        )
    }
}

impl Line for libc::group {
    fn line(&self) -> String {
        assert!(self.gr_mem.is_aligned());
        let mut members = Vec::new();
        let mut place = self.gr_mem;
        loop {
            // SAFETY: the list ends with a null pointer.
            let member = unsafe { place.read() };
            if member.is_null() {
                break;
            }
            members.push(text(member));
            // SAFETY: the place read was not the last.
            place = unsafe { place.add(1) };
        }
        let (name, password) = (text(self.gr_name), text(self.gr_passwd));
        format!("{name}:{password}:{}:{}", self.gr_gid, members.join(","))
    }
}

fn text(start: *mut c_char) -> String {
    // SAFETY: the calls under test write NUL-terminated strings.
    unsafe { CStr::from_ptr(start) }
        .to_str()
        .unwrap()
        .to_owned()
}

/// The status, `errno`, and the line if there is one.
type Outcome = (c_int, c_int, Option<String>);

/// Makes a call with a buffer of `size` bytes that begins `shift` bytes off
/// alignment; canaries on both sides see writes beyond it.
fn with_buffer<T: Line>(
    size: usize,
    shift: usize,
    call: impl FnOnce(*mut T, *mut c_char, usize, *mut c_int) -> c_int,
) -> Outcome {
    const CANARY: u8 = 0xa5;
    let mut words = vec![u64::from_ne_bytes([CANARY; 8]); size / 8 + 4];
    let memory: *mut u8 = words.as_mut_ptr().cast();
    let start = 8 + shift;
    let mut result = MaybeUninit::<T>::zeroed();
    let mut errno = 0;
    // SAFETY: `words` has at least 8 bytes before and 16 behind the buffer.
    let buffer = unsafe { memory.add(start) };
    let status = call(result.as_mut_ptr(), buffer.cast(), size, &raw mut errno);
    let line = (status == SUCCESS).then(|| {
        // SAFETY: on success the call wrote the result.
        unsafe { result.assume_init_ref() }.line()
    });
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let outside = bytes[..start].iter().chain(&bytes[start + size..]);
    assert!(
        outside.into_iter().all(|byte| *byte == CANARY),
        "written outside the buffer"
    );
    (status, errno, line)
}

fn getpwnam(host: &Host, name: &str, size: usize, shift: usize) -> Outcome {
    let name = CString::new(name).unwrap();
    with_buffer(size, shift, |result, buffer, size, errno| {
        // SAFETY: all arguments live as long as the call.
        unsafe { calls_ffi::getpwnam(&host.at(), name.as_ptr(), result, buffer, size, errno) }
    })
}

fn getpwuid(host: &Host, uid: u32, size: usize) -> Outcome {
    with_buffer(size, 0, |result, buffer, size, errno| {
        // SAFETY: all arguments live as long as the call.
        unsafe { calls_ffi::getpwuid(&host.at(), uid, result, buffer, size, errno) }
    })
}

fn getgrnam(host: &Host, name: &str, size: usize, shift: usize) -> Outcome {
    let name = CString::new(name).unwrap();
    with_buffer(size, shift, |result, buffer, size, errno| {
        // SAFETY: all arguments live as long as the call.
        unsafe { calls_ffi::getgrnam(&host.at(), name.as_ptr(), result, buffer, size, errno) }
    })
}

fn getgrgid(host: &Host, gid: u32, size: usize) -> Outcome {
    with_buffer(size, 0, |result, buffer, size, errno| {
        // SAFETY: all arguments live as long as the call.
        unsafe { calls_ffi::getgrgid(&host.at(), gid, result, buffer, size, errno) }
    })
}

const ALICE: &str = "alice:*:70000:70000:Alice Liddell:/home/alice:/bin/bash";
const STAFF: &str = "staff:*:70100:alice,bob,carol";

fn found(line: &str) -> Outcome {
    (SUCCESS, 0, Some(line.to_owned()))
}

#[test]
fn every_key_of_a_user_gives_the_canonical_entry() {
    let host = staff();
    for key in ["alice", "Alice", "ALICE@contoso.EXAMPLE"] {
        assert_eq!(getpwnam(&host, key, 1024, 0), found(ALICE), "{key}");
    }
    assert_eq!(getpwuid(&host, 70_000, 1024), found(ALICE));
    assert_eq!(getgrnam(&host, "Staff", 1024, 0), found(STAFF));
    assert_eq!(getgrgid(&host, 70_100, 1024), found(STAFF));
    assert_eq!(getgrnam(&host, "alice", 1024, 0), found("alice:*:70000:"));
    assert_eq!(getgrgid(&host, 70_000, 1024), found("alice:*:70000:"));
}

#[test]
fn every_buffer_size_and_alignment_gives_erange_or_the_whole_answer() {
    let host = staff();
    let passwd_bytes = "alice*Alice Liddell/home/alice/bin/bash".len() + 5;
    for shift in 0..8 {
        let mut seen_whole = false;
        for size in 0..200 {
            let outcome = getpwnam(&host, "alice", size, shift);
            let whole = size >= passwd_bytes;
            let expected = if whole {
                found(ALICE)
            } else {
                (TRY_AGAIN, libc::ERANGE, None)
            };
            assert_eq!(outcome, expected, "{size} bytes, {shift} off");

            let outcome = getgrnam(&host, "staff", size, shift);
            seen_whole |= outcome == found(STAFF);
            let expected = if seen_whole {
                found(STAFF)
            } else {
                (TRY_AGAIN, libc::ERANGE, None)
            };
            assert_eq!(outcome, expected, "{size} bytes, {shift} off");
        }
        assert!(seen_whole);
    }
}

#[test]
fn unknown_keys_are_not_found_and_null_arguments_harmless() {
    let host = staff();
    let not_found = (NOT_FOUND, libc::ENOENT, None);
    for key in [
        "",
        "mallory",
        "root",
        "alice@other.example",
        "12",
        &"a".repeat(100_000),
    ] {
        assert_eq!(getpwnam(&host, key, 1024, 0), not_found, "{key:.20}");
        assert_eq!(getgrnam(&host, key, 1024, 0), not_found, "{key:.20}");
    }
    for id in [0, 999, 70_001, 65_534, u32::MAX] {
        assert_eq!(getpwuid(&host, id, 1024), not_found, "{id}");
        assert_eq!(getgrgid(&host, id, 1024), not_found, "{id}");
    }
    let outcome = with_buffer(64, 0, |result, buffer, size, errno| {
        // SAFETY: a null name is allowed.
        unsafe { calls_ffi::getpwnam(&host.at(), std::ptr::null(), result, buffer, size, errno) }
    });
    assert_eq!(outcome, not_found);
    let outcome = with_buffer(64, 0, |result, _, size, errno| {
        // SAFETY: a null buffer is allowed.
        unsafe {
            calls_ffi::getpwuid(
                &host.at(),
                70_000,
                result,
                std::ptr::null_mut(),
                size,
                errno,
            )
        }
    });
    assert_eq!(outcome, (TRY_AGAIN, libc::ERANGE, None));
}

#[test]
fn keys_that_nobody_can_have_do_not_touch_the_disk() {
    // There is no file: whoever opens it gets "unavailable".
    let host = Host::new();
    let not_found = (NOT_FOUND, libc::ENOENT, None);
    assert_eq!(getpwnam(&host, "root", 1024, 0), not_found);
    assert_eq!(getpwuid(&host, 0, 1024), not_found);
    assert_eq!(getgrnam(&host, "", 1024, 0), not_found);
    assert_eq!(getgrgid(&host, 100, 1024), not_found);
    assert_eq!(
        getpwnam(&host, "alice", 1024, 0),
        (UNAVAILABLE, libc::ENOENT, None)
    );
}

#[test]
fn a_missing_or_damaged_directory_is_unavailable() {
    let host = staff();
    let whole = std::fs::read(&host.path).unwrap();
    let unavailable = (UNAVAILABLE, libc::EIO, None);
    for length in [0, 100, 4096, whole.len() - 1] {
        std::fs::write(&host.path, &whole[..length]).unwrap();
        assert_eq!(
            getpwnam(&host, "alice", 1024, 0),
            unavailable,
            "{length} bytes"
        );
        assert_eq!(getgrgid(&host, 70_100, 1024), unavailable, "{length} bytes");
    }
    std::fs::remove_file(&host.path).unwrap();
    std::fs::create_dir(&host.path).unwrap();
    assert_eq!(getpwnam(&host, "alice", 1024, 0).0, UNAVAILABLE);
}

/// Calls `initgroups` on a list that holds `present` and has room for `room`.
fn initgroups(
    host: &Host,
    name: &str,
    primary: gid_t,
    present: &[gid_t],
    room: usize,
    limit: c_long,
) -> (c_int, Vec<gid_t>, c_long) {
    let name = CString::new(name).unwrap();
    // SAFETY: malloc of a size above zero.
    let mut groups: *mut gid_t = unsafe { libc::malloc(room.max(1) * 4) }.cast();
    for (index, gid) in present.iter().enumerate() {
        // SAFETY: the tests give room for what is present.
        let place = unsafe { groups.add(index) };
        // SAFETY: as above.
        unsafe { place.write(*gid) };
    }
    let mut start = present.len() as c_long;
    let mut size = room as c_long;
    let mut errno = 0;
    // SAFETY: all arguments live as long as the call.
    let status = unsafe {
        calls_ffi::initgroups(
            &host.at(),
            name.as_ptr(),
            primary,
            &raw mut start,
            &raw mut size,
            &raw mut groups,
            limit,
            &raw mut errno,
        )
    };
    assert!(start <= size);
    // SAFETY: the first `start` ids are initialised.
    let list = unsafe { std::slice::from_raw_parts(groups, start as usize) }.to_vec();
    // SAFETY: from malloc or realloc.
    unsafe { libc::free(groups.cast()) };
    (status, list, size)
}

#[test]
fn initgroups_adds_each_group_once_and_not_the_primary_one() {
    let gids = [70_100, 70_000, 70_101, 70_100, 70_102];
    let host = Host::with(&[user("alice", 70_000, &gids)], &[]);
    let (status, list, _) = initgroups(&host, "Alice", 70_000, &[70_000, 27, 70_101], 8, 0);
    assert_eq!(
        (status, list),
        (SUCCESS, vec![70_000, 27, 70_101, 70_100, 70_102])
    );
    // Also when the caller did not put the primary group into the list.
    let (status, list, _) = initgroups(&host, "alice", 70_000, &[27], 8, 0);
    assert_eq!((status, list), (SUCCESS, vec![27, 70_100, 70_101, 70_102]));
    let (status, list, _) = initgroups(&host, "mallory", 100, &[100], 8, 0);
    assert_eq!((status, list), (NOT_FOUND, vec![100]));
}

#[test]
fn a_primary_group_that_is_not_private_is_the_groups_own() {
    let mut alice = user("alice", 70_000, &[70_101]);
    alice.gid = Id::new(70_100).unwrap();
    let host = Host::with(
        &[alice],
        &[
            group("staff", 70_100, &[]),
            group("sales", 70_101, &["alice"]),
        ],
    );
    let line = "alice:*:70000:70100:Alice Liddell:/home/alice:/bin/bash";
    assert_eq!(getpwnam(&host, "alice", 1024, 0), found(line));
    assert_eq!(getgrgid(&host, 70_100, 1024), found("staff:*:70100:"));
    // No private group beside it.
    let none = (NOT_FOUND, libc::ENOENT, None);
    assert_eq!(getgrnam(&host, "alice", 1024, 0), none);
    assert_eq!(getgrgid(&host, 70_000, 1024), none);
    let (status, list, _) = initgroups(&host, "alice", 70_100, &[70_100], 8, 0);
    assert_eq!((status, list), (SUCCESS, vec![70_100, 70_101]));
    let (status, list, _) = initgroups(&host, "alice", 70_000, &[70_000], 8, 0);
    assert_eq!((status, list), (NOT_FOUND, vec![70_000]));
}

#[test]
fn a_local_account_of_the_same_name_does_not_get_the_imported_users_groups() {
    let host = Host::with(&[user("alice", 70_000, &[70_100])], &[]);
    // What login and sudo ask for a local alice with gid 1000: glibc asks on after `files`.
    let (status, list, _) = initgroups(&host, "alice", 1000, &[1000], 8, 0);
    assert_eq!((status, list), (NOT_FOUND, vec![1000]));
}

#[test]
fn the_group_list_grows_up_to_the_limit() {
    let gids: Vec<u32> = (80_000..80_500).collect();
    let host = Host::with(&[user("alice", 70_000, &gids)], &[]);
    for room in [0, 1, 2, 7, 499, 500, 501] {
        let (status, list, size) = initgroups(&host, "alice", 70_000, &[], room, 0);
        assert_eq!((status, &list), (SUCCESS, &gids), "room {room}");
        assert!(size >= 500);
        for limit in [1, 3, 64, 500, 600] {
            let room = room.min(limit as usize);
            let (status, list, size) = initgroups(&host, "alice", 70_000, &[], room, limit);
            let expected = &gids[..500.min(limit as usize)];
            assert_eq!(
                (status, list.as_slice()),
                (SUCCESS, expected),
                "{room} of {limit}"
            );
            assert!(size <= limit);
        }
    }
}

fn getpwent(host: &Host, cursor: &Cursor, size: usize) -> Outcome {
    with_buffer(size, 0, |result, buffer, size, errno| {
        // SAFETY: all arguments live as long as the call.
        unsafe { calls_ffi::getpwent(&host.at(), cursor, result, buffer, size, errno) }
    })
}

fn getgrent(host: &Host, cursor: &Cursor, size: usize) -> Outcome {
    with_buffer(size, 0, |result, buffer, size, errno| {
        // SAFETY: all arguments live as long as the call.
        unsafe { calls_ffi::getgrent(&host.at(), cursor, result, buffer, size, errno) }
    })
}

fn first_field((status, _, line): Outcome) -> Option<String> {
    assert!(status == SUCCESS || status == NOT_FOUND);
    line.map(|line| line.split(':').next().unwrap().to_owned())
}

#[test]
fn enumeration_goes_on_only_after_success_and_stays_at_the_end() {
    let host = Host::with(
        &[user("alice", 70_000, &[]), user("bob", 70_001, &[])],
        &[group("staff", 70_100, &["bob"])],
    );
    let cursor = Cursor::new();
    for _ in 0..2 {
        assert_eq!(getpwent(&host, &cursor, 3), (TRY_AGAIN, libc::ERANGE, None));
        assert_eq!(
            first_field(getpwent(&host, &cursor, 512)).as_deref(),
            Some("alice")
        );
        assert_eq!(getpwent(&host, &cursor, 3), (TRY_AGAIN, libc::ERANGE, None));
        assert_eq!(
            first_field(getpwent(&host, &cursor, 512)).as_deref(),
            Some("bob")
        );
        assert_eq!(
            getpwent(&host, &cursor, 512),
            (NOT_FOUND, libc::ENOENT, None)
        );
        assert_eq!(
            getpwent(&host, &cursor, 512),
            (NOT_FOUND, libc::ENOENT, None)
        );
        cursor.rewind();
    }
    let groups = Cursor::new();
    let listed: Vec<String> =
        std::iter::from_fn(|| first_field(getgrent(&host, &groups, 512))).collect();
    assert_eq!(listed, ["alice", "bob", "staff"]);
}

#[test]
fn enumeration_is_empty_unless_the_policy_allows_it() {
    let host = Host::new();
    host.publish(1, false, &[user("alice", 70_000, &[])], &[]);
    let not_found = (NOT_FOUND, libc::ENOENT, None);
    assert_eq!(getpwent(&host, &Cursor::new(), 512), not_found);
    assert_eq!(getgrent(&host, &Cursor::new(), 512), not_found);
    assert_eq!(getpwuid(&host, 70_000, 512).0, SUCCESS);
}

#[test]
fn a_new_generation_restarts_the_list_so_that_nobody_is_left_out() {
    let host = Host::with(&[user("alice", 70_000, &[]), user("bob", 70_001, &[])], &[]);
    let cursor = Cursor::new();
    assert_eq!(
        first_field(getpwent(&host, &cursor, 512)).as_deref(),
        Some("alice")
    );
    host.publish(
        2,
        true,
        &[user("aaron", 70_002, &[]), user("bob", 70_001, &[])],
        &[],
    );
    let listed: Vec<String> =
        std::iter::from_fn(|| first_field(getpwent(&host, &cursor, 512))).collect();
    assert_eq!(listed, ["aaron", "bob"]);
    host.publish(3, true, &[user("carol", 70_003, &[])], &[]);
    assert_eq!(
        first_field(getpwent(&host, &cursor, 512)),
        None,
        "the list had ended"
    );
}
