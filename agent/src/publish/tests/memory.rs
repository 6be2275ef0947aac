//! That memory does not grow with the directory: two processes publish directories of different sizes and
//! tell their peaks.

use std::process::Command;

use super::*;

#[test]
fn ten_times_the_people_take_no_more_memory() {
    let few = peak_of("publish::tests::memory::three_thousand_people");
    let many = peak_of("publish::tests::memory::thirty_thousand_people");
    // SQLite fills its caches, the writer its buffers. Thirty thousand people in vectors are 40 MiB.
    assert!(
        many < few + (8 << 10),
        "{many} KiB with thirty thousand people, {few} KiB with three thousand"
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
fn three_thousand_people() {
    publish(3_000);
}

#[test]
#[ignore = "the test above runs it in a process of its own"]
fn thirty_thousand_people() {
    publish(30_000);
}

/// A tenant of `count` people in twelve groups each, a group having sixty members.
fn publish(count: u32) {
    let host = Host::new(&configuration());
    let tenant = "x'7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d'";
    let groups = count / 5;
    host.sql(&format!(
        "BEGIN;
         CREATE TEMP TABLE numbers AS
         WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count} - 1)
         SELECT n FROM numbers;
         INSERT INTO users (tenant, object, upn, upn_key, display_name, enabled, name)
         SELECT {tenant}, CAST(printf('u%015d', n) AS BLOB), printf('person%d@contoso.example', n),
                printf('person%d@contoso.example', n), printf('Person number %d', n), 1, printf('person%d', n)
         FROM numbers;
         INSERT INTO groups (tenant, object, display_name, kind, name)
         SELECT {tenant}, CAST(printf('g%015d', n) AS BLOB), printf('Group %d', n), 'security', printf('group%d', n)
         FROM numbers WHERE n < {groups};
         INSERT OR IGNORE INTO memberships (tenant, member, parent)
         SELECT {tenant}, CAST(printf('u%015d', n) AS BLOB), CAST(printf('g%015d', (n * 7 + k * 131) % {groups}) AS BLOB)
         FROM numbers CROSS JOIN (SELECT n AS k FROM numbers WHERE n < 12);
         INSERT INTO state.ids (id, tenant, object, attempt, allocated_at)
         SELECT 2000000 + row_number() OVER (), tenant, object, 0, 0
         FROM (SELECT tenant, object FROM users UNION ALL SELECT tenant, object FROM groups);
         INSERT INTO state.homes (tenant, object, home, fixed_at)
         SELECT tenant, object, '/home/' || name, 0 FROM users;
         COMMIT;"
    ));
    let outcome = host.publisher.publish().unwrap();
    assert_eq!(outcome.users, u64::from(count));
    assert_eq!(outcome.groups, u64::from(groups) + 4);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
    println!("\n{}", peak.unwrap());
}
