//! A damaged file gives the true answer or an error: never another answer,
//! never "there is none" for what is there, never a panic.

use std::cell::Cell;
use std::io;

use super::{Numbers, SEED, answers, bytes, group, small, user};
use crate::{ReadAt, ReadError, Snapshot};

fn truth_of(file: &[u8]) -> Vec<(String, Result<String, ReadError>)> {
    answers(&Snapshot::from_source(file).unwrap())
}

/// How many answers were errors.
fn assert_true_or_error(
    damaged: &(impl ReadAt + ?Sized),
    truth: &[(String, Result<String, ReadError>)],
    case: &str,
) -> usize {
    let Ok(snapshot) = Snapshot::from_source(damaged) else {
        return 1;
    };
    let mut errors = 0;
    for (question, answer) in answers(&snapshot) {
        let Ok(answer) = answer else {
            errors += 1;
            continue;
        };
        let (_, expected) = truth
            .iter()
            .find(|(asked, _)| *asked == question)
            .expect(&question);
        assert_eq!(Some(&answer), expected.as_ref().ok(), "{question}, {case}");
    }
    errors
}

#[test]
fn every_single_byte_flip_gives_the_truth_or_an_error() {
    let (users, groups) = small();
    let file = bytes(7, SEED, &users, &groups);
    let truth = truth_of(&file);
    let header_end = u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
    let mut damaged = file.clone();
    for place in 0..file.len() {
        for mask in [0x01, 0x03, 0x10, 0x80, 0xff] {
            damaged[place] ^= mask;
            let case = format!("byte {place} xor {mask:#x}");
            let errors = assert_true_or_error(damaged.as_slice(), &truth, &case);
            // Only the padding of the header page may go unnoticed.
            let padding = (header_end..4096).contains(&place);
            assert!(padding || errors > 0, "unnoticed: {case}");
            damaged[place] ^= mask;
        }
    }
}

#[test]
fn every_truncation_and_a_longer_file_are_errors() {
    let (users, groups) = small();
    let mut file = bytes(7, SEED, &users, &groups);
    for length in 0..file.len() {
        assert!(
            Snapshot::from_source(&file[..length]).is_err(),
            "{length} bytes"
        );
    }
    file.push(0);
    assert!(Snapshot::from_source(file.as_slice()).is_err());
}

#[test]
fn overwritten_stretches_give_the_truth_or_an_error() {
    let (users, groups) = small();
    let file = bytes(7, SEED, &users, &groups);
    let truth = truth_of(&file);
    let mut numbers = Numbers(99);
    for round in 0..20_000 {
        let mut damaged = file.clone();
        for _ in 0..=numbers.below(3) {
            let start = numbers.below(file.len() as u64) as usize;
            let end = file.len().min(start + 1 + numbers.below(64) as usize);
            // Noise, or a stretch copied from elsewhere in the file.
            let from = numbers.below((file.len() - (end - start)) as u64) as usize;
            if numbers.below(2) == 0 {
                damaged[start..end].fill_with(|| numbers.next() as u8);
            } else {
                damaged[start..end].copy_from_slice(&file[from..from + (end - start)]);
            }
        }
        assert_true_or_error(damaged.as_slice(), &truth, &format!("round {round}"));
    }
}

/// A file that someone rewrites in place while it is read.
struct Rewritten<'a> {
    before: &'a [u8],
    after: &'a [u8],
    reads_left: Cell<u32>,
}

impl ReadAt for Rewritten<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let left = self.reads_left.get();
        self.reads_left.set(left.saturating_sub(1));
        if left > 0 { self.before } else { self.after }.read_exact_at(buffer, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.before.length()
    }
}

#[test]
fn a_file_rewritten_while_it_is_read_gives_the_old_answer_or_an_error() {
    let (users, groups) = small();
    let before = bytes(7, SEED, &users, &groups);
    let swapped = [
        user("carol", 70_000, &[70_100, 70_101]),
        user("bob.builder", 70_001, &[70_100]),
        user("alice", 70_002, &[]),
    ];
    let after = bytes(8, SEED + 1, &swapped, &[group("staff", 70_101, &["carol"])]);
    let truth = truth_of(&before);
    // From 1 on: with none of the old file's bytes it would simply be the new file.
    for reads in 1..80 {
        let source = Rewritten {
            before: &before,
            after: &after,
            reads_left: Cell::new(reads),
        };
        assert_true_or_error(&source, &truth, &format!("{reads} reads before"));
    }
}

/// Counts what a reader asks for.
struct Counted<'a> {
    file: &'a [u8],
    reads: Cell<u32>,
    largest: Cell<usize>,
}

impl ReadAt for Counted<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.reads.set(self.reads.get() + 1);
        self.largest.set(self.largest.get().max(buffer.len()));
        self.file.read_exact_at(buffer, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
}

#[test]
fn a_lookup_takes_three_reads_and_a_miss_two() {
    let (users, groups) = small();
    let file = bytes(7, SEED, &users, &groups);
    for (key, reads) in [
        ("alice", 3),
        ("Alice@Contoso.Example", 3),
        ("mallory", 2),
        ("root", 1),
    ] {
        let source = Counted {
            file: &file,
            reads: Cell::new(0),
            largest: Cell::new(0),
        };
        let snapshot = Snapshot::from_source(&source).unwrap();
        snapshot.user_by_name(key.as_bytes()).unwrap();
        assert_eq!(source.reads.get(), reads, "{key}");
    }
}

#[test]
fn no_buffer_is_larger_than_the_file() {
    let (users, groups) = small();
    let file = bytes(7, SEED, &users, &groups);
    let mut numbers = Numbers(5);
    for _ in 0..5_000 {
        let mut damaged = file.clone();
        // Prefixes and slots hold the lengths; both lie behind the header.
        for _ in 0..4 {
            let place = 4096 + numbers.below((file.len() - 4096) as u64) as usize;
            damaged[place] = 0xff;
        }
        let source = Counted {
            file: &damaged,
            reads: Cell::new(0),
            largest: Cell::new(0),
        };
        if let Ok(snapshot) = Snapshot::from_source(&source) {
            answers(&snapshot);
        }
        assert!(source.largest.get() <= file.len());
    }
}

#[test]
fn what_is_no_published_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.snapshot");
    assert!(matches!(Snapshot::open(&path), Err(ReadError::Missing)));

    std::fs::create_dir(&path).unwrap();
    assert!(matches!(
        Snapshot::open(&path),
        Err(ReadError::Unreadable(_))
    ));
    std::fs::remove_dir(&path).unwrap();

    std::fs::write(&path, b"").unwrap();
    assert!(matches!(
        Snapshot::open(&path),
        Err(ReadError::Damaged { .. })
    ));
    std::fs::write(&path, [0; 8192]).unwrap();
    assert!(matches!(
        Snapshot::open(&path),
        Err(ReadError::Damaged { what: "magic", .. })
    ));
    std::fs::remove_file(&path).unwrap();

    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    assert!(matches!(
        Snapshot::open(&path),
        Err(ReadError::Unreadable(_))
    ));
    std::fs::remove_file(&path).unwrap();

    // A pipe must not hang the process that opens it.
    let made = std::process::Command::new("mkfifo")
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    assert!(matches!(
        Snapshot::open(&path),
        Err(ReadError::Unreadable(_))
    ));
}

#[test]
fn a_newer_major_version_is_refused_by_name() {
    let (users, groups) = small();
    let mut file = bytes(7, SEED, &users, &groups);
    file[8] = 2;
    assert!(matches!(
        Snapshot::from_source(file.as_slice()),
        Err(ReadError::NewerVersion)
    ));
}
