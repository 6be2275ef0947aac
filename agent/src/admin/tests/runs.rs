//! Imports, their schedule and their history, by request.

use super::*;

fn import(users: &[&str], tenant: Option<&str>) -> Request {
    Request::Import {
        users: users.iter().map(|user| (*user).to_owned()).collect(),
        groups: vec![],
        accept_removals: false,
        tenant: tenant.map(str::to_owned),
        include: vec![],
        dry_run: false,
    }
}

fn sync(tenant: Option<&str>) -> Request {
    Request::Sync {
        tenant: tenant.map(str::to_owned),
        accept_removals: false,
        full: false,
        dry_run: false,
    }
}

#[tokio::test]
async fn an_import_that_the_tenant_refuses_is_a_failure_with_its_beginning_kept() {
    let host = Host::new();
    let (replies, end) = ask(&host, 0, import(&["alice"], None), vec![]).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::Tenant);
    assert!(matches!(&replies[..], [Reply::Progress(_)]));
    assert_eq!(audited_as(&host, "import", "begun"), 1);
    assert_eq!(audited_as(&host, "import", "failed"), 1);
    let (rows, _) = ask(&host, 0, history(None), vec![]).await;
    let Reply::Row(Row::Run(run)) = &rows[0] else {
        panic!("{rows:?}")
    };
    assert_eq!(run.failure.as_ref().unwrap().message, "the tenant refused");
    assert_eq!((run.begun_by.as_str(), rows.len()), ("root", 2));
    // The scope before it stands.
    let scope = host.store.scope(TENANT.parse().unwrap()).unwrap().unwrap();
    assert_eq!(scope.to_string(), "the whole tenant");
}

fn history(tenant: Option<&str>) -> Request {
    Request::HistoryList {
        tenant: tenant.map(str::to_owned),
        limit: None,
    }
}

fn domains(replies: Vec<Reply>) -> Vec<DomainRow> {
    replies
        .into_iter()
        .map(|reply| match reply {
            Reply::Row(Row::Domain(domain)) => *domain,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn sync_repeats_the_last_imports_scope_and_takes_one() {
    let host = Host::new();
    let admin = admin_of(&host, &[CONTOSO, FABRIKAM], false);
    // Both are by tenant: contoso was imported by the fixture, fabrikam never.
    let (_, end) = ask_of(&admin, 0, sync(Some("Fabrikam.example")), vec![]).await;
    let refused = end.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Precondition, "{refused:?}");
    let named = import(&["erin", "ernie"], Some(FABRIKAM.1));
    let (_, end) = ask_of(&admin, CAROL_UID, named, vec![]).await;
    assert!(matches!(end, Ok(Done::Import(_))), "{end:?}");
    let (_, end) = ask_of(&admin, CAROL_UID, sync(Some("fabrikam.example")), vec![]).await;
    let Ok(Done::Import(summary)) = end else {
        panic!("{end:?}")
    };
    assert_eq!(summary.scope, "users erin, ernie");
    assert_eq!(audited(&host, "sync", false), 1);

    let (_, end) = ask_of(&admin, 0, sync(None), vec![]).await;
    let refused = end.unwrap_err();
    assert_eq!(refused.kind, FailureKind::BadRequest);
    let listed = format!(
        "contoso.example ({TENANT}), fabrikam.example ({})",
        FABRIKAM.1
    );
    assert!(refused.message.contains(&listed), "{refused:?}");
    let (_, end) = ask_of(&admin, 0, sync(Some("nowhere.example")), vec![]).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::NotFound);

    let (rows, _) = ask_of(&admin, 0, history(Some("fabrikam.example")), vec![]).await;
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn a_dry_run_tells_its_changes_and_leaves_no_trace() {
    let host = Host::new();
    let admin = admin_of(&host, &[CONTOSO], false);
    let mut request = import(&["erin"], None);
    if let Request::Import { dry_run, .. } = &mut request {
        *dry_run = true;
    }
    let (rows, end) = ask_of(&admin, CAROL_UID, request, vec![]).await;
    assert!(matches!(end, Ok(Done::Import(summary)) if summary.dry_run));
    assert!(
        rows.contains(&Reply::Row(Row::Change(change()))),
        "{rows:?}"
    );
    assert_eq!(audited(&host, "import", false), 0);
    assert_eq!(host.store.runs(None, 10).unwrap().len(), 1, "the fixture's");
    let scope = host.store.scope(TENANT.parse().unwrap()).unwrap().unwrap();
    assert!(scope.whole);
}

#[tokio::test]
async fn an_unknown_kind_is_not_included_in_silence() {
    let host = Host::new();
    let admin = admin_of(&host, &[CONTOSO], false);
    let mut request = import(&[], None);
    if let Request::Import { include, .. } = &mut request {
        include.push("printers".to_owned());
    }
    let (_, end) = ask_of(&admin, 0, request, vec![]).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::BadRequest);
}

#[tokio::test]
async fn a_schedule_is_set_shown_and_audited() {
    let host = Host::new();
    let admin = admin_of(&host, &[CONTOSO, FABRIKAM], false);
    let change = |interval_minutes, paused| Request::ScheduleSet {
        tenant: Some("contoso.example".to_owned()),
        interval_minutes,
        paused,
    };
    for minutes in [0, 4, 10_081, u32::MAX] {
        let (_, end) = ask_of(&admin, 0, change(Some(minutes), None), vec![]).await;
        assert_eq!(end.unwrap_err().kind, FailureKind::BadRequest, "{minutes}");
    }
    let (_, end) = ask_of(&admin, 0, change(None, None), vec![]).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::BadRequest);

    let (rows, end) = ask_of(&admin, 0, change(Some(5), None), vec![]).await;
    assert!(matches!(end, Ok(Done::Rows { count: 1 })), "{end:?}");
    let set = domains(rows).remove(0);
    assert_eq!((set.interval_minutes, set.paused), (5, false));
    assert!(set.next_run.is_some(), "planned at once: {set:?}");
    let (rows, _) = ask_of(&admin, 0, change(None, Some(true)), vec![]).await;
    let paused = domains(rows).remove(0);
    assert_eq!((paused.interval_minutes, paused.paused), (5, true));
    assert_eq!(paused.next_run, None);
    assert_eq!(audited(&host, "schedule set", false), 2);

    let (rows, _) = ask_of(&admin, CAROL_UID, Request::ScheduleShow {}, vec![]).await;
    let shown = domains(rows);
    assert_eq!((shown[0].clone(), shown.len()), (paused, 2));
    // Never imported: nothing to come, nothing to say.
    let fabrikam = &shown[1];
    assert_eq!((fabrikam.interval_minutes, fabrikam.paused), (60, false));
    assert_eq!((&fabrikam.scope, &fabrikam.next_run), (&None, &None));
    assert_eq!(fabrikam.last_run, None);
}

#[tokio::test]
async fn a_run_is_shown_with_what_it_could_not_take() {
    let host = Host::new();
    let tenant = TENANT.parse().unwrap();
    let (_, end) = ask(&host, 0, Request::HistoryShow { id: 77 }, vec![]).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::NotFound);
    let run = host.store.begin_run(tenant, "carol", "x").unwrap();
    let (_, end) = ask(&host, 0, Request::HistoryShow { id: run }, vec![]).await;
    let Ok(Done::Run(shown)) = end else {
        panic!("{end:?}")
    };
    assert_eq!(
        (shown.ended_at, shown.failure, shown.summary),
        (None, None, None)
    );
    host.store.note_interrupted_runs().unwrap();
    let (_, end) = ask(&host, 0, Request::HistoryShow { id: run }, vec![]).await;
    let Ok(Done::Run(shown)) = end else {
        panic!("{end:?}")
    };
    assert!(shown.failure.unwrap().message.starts_with("interrupted"));
}
