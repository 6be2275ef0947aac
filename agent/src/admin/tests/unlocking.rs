//! Who is unlocked, what is said of it, and that nobody is by halves.

use std::time::Duration;

use entra_protocol::admin::Unlocked;

use super::*;
use crate::auth::scripted::{ALICE, CAROL, key_of};
use crate::store::{ThrottleLeft, ThrottleSubject};

/// Alice and an address, with failed tries that came before this agent was started.
fn host() -> Host {
    let host = Host::new();
    host.store.keep_throttle(failures).unwrap();
    host
}

fn failures() -> Vec<(ThrottleSubject, Option<ThrottleLeft>)> {
    let left = |minutes: u64, refused| ThrottleLeft {
        owed: Duration::from_secs(minutes * 60),
        refused: Duration::from_secs(refused),
    };
    vec![
        (ThrottleSubject::Person(key_of(ALICE)), Some(left(100, 60))),
        (
            ThrottleSubject::RemoteHost("2001:db8::/64".to_owned()),
            Some(left(9, 0)),
        ),
    ]
}

fn unlock(users: &[&str], remote_hosts: &[&str], more: bool) -> Request {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Request::UsersUnlock {
        users: texts(users),
        remote_hosts: texts(remote_hosts),
        more,
    }
}

fn unlocked(rows: Vec<Reply>) -> Vec<Unlocked> {
    rows.into_iter()
        .map(|row| match row {
            Reply::Row(Row::Unlocked(one)) => one,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Failed tries and the end of the wait, as `users show` has them.
async fn shown(host: &Host, user: &str) -> (u32, Option<String>) {
    let user = user.to_owned();
    let (_, end) = ask(host, 0, Request::UsersShow { user }, vec![]).await;
    let Ok(Done::User(detail)) = end else {
        panic!("{end:?}")
    };
    (detail.failed_tries, detail.passwords_refused_until)
}

#[tokio::test(start_paused = true)]
async fn people_and_remote_hosts_are_unlocked_over_several_frames_and_it_is_kept() {
    let host = host();
    let minute_later = Some("2026-01-04T19:45:18Z".to_owned());
    assert_eq!(shown(&host, "alice").await, (5, minute_later.clone()));
    assert_eq!(shown(&host, "carol").await, (0, None));

    // Twice the same person, and an address of the network.
    let frames = vec![unlock(&["ALICE@contoso.example"], &["2001:db8::7"], false)];
    let first = unlock(&["alice", "carol"], &[], true);
    let (rows, end) = ask(&host, CAROL_UID, first, frames).await;
    assert!(matches!(end, Ok(Done::Rows { count: 3 })), "{end:?}");
    let row = |kind: &str, name: &str, failed_tries, until| Unlocked {
        kind: kind.to_owned(),
        name: name.to_owned(),
        failed_tries,
        passwords_refused_until: until,
    };
    assert_eq!(
        unlocked(rows),
        [
            row("user", "alice", 5, minute_later),
            row("user", "carol", 0, None),
            row("remote-host", "2001:db8::/64", 3, None),
        ]
    );
    assert_eq!(shown(&host, "alice").await, (0, None));
    assert_eq!(host.store.throttle().unwrap(), []);
    // Nothing happened to Carol.
    assert_eq!(audited(&host, "users unlock", false), 2);
}

#[tokio::test(start_paused = true)]
async fn one_wrong_name_unlocks_nobody() {
    let host = host();
    for (request, kind) in [
        (
            unlock(&["alice", "alise"], &[], false),
            FailureKind::NotFound,
        ),
        (unlock(&["alice"], &[" "], false), FailureKind::BadRequest),
        (unlock(&[], &[], false), FailureKind::BadRequest),
        (unlock(&["alice"], &[], true), FailureKind::BadRequest),
    ] {
        let (_, end) = ask(&host, 0, request, vec![]).await;
        assert_eq!(end.unwrap_err().kind, kind);
    }
    let (_, end) = ask(&host, ALICE_UID, unlock(&["alice"], &[], false), vec![]).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::Forbidden);
    assert_eq!(host.store.throttle().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn status_counts_those_who_have_to_wait() {
    let host = host();
    let carol = ThrottleSubject::Person(key_of(CAROL));
    let once = ThrottleLeft {
        owed: Duration::from_secs(1200),
        refused: Duration::ZERO,
    };
    host.store
        .keep_throttle(|| vec![(carol, Some(once))])
        .unwrap();
    for (uid, users) in [(0, 1), (CAROL_UID, 1), (ALICE_UID, 0), (1000, 0)] {
        let (_, end) = ask(&host, uid, Request::Status {}, vec![]).await;
        let Ok(Done::Status(status)) = end else {
            panic!("{end:?}")
        };
        let counts = (status.throttled_users, status.throttled_remote_hosts);
        assert_eq!(counts, (users, 0), "{uid}");
    }
}
