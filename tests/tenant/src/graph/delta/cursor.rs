//! What skip tokens and delta tokens carry, and when they are refused.
//!
//! A token is the whole query and the place reached, so nothing is kept between
//! pages, any number of readers can be at it, and a link lives as long as the
//! clock lets it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::graph::filter::Filter;
use crate::graph::query::{Kinds, select};
use crate::graph::{BASE, GraphError};
use crate::state::World;
use crate::state::delta::{How, Order, Tokens};
use crate::state::properties::Kind;
use crate::state::tenant::Tenant;
use crate::wire::Request;

/// Ids in one filter.
const FILTER_LIMIT: usize = 50;
/// Days a delta link lives for directory objects.
const LINK_DAYS: i64 = 7;
/// Days after which a link is refused in other words.
const ANCIENT_DAYS: i64 = 30;

/// What a skip token or delta token carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// `user` or `group`.
    pub(super) kind: String,
    pub(super) select: Option<Vec<String>>,
    pub(super) ids: Option<Vec<String>>,
    /// Changes from this place on are told; everything, if absent.
    pub(super) from: Option<usize>,
    /// Where the round before this one began, for replays.
    pub(super) before: Option<usize>,
    /// What the round is about; a delta link has none, its round has not begun.
    pub(super) span: Option<Span>,
    /// Place in the list of objects.
    pub(super) object: usize,
    /// Place in that object's members; in interleaved slices, of every object's.
    pub(super) member: usize,
    /// Whether some object of this pass has a slice left.
    pub(super) more: bool,
    /// The place last told, for replays.
    pub(super) again: Option<(usize, usize)>,
    /// Whether the empty page before the next one was given.
    pub(super) paused: bool,
    /// `Prefer: return=minimal` was sent with the delta link.
    pub(super) minimal: bool,
    /// Makes the links of an endless round differ.
    pub(super) turn: u64,
    /// How many orders to end tokens had been given.
    pub(super) ended: usize,
    /// When the link was given, Unix seconds.
    pub(super) given: i64,
}

/// The bounds of a round, fixed when it begins.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Span {
    /// Changes up to this place are told.
    pub(super) to: usize,
    /// Objects that were there then.
    pub(super) count: usize,
    pub(super) order: Order,
}

impl Cursor {
    /// The cursor of a request: from its token, or a new round's.
    pub(super) fn read(
        world: &World,
        tenant: &Tenant,
        request: &Request,
        kind: &'static Kind,
    ) -> Result<Self, GraphError> {
        for (name, _) in &request.query {
            if matches!(name.as_str(), "$orderby" | "$expand" | "$search" | "$count") {
                return Err(GraphError::unsupported(format!(
                    "'{name}' is not supported on delta."
                )));
            }
        }
        let now = world.clock.now();
        let token = |name: &str| request.parameter(name).filter(|token| *token != "latest");
        let mut cursor = match (token("$skiptoken"), token("$deltatoken")) {
            (Some(token), _) => {
                let cursor = decoded(token, kind)
                    .filter(|cursor| cursor.span.is_some())
                    .ok_or_else(GraphError::expired_page)?;
                cursor.refuse_other_options(request, kind)?;
                cursor.refuse_ended(world, Tokens::Pages)?;
                let age = now.unix_timestamp() - cursor.given;
                let limit = world.settings.delta.page_token_seconds;
                if limit.is_some_and(|limit| age > limit) {
                    return Err(GraphError::expired_page());
                }
                cursor
            }
            (None, Some(token)) => {
                let cursor = decoded(token, kind)
                    .filter(|cursor| cursor.span.is_none())
                    .ok_or_else(|| GraphError::bad_value("Badly formed token."))?;
                cursor.refuse_other_options(request, kind)?;
                cursor.refuse_ended(world, Tokens::Links)?;
                cursor.check_age(now)?;
                cursor
            }
            (None, None) => Self::first(world, request, kind)?,
        };
        cursor.minimal |= cursor.from.is_some() && wants_minimal(request);
        if cursor.span.is_none() {
            cursor.span = Some(Span::now(world, tenant, kind));
        }
        Ok(cursor)
    }

    fn first(world: &World, request: &Request, kind: &'static Kind) -> Result<Self, GraphError> {
        Ok(Self {
            kind: kind.name.to_owned(),
            select: selected(request, kind)?,
            ids: ids(request, kind)?,
            from: None,
            before: None,
            span: None,
            object: 0,
            member: 0,
            more: false,
            again: None,
            paused: false,
            minimal: false,
            turn: 0,
            ended: world.ended.len(),
            given: world.clock.now().unix_timestamp(),
        })
    }

    /// `users` or `groups`.
    pub(super) fn collection(&self) -> &'static str {
        match self.kind.as_str() {
            "user" => "users",
            _ => "groups",
        }
    }

    /// Whether changes of members are told.
    pub(super) fn tracks_members(&self) -> bool {
        self.kind == "group"
            && self
                .select
                .as_ref()
                .is_none_or(|names| names.iter().any(|name| name == "members"))
    }

    /// The token's text.
    pub(super) fn token(&self) -> String {
        // A cursor is plain data: writing it down cannot fail.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// A token keeps its own selection; another one would need a new round.
    fn refuse_other_options(
        &self,
        request: &Request,
        kind: &'static Kind,
    ) -> Result<(), GraphError> {
        let other =
            request.parameter("$select").is_some() && selected(request, kind)? != self.select;
        if other || request.parameter("$filter").is_some() {
            return Err(GraphError::bad_value(
                "Query options are part of the token and cannot be changed during a delta round.",
            ));
        }
        Ok(())
    }

    /// The newest order that ends this token decides.
    fn refuse_ended(&self, world: &World, tokens: Tokens) -> Result<(), GraphError> {
        let later = world.ended.iter().skip(self.ended).rev();
        let order =
            later
                .filter(|order| order.tokens == tokens)
                .find(|order| match &order.collection {
                    Some(name) => name == self.collection(),
                    None => true,
                });
        match order.map(|order| order.how) {
            None => Ok(()),
            Some(How::ResyncRequired) => {
                Err(GraphError::resync("resyncRequired", self.fresh_round()))
            }
            Some(How::SyncStateNotFound) => {
                Err(GraphError::resync("syncStateNotFound", self.fresh_round()))
            }
            Some(How::TooOld) => Err(too_old()),
            Some(How::ExpiredPageToken) => Err(GraphError::expired_page()),
        }
    }

    fn check_age(&self, now: OffsetDateTime) -> Result<(), GraphError> {
        let days = (now.unix_timestamp() - self.given) / 86_400;
        if days >= ANCIENT_DAYS {
            return Err(too_old());
        }
        if days >= LINK_DAYS {
            return Err(GraphError::resync("syncStateNotFound", self.fresh_round()));
        }
        Ok(())
    }

    /// The address at which the same query begins anew.
    fn fresh_round(&self) -> String {
        let select = self
            .select
            .as_ref()
            .map(|names| format!("$select={}", names.join(",")));
        let filter = self.ids.as_ref().map(|ids| {
            let ids: Vec<String> = ids.iter().map(|id| format!("id eq '{id}'")).collect();
            let text = crate::wire::percent_encoded(&ids.join(" or "));
            format!("$filter={text}")
        });
        let options: Vec<String> = select.into_iter().chain(filter).collect();
        let mark = if options.is_empty() { "" } else { "?" };
        format!(
            "{BASE}/{}/delta{mark}{}",
            self.collection(),
            options.join("&")
        )
    }
}

impl Span {
    /// What a round that begins now is about: what the lag lets show.
    fn now(world: &World, tenant: &Tenant, kind: &Kind) -> Self {
        let switches = &world.settings.delta;
        let to = tenant
            .changes
            .visible(world.clock.now(), switches.lag_seconds);
        let is_group = kind.name == "group";
        let all = if is_group {
            tenant.group_count()
        } else {
            tenant.user_count()
        };
        Self {
            to,
            count: all.saturating_sub(tenant.changes.born_after(to, is_group)),
            order: switches.order,
        }
    }
}

fn wants_minimal(request: &Request) -> bool {
    request.header("prefer").is_some_and(|value| {
        value
            .split([',', ';'])
            .any(|word| word.trim().eq_ignore_ascii_case("return=minimal"))
    })
}

fn decoded(token: &str, kind: &Kind) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let cursor: Cursor = serde_json::from_slice(&bytes).ok()?;
    (cursor.kind == kind.name).then_some(cursor)
}

fn too_old() -> GraphError {
    GraphError::unsupported("DeltaLink older than 30 days is not supported.")
}

/// The objects of `$filter=id eq 'a' or id eq 'b'`, the only filter there is.
fn ids(request: &Request, kind: &'static Kind) -> Result<Option<Vec<String>>, GraphError> {
    let Some(text) = request.parameter("$filter") else {
        return Ok(None);
    };
    let mut ids = Filter::parse(text, kind)?.ids().ok_or_else(|| {
        GraphError::unsupported("Only filters of the form id eq 'value' are supported on delta.")
    })?;
    if ids.len() > FILTER_LIMIT {
        return Err(GraphError::unsupported(format!(
            "The filter holds {} ids, at most {FILTER_LIMIT} are allowed.",
            ids.len()
        )));
    }
    ids.iter_mut().for_each(|id| id.make_ascii_lowercase());
    ids.sort();
    ids.dedup();
    Ok(Some(ids))
}

/// `$select` of a delta: `members` is a name too.
fn selected(request: &Request, kind: &'static Kind) -> Result<Option<Vec<String>>, GraphError> {
    let Some(text) = request.parameter("$select") else {
        return Ok(None);
    };
    let is_relation = |name: &str| kind.name == "group" && matches!(name, "members" | "owners");
    let (relations, properties): (Vec<&str>, Vec<&str>) = text
        .split(',')
        .map(str::trim)
        .partition(|name| is_relation(name));
    let mut plain = request.clone();
    plain.query = vec![("$select".to_owned(), properties.join(","))];
    let mut names = select(&plain, Kinds::One(kind))?.unwrap_or_default();
    names.extend(relations.into_iter().map(str::to_owned));
    Ok(Some(names).filter(|names| !names.is_empty()))
}
