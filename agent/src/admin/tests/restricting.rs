//! Whose account is closed on this host, for how long, by whom not, and that nobody's is by halves.

use entra_protocol::admin::AccountChange;

use super::*;
use crate::auth::scripted::{ALICE, CAROL, DAVE, key_of};
use crate::store::{Actor, Barred, Restrict};

fn names(users: &[&str]) -> Vec<String> {
    users.iter().map(|user| (*user).to_owned()).collect()
}

fn block(users: &[&str]) -> Request {
    Request::UsersBlock {
        users: names(users),
        more: false,
    }
}

fn unblock(users: &[&str]) -> Request {
    Request::UsersUnblock {
        users: names(users),
        more: false,
    }
}

fn expire(users: &[&str], until: Option<&str>) -> Request {
    Request::UsersExpire {
        until: until.map(str::to_owned),
        users: names(users),
        more: false,
    }
}

fn changes(rows: Vec<Reply>) -> Vec<AccountChange> {
    rows.into_iter()
        .map(|row| match row {
            Reply::Row(Row::Account(one)) => one,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn change(user: &str, blocked: bool, expires: Option<&str>, changed: bool) -> AccountChange {
    AccountChange {
        user: user.to_owned(),
        blocked,
        expires: expires.map(str::to_owned),
        changed,
    }
}

fn barred(host: &Host, object: &str) -> Option<Barred> {
    let person = host.store.person_by_object(&key_of(object)).unwrap();
    person.unwrap().barred(FixedClock.now())
}

fn root() -> Actor {
    Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    }
}

#[tokio::test(start_paused = true)]
async fn people_are_blocked_over_several_frames_and_published_before_the_answer() {
    let host = Host::new();
    let published = host.publications.load(Ordering::SeqCst);
    let first = Request::UsersBlock {
        users: names(&["ALICE@contoso.example"]),
        more: true,
    };
    let (rows, end) = ask(&host, CAROL_UID, first, vec![block(&["alice", "dave"])]).await;
    assert!(matches!(end, Ok(Done::Rows { count: 2 })), "{end:?}");
    assert_eq!(
        changes(rows),
        [
            change("alice", true, None, true),
            change("dave", true, None, true)
        ]
    );
    assert_eq!(host.publications.load(Ordering::SeqCst), published + 1);
    assert_eq!(barred(&host, ALICE), Some(Barred::Blocked));
    assert_eq!(audited(&host, "users block", false), 2);
    // Once more changes nothing, and leaves no row.
    let (rows, _) = ask(&host, 0, block(&["alice"]), vec![]).await;
    assert_eq!(changes(rows), [change("alice", true, None, false)]);
    assert_eq!(audited(&host, "users block", false), 2);

    let (_, end) = ask(&host, 0, Request::Status {}, vec![]).await;
    let Ok(Done::Status(status)) = end else {
        panic!("{end:?}")
    };
    assert_eq!((status.blocked_users, status.expired_users), (2, 0));

    let (rows, _) = ask(&host, 0, unblock(&["alice"]), vec![]).await;
    assert_eq!(changes(rows), [change("alice", false, None, true)]);
    assert_eq!(barred(&host, ALICE), None);
    assert_eq!(audited(&host, "users unblock", false), 1);
}

/// The clock stands at 2026-01-04T19:44:18Z.
#[tokio::test(start_paused = true)]
async fn the_last_day_counts_to_its_end_in_utc() {
    let host = Host::new();
    let end_of_today = Some("2026-01-05T00:00:00Z");
    for (until, expires) in [
        (Some("2026-01-04"), end_of_today),
        (Some("2028-02-29"), Some("2028-03-01T00:00:00Z")),
        (None, None),
    ] {
        let (rows, _) = ask(&host, CAROL_UID, expire(&["alice"], until), vec![]).await;
        assert_eq!(changes(rows), [change("alice", false, expires, true)]);
        assert_eq!(barred(&host, ALICE), None);
    }
    for until in [
        "2026-01-03",
        "1970-01-01",
        "9999-12-31",
        "2026-02-30",
        "",
        "soon",
    ] {
        let (_, end) = ask(&host, 0, expire(&["alice"], Some(until)), vec![]).await;
        let failure = end.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadRequest, "{until}");
        let is_past = matches!(until, "2026-01-03" | "1970-01-01");
        assert_eq!(failure.hint.is_some(), is_past, "{until}");
    }
    assert_eq!(audited(&host, "users expire", false), 3);

    let past = Restrict::Expire(Some(FixedClock.now()));
    let alice = [key_of(ALICE)];
    host.store.restrict(&alice, past, &root()).unwrap();
    assert_eq!(barred(&host, ALICE), Some(Barred::Expired));
    let (_, end) = ask(&host, CAROL_UID, Request::Status {}, vec![]).await;
    let Ok(Done::Status(status)) = end else {
        panic!("{end:?}")
    };
    assert_eq!((status.blocked_users, status.expired_users), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn neither_oneself_nor_the_last_administrator_nor_one_of_several_names() {
    let host = Host::new();
    let later = Some("2027-01-31");
    for (uid, request, kind) in [
        (0, block(&["alice", "alise"]), FailureKind::NotFound),
        (0, block(&[]), FailureKind::BadRequest),
        (0, block(&["alice", "carol"]), FailureKind::Precondition),
        (0, expire(&["carol"], later), FailureKind::Precondition),
        (CAROL_UID, block(&["carol"]), FailureKind::Precondition),
        (
            CAROL_UID,
            expire(&["alice", "carol"], None),
            FailureKind::Precondition,
        ),
        (ALICE_UID, block(&["dave"]), FailureKind::Forbidden),
    ] {
        let (_, end) = ask(&host, uid, request.clone(), vec![]).await;
        assert_eq!(end.unwrap_err().kind, kind, "{request:?}");
    }
    for object in [ALICE, CAROL, DAVE] {
        assert_eq!(barred(&host, object), None);
    }
    assert_eq!(audited(&host, "users block", true), 5);

    // One whose account ends some day does not count as the one who stays.
    let (_, end) = ask(
        &host,
        0,
        set(Role::Administrator, &["alice"], false),
        vec![],
    )
    .await;
    end.unwrap();
    let (_, end) = ask(&host, 0, expire(&["alice"], later), vec![]).await;
    end.unwrap();
    for request in [block(&["carol"]), set(Role::User, &["carol"], false)] {
        let (_, end) = ask(&host, 0, request, vec![]).await;
        assert_eq!(end.unwrap_err().kind, FailureKind::Precondition);
    }
    // Who is blocked has no rights here.
    let (_, end) = ask(&host, 0, block(&["alice"]), vec![]).await;
    end.unwrap();
    let (_, end) = ask(&host, ALICE_UID, Request::UsersList {}, vec![]).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::Forbidden);
}

/// An operator can't close the host to those who look after it.
#[tokio::test(start_paused = true)]
async fn nobody_closes_the_account_of_somebody_above_them() {
    let host = Host::new();
    for (role, name) in [(Role::Operator, "alice"), (Role::Administrator, "dave")] {
        let (_, end) = ask(&host, 0, set(role, &[name], false), vec![]).await;
        end.unwrap();
    }
    for request in [
        block(&["carol"]),
        expire(&["carol"], Some("2027-01-31")),
        unblock(&["carol"]),
    ] {
        let (_, end) = ask(&host, ALICE_UID, request, vec![]).await;
        let failure = end.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Forbidden);
        assert!(failure.message.contains("above yours"), "{failure:?}");
    }
    assert_eq!(barred(&host, CAROL), None);
    let (_, end) = ask(&host, CAROL_UID, block(&["dave"]), vec![]).await;
    end.unwrap();
}
