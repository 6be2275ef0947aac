//! That memory does not grow with the directory: two processes write directories of
//! different sizes, verification included, and tell their peaks.

use std::process::Command;

use super::{PUBLISHED_AT, SEED, group, policy, user};
use crate::Writer;

#[test]
fn five_times_the_people_take_no_more_memory() {
    let few = peak_of("tests::memory::a_hundred_thousand_people");
    let many = peak_of("tests::memory::half_a_million_people");
    // The verification keeps the tables of the few in memory, and those of the many not at all (`paged`). Half a
    // million people's keys, held in memory, take 60 MiB.
    assert!(
        many < few + (2 << 10),
        "{many} KiB with half a million people, {few} KiB with a hundred thousand"
    );
}

/// The most memory, in KiB, that a test has in a process of its own.
fn peak_of(test: &str) -> u64 {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    output
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{test} told nothing:\n{output}"))
}

#[test]
#[ignore = "the test above runs it in a process of its own"]
fn a_hundred_thousand_people() {
    publish(100_000);
}

#[test]
#[ignore = "the test above runs it in a process of its own"]
fn half_a_million_people() {
    publish(500_000);
}

/// One group has them all, as `entra-users` does.
fn publish(count: u32) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(folder.path(), policy(), 1, PUBLISHED_AT, SEED).unwrap();
    let mut everybody = writer.members();
    for number in 0..count {
        let person = user(&format!("person{number}"), 0x7800_0000 + number, &[70_100]);
        writer.add_user(&person).unwrap();
        everybody.push(&person.name).unwrap();
    }
    let mut role = group("entra-users", 70_100, &[]);
    role.always_whole = true;
    writer.add_group_of(&role, &everybody).unwrap();
    assert_eq!(writer.publish().unwrap().users, u64::from(count));
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
    println!("\n{}", peak.unwrap());
}
