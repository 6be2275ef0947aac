//! `ids show|export|import` and `users release|adopt`: what is asked, which stream says what, exit codes.

use entra_protocol::admin::{
    Done, IdChange, IdDifference, IdMapRow, IdRow, IdsImported, ReleasedName, Reply, Request, Row,
};
use serde_json::json;

use crate::scripted::{Place, expect, run};

pub(crate) const TENANT: &str = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001";
pub(crate) const ALICE: &str = "11111111-0000-4000-8000-000000000001";
const BOB: &str = "11111111-0000-4000-8000-000000000002";

pub(crate) fn allocation(object: &str, id: u32, name: &str, attempt: Option<u32>) -> IdRow {
    IdRow {
        id,
        kind: "user".into(),
        name: name.into(),
        tenant_id: TENANT.into(),
        object_id: object.into(),
        attempt,
        since: "2026-03-02T08:15:00Z".into(),
        here: true,
        used: true,
    }
}

pub(crate) fn rows() -> Vec<Reply> {
    vec![
        Reply::Row(Row::Id(allocation(BOB, 1002, "bob", None))),
        Reply::Row(Row::Id(allocation(ALICE, 100_001, "alice", Some(0)))),
        Reply::Done(Box::new(Done::Rows { count: 2 })),
    ]
}

pub(crate) const MAP: &str = "# entra-login id map, version 1\n# tenant object id kind name\n\
    7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001 11111111-0000-4000-8000-000000000001 100001 user alice\n\
    7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001 11111111-0000-4000-8000-000000000002 1002 user bob\n";

pub(crate) fn import(dry_run: bool, skip_conflicts: bool) -> Request {
    let row = |object: &str, id| IdMapRow {
        tenant_id: TENANT.into(),
        object_id: object.into(),
        id,
    };
    Request::IdsImport {
        rows: vec![row(ALICE, 100_001), row(BOB, 1002)],
        dry_run,
        skip_conflicts,
        more: false,
    }
}

pub(crate) fn compared(written: bool) -> Vec<Reply> {
    vec![
        Reply::Row(Row::IdDifference(IdDifference {
            change: IdChange::Conflict,
            tenant_id: TENANT.into(),
            object_id: BOB.into(),
            name: "bob".into(),
            map: Some(1002),
            here: Some(1003),
            reason: "used".into(),
        })),
        Reply::Done(Box::new(Done::IdsImport(IdsImported {
            same: 1,
            conflicts: 1,
            written,
            ..IdsImported::default()
        }))),
    ]
}

#[test]
fn a_list_is_a_table_and_an_export_is_a_map() {
    let all = || Request::IdsShow {
        object: None,
        displaced: false,
    };
    let export = run(&["ids", "export"], vec![all()], rows());
    assert_eq!((export.code, export.stdout.as_str()), (Some(0), MAP));
    let table = run(&["ids", "show"], vec![all()], rows());
    assert_eq!(
        table.stdout.lines().next().unwrap(),
        "    ID  KIND  NAME   CANDIDATE  SINCE                 STATE  OBJECT ID                             TENANT"
    );
    assert!(table.stdout.contains("bob    pinned"), "{table:?}");
    let document = run(&["ids", "export", "--json"], vec![all()], rows());
    assert_eq!(document.json()["ids"][0]["attempt"], json!(null));
    let displaced = Request::IdsShow {
        object: Some("bob".into()),
        displaced: true,
    };
    let one = run(
        &["ids", "show", "bob", "--displaced"],
        vec![displaced],
        rows(),
    );
    assert_eq!(one.code, Some(0), "{one:?}");
}

#[test]
fn a_conflict_is_told_and_ends_with_one() {
    let place = Place::new();
    let file = place.socket().with_file_name("map");
    std::fs::write(&file, MAP).unwrap();
    let file = file.to_str().unwrap();
    for (flags, written, code) in [
        (&[][..], false, 1),
        (&["--dry-run"][..], false, 0),
        (&["--skip-conflicts"][..], true, 0),
    ] {
        let request = import(flags == ["--dry-run"], flags == ["--skip-conflicts"]);
        let place = Place::new();
        let outcome = place.with_agent(
            move |stream| {
                expect(stream, &[request]);
                for reply in compared(written) {
                    entra_protocol::write(stream, &reply).unwrap();
                }
            },
            || place.run(&[&["ids", "import", file], flags].concat()),
        );
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        assert!(
            outcome.stdout.contains("conflict  bob   1003  1002"),
            "{outcome:?}"
        );
        assert_eq!(
            outcome.stderr.contains("\nerror: the map is in conflict"),
            code == 1,
            "{outcome:?}"
        );
    }
    let outcome = run(
        &["ids", "import", file, "--json"],
        vec![import(false, false)],
        compared(false),
    );
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stderr, "");
    assert_eq!(outcome.json()["differences"][0]["change"], "conflict");
}

#[test]
fn a_map_that_is_none_asks_nothing() {
    let place = Place::new();
    let file = place.socket().with_file_name("map");
    std::fs::write(&file, format!("{MAP}{TENANT} {ALICE} 5\n")).unwrap();
    let file = file.to_str().unwrap();
    let twice = place.run(&["ids", "import", file]);
    assert_eq!(twice.code, Some(1));
    assert!(twice.stderr.contains("line 5: the object"), "{twice:?}");
    let missing = place.run(&["--json", "ids", "import", "/nowhere/map"]);
    assert_eq!(missing.code, Some(1));
    assert_eq!(missing.json()["error"]["kind"], "host");
}

#[test]
fn a_release_is_looked_at_before_it_is_made() {
    let request = |dry_run| Request::UsersRelease {
        name: "nobody-at-all".into(),
        dry_run,
    };
    let released = |released| {
        Reply::Done(Box::new(Done::Released(ReleasedName {
            name: "nobody-at-all".into(),
            kind: "user".into(),
            tenant_id: TENANT.into(),
            object_id: ALICE.into(),
            id: None,
            home: Some("/nowhere/nobody-at-all".into()),
            renamed_to: None,
            released,
        })))
    };
    let dry = run(
        &["users", "release", "nobody-at-all", "--dry-run", "--json"],
        vec![request(true)],
        vec![released(false)],
    );
    assert_eq!(dry.json()["released"]["released"], false, "{dry:?}");

    let place = Place::new();
    let socket = std::os::unix::net::UnixListener::bind(place.socket()).unwrap();
    let agent = std::thread::spawn(move || {
        for dry_run in [true, false] {
            let (mut stream, _) = socket.accept().unwrap();
            expect(&mut stream, &[request(dry_run)]);
            entra_protocol::write(&mut stream, &released(!dry_run)).unwrap();
        }
    });
    let outcome = place.run(&["users", "release", "nobody-at-all"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    agent.join().unwrap();
    assert!(
        outcome
            .stderr
            .ends_with("nobody-at-all is free; the next import gives it to whoever asks for it.\n"),
        "{outcome:?}"
    );
}

#[test]
fn an_account_that_is_not_there_is_not_adopted() {
    // Nobody listens: whatever this asked would end in another sentence.
    let place = Place::new();
    for flags in [&[][..], &["--undo"][..]] {
        let outcome = place.run(&[&["users", "adopt", "nobody-at-all"], flags].concat());
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(!outcome.stderr.contains("agent"), "{outcome:?}");
    }
    let both = place.run(&["users", "adopt", "alice", "--undo", "--object", "x"]);
    assert_eq!(both.code, Some(2), "{both:?}");
}
