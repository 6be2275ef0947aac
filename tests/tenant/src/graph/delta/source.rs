//! Which objects a round tells, and in which order.
//!
//! A first round goes over the list of all objects, a later one over the log of
//! changes; a filter names the few there are. Whatever the order, a place of the
//! source always means the same object, so that a token can point at it.

use super::cursor::{Cursor, Span};
use crate::state::changes::Summary;
use crate::state::delta::Order;
use crate::state::tenant::{Place, Tenant};

/// Unchanged objects that a later round tells again.
const REPLAYED: usize = 3;

/// What a place of the source means.
pub(super) enum Item {
    /// The nth of all objects, told from nothing.
    Whole(usize),
    /// An object's place, and what happened to it.
    Changed(usize, Summary),
    /// Nothing to tell.
    Nothing,
}

/// The objects of a round.
pub(super) struct Source<'t> {
    tenant: &'t Tenant,
    is_group: bool,
    span: Span,
    list: List,
}

enum List {
    All,
    Named(Vec<usize>),
    Log {
        from: usize,
        replayed: usize,
        /// Each change is told, not the last of each object alone.
        each: bool,
    },
}

impl<'t> Source<'t> {
    pub(super) fn of(tenant: &'t Tenant, cursor: &Cursor, span: Span, replays: bool) -> Self {
        let list = match (cursor.from, &cursor.ids) {
            (None, None) => List::All,
            (None, Some(ids)) => {
                let mut named: Vec<usize> = ids
                    .iter()
                    .filter_map(|id| tenant.place_of(id))
                    .filter(|place| matches!(place, Place::Group(_)) == (cursor.kind == "group"))
                    .map(|place| tenant.nth(place))
                    .filter(|nth| *nth < span.count)
                    .collect();
                named.sort_unstable();
                List::Named(named)
            }
            (Some(from), _) => List::Log {
                from: cursor.before.filter(|_| replays).unwrap_or(from),
                replayed: match replays {
                    true => span.count.min(REPLAYED),
                    false => 0,
                },
                each: replays,
            },
        };
        Self {
            tenant,
            is_group: cursor.kind == "group",
            span,
            list,
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.list {
            List::All => self.span.count,
            List::Named(named) => named.len(),
            List::Log { from, replayed, .. } => replayed + self.span.to.saturating_sub(*from),
        }
    }

    pub(super) fn at(&self, place: usize) -> Item {
        let place = ordered(place, self.len(), self.span.order);
        match &self.list {
            List::All => Item::Whole(place),
            List::Named(named) => named
                .get(place)
                .map_or(Item::Nothing, |nth| Item::Whole(*nth)),
            List::Log {
                from,
                replayed,
                each,
            } => match place.checked_sub(*replayed) {
                None => Item::Whole(place),
                Some(place) => self.changed(from + place, *from, *each),
            },
        }
    }

    fn changed(&self, place: usize, from: usize, each: bool) -> Item {
        let changes = &self.tenant.changes;
        match changes.object(place, self.span.to) {
            Some((object, is_last)) if is_last || each => match object {
                Place::User(user) if !self.is_group => {
                    Item::Changed(user, changes.summary(place, from))
                }
                Place::Group(group) if self.is_group => {
                    Item::Changed(group, changes.summary(place, from))
                }
                _ => Item::Nothing,
            },
            _ => Item::Nothing,
        }
    }
}

/// Where a place is in another order: a walk over all places in steps of a
/// length that has no divisor in common with their number meets each once.
fn ordered(place: usize, length: usize, order: Order) -> usize {
    match order {
        Order::Time => place,
        Order::Reverse => length.saturating_sub(place + 1),
        Order::Shuffled => {
            let step = (length * 5 / 8 + 1..).find(|step| divisor(*step, length) == 1);
            (place * step.unwrap_or(1) + length / 3) % length.max(1)
        }
    }
}

fn divisor(mut one: usize, mut other: usize) -> usize {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_order_meets_every_place_once() {
        for length in [1, 2, 3, 7, 34, 100, 1000] {
            for order in [Order::Time, Order::Reverse, Order::Shuffled] {
                let met: BTreeSet<usize> = (0..length)
                    .map(|place| ordered(place, length, order))
                    .collect();
                assert_eq!(met, (0..length).collect(), "{length} {order:?}");
            }
        }
        let walk: Vec<usize> = (0..10)
            .map(|place| ordered(place, 10, Order::Shuffled))
            .collect();
        assert!(!walk.is_sorted() && walk != (0..10).rev().collect::<Vec<usize>>());
    }
}
