//! Ids, released names and adopted accounts: what is refused, and that nothing is half done.

use super::*;

/// Mallory's map row, and one for somebody who is not here.
fn map(ids: [u32; 2]) -> Vec<entra_protocol::admin::IdMapRow> {
    [
        crate::auth::scripted::MALLORY,
        "b0000000-0000-4000-8000-000000000009",
    ]
    .into_iter()
    .zip(ids)
    .map(|(object, id)| entra_protocol::admin::IdMapRow {
        tenant_id: TENANT.to_owned(),
        object_id: object.to_owned(),
        id,
    })
    .collect()
}

fn import_ids(rows: Vec<entra_protocol::admin::IdMapRow>, flags: [bool; 3]) -> Request {
    let [dry_run, skip_conflicts, more] = flags;
    Request::IdsImport {
        rows,
        dry_run,
        skip_conflicts,
        more,
    }
}

#[tokio::test]
async fn a_map_with_a_conflict_changes_nothing_unless_the_rest_is_wanted() {
    let host = Host::new();
    let mut rows = map([100_500, 100_600]);
    let second = rows.split_off(1);
    let frames = vec![import_ids(second.clone(), [false; 3])];
    let (told, end) = ask(&host, 0, import_ids(rows, [false, false, true]), frames).await;
    let Ok(Done::IdsImport(end)) = end else {
        panic!("{end:?}")
    };
    assert_eq!((end.conflicts, end.pinned, end.written), (1, 1, false));
    let Reply::Row(Row::IdDifference(conflict)) = &told[0] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (conflict.name.as_str(), conflict.map, conflict.here),
        ("mallory", Some(100_500), Some(ALICE_UID + 1))
    );
    let pinned = || host.store.id_rows_of("100600").unwrap();
    assert_eq!(pinned(), []);

    for (flags, written) in [([true, true, false], false), ([false, true, false], true)] {
        let (_, end) = ask(&host, 0, import_ids(map([100_500, 100_600]), flags), vec![]).await;
        assert!(
            matches!(end, Ok(Done::IdsImport(end)) if end.written == written),
            "{end:?}"
        );
        assert_eq!(pinned().len(), usize::from(written));
    }
    assert_eq!(pinned()[0].attempt, None);
    assert_eq!(audited(&host, "ids import", false), 1);
    let known = host.store.known().unwrap().ids;
    assert_eq!(
        known[&crate::auth::scripted::key_of(crate::auth::scripted::MALLORY)],
        ALICE_UID + 1
    );

    for rows in [vec![], map([5, 5])] {
        let (_, end) = ask(&host, 0, import_ids(rows, [false; 3]), vec![]).await;
        assert_eq!(end.unwrap_err().kind, FailureKind::BadRequest);
    }
    let mixed = vec![import_ids(second, [true, false, false])];
    let (_, end) = ask(
        &host,
        0,
        import_ids(map([5, 6]), [false, false, true]),
        mixed,
    )
    .await;
    assert_eq!(end.unwrap_err().kind, FailureKind::BadRequest);
}

#[tokio::test]
async fn ids_are_listed_whole_and_found_by_name() {
    let host = Host::new();
    let show = |object: Option<&str>| Request::IdsShow {
        object: object.map(str::to_owned),
        displaced: false,
    };
    let (rows, end) = ask(&host, CAROL_UID, show(None), vec![]).await;
    assert!(matches!(end, Ok(Done::Rows { count: 4 })), "{end:?}");
    assert_eq!(rows.len(), 4);
    let (rows, _) = ask(&host, CAROL_UID, show(Some("Alice")), vec![]).await;
    assert!(
        matches!(&rows[..], [Reply::Row(Row::Id(row))] if row.id == ALICE_UID),
        "{rows:?}"
    );
    let (_, end) = ask(&host, CAROL_UID, show(Some("nobody")), vec![]).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::NotFound);
}

#[tokio::test]
async fn a_name_that_somebody_has_is_not_released() {
    let host = Host::new();
    for (name, kind) in [
        ("alice", FailureKind::Precondition),
        ("nobody", FailureKind::NotFound),
    ] {
        let request = Request::UsersRelease {
            name: name.to_owned(),
            dry_run: false,
        };
        let (_, end) = ask(&host, 0, request, vec![]).await;
        assert_eq!(end.unwrap_err().kind, kind, "{name}");
    }
}

#[tokio::test]
async fn accounts_that_nobody_may_have_are_not_adopted() {
    use entra_protocol::admin::{AdoptStep, LocalAccount};
    let host = Host::new();
    let lars = LocalAccount {
        name: "lars".to_owned(),
        uid: 1000,
        gid: 1000,
        home: "/home/lars".to_owned(),
        shell: "/bin/bash".to_owned(),
    };
    let adopt = |account: LocalAccount| Request::UsersAdopt {
        account,
        object: None,
        step: AdoptStep::Pin,
    };
    let change = |change: fn(&mut LocalAccount)| {
        let mut account = lars.clone();
        change(&mut account);
        account
    };
    for (account, part) in [
        (change(|account| account.uid = 0), "its uid 0"),
        (change(|account| account.gid = 100), "its gid 100"),
        (change(|account| account.uid = 65_534), "its uid 65534"),
        (
            change(|account| account.uid = 0x7FFD_FFF1),
            "is a role group's",
        ),
        (
            change(|account| account.name = "ubuntu".to_owned()),
            "is reserved",
        ),
        (
            change(|account| account.name = "L:x".to_owned()),
            "can't be adopted",
        ),
        (
            change(|account| account.home = "home".to_owned()),
            "its home",
        ),
    ] {
        let (_, end) = ask(&host, 0, adopt(account), vec![]).await;
        let failure = end.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Precondition);
        assert!(failure.message.contains(part), "{failure:?}");
    }
    let (_, end) = ask(&host, 0, adopt(lars.clone()), vec![]).await;
    let failure = end.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert!(failure.message.contains("would be \"lars\""), "{failure:?}");
    // An administrator of Entra's is not root of this host.
    let (_, end) = ask(&host, CAROL_UID, adopt(lars), vec![]).await;
    let failure = end.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Forbidden);
    assert_eq!(failure.message, "`users adopt` takes root; carol is not");
}
