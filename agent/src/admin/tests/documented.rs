//! The table of verbs in docs/protocol.md is the dispatch table's: who may call what. `tests/behaviours/rights.rs`
//! holds it against real processes.

use std::collections::BTreeSet;

use super::auditing::{another_request, request};
use super::*;

const PAGE: &str = include_str!("../../../../docs/protocol.md");

/// Each verb of the page and the words about who may call it.
fn documented() -> Vec<(String, String)> {
    let table = PAGE.split("| verb | who | `done` |").nth(1).unwrap();
    let rows = table.lines().skip(1).take_while(|line| !line.is_empty());
    let mut verbs = Vec::new();
    for row in rows.filter(|row| !row.starts_with("|---")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        // What stands in brackets are the verb's own steps.
        let mut names = cells[0].to_owned();
        while let (Some(begin), Some(end)) = (names.find('('), names.find(')')) {
            names.replace_range(begin..=end, "");
        }
        for name in names.split('`').skip(1).step_by(2) {
            verbs.push((name.to_owned(), cells[1].trim().to_owned()));
        }
    }
    verbs
}

/// What stands in `VERBS`, in the page's words.
fn words(may: May) -> String {
    match may {
        May::Anyone => "everybody".to_owned(),
        May::Role(role) => role.word().to_owned(),
        May::OwnOr(role) => format!("{}; everybody of themselves", role.word()),
        May::Root => "root".to_owned(),
    }
}

/// The request's name in a frame.
fn name(request: &Request) -> String {
    let frame = serde_json::to_value(request).unwrap();
    frame.as_object().unwrap().keys().next().unwrap().clone()
}

/// Every request that there is, by what the reader says to one that there isn't.
fn all_requests() -> BTreeSet<String> {
    let unknown = serde_json::from_str::<Request>("{\"there is no such\": {}}").unwrap_err();
    let listed = unknown.to_string();
    let listed = listed.split("expected one of ").nth(1).unwrap();
    listed
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_request_has_a_row_in_the_dispatch_table_and_the_same_one_in_the_documentation() {
    let documented = documented();
    let mut of_the_table = BTreeSet::new();
    let (further, another) = another_request();
    let first = VERBS.iter().map(|row| (row, request(row.verb)));
    let second = VERBS.iter().filter(|row| row.verb == further);
    for (row, request) in first.chain(second.map(|row| (row, another.clone()))) {
        let name = name(&request);
        let (_, who) = documented
            .iter()
            .find(|(verb, _)| *verb == name)
            .unwrap_or_else(|| {
                panic!("docs/protocol.md has no row for `{name}` in its table of verbs")
            });
        let expected = words(row.may);
        // Beyond the words for the least role the page may say more.
        let rest = who.strip_prefix(&expected);
        assert!(
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([',', ';', ':'])),
            "docs/protocol.md says {who:?} of `{name}`, the dispatch table {expected:?}"
        );
        assert_eq!(
            who.contains("everybody of themselves"),
            matches!(row.may, May::OwnOr(_)),
            "{name}"
        );
        of_the_table.insert(name);
    }
    assert_eq!(of_the_table, all_requests(), "requests without a row");
    let of_the_page: BTreeSet<String> = documented.into_iter().map(|(verb, _)| verb).collect();
    assert_eq!(of_the_page, all_requests(), "docs/protocol.md");
}
