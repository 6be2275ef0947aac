//! `entractl users list | head` ends quietly; a stdout that can't be written is a failure.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use entra_protocol::admin::{Done, Reply, Request, Row};

use crate::documents::user;
use crate::scripted::{Place, expect, wait};

/// Far more text than a pipe holds (64 KiB).
const ROWS: u64 = 5_000;

fn many_users(stream: &mut UnixStream) {
    expect(stream, &[Request::UsersList {}]);
    for _ in 0..ROWS {
        entra_protocol::write(stream, &Reply::Row(Row::User(user()))).unwrap();
    }
    entra_protocol::write(stream, &Reply::Done(Box::new(Done::Rows { count: ROWS }))).unwrap();
}

#[test]
fn a_reader_who_leaves_ends_it_quietly() {
    for arguments in [&["users", "list"][..], &["users", "list", "--json"]] {
        let place = Place::new();
        place.with_agent(many_users, || {
            let mut child = place
                .program(arguments)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap())
                .read_line(&mut line)
                .unwrap();
            assert!(!line.is_empty());
            // The reader is gone; the program has most of its text still to write.
            assert_eq!(wait(&mut child), Some(0));
            let mut stderr = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut stderr)
                .unwrap();
            assert_eq!(stderr, "");
        });
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    for arguments in [&["users", "list"][..], &["users", "list", "--json"]] {
        let place = Place::new();
        place.with_agent(many_users, || {
            let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
            let mut child = place
                .program(arguments)
                .stdout(full)
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            assert_eq!(wait(&mut child), Some(1));
            let mut stderr = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut stderr)
                .unwrap();
            assert!(
                stderr.starts_with("error: can't write to standard output: No space left"),
                "{stderr}"
            );
            assert!(
                stderr.contains("\nhint: make room where the output goes"),
                "{stderr}"
            );
        });
    }
}
