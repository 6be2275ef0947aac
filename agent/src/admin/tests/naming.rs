//! What Tab gets: names by what they begin with, few at once, and silence for whoever may not read them.

use entra_protocol::admin::NameKind;

use super::*;

async fn names(host: &Host, uid: u32, of: NameKind, prefix: &str) -> Vec<String> {
    let prefix = prefix.to_owned();
    let (rows, end) = ask(host, uid, Request::Names { of, prefix }, vec![]).await;
    let names: Vec<String> = rows
        .into_iter()
        .map(|row| match row {
            Reply::Row(Row::Name(name)) => name,
            other => panic!("{other:?}"),
        })
        .collect();
    let count = u64::try_from(names.len()).unwrap();
    assert!(
        matches!(end, Ok(Done::Rows { count: told }) if told == count),
        "{end:?}"
    );
    names
}

#[tokio::test]
async fn names_are_found_by_what_they_begin_with() {
    let host = Host::new();
    let users = ["alice", "carol", "mallory"];
    for uid in [0, CAROL_UID] {
        let all = names(&host, uid, NameKind::Users, "").await;
        assert!(
            users.iter().all(|name| all.contains(&(*name).to_owned())),
            "{all:?}"
        );
        assert_eq!(names(&host, uid, NameKind::Users, "MAL").await, ["mallory"]);
        assert_eq!(names(&host, uid, NameKind::Objects, "al").await, ["alice"]);
        assert_eq!(
            names(&host, uid, NameKind::Domains, "c").await,
            ["contoso.example"]
        );
        for of in [
            NameKind::Domains,
            NameKind::Users,
            NameKind::Groups,
            NameKind::Retired,
        ] {
            assert_eq!(names(&host, uid, of, "zz").await, [""; 0], "{of:?}");
        }
    }
}

#[tokio::test]
async fn whoever_may_not_read_gets_their_own_name_at_most_and_no_refusal() {
    let host = Host::new();
    for of in [
        NameKind::Users,
        NameKind::Groups,
        NameKind::GroupLabels,
        NameKind::Objects,
        NameKind::Retired,
        NameKind::Domains,
        NameKind::Runs,
    ] {
        assert_eq!(names(&host, 1000, of, "").await, [""; 0], "{of:?}");
        let own: &[&str] = if of == NameKind::Users {
            &["alice"]
        } else {
            &[]
        };
        assert_eq!(names(&host, ALICE_UID, of, "").await, own, "{of:?}");
    }
    assert_eq!(names(&host, ALICE_UID, NameKind::Users, "m").await, [""; 0]);
    assert_eq!(audited(&host, "completion", true), 0);
}

#[tokio::test]
async fn no_answer_is_longer_than_its_limit() {
    let host = Host::new();
    let two = host
        .store
        .names_after_prefix(NameKind::Users, "", 2)
        .unwrap();
    assert_eq!(two.len(), 2);
    assert_eq!(two[0], "alice");
}

#[tokio::test]
async fn runs_and_display_names_are_found_too() {
    let host = Host::new();
    for number in 1..=12 {
        let (_, end) = ask_of(
            &admin_of(&host, &[CONTOSO], false),
            0,
            Request::Import {
                users: vec!["alice".to_owned()],
                groups: Vec::new(),
                accept_removals: false,
                tenant: None,
                include: Vec::new(),
                dry_run: false,
            },
            vec![],
        )
        .await;
        assert!(end.is_ok(), "{number}: {end:?}");
    }
    let runs = names(&host, 0, NameKind::Runs, "1").await;
    let latest: Vec<&str> = runs.iter().map(String::as_str).collect();
    assert!(
        latest.contains(&"1") && latest.contains(&"12"),
        "{latest:?}"
    );
    assert!(latest.iter().all(|run| run.starts_with('1')), "{latest:?}");
    assert!(
        latest.first() > latest.last(),
        "the latest first: {latest:?}"
    );
}

#[tokio::test]
async fn a_slip_in_a_name_is_answered_with_the_nearest() {
    let host = Host::new();
    let show = Request::IdsShow {
        object: Some("malory".to_owned()),
        displaced: false,
    };
    let (_, end) = ask(&host, 0, show, vec![]).await;
    assert_eq!(
        end.unwrap_err().hint.as_deref(),
        Some("did you mean mallory?")
    );
    // Mallory's name is not given up: there is nothing near to release.
    let release = Request::UsersRelease {
        name: "malory".to_owned(),
        dry_run: true,
    };
    let (_, end) = ask(&host, 0, release, vec![]).await;
    let hint = end.unwrap_err().hint.unwrap();
    assert!(hint.contains("entractl ids show"), "{hint}");
}
