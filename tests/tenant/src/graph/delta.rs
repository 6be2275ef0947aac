//! `/users/delta` and `/groups/delta` (facts §4.2).
//!
//! A round is consistent in this sense: whatever changes while it runs is told
//! in the next one, because the delta link points at where the changes were when
//! the round began. Which oddities it shows is set by
//! [`Switches`](crate::state::delta::Switches).

mod cursor;
mod entries;
mod source;

#[cfg(test)]
mod readers_tests;
#[cfg(test)]
mod switches_tests;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use self::cursor::{Cursor, Span};
use self::entries::{Teller, Told, removed, stranger};
use self::source::{Item, Source};
use super::auth::{Principal, Right};
use super::{BASE, GraphError};
use crate::state::World;
use crate::state::delta::{Endless, Slices, Switches};
use crate::state::properties::{GROUP, USER};
use crate::state::user::Presence;
use crate::wire::Request;

/// A page of `/users/delta`.
pub(super) fn users(
    world: &World,
    principal: &Principal,
    request: &Request,
) -> Result<Value, GraphError> {
    let tenant = principal.tenant(world)?;
    let cursor = Cursor::read(world, tenant, request, &USER)?;
    let teller = Teller {
        tenant,
        cursor: &cursor,
        switches: &world.settings.delta,
        slice: 1,
        sees_hidden: false,
    };
    page(world, &teller, request, &|item, _| teller.user(item))
}

/// A page of `/groups/delta`.
pub(super) fn groups(
    world: &World,
    principal: &Principal,
    request: &Request,
) -> Result<Value, GraphError> {
    let tenant = principal.tenant(world)?;
    let cursor = Cursor::read(world, tenant, request, &GROUP)?;
    let teller = Teller {
        tenant,
        cursor: &cursor,
        switches: &world.settings.delta,
        slice: world.settings.delta_members.max(1),
        sees_hidden: principal.may(Right::HiddenMembers),
    };
    page(world, &teller, request, &|item, member| {
        teller.group(item, member)
    })
}

/// Tells an object from a member's place on.
type Tell<'a> = &'a dyn Fn(Item, usize) -> Told;

/// One page, with the link to what comes after it.
fn page(
    world: &World,
    teller: &Teller<'_>,
    request: &Request,
    tell: Tell<'_>,
) -> Result<Value, GraphError> {
    let (cursor, switches) = (teller.cursor, teller.switches);
    // Reading a cursor fixes its span.
    let span = cursor.span.ok_or_else(GraphError::expired_page)?;
    let source = Source::of(teller.tenant, cursor, span, switches.replays);
    let mut next = Cursor {
        given: world.clock.now().unix_timestamp(),
        ended: world.ended.len(),
        ..cursor.clone()
    };
    // `$deltatoken=latest` is nothing but a link.
    if request.parameter("$deltatoken") == Some("latest") {
        return Ok(answer(&end(next, span), Vec::new(), true));
    }
    if switches.empty_pages && !cursor.paused {
        next.paused = true;
        return Ok(answer(&next, Vec::new(), false));
    }
    next.paused = false;
    let mut values = first_values(&source, cursor, switches, tell);
    let room = (world.settings.delta_page.max(1), world.settings.delta_rows);
    let ended = fill(&mut next, &mut values, &source, teller, room, tell);
    match switches.endless {
        Some(Endless::Same) => {
            let turn = Cursor {
                turn: 1,
                given: 0,
                ..cursor.clone()
            };
            return Ok(answer(&turn, values, false));
        }
        Some(Endless::New) => {
            let turn = cursor.turn + 1;
            return Ok(answer(
                &Cursor {
                    turn,
                    ..cursor.clone()
                },
                values,
                false,
            ));
        }
        None if ended => next = end(next, span),
        None => {}
    }
    Ok(answer(&next, values, ended))
}

/// What a page shows before its own objects.
fn first_values(
    source: &Source<'_>,
    cursor: &Cursor,
    switches: &Switches,
    tell: Tell<'_>,
) -> Vec<Value> {
    let mut values = Vec::new();
    if let Some((object, member)) = cursor.again.filter(|_| switches.replays) {
        values.extend(tell(source.at(object), member).entry);
    }
    let is_first = cursor.from.is_none() && cursor.object == 0 && cursor.member == 0;
    if switches.removed_at_first && is_first {
        values.push(removed(&stranger(&cursor.kind), Presence::SoftDeleted));
    }
    values
}

/// Adds objects until the page is full, of objects or of member rows; says
/// whether the round is over.
fn fill(
    next: &mut Cursor,
    values: &mut Vec<Value>,
    source: &Source<'_>,
    teller: &Teller<'_>,
    room: (usize, usize),
    tell: Tell<'_>,
) -> bool {
    let length = source.len();
    let interleaved = teller.switches.slices == Slices::Interleaved;
    let (mut own, mut rows) = (0, 0);
    loop {
        if next.object >= length {
            if !next.more {
                return true;
            }
            // Once more over all of them, for the next slice of each.
            (next.object, next.more) = (0, false);
            next.member += teller.slice;
        }
        if own >= room.0 || rows >= room.1 {
            return false;
        }
        let told = tell(source.at(next.object), next.member);
        if let Some(entry) = told.entry {
            rows += entry
                .get("members@delta")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            values.push(entry);
            own += 1;
            next.again = Some((next.object, next.member));
        }
        match told.rest {
            Some(rest) if !interleaved => next.member = rest,
            Some(_) => (next.more, next.object) = (true, next.object + 1),
            None if interleaved => next.object += 1,
            None => (next.object, next.member) = (next.object + 1, 0),
        }
    }
}

/// The cursor of the delta link at the end of a round.
fn end(next: Cursor, span: Span) -> Cursor {
    Cursor {
        before: next.from,
        from: Some(span.to),
        span: None,
        object: 0,
        member: 0,
        more: false,
        again: None,
        paused: false,
        minimal: false,
        turn: 0,
        ..next
    }
}

fn answer(next: &Cursor, values: Vec<Value>, ended: bool) -> Value {
    let (name, option) = match ended {
        true => ("@odata.deltaLink", "$deltatoken"),
        false => ("@odata.nextLink", "$skiptoken"),
    };
    let collection = next.collection();
    let selected = match &next.select {
        Some(names) => format!("({})", names.join(",")),
        None => String::new(),
    };
    json!({
        "@odata.context": format!("{BASE}/$metadata#{collection}{selected}"),
        name: format!("{BASE}/{collection}/delta?{option}={}", next.token()),
        "value": values,
    })
}
