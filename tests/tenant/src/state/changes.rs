//! What changed since when: the memory behind delta queries.
//!
//! A change's place in the list is its time. A delta link holds the place up to
//! which its reader has seen everything. Each change knows the ones before and
//! after it of the same object, so that a page of a round costs what is on it,
//! however many objects the tenant has.

use std::collections::{BTreeSet, HashMap};

use time::{Duration, OffsetDateTime};

use super::tenant::Place;

/// One change of one object.
#[derive(Debug, Clone)]
struct Change {
    object: Place,
    what: What,
    at: OffsetDateTime,
    /// Places of this object's neighbouring changes.
    previous: Option<usize>,
    next: Option<usize>,
}

/// What happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// It is new.
    Came,
    /// It went into the recycle bin, or for good.
    Went,
    /// It came out of the recycle bin.
    Restored,
    /// A property got another value.
    Property(String),
    /// A direct member came or went.
    Member(String),
}

/// The changes of one object since a place, taken together.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// It came or went: every reader learns it, whatever they select.
    pub(crate) presence: bool,
    pub(crate) restored: bool,
    pub(crate) properties: BTreeSet<String>,
    pub(crate) members: BTreeSet<String>,
}

/// All changes since the seed, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    all: Vec<Change>,
    latest: HashMap<Place, usize>,
}

impl Changes {
    /// Notes one.
    pub(crate) fn note(&mut self, object: Place, what: What, at: OffsetDateTime) {
        let place = self.all.len();
        let previous = self.latest.insert(object, place);
        if let Some(before) = previous.and_then(|before| self.all.get_mut(before)) {
            before.next = Some(place);
        }
        self.all.push(Change {
            object,
            what,
            at,
            previous,
            next: None,
        });
    }

    /// The place after the newest change.
    pub(crate) fn place(&self) -> usize {
        self.all.len()
    }

    /// The place after the newest change that is at least `lag` seconds old.
    pub(crate) fn visible(&self, now: OffsetDateTime, lag: i64) -> usize {
        let seen = now.saturating_sub(Duration::seconds(lag));
        self.all.partition_point(|change| change.at <= seen)
    }

    /// How many objects came after a place, users or groups.
    pub(crate) fn born_after(&self, place: usize, groups: bool) -> usize {
        self.all
            .iter()
            .skip(place)
            .filter(|change| change.what == What::Came)
            .filter(|change| matches!(change.object, Place::Group(_)) == groups)
            .count()
    }

    /// The object changed at a place, and whether nothing later before `to`
    /// changed it again.
    pub(crate) fn object(&self, place: usize, to: usize) -> Option<(Place, bool)> {
        let change = self.all.get(place)?;
        Some((change.object, change.next.is_none_or(|next| next >= to)))
    }

    /// What happened to the object changed at `last`, from place `from` on.
    pub(crate) fn summary(&self, last: usize, from: usize) -> Summary {
        let mut summary = Summary::default();
        let mut next = Some(last).filter(|place| *place >= from);
        while let Some(change) = next.and_then(|place| self.all.get(place)) {
            match &change.what {
                What::Came | What::Went => summary.presence = true,
                What::Restored => summary.restored = true,
                What::Property(name) => {
                    summary.properties.insert(name.clone());
                }
                What::Member(id) => {
                    summary.members.insert(id.clone());
                }
            }
            next = change.previous.filter(|place| *place >= from);
        }
        summary
    }

    /// Everything that ever happened to an object.
    pub(crate) fn history(&self, object: Place) -> Summary {
        match self.latest.get(&object) {
            Some(last) => self.summary(*last, 0),
            None => Summary::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_begins_where_the_reader_left() {
        let mut changes = Changes::default();
        let start = OffsetDateTime::UNIX_EPOCH;
        let (one, other) = (Place::User(0), Place::Group(0));
        changes.note(one, What::Came, start);
        changes.note(other, What::Came, start);
        let later = start + Duration::seconds(10);
        changes.note(one, What::Property("surname".to_owned()), later);
        assert_eq!(changes.object(0, 3), Some((one, false)));
        assert_eq!(changes.object(0, 2), Some((one, true)));
        assert!(changes.summary(2, 0).presence && !changes.summary(2, 1).presence);
        assert_eq!(changes.visible(later, 5), 2);
        assert_eq!(changes.born_after(1, true), 1);
        assert_eq!(changes.born_after(1, false), 0);
    }
}
