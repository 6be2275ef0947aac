//! `users unlock`: failed tries with a password are taken away, of people and of remote hosts.

use std::collections::{BTreeSet, HashSet};

use entra_protocol::admin::{Done, Failure, FailureKind, Request, Row, Unlocked};
use entra_protocol::limits::{MAX_BULK_NAMES, NAMES_PER_FRAME};

use super::verbs::{Call, Handling};
use super::{Requests, directory, failure, roles};
use crate::auth::{RemoteHost, Tries, away, in_store};
use crate::clock::{UnixSeconds, rfc3339};
use crate::store::{Store, StoreError, ThrottleSubject};

/// The words for both kinds in rows.
const USER: &str = "user";
const REMOTE_HOST: &str = "remote-host";

pub(super) fn unlock(mut call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let (users, remote_hosts) = collect(call.request, &mut call.requests).await?;
        let mut named = in_store(&call.admin.store, move |store| people(store, &users))
            .await
            .map_err(failure::of_store)??;
        named.extend(remote_hosts.into_iter().map(|host| Named {
            kind: REMOTE_HOST,
            name: host.to_string(),
            subject: host.subject(),
        }));
        let subjects = named
            .iter()
            .map(|one| (one.subject.clone(), format!("{} {}", one.kind, one.name)))
            .collect();
        let throttle = call.admin.throttle.clone();
        throttle.take_up().await;
        let actor = call.actor;
        let had = away(move || throttle.unlock(subjects, &actor))
            .await
            .map_err(failure::of_store)?;
        let now = call.admin.clock.now();
        let mut count = 0;
        for (one, had) in named.into_iter().zip(had) {
            let row = Unlocked {
                kind: one.kind.to_owned(),
                name: one.name,
                failed_tries: had.failures,
                passwords_refused_until: refused_until(had, now),
            };
            call.replies.row(Row::Unlocked(row)).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}

/// Until when passwords are refused, if they are.
pub(super) fn refused_until(tries: Tries, now: UnixSeconds) -> Option<String> {
    let seconds = tries.refused.as_secs();
    (!tries.refused.is_zero()).then(|| rfc3339(now.plus(seconds)))
}

struct Named {
    kind: &'static str,
    name: String,
    subject: ThrottleSubject,
}

/// All that is named over all frames; nothing is done before the last one.
async fn collect(
    first: Request,
    requests: &mut Requests,
) -> Result<(BTreeSet<String>, BTreeSet<RemoteHost>), Failure> {
    let bad = |message: &str| Err(failure::of(FailureKind::BadRequest, message));
    let mut all_users = BTreeSet::new();
    let mut all_hosts = BTreeSet::new();
    let mut total = 0_usize;
    let mut frame = first;
    loop {
        let Request::UsersUnlock {
            users,
            remote_hosts,
            more,
        } = frame
        else {
            return bad("another verb came in the middle of `users unlock`");
        };
        let names = users.len().saturating_add(remote_hosts.len());
        total = total.saturating_add(names);
        if names > NAMES_PER_FRAME || total > MAX_BULK_NAMES {
            return bad("too many names at once");
        }
        all_users.extend(users);
        for text in remote_hosts {
            match RemoteHost::read(&text) {
                Some(host) => all_hosts.insert(host),
                None => return bad("a remote host without a name"),
            };
        }
        if !more {
            break;
        }
        frame = requests.next().await?;
    }
    if total == 0 {
        return bad("neither a user nor a remote host is named");
    }
    Ok((all_users, all_hosts))
}

fn people(
    store: &Store,
    names: &BTreeSet<String>,
) -> Result<Result<Vec<Named>, Failure>, StoreError> {
    let mut found: Vec<Named> = Vec::with_capacity(names.len());
    // A person may be named twice, by name and by UPN.
    let mut seen = HashSet::with_capacity(names.len());
    let mut unknown = Vec::new();
    for name in names {
        match directory::one_person(store, name)? {
            Ok(person) => {
                let subject = ThrottleSubject::Person(person.key);
                if seen.insert(subject.clone()) {
                    found.push(Named {
                        kind: USER,
                        name: person.name,
                        subject,
                    });
                }
            }
            Err(failure) => unknown.push((name, failure)),
        }
    }
    Ok(match unknown.is_empty() {
        true => Ok(found),
        false => Err(roles::unknown_names(&unknown, "nobody was unlocked")),
    })
}
