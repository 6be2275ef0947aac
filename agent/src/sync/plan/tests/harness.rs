//! A tenant as a test writes it down, and a run of it.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::*;
use crate::clock::{Clock, rfc3339};
use crate::graph::{GroupObject, UserObject};
use crate::names::LocalAccounts;
use crate::publish::tests::configuration;
use crate::store::fixture::{StoppedClock, TENANT, object};
use crate::store::fixture_import::Edge;
use crate::store::{RoundKind, StagedPage, Store};

/// What the tenant has.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Tenant {
    pub(in super::super) users: Vec<UserObject>,
    pub(in super::super) groups: Vec<GroupObject>,
    pub(in super::super) edges: Vec<Edge>,
    /// Objects that can't be read.
    pub(in super::super) faults: Vec<(u8, MemberKind)>,
}

/// A second tenant.
pub(super) const OTHER: TenantId = TenantId::from_bytes([0xEE; 16]);

thread_local! {
    /// What the scope includes; each test has a thread of its own.
    pub(super) static INCLUDE: Cell<Include> = const { Cell::new(Include {
        guests: false,
        microsoft_365_groups: false,
        distribution_groups: false,
    }) };
}

pub(in super::super) fn rules() -> Rules {
    let config = configuration();
    Rules::new(&config, config.first_tenant()).unwrap()
}

pub(in super::super) fn group(number: u8, display_name: &str) -> GroupObject {
    GroupObject {
        id: object(number),
        display_name: display_name.to_owned(),
        security: true,
        mail: false,
        unified: false,
        hidden: false,
        created_at: None,
    }
}

pub(in super::super) fn edge(parent: u8, member: u8, kind: MemberKind) -> Edge {
    Edge {
        parent: object(parent),
        member: object(member),
        kind,
    }
}

pub(in super::super) fn round(
    users: Vec<UserObject>,
    groups: Vec<GroupObject>,
    edges: Vec<Edge>,
) -> Tenant {
    Tenant {
        users,
        groups,
        edges,
        ..Tenant::default()
    }
}

pub(in super::super) fn user_element(user: &UserObject) -> Value {
    json!({"id": user.id, "userPrincipalName": user.upn, "displayName": user.display_name,
           "accountEnabled": user.enabled, "userType": user.user_type,
           "createdDateTime": user.created_at.map(rfc3339)})
}

pub(in super::super) fn group_element(group: &GroupObject) -> Value {
    let types = if group.unified {
        vec!["Unified"]
    } else {
        vec![]
    };
    let visibility = group.hidden.then_some("HiddenMembership");
    json!({"id": group.id, "displayName": group.display_name, "securityEnabled": group.security,
           "mailEnabled": group.mail, "groupTypes": types, "visibility": visibility})
}

/// The tenant as Graph would tell it: a page of users, a page of groups, slices of their members.
pub(in super::super) fn pages(tenant: &Tenant) -> Vec<(MemberKind, Vec<Value>)> {
    let users = tenant.users.iter().map(user_element).collect();
    let groups = tenant.groups.iter().map(group_element).collect();
    let mut slices: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for edge in &tenant.edges {
        slices.entry(edge.parent).or_default().push(json!({
            "@odata.type": format!("#microsoft.graph.{}", edge.kind.word()), "id": edge.member}));
    }
    let slices = slices
        .into_iter()
        .map(|(parent, members)| json!({"id": parent, "members@delta": members}));
    let mut pages = vec![
        (MemberKind::User, users),
        (MemberKind::Group, groups),
        (MemberKind::Group, slices.collect()),
    ];
    for (number, kind) in &tenant.faults {
        // Neither says whether it counts.
        let element = json!({"id": object(*number), "userPrincipalName": "label",
                             "displayName": "label"});
        pages.push((*kind, vec![element]));
    }
    pages
}

/// Decides on the round and makes it true.
pub(in super::super) fn run(store: &Store, tenant: Tenant) -> (Decision, Vec<FailedObject>) {
    run_with(
        store,
        tenant,
        Reading {
            whole: true,
            ..Reading::default()
        },
        b"",
    )
    .unwrap()
}

pub(in super::super) fn run_with(
    store: &Store,
    tenant: Tenant,
    reading: Reading,
    passwd: &[u8],
) -> Result<(Decision, Vec<FailedObject>), SyncError> {
    run_guarded(store, tenant, reading, passwd, Removals::Guarded)
}

pub(in super::super) fn run_guarded(
    store: &Store,
    tenant: Tenant,
    reading: Reading,
    passwd: &[u8],
    removals: Removals,
) -> Result<(Decision, Vec<FailedObject>), SyncError> {
    run_by(store, &rules(), pages(&tenant), reading, passwd, removals)
}

/// A run of the tenant that `rules` are about, of these pages.
pub(in super::super) fn run_by(
    store: &Store,
    rules: &Rules,
    pages: Vec<(MemberKind, Vec<Value>)>,
    reading: Reading,
    passwd: &[u8],
    removals: Removals,
) -> Result<(Decision, Vec<FailedObject>), SyncError> {
    let round = store
        .begin_round(rules.tenant, RoundKind::Full, "test")
        .unwrap();
    for (number, (kind, elements)) in pages.into_iter().enumerate() {
        store
            .stage(&StagedPage {
                round: round.id,
                stream: "all",
                label: &format!("page {number}"),
                kind,
                select: &match kind {
                    MemberKind::User => rules.user_select(),
                    MemberKind::Group => rules.group_select(),
                },
                elements: &elements,
                next_link: None,
                delta_link: Some("delta"),
            })
            .unwrap();
    }
    let decision = decide(
        store,
        &Inputs {
            rules,
            configured: &[TENANT, OTHER],
            local: &LocalAccounts::parse(passwd, b""),
            round: round.id,
            reading: &reading,
            include: INCLUDE.with(Cell::get),
            removals,
            dry_run: false,
            now: StoppedClock.now(),
        },
    )?;
    store.adopt_round(rules.tenant, &round).unwrap();
    Ok((decision, store.failures().unwrap()))
}

pub(in super::super) fn counts(
    added: u64,
    changed: u64,
    removed: u64,
    unchanged: u64,
    failed: u64,
) -> Counts {
    Counts {
        added,
        changed,
        removed,
        unchanged,
        failed,
    }
}

pub(in super::super) fn run_pages(
    store: &Store,
    rules: &Rules,
    users: Vec<Value>,
    groups: Vec<Value>,
) -> (Decision, Vec<FailedObject>) {
    let pages = vec![(MemberKind::User, users), (MemberKind::Group, groups)];
    let whole = Reading {
        whole: true,
        ..Reading::default()
    };
    run_by(
        store,
        rules,
        pages,
        whole,
        b"local:x:4000:4001::/:/x\n",
        Removals::Guarded,
    )
    .unwrap()
}
