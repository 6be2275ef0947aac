//! `role set`, `role clear`, `role pick`: roles for people and groups, all or nothing.
//!
//! Every change is one list of assignments, over as many frames as it takes. Nothing is done before the last
//! frame, and nothing if a single name means nobody, a single assignment is not what its order expects, or no
//! administrator would be left. A preview looks at everything likewise and changes nothing.

use std::collections::BTreeMap;

use entra_protocol::admin::{
    Done, Failure, FailureKind, HolderKind, Request, Role, RoleOrder, Row,
};
use entra_protocol::limits::{MAX_BULK_NAMES, NAMES_PER_FRAME};

use super::verbs::{Call, Handling};
use super::{Requests, directory, failure};
use crate::auth::in_store;
use crate::identity::{ObjectId, ObjectKey};
use crate::store::{Actor, Assign, RolesAssigned, Store, StoreError};

/// How many names a message lists before it says that there are others.
const LISTED: usize = 10;

pub(super) fn set(mut call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Asked {
            orders,
            dry_run,
            assignments_told,
        } = collect(call.request, &mut call.requests).await?;
        let actor = call.actor;
        let mut assigned = in_store(&call.admin.store, move |store| {
            change(store, &orders, dry_run, &actor)
        })
        .await
        .map_err(failure::of_store)??;
        if !dry_run {
            call.admin.publish_change().await?;
        }
        // The list of what follows may be as long as the directory: it counts before it is told.
        let (assignments, people) = in_store(&call.admin.store, move |store| {
            let people = store.role_changes(&mut assigned)?;
            Ok((assigned.assignments, people))
        })
        .await
        .map_err(failure::of_store)?;
        let mut count = 0;
        for assignment in assignments.into_iter().filter(|_| assignments_told) {
            call.replies.row(Row::Assignment(assignment)).await?;
            count += 1;
        }
        for change in people {
            call.replies.row(Row::Role(change)).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}

/// What a refused request was about, for the audit log.
pub(super) fn object(orders: &[RoleOrder]) -> String {
    let orders: Vec<String> = orders
        .iter()
        .map(|order| match order.kind {
            HolderKind::User => format!("{}: {}", order.role, order.name),
            HolderKind::Group => format!("{}: group {}", order.role, order.name),
        })
        .collect();
    orders.join(", ")
}

/// All frames of a request together.
struct Asked {
    orders: Vec<RoleOrder>,
    dry_run: bool,
    /// False for the request that knows people alone, whose answer has no rows but theirs.
    assignments_told: bool,
}

/// All orders over all frames; nothing is done before the last one.
async fn collect(first: Request, requests: &mut Requests) -> Result<Asked, Failure> {
    let bad = |message: &str| Err(failure::of(FailureKind::BadRequest, message));
    let mut orders: Vec<RoleOrder> = Vec::new();
    let mut kind_of_frames = None;
    let mut frame = first;
    loop {
        let (these, kind, more) = match frame {
            Request::RoleSet { role, users, more } => (
                users
                    .into_iter()
                    .map(|name| RoleOrder {
                        kind: HolderKind::User,
                        name,
                        role,
                        expected: None,
                    })
                    .collect(),
                (Some(role), false),
                more,
            ),
            Request::RoleAssign {
                orders,
                dry_run,
                more,
            } => (orders, (None, dry_run), more),
            _ => return bad("another verb came in the middle of `role set`"),
        };
        if *kind_of_frames.get_or_insert(kind) != kind {
            return bad("the frames of one `role set` ask for different things");
        }
        if these.len() > NAMES_PER_FRAME
            || orders.len().saturating_add(these.len()) > MAX_BULK_NAMES
        {
            return bad("too many names at once");
        }
        orders.extend(these);
        if !more {
            let (role, dry_run) = kind;
            break if orders.is_empty() {
                bad("nobody is named")
            } else {
                Ok(Asked {
                    orders,
                    dry_run,
                    assignments_told: role.is_none(),
                })
            };
        }
        frame = requests.next().await?;
    }
}

fn change(
    store: &Store,
    orders: &[RoleOrder],
    dry_run: bool,
    actor: &Actor,
) -> Result<Result<RolesAssigned, Failure>, StoreError> {
    Ok(match resolve(store, orders)? {
        Ok(orders) => match store.assign_roles(&orders, dry_run, actor) {
            Ok(assigned) => Ok(assigned),
            Err(
                error @ (StoreError::LastAdministrator
                | StoreError::RoleMoved { .. }
                | StoreError::UnknownPerson(_)
                | StoreError::UnknownGroup(_)),
            ) => Err(failure::of_store(error)),
            Err(error) => return Err(error),
        },
        Err(failure) => Err(failure),
    })
}

/// Whom each order means; once, if it is there twice and says the same.
fn resolve(
    store: &Store,
    orders: &[RoleOrder],
) -> Result<Result<Vec<Assign>, Failure>, StoreError> {
    let mut meant: BTreeMap<(HolderKind, ObjectKey), (&RoleOrder, Role)> = BTreeMap::new();
    let mut unknown = Vec::new();
    for order in orders {
        match holder(store, order)? {
            Ok(key) => {
                let (first, role) = *meant
                    .entry((order.kind, key))
                    .or_insert((order, order.role));
                if role != order.role || first.expected != order.expected {
                    return Ok(Err(failure::of(
                        FailureKind::BadRequest,
                        &format!(
                            "{:?} and {:?} are the same, and can't become {role} and {} at once; \
                             nobody's role was changed",
                            first.name, order.name, order.role
                        ),
                    )));
                }
            }
            Err(failure) => unknown.push((&order.name, failure)),
        }
        // For each the nearest of all names is looked for: a list of a hundred thousand in a wrong form must not take hours.
        if unknown.len() > LISTED {
            break;
        }
    }
    if !unknown.is_empty() {
        return Ok(Err(unknown_names(&unknown, "nobody's role was changed")));
    }
    Ok(Ok(meant
        .into_iter()
        .map(|((kind, key), (order, role))| Assign {
            kind,
            key,
            role,
            expected: order.expected,
        })
        .collect()))
}

/// The one person or group that an order means. Of whoever is gone only an assignment is left, under the object
/// id, to be taken away.
fn holder(store: &Store, order: &RoleOrder) -> Result<Result<ObjectKey, Failure>, StoreError> {
    let found = match order.kind {
        HolderKind::User => directory::one_person(store, &order.name)?.map(|person| person.key),
        HolderKind::Group => directory::one_group(store, &order.name)?.map(|group| group.key),
    };
    if found.is_err()
        && order.role == Role::User
        && let Ok(object) = order.name.parse::<ObjectId>()
        && let Some(key) = store.assigned_to(order.kind, object)?
    {
        return Ok(Ok(key));
    }
    Ok(found)
}

/// One failure for all names that mean nobody, or more than one, and what therefore was not done.
pub(super) fn unknown_names(unknown: &[(&String, Failure)], not_done: &str) -> Failure {
    let first = unknown.first().map(|(_, failure)| failure);
    if let ([_], Some(failure)) = (unknown, first) {
        return Failure {
            message: format!("{}; {not_done}", failure.message),
            ..failure.clone()
        };
    }
    let mut listed: Vec<String> = unknown
        .iter()
        .take(LISTED)
        .map(|(name, failure)| match &failure.hint {
            Some(hint) => format!("{name:?} ({hint})"),
            None => format!("{name:?}"),
        })
        .collect();
    if unknown.len() > LISTED {
        listed.push("and others".to_owned());
    }
    failure::of(
        first.map_or(FailureKind::NotFound, |failure| failure.kind),
        &format!(
            "these names do not mean one imported user or group each: {}; {not_done}",
            listed.join(", ")
        ),
    )
}
