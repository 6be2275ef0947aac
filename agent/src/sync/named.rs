//! Reads a round of named users and groups into the mirror.
//!
//! First every name becomes an object: a name that several objects have refuses the run with all of them,
//! a name that nothing has is a failed row. Then the groups come with their direct members by filtered
//! deltas, level by level until no new group appears, and their people by `transitiveMembers`
//! (design.md §6). Who is in a group's members but not among those people is no live user.
//!
//! A scope that has brought more than [`LARGE_SCOPE_USERS`] people is cheaper to follow by the deltas of the
//! whole tenant (`read`), of which only what is named and what is below it counts here (`plan`).

use std::collections::BTreeSet;

use entra_protocol::admin::FailedObject;
use serde_json::Value;

use super::read::{Counter, stage};
use super::{Rules, SyncError, Tell, blocking};
use crate::config::NameAttribute;
use crate::graph::{MemberKind, Page, Pager, RawElement, RawObject, Session, raw_element};
use crate::identity::{ObjectId, ObjectKey};
use crate::store::{Found, RoundId, Store};

/// What the names of a scope turned out to be.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// The users, as Graph writes them.
    people: Vec<Value>,
    /// The groups.
    roots: BTreeSet<ObjectId>,
    /// Names that nothing in the tenant has.
    pub(super) missing: Vec<FailedObject>,
}

impl Named {
    /// Every object that was named.
    pub(super) fn objects(&self) -> BTreeSet<ObjectId> {
        let people = self.people.iter().filter_map(id_of);
        self.roots.iter().copied().chain(people).collect()
    }
}

/// Asks what each name means.
pub(super) async fn look_up(
    store: &Store,
    session: &Session<'_>,
    rules: &Rules,
    users: &[String],
    groups: &[String],
    tell: Tell<'_>,
) -> Result<Named, SyncError> {
    let mut named = Named::default();
    let mut counter = Counter {
        stage: "looking up names",
        done: 0,
        tell,
    };
    for name in users {
        match find_user(store, session, rules, name).await? {
            Some(user) => named.people.push(user),
            None => named.missing.push(missing("user", name)),
        }
        counter.count(1);
    }
    for name in groups {
        match find_group(store, session, rules, name).await? {
            Some(id) => {
                named.roots.insert(id);
            }
            None => named.missing.push(missing("group", name)),
        }
        counter.count(1);
    }
    if named.people.is_empty() && named.roots.is_empty() {
        let names = named
            .missing
            .into_iter()
            .map(|object| object.label)
            .collect();
        return Err(SyncError::NothingFound { names });
    }
    Ok(named)
}

/// Reads what was named, and nothing else of the tenant.
pub(super) async fn read(
    store: &Store,
    session: &Session<'_>,
    rules: &Rules,
    round: RoundId,
    named: Named,
    tell: Tell<'_>,
) -> Result<(), SyncError> {
    let page = Page {
        label: "named users".to_owned(),
        elements: named.people,
        next_link: None,
        delta_link: None,
    };
    let select = rules.user_select();
    stage(store, round, "named users", MemberKind::User, &select, page).await?;
    read_groups(store, session, rules, round, &named.roots, tell).await?;
    read_members(store, session, rules, round, &named.roots, tell).await
}

/// The groups below `roots`, each once, however they nest.
async fn read_groups(
    store: &Store,
    session: &Session<'_>,
    rules: &Rules,
    round: RoundId,
    roots: &BTreeSet<ObjectId>,
    tell: Tell<'_>,
) -> Result<(), SyncError> {
    let select = rules.group_select();
    let mut counter = Counter {
        stage: "reading groups",
        done: 0,
        tell,
    };
    let mut visited = roots.clone();
    let mut frontier: Vec<ObjectId> = roots.iter().copied().collect();
    let mut stream = 0_u32;
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for ids in frontier.chunks(IDS_PER_FILTER) {
            stream += 1;
            let filter: Vec<String> = ids.iter().map(|id| format!("id eq '{id}'")).collect();
            let filter = filter.join(" or ");
            let query = [("$select", select.as_str()), ("$filter", filter.as_str())];
            let url = session.url(&["groups", "delta"], &query);
            let mut pager = Pager::delta(session, url, "groups");
            while let Some(page) = pager.next_page().await? {
                counter.count(page.elements.len());
                let name = format!("groups {stream}");
                let kind = MemberKind::Group;
                for element in stage(store, round, &name, kind, &select, page).await? {
                    if let RawElement::Object(group) = raw_element(&element, &select) {
                        next.extend(nested(&group).filter(|id| visited.insert(*id)));
                    }
                }
            }
        }
        frontier = next;
    }
    Ok(())
}

/// The groups among the members that an element of a group names.
fn nested(group: &RawObject) -> impl Iterator<Item = ObjectId> {
    group
        .members
        .iter()
        .filter(|member| member.kind == MemberKind::Group && !member.removed)
        .map(|member| member.id)
}

/// The people of the closure.
async fn read_members(
    store: &Store,
    session: &Session<'_>,
    rules: &Rules,
    round: RoundId,
    roots: &BTreeSet<ObjectId>,
    tell: Tell<'_>,
) -> Result<(), SyncError> {
    let mut counter = Counter {
        stage: "reading users",
        done: 0,
        tell,
    };
    let select = rules.user_select();
    for (position, root) in roots.iter().enumerate() {
        let root = root.to_string();
        let path = ["groups", &root, "transitiveMembers", "microsoft.graph.user"];
        // A cast works in advanced mode only (entra-facts §4.3).
        let query = [
            ("$select", select.as_str()),
            ("$count", "true"),
            ("$top", "999"),
        ];
        let what = format!("members of group {root}");
        let mut pager = Pager::advanced(session, session.url(&path, &query), &what);
        while let Some(page) = pager.next_page().await? {
            counter.count(page.elements.len());
            let name = format!("members {position}");
            stage(store, round, &name, MemberKind::User, &select, page).await?;
        }
    }
    Ok(())
}

/// The user that a name means, as Graph writes it.
async fn find_user(
    store: &Store,
    session: &Session<'_>,
    rules: &Rules,
    name: &str,
) -> Result<Option<Value>, SyncError> {
    let select = rules.user_select();
    let by_key = async |key: &str| {
        let url = session.url(&["users", key], &[("$select", select.as_str())]);
        session.object(&url, &format!("user {key}")).await
    };
    if let Ok(id) = name.parse::<ObjectId>() {
        return Ok(by_key(&id.to_string()).await?);
    }
    if name.contains('@') {
        return Ok(by_key(name).await?);
    }
    // A short name that this host has given, possibly by an override, means who has it.
    let (asked, login) = (store.clone(), name.to_owned());
    let person = blocking(move || asked.person_by_login(&login)).await?;
    if let Some(person) = person.filter(|person| person.key.tenant == rules.tenant) {
        return Ok(by_key(&person.key.object.to_string()).await?);
    }
    let by_upn = matches!(
        rules.names.attribute,
        NameAttribute::UserPrincipalName | NameAttribute::WholeUserPrincipalName
    );
    // Short names belong to the configured domain; only then to others.
    if by_upn && let Some(user) = by_key(&format!("{name}@{}", rules.domain)).await? {
        return Ok(Some(user));
    }
    let quoted = name.replace('\'', "''");
    let filter = match rules.names.attribute {
        NameAttribute::UserPrincipalName | NameAttribute::WholeUserPrincipalName => {
            format!("startswith(userPrincipalName,'{quoted}@')")
        }
        NameAttribute::MailNickname => format!("mailNickname eq '{quoted}'"),
        NameAttribute::OnPremisesSamAccountName => {
            format!("onPremisesSamAccountName eq '{quoted}'")
        }
    };
    let query = [
        ("$select", select.as_str()),
        ("$filter", filter.as_str()),
        ("$count", "true"),
    ];
    let mut pager = Pager::advanced(
        session,
        session.url(&["users"], &query),
        "users of this name",
    );
    one(name, &mut pager, "userPrincipalName").await
}

/// The group that a name means.
async fn find_group(
    store: &Store,
    session: &Session<'_>,
    rules: &Rules,
    name: &str,
) -> Result<Option<ObjectId>, SyncError> {
    const SELECT: (&str, &str) = ("$select", "id,displayName,securityEnabled");
    if let Ok(id) = name.parse::<ObjectId>() {
        let url = session.url(&["groups", &id.to_string()], &[SELECT]);
        let found = session.object(&url, &format!("group {id}")).await?;
        return Ok(found.map(|_| id));
    }
    let filter = format!("displayName eq '{}'", name.replace('\'', "''"));
    let url = session.url(&["groups"], &[SELECT, ("$filter", &filter)]);
    let mut pager = Pager::list(session, url, "groups of this name");
    if let Some(group) = one(name, &mut pager, "displayName").await? {
        return Ok(id_of(&group));
    }
    // Not a display name: perhaps the name that this host made of one.
    let (asked, text) = (store.clone(), name.to_owned());
    let known = blocking(move || asked.group_by_any(&text)).await?;
    let ours = |key: ObjectKey| (key.tenant == rules.tenant).then_some(key.object);
    Ok(match known {
        Found::One(group) => ours(group.key),
        Found::None | Found::Many(_) => None,
    })
}

/// The only element of a list; an error that names them all if there are several.
async fn one(name: &str, pager: &mut Pager<'_>, label: &str) -> Result<Option<Value>, SyncError> {
    let mut found = Vec::new();
    while let Some(page) = pager.next_page().await? {
        found.extend(
            page.elements
                .into_iter()
                .filter(|element| id_of(element).is_some()),
        );
    }
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let candidates = found
        .iter()
        .take(CANDIDATES_SHOWN)
        .map(|element| {
            let text = |field| {
                element
                    .get(field)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            format!("{} ({})", super::plan::cleaned(text(label)), text("id"))
        })
        .collect();
    Err(SyncError::Ambiguous {
        name: name.to_owned(),
        candidates,
    })
}

fn id_of(element: &Value) -> Option<ObjectId> {
    element.get("id")?.as_str()?.parse().ok()
}

fn missing(kind: &str, name: &str) -> FailedObject {
    let cure = match kind {
        "user" => "check the spelling; users are named by UPN, short name or object id",
        _ => "check the spelling; groups are named by display name or object id",
    };
    FailedObject {
        kind: kind.to_owned(),
        object_id: name.to_owned(),
        label: name.to_owned(),
        reason: format!("the tenant has no {kind} of this name"),
        cure: cure.to_owned(),
    }
}

/// People of a named scope above which the whole tenant's deltas are read: listing so many anew takes as
/// many pages at every run as a delta takes once.
pub(super) const LARGE_SCOPE_USERS: u64 = 2_000;

/// Objects in one delta filter (entra-facts §4.2).
const IDS_PER_FILTER: usize = 50;

/// Objects of one name that an error lists.
const CANDIDATES_SHOWN: usize = 10;
