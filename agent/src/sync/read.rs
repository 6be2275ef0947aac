//! Reads a round into the mirror: of the whole tenant, or of what a scope names.
//!
//! Of the whole tenant both delta streams are read (entra-facts §4.2), one page after the other: Graph
//! asks not to read delta pages in parallel. The first round and one in seven days is a full one; between
//! them the links of the last round tell what has changed. Each page is staged with the link to the next
//! before that is followed, so that a round that was cut off goes on where it stopped.
//!
//! A link that the tenant no longer honours (410, 400 "DeltaLink older than 30 days", a stale page token)
//! is no failure: everything is read anew, and what was not seen is gone.

use std::collections::BTreeSet;

use entra_protocol::admin::{FailedObject, Progress};
use reqwest::Url;
use serde_json::Value;

use super::rules::Rules;
use super::{Order, SyncError, Tell, blocking, named};
use crate::clock::UnixSeconds;
use crate::graph::{GraphError, GraphProblem, MemberKind, Page, Pager, Session};
use crate::identity::ObjectId;
use crate::store::{LiveSet, OpenRound, RoundId, RoundKind, StagedPage, Store, StoreError};

/// What is known of a round beside what is staged.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Objects that were asked for by name: they are not left out in silence.
    pub(super) named: BTreeSet<ObjectId>,
    /// Names that nothing in the tenant has.
    pub(super) missing: Vec<FailedObject>,
    /// True if the whole tenant was asked for.
    pub(super) whole: bool,
    /// True if the round holds the whole tenant, of which only what is named and what is below it counts.
    pub(super) only_named: bool,
    /// What a person should know of how it was read.
    pub(super) remarks: Vec<String>,
}

/// Reads what the order asks for. The round is whole then, and not yet part of the mirror.
pub(super) async fn read(
    store: &Store,
    session: &Session<'_>,
    rules: &Rules,
    order: &Order,
    now: UnixSeconds,
    tell: Tell<'_>,
) -> Result<(Reading, OpenRound), SyncError> {
    let mut reading = Reading {
        whole: order.scope.whole,
        ..Reading::default()
    };
    if !order.scope.whole {
        let (users, groups) = (&order.scope.users, &order.scope.groups);
        let mut named = named::look_up(store, session, rules, users, groups, tell).await?;
        reading.named = named.objects();
        reading.missing = std::mem::take(&mut named.missing);
        let (store_, tenant) = (store.clone(), rules.tenant);
        let known = blocking(move || store_.users_of(tenant)).await?;
        if known <= named::LARGE_SCOPE_USERS {
            let store_ = store.clone();
            let round =
                blocking(move || store_.begin_round(tenant, RoundKind::Full, NAMED)).await?;
            named::read(store, session, rules, round.id, named, tell).await?;
            return Ok((reading, round));
        }
        reading.only_named = true;
    }
    let fingerprint = whole_fingerprint(rules);
    let begin = async |kind| {
        let (store, tenant, fingerprint) = (store.clone(), rules.tenant, fingerprint.clone());
        blocking(move || store.begin_round(tenant, kind, &fingerprint)).await
    };
    let (store_, tenant) = (store.clone(), rules.tenant);
    let (live, open) = blocking(move || {
        Ok::<_, StoreError>((store_.live_set(tenant)?, store_.open_round(tenant)?))
    })
    .await?;
    let live = live.filter(|live| !order.full && may_go_on(live, &fingerprint, now));
    let kind = match &live {
        Some(_) => RoundKind::Delta,
        None => RoundKind::Full,
    };
    let open = open.filter(|open| {
        !order.full
            && open.kind == kind
            && open.fingerprint == fingerprint
            && now.since(open.started_at) < RESUMED_SECONDS
            // Begun by a clock that has gone far back since: nobody knows how old it is.
            && open.started_at.since(now) < RESUMED_SECONDS
            && !open.streams.is_empty()
    });
    let is_resumed = open.is_some();
    let round = match open {
        Some(open) => open,
        None => begin(kind).await?,
    };
    if is_resumed {
        reading.remarks.push(format!(
            "a run that was cut off at {} was taken up",
            round.started_at
        ));
    }
    match streams(store, session, rules, &round, live.as_ref(), tell).await {
        Ok(()) => Ok((reading, round)),
        Err(SyncError::Graph(error))
            if (is_resumed || kind == RoundKind::Delta) && is_stale(&error) =>
        {
            tracing::warn!(
                "the tenant does not go on from the last state, reading everything anew: {error}"
            );
            reading.remarks = vec![format!(
                "the tenant did not go on from the last state, so everything was read anew: {error}"
            )];
            // Also where this one is cut off: it is taken up then, rather than the dead link tried again.
            let store_ = store.clone();
            blocking(move || store_.ask_for_full_round(tenant)).await?;
            let round = begin(RoundKind::Full).await?;
            streams(store, session, rules, &round, None, tell).await?;
            Ok((reading, round))
        }
        Err(error) => Err(error),
    }
}

/// What a full round of the whole tenant answers: another `$select` needs another one.
pub(super) fn whole_fingerprint(rules: &Rules) -> String {
    format!(
        "the whole tenant; users {}; groups {}",
        rules.user_select(),
        rules.group_select()
    )
}

/// Whether what has changed since can be asked for.
fn may_go_on(live: &LiveSet, fingerprint: &str, now: UnixSeconds) -> bool {
    live.fingerprint == fingerprint
        && !live.needs_full
        && now.since(live.full_at) < FULL_ROUND_SECONDS
        // A clock that went far back would otherwise put the next full round off.
        && live.full_at.since(now) < FULL_ROUND_SECONDS
        && STREAMS.iter().all(|(stream, _)| live.links.contains_key(*stream))
}

/// Both streams, from where each of them is.
async fn streams(
    store: &Store,
    session: &Session<'_>,
    rules: &Rules,
    round: &OpenRound,
    live: Option<&LiveSet>,
    tell: Tell<'_>,
) -> Result<(), SyncError> {
    for (stream, kind) in STREAMS {
        let select = match kind {
            MemberKind::User => rules.user_select(),
            MemberKind::Group => rules.group_select(),
        };
        let state = round.streams.get(stream).cloned().unwrap_or_default();
        let link = match (state.pages, state.next_link) {
            (0, _) => live.and_then(|live| live.links.get(stream)).cloned(),
            (_, Some(next)) => Some(next),
            // It was read to its end before.
            (_, None) => continue,
        };
        let url = match link.as_deref().map(Url::parse) {
            Some(Ok(url)) => url,
            Some(Err(error)) => {
                return Err(SyncError::Store(StoreError::Damaged {
                    what: "a link of a round",
                    value: error.to_string(),
                }));
            }
            None => session.url(&[stream, "delta"], &[("$select", &select)]),
        };
        let mut counter = Counter {
            stage: match kind {
                MemberKind::User => "reading users",
                MemberKind::Group => "reading groups",
            },
            done: 0,
            tell,
        };
        let mut pager = Pager::delta(session, url, stream).after(state.pages);
        while let Some(page) = pager.next_page().await? {
            counter.count(page.elements.len());
            stage(store, round.id, stream, kind, &select, page).await?;
        }
    }
    Ok(())
}

/// Whether the tenant has refused a link that it gave itself.
fn is_stale(error: &GraphError) -> bool {
    matches!(
        error.problem,
        GraphProblem::NotFound
            | GraphProblem::Refused {
                status: 400 | 410,
                ..
            }
    )
}

/// Stages a page, and gives its elements back.
pub(super) async fn stage(
    store: &Store,
    round: RoundId,
    stream: &str,
    kind: MemberKind,
    select: &str,
    page: Page,
) -> Result<Vec<Value>, SyncError> {
    let (store, stream, select) = (store.clone(), stream.to_owned(), select.to_owned());
    blocking(move || {
        store.stage(&StagedPage {
            round,
            stream: &stream,
            label: &page.label,
            kind,
            select: &select,
            elements: &page.elements,
            next_link: page.next_link.as_deref(),
            delta_link: page.delta_link.as_deref(),
        })?;
        Ok::<_, StoreError>(page.elements)
    })
    .await
}

/// Counts what came and tells it.
pub(super) struct Counter<'a> {
    pub(super) stage: &'static str,
    pub(super) done: u64,
    pub(super) tell: Tell<'a>,
}

impl Counter<'_> {
    pub(super) fn count(&mut self, more: usize) {
        self.done = self
            .done
            .saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        (self.tell)(Progress {
            stage: self.stage.to_owned(),
            done: self.done,
            total: None,
        });
    }
}

/// The streams of a whole tenant, each at the resource of its name.
const STREAMS: [(&str, MemberKind); 2] =
    [("users", MemberKind::User), ("groups", MemberKind::Group)];

/// The fingerprint of rounds of a named scope; none of them is gone on from.
const NAMED: &str = "named users and groups";

/// How old a round may be that is taken up: page tokens are short-lived (entra-facts §4.1), and what was
/// read a day ago is no better than nothing.
const RESUMED_SECONDS: u64 = 24 * 60 * 60;

/// A full round is due after so long even where every delta came: what a delta did not say, it tells
/// (entra-facts §4.2, restores).
const FULL_ROUND_SECONDS: u64 = 7 * 24 * 60 * 60;
