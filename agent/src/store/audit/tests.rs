use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use entra_protocol::admin::AuditRow;
use tempfile::TempDir;

use super::*;
use crate::clock::{Clock, rfc3339};
use crate::store::Restrict;
use crate::store::fixture::{directory, key};

/// A clock that a test moves.
#[derive(Default)]
struct MovedClock(AtomicU64);

impl Clock for MovedClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(self.0.load(Ordering::SeqCst))
    }
}

/// The beginning of an hour.
const BEGIN: u64 = 500_000 * HOUR;

fn store() -> (TempDir, Store, Arc<MovedClock>) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(MovedClock(AtomicU64::new(BEGIN)));
    let store = Store::open(folder.path(), clock.clone()).unwrap();
    (folder, store, clock)
}

fn actor(uid: u32, role: Option<Role>) -> Actor {
    Actor {
        uid,
        name: format!("u{uid}"),
        role,
    }
}

fn refuse(store: &Store, actor: &Actor, times: usize) {
    let failure = Failure {
        kind: FailureKind::Forbidden,
        message: "it takes the role administrator".to_owned(),
        hint: None,
        reference: None,
    };
    for _ in 0..times {
        store
            .audit_not_done(actor, "role set", "auditor: alice", &failure)
            .unwrap();
    }
}

fn all(store: &Store) -> Vec<AuditRow> {
    found(store, &AuditFilter::default())
}

fn found(store: &Store, filter: &AuditFilter) -> Vec<AuditRow> {
    store.audit_rows(filter, u64::MAX, u32::MAX).unwrap()
}

/// Of each uid: rows of their own, and attempts that are only counted.
fn refused_of(store: &Store, uid: u32) -> (usize, u64) {
    let rows = all(store);
    let of = |outcome| {
        rows.iter()
            .filter(move |row| row.uid == uid && row.outcome == outcome)
    };
    (
        of(AuditOutcome::Refused).count(),
        of(AuditOutcome::MoreRefused).map(|row| row.count).sum(),
    )
}

#[test]
fn what_one_uid_is_refused_is_bounded_in_each_hour_and_the_rest_is_counted() {
    let (_folder, store, clock) = store();
    let carol = actor(7, Some(Role::Auditor));
    refuse(&store, &carol, 25);
    assert_eq!(refused_of(&store, 7), (20, 5));
    // The next hour has room again.
    clock.0.store(BEGIN + HOUR, Ordering::SeqCst);
    refuse(&store, &carol, 21);
    assert_eq!(refused_of(&store, 7), (40, 6));
    let latest = &all(&store)[0];
    assert_eq!(
        (latest.outcome, latest.count, latest.object.as_str()),
        (AuditOutcome::MoreRefused, 1, "of this uid, in this hour")
    );
}

/// Subordinate uids are many; they fill neither the disk nor the place of those who have a role.
#[test]
fn a_flood_of_many_uids_is_bounded_and_hides_nobody_who_has_a_role() {
    let (_folder, store, _clock) = store();
    for uid in 100_000..100_050 {
        refuse(&store, &actor(uid, None), 3);
    }
    let rows = all(&store);
    assert_eq!(rows.len(), 101);
    assert_eq!(rows[0].count, 50);
    refuse(&store, &actor(7, Some(Role::User)), 2);
    refuse(&store, &actor(0, None), 2);
    assert_eq!(refused_of(&store, 7), (2, 0));
    assert_eq!(refused_of(&store, 0), (2, 0));
}

#[test]
fn a_change_that_is_rolled_back_leaves_no_row_and_no_number() {
    let (_folder, store, _clock) = store();
    store
        .commit_import(&directory(&[(1, "alice")], &[]))
        .unwrap();
    let root = actor(0, None);
    let administrator = Role::Administrator;
    store.set_roles(&[key(1)], administrator, &root).unwrap();
    // The row is written before the last administrator is missed.
    let refused = store.set_roles(&[key(1)], Role::User, &root);
    assert!(matches!(refused, Err(StoreError::LastAdministrator)));
    store.set_sign_in_enabled(true, &root).unwrap();
    let numbers: Vec<(u64, String)> = all(&store)
        .into_iter()
        .map(|row| (row.id, row.verb))
        .collect();
    assert_eq!(
        numbers,
        [(2, "auth enable".to_owned()), (1, "role set".to_owned())]
    );
}

#[test]
fn rows_are_found_by_all_that_can_be_asked_for() {
    let (_folder, store, clock) = store();
    store.set_sign_in_enabled(true, &actor(0, None)).unwrap();
    clock.0.store(BEGIN + 60, Ordering::SeqCst);
    refuse(&store, &actor(7, Some(Role::User)), 1);
    clock.0.store(BEGIN + 120, Ordering::SeqCst);
    store
        .audit_local("local-auth", "the gate", "deny", "allow")
        .unwrap();
    let numbers = |filter: AuditFilter| -> Vec<u64> {
        found(&store, &filter)
            .into_iter()
            .map(|row| row.id)
            .collect()
    };
    let any = AuditFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let at = |seconds| Some(UnixSeconds::new(BEGIN + seconds));
    for (filter, expected) in [
        (any(), vec![3, 2, 1]),
        (
            AuditFilter {
                since: at(60),
                ..any()
            },
            vec![3, 2],
        ),
        (
            AuditFilter {
                before: at(60),
                ..any()
            },
            vec![1],
        ),
        (
            AuditFilter {
                by: text("U7"),
                ..any()
            },
            vec![2],
        ),
        (
            AuditFilter {
                by: text("7"),
                ..any()
            },
            vec![2],
        ),
        (
            AuditFilter {
                by: text("u"),
                ..any()
            },
            vec![],
        ),
        (
            AuditFilter {
                by: text("entra-agent"),
                ..any()
            },
            vec![3],
        ),
        (
            AuditFilter {
                object: text("ALICE"),
                ..any()
            },
            vec![2],
        ),
        (
            AuditFilter {
                object: text("%"),
                ..any()
            },
            vec![],
        ),
        (
            AuditFilter {
                verb: text("auth"),
                ..any()
            },
            vec![1],
        ),
        (
            AuditFilter {
                verb: text("auth enable"),
                ..any()
            },
            vec![1],
        ),
        (
            AuditFilter {
                verb: text("aut"),
                ..any()
            },
            vec![],
        ),
        (
            AuditFilter {
                refused: true,
                ..any()
            },
            vec![2],
        ),
    ] {
        assert_eq!(numbers(filter.clone()), expected, "{filter:?}");
    }
    let page = store.audit_rows(&any(), 3, 1).unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].id, 2);
    let row = &all(&store)[0];
    assert_eq!(row.before.as_deref(), Some("deny"));
    assert_eq!(
        (row.after.as_deref(), row.role.as_deref()),
        (Some("allow"), None)
    );
}

#[test]
fn old_rows_are_forgotten_in_steps_and_numbers_never_come_back() {
    let (_folder, store, clock) = store();
    let root = actor(0, None);
    for _ in 0..3 {
        store.set_sign_in_enabled(true, &root).unwrap();
    }
    store
        .write(|transaction| {
            let many = "INSERT INTO state.audit (at, actor_uid, actor_name, verb, object, outcome)
                 SELECT at, 0, 'root', 'x', 'y', 'done' FROM state.audit, generate
                 LIMIT 1100";
            let generate = "CREATE TEMP TABLE generate AS
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                 SELECT i FROM n";
            transaction.execute_batch(generate)?;
            transaction.execute(many, [])?;
            Ok(())
        })
        .unwrap();
    clock.0.store(BEGIN + 29 * 24 * HOUR, Ordering::SeqCst);
    store.set_sign_in_enabled(false, &root).unwrap();
    assert_eq!(store.forget_audit(30).unwrap(), 0);
    clock.0.store(BEGIN + 31 * 24 * HOUR, Ordering::SeqCst);
    assert_eq!(store.forget_audit(30).unwrap(), FORGOTTEN_AT_ONCE);
    let oldest = all(&store).last().map(|row| row.id);
    assert_eq!(oldest, Some(1_001));
    assert_eq!(store.forget_audit(30).unwrap(), 103);
    assert_eq!(store.forget_audit(30).unwrap(), 0);
    assert_eq!(all(&store).len(), 1);
    clock.0.store(BEGIN + 99 * 24 * HOUR, Ordering::SeqCst);
    assert_eq!(store.forget_audit(30).unwrap(), 1);
    store.set_sign_in_enabled(true, &root).unwrap();
    assert_eq!(all(&store)[0].id, 1105);
}

#[test]
fn texts_are_one_bounded_line() {
    let (_folder, store, _clock) = store();
    let long = "x".repeat(100_000);
    store
        .audit_local("a", &long, "b\nPRIORITY=0", "\u{1b}[2J")
        .unwrap();
    let row = &all(&store)[0];
    assert_eq!(row.object.chars().count(), TEXT_KEPT + 1);
    assert_eq!(row.before.as_deref(), Some("b PRIORITY=0"));
    assert_eq!(row.after.as_deref(), Some(" [2J"));
}

/// What the journal would have heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_journal_hears_of_each_row_once_and_of_nothing_that_was_rolled_back() {
    let (_folder, store, _clock) = store();
    store
        .commit_import(&directory(&[(1, "alice")], &[]))
        .unwrap();
    let heard = Heard::default();
    let writer = heard.clone();
    let journal = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let carol = actor(7, Some(Role::Administrator));
    let text = || String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
    tracing::subscriber::with_default(journal, || {
        // A line that another test's thread says for the first time just now, while nobody listens there, is taken
        // for one that nobody wants to hear, until it is asked again.
        for uid in 100.. {
            tracing::callsite::rebuild_interest_cache();
            refuse(&store, &actor(uid, Some(Role::User)), 1);
            store.set_sign_in_enabled(false, &carol).unwrap();
            if text().contains(" WARN ") && text().contains(" INFO ") {
                break;
            }
            assert!(uid < 1_000, "no line is heard: {}", text());
        }
        heard.0.lock().unwrap().clear();
        let administrator = Role::Administrator;
        store.set_roles(&[key(1)], administrator, &carol).unwrap();
        store.set_roles(&[key(1)], Role::User, &carol).unwrap_err();
        refuse(&store, &carol, 25);
        store.set_sign_in_enabled(true, &carol).unwrap();
    });
    let text = text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 23, "{text}");
    for fact in [
        " INFO ",
        "audit: u7 (uid 7): role set alice (01010101-0101-0101-0101-010101010101): done, user -> administrator",
        "message_id=\"bda2009b051448fc9af709cc7277d57f\"",
        "entra_verb=\"role set\"",
        "entra_actor_uid=7",
        "entra_actor_name=\"u7\"",
        "entra_actor_role=\"administrator\"",
        "entra_before=\"user\"",
        "entra_after=\"administrator\"",
        "entra_outcome=\"done\"",
    ] {
        assert!(lines[0].contains(fact), "{fact}: {}", lines[0]);
    }
    assert!(!lines[0].contains("entra_reason"), "{}", lines[0]);
    assert!(lines[1].contains(" WARN "), "{}", lines[1]);
    assert!(lines[1].contains("entra_reason=\"it takes"), "{}", lines[1]);
    assert!(lines[21].contains("further attempts of this uid"), "{text}");
    assert!(lines[22].contains("auth enable"), "{text}");
}

/// Administrators who change one thing at once: each change begins with what the one before has left, and none
/// is lost.
#[test]
fn changes_at_once_are_made_one_after_another_and_each_row_is_true() {
    let (_folder, store, _clock) = store();
    let people = directory(&[(1, "alice"), (2, "carol"), (3, "bob")], &[]);
    store.commit_import(&people).unwrap();
    std::thread::scope(|scope| {
        for uid in 1..=4 {
            let store = store.clone();
            scope.spawn(move || {
                let actor = actor(uid, Some(Role::Administrator));
                for round in 0..25 {
                    let role = Role::ALL[(round + uid as usize) % 3];
                    store.set_roles(&[key(1)], role, &actor).unwrap();
                    let restrict = match uid % 2 {
                        0 if round % 2 == 0 => Restrict::Block,
                        0 => Restrict::Unblock,
                        _ => Restrict::Expire(Some(UnixSeconds::new(BEGIN + 1 + round as u64))),
                    };
                    store.restrict(&[key(1)], restrict, &actor).unwrap();
                }
            });
        }
    });
    let mut rows = all(&store);
    rows.reverse();
    let of = |verbs: &[&str]| -> Vec<AuditRow> {
        rows.iter()
            .filter(|row| verbs.contains(&row.verb.as_str()))
            .cloned()
            .collect()
    };
    let person = store.person_by_object(&key(1)).unwrap().unwrap();
    let blocked = if person.blocked {
        "blocked"
    } else {
        "not blocked"
    };
    let roles = of(&["role set"]);
    // What another had just given is no change, and leaves no row.
    assert!((25..=100).contains(&roles.len()), "{}", roles.len());
    for (chain, first, last) in [
        (roles, "user", person.role.word().to_owned()),
        (
            of(&["users block", "users unblock"]),
            "not blocked",
            blocked.to_owned(),
        ),
        (
            of(&["users expire"]),
            "never",
            rfc3339(person.expires.unwrap()),
        ),
    ] {
        let mut now = first.to_owned();
        for row in chain {
            assert_eq!(row.before.as_deref(), Some(now.as_str()), "{row:?}");
            now = row.after.unwrap();
        }
        assert_eq!(now, last);
    }
}
