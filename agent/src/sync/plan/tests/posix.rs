//! POSIX attributes that the tenant carries.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

fn posix_rules() -> Rules {
    let property = |name: &str| format!("extension_1_{name}");
    let id = |name| Some(crate::config::IdSource::Property(property(name)));
    let sources = crate::config::PosixSources {
        uid_number: id("uidNumber"),
        group_gid_number: id("gidNumber"),
        gid_number: Some(property("gidNumber")),
        login_shell: Some(property("loginShell")),
        unix_home_directory: Some(property("unixHomeDirectory")),
    };
    Rules {
        posix: Some(crate::sync::posix::Attributes::new(sources)),
        shells: ["/bin/zsh".to_owned()].into(),
        ..rules()
    }
}

fn posix_user(number: u8, name: &str, attributes: &[(&str, Value)]) -> Value {
    let mut element = user_element(&user(number, name));
    for (attribute, value) in attributes {
        element[format!("extension_1_{attribute}")] = value.clone();
    }
    element
}

#[test]
fn posix_attributes_of_the_tenant_win_when_they_are_valid_and_unique() {
    let (_folder, store) = empty();
    let mut staff = group_element(&group(11, "Crew"));
    staff["extension_1_gidNumber"] = json!("5100");
    let (decision, failures) = run_pages(
        &store,
        &posix_rules(),
        vec![
            posix_user(
                1,
                "alice",
                &[
                    ("uidNumber", json!(5001)),
                    ("gidNumber", json!("5100")),
                    ("loginShell", json!("/bin/zsh")),
                    ("unixHomeDirectory", json!("/home/a/alice")),
                ],
            ),
            posix_user(2, "bob", &[("loginShell", json!("/bin/false"))]),
            // Each of these must not be what it asks to be.
            posix_user(3, "carol", &[("uidNumber", json!(5001))]),
            posix_user(4, "dan", &[("uidNumber", json!(999))]),
            posix_user(5, "eve", &[("uidNumber", json!("x"))]),
            posix_user(6, "fay", &[("uidNumber", json!(4000))]),
            posix_user(10, "local", &[("uidNumber", json!(4000))]),
            posix_user(7, "gus", &[("gidNumber", json!(7777))]),
            posix_user(8, "hal", &[("unixHomeDirectory", json!("/etc"))]),
            posix_user(9, "ida", &[("unixHomeDirectory", json!("/home/a/../b"))]),
        ],
        vec![staff],
    );
    assert_eq!(decision.users, counts(2, 0, 0, 0, 8));
    let alice = store.person_by_login("alice").unwrap().unwrap();
    assert_eq!((alice.uid, alice.home.as_str()), (5001, "/home/a/alice"));
    assert_eq!(alice.gid, 5100);
    assert_eq!(store.groups().unwrap()[0].gid, 5100);
    let reasons: BTreeMap<_, _> = failures
        .iter()
        .map(|row| (row.label.split('@').next().unwrap(), row.reason.as_str()))
        .collect();
    for (name, part) in [
        ("carol", "5001, which is another object's"),
        ("dan", "the id 999"),
        ("eve", "extension_1_uidNumber: \"x\" is no number"),
        ("fay", "the id 4000, which is in /etc/passwd"),
        ("local", "the name \"local\" is in /etc/passwd"),
        (
            "gus",
            "no group of this import or of this host has the gid 7777",
        ),
        ("hal", "outside of [homes] roots"),
        ("ida", "unixHomeDirectory"),
    ] {
        assert!(reasons[name].contains(part), "{name}: {reasons:?}");
    }
    assert!(decision.remarks[0].contains("bob@Contoso.example (/bin/false)"));
    // An id that failed over a clash is still to be had under the right number.
    let (decision, _) = run_pages(
        &store,
        &posix_rules(),
        vec![
            posix_user(1, "alice", &[("uidNumber", json!(6001))]),
            posix_user(2, "bob", &[]),
            posix_user(3, "carol", &[("uidNumber", json!(5003))]),
        ],
        vec![],
    );
    assert_eq!(decision.users.added, 1);
    assert_eq!(store.person_by_login("carol").unwrap().unwrap().uid, 5003);
    let alice = store.person_by_login("alice").unwrap().unwrap();
    assert_eq!(
        (alice.uid, alice.home.as_str()),
        (5001, "/home/a/alice"),
        "never moves"
    );
}
