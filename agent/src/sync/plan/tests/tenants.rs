//! What the scope includes, and a second tenant.

use super::*;
use crate::clock::Clock;
use crate::store::fixture::{StoppedClock, TENANT};
use crate::store::{RoundKind, StagedPage};

#[test]
fn what_the_scope_includes_is_imported() {
    let guest = UserObject {
        user_type: Some("Guest".to_owned()),
        upn: "gast_gmail.com#EXT#@contoso.example".to_owned(),
        ..user(5, "gast")
    };
    let list = GroupObject {
        security: false,
        mail: true,
        ..group(12, "Mailers")
    };
    let team = GroupObject {
        unified: true,
        ..group(13, "Team")
    };
    let tenant = || {
        round(
            vec![user(1, "alice"), guest.clone()],
            vec![list.clone(), team.clone()],
            vec![],
        )
    };
    let (_folder, store) = empty();
    let (decision, _) = run(&store, tenant());
    assert_eq!((decision.users.added, decision.groups.added), (1, 0));
    assert_eq!(decision.remarks.len(), 3, "{:?}", decision.remarks);
    INCLUDE.set(Include {
        guests: true,
        microsoft_365_groups: true,
        distribution_groups: true,
    });
    let (decision, _) = run(&store, tenant());
    assert_eq!((decision.users.added, decision.groups.added), (1, 2));
    assert!(decision.remarks.is_empty());
    assert!(store.person_by_login("gast_gmail.com").unwrap().is_some());
}

#[test]
fn a_second_tenants_people_have_long_names_and_outlive_the_firsts_imports() {
    let (_folder, store) = empty();
    let other = Rules {
        tenant: OTHER,
        group_domain: Some("fabrikam.example".to_owned()),
        names: crate::config::Names {
            attribute: crate::config::NameAttribute::WholeUserPrincipalName,
            ..Default::default()
        },
        ..rules()
    };
    run(
        &store,
        round(vec![user(1, "alice")], vec![group(11, "Sales")], vec![]),
    );
    let mut second = user(2, "alice");
    second.upn = "alice@Fabrikam.example".to_owned();
    let (decision, failures) = run_pages(
        &store,
        &other,
        vec![user_element(&second)],
        vec![group_element(&group(12, "Sales"))],
    );
    assert!(failures.is_empty(), "{failures:?}");
    assert_eq!((decision.users.added, decision.users.removed), (1, 0));
    let names: Vec<_> = store
        .people()
        .unwrap()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(names, ["alice", "alice@fabrikam.example"]);
    let names: Vec<_> = store
        .groups()
        .unwrap()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(names, ["sales", "sales@fabrikam.example"]);

    // Each tenant's run is about its own; one that is no longer configured goes with the next run.
    let (decision, _) = run(&store, round(vec![user(1, "alice")], vec![], vec![]));
    assert_eq!((decision.users.unchanged, decision.groups.removed), (1, 1));
    assert_eq!(store.people().unwrap().len(), 2);
    let rules = rules();
    let round = store.begin_round(TENANT, RoundKind::Full, "test").unwrap();
    let elements = [user_element(&user(1, "alice"))];
    store
        .stage(&StagedPage {
            round: round.id,
            stream: "users",
            label: "users",
            kind: MemberKind::User,
            select: &rules.user_select(),
            elements: &elements,
            next_link: None,
            delta_link: None,
        })
        .unwrap();
    let alone = Inputs {
        rules: &rules,
        configured: &[TENANT],
        local: &LocalAccounts::default(),
        round: round.id,
        reading: &Reading::default(),
        include: Include::default(),
        removals: Removals::Guarded,
        dry_run: false,
        now: StoppedClock.now(),
    };
    let decision = decide(&store, &alone).unwrap();
    assert_eq!((decision.users.removed, decision.groups.removed), (1, 1));
    assert_eq!(store.people().unwrap().len(), 1);
}
