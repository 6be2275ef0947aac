//! How a round tells one object.
//!
//! A property that was never set is absent, one that was cleared is null; what
//! is told is the state of now, whatever the change was.

use serde_json::{Map, Value, json};

use super::cursor::Cursor;
use super::source::Item;
use crate::state::changes::Summary;
use crate::state::delta::Switches;
use crate::state::group::Group;
use crate::state::properties::{GROUP, Kind, USER};
use crate::state::tenant::{Place, Tenant};
use crate::state::user::Presence;

/// What of a round decides how objects are told.
pub(super) struct Teller<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) cursor: &'a Cursor,
    pub(super) switches: &'a Switches,
    /// Member rows of one group on one page.
    pub(super) slice: usize,
    pub(super) sees_hidden: bool,
}

/// An entry, and the member's place to go on from if the object is not told out.
#[derive(Default)]
pub(super) struct Told {
    pub(super) entry: Option<Value>,
    pub(super) rest: Option<usize>,
}

impl From<Option<Value>> for Told {
    fn from(entry: Option<Value>) -> Self {
        Self { entry, rest: None }
    }
}

impl Teller<'_> {
    /// An object of a users round.
    pub(super) fn user(&self, item: Item) -> Told {
        let (user, what) = match item {
            Item::Nothing => return Told::default(),
            Item::Whole(nth) => (self.tenant.nth_user(nth), None),
            Item::Changed(place, what) => (self.tenant.user_at(place), Some(what)),
        };
        let Some(user) = user else {
            return Told::default();
        };
        let property = |name: &str| user.property(name);
        let entry = match what {
            _ if !self.is_asked(&user.id) => None,
            None => match user.presence {
                Presence::Live => Some(self.shown(&USER, None, &property)),
                gone => self
                    .switches
                    .removed_at_first
                    .then(|| removed(&user.id, gone)),
            },
            Some(what) if !user.is_live() => {
                what.presence.then(|| removed(&user.id, user.presence))
            }
            Some(what) => self
                .is_told(&what, &USER)
                .then(|| self.shown(&USER, Some(&what), &property)),
        };
        Told::from(entry)
    }

    /// An object of a groups round, its members from a place on.
    pub(super) fn group(&self, item: Item, member: usize) -> Told {
        let (group, place, what) = match item {
            Item::Nothing => return Told::default(),
            Item::Whole(nth) => (self.tenant.nth_group(nth), None, None),
            Item::Changed(place, what) => (self.tenant.group_at(place), Some(place), Some(what)),
        };
        let Some(group) = group.filter(|group| self.is_asked(&group.id)) else {
            return Told::default();
        };
        if !group.is_live() {
            let is_news = what.map_or(self.switches.removed_at_first, |what| what.presence);
            let entry = is_news.then(|| removed(&group.id, group.presence));
            return Told::from(entry.filter(|_| member == 0));
        }
        let shows_members =
            self.cursor.tracks_members() && (self.sees_hidden || !group.hides_members());
        match (what, place) {
            (Some(what), Some(_)) => self.changed_group(&group, &what, shows_members, member),
            _ => self.whole_group(&group, shows_members, member),
        }
    }

    fn whole_group(&self, group: &Group, shows_members: bool, member: usize) -> Told {
        let length = group.members.len();
        if member > 0 && (member >= length || !shows_members) {
            return Told::default();
        }
        let mut told = self.slice_of(group, None, member);
        if !shows_members {
            return told;
        }
        let rows = group.members.slice(member, self.slice);
        let mut rows: Vec<Value> = rows.iter().map(|id| self.row(id, true)).collect();
        told.rest = (member + self.slice < length).then_some(member + self.slice);
        if told.rest.is_none() && self.switches.removed_at_first && self.cursor.from.is_none() {
            rows.extend(
                self.past_members(group)
                    .iter()
                    .map(|id| self.row(id, false)),
            );
        }
        told.with_members(rows)
    }

    fn changed_group(
        &self,
        group: &Group,
        what: &Summary,
        shows_members: bool,
        member: usize,
    ) -> Told {
        // One that came, or came back, is told with all its members.
        let all: Vec<(String, bool)> = match shows_members {
            false => Vec::new(),
            true => {
                let mut ids = what.members.clone();
                if self.is_back(what) {
                    ids.extend(group.members.all());
                }
                let is_in = |id: String| (group.members.contains(&id), id);
                ids.into_iter()
                    .map(is_in)
                    .map(|(is_in, id)| (id, is_in))
                    .collect()
            }
        };
        if all.is_empty() && !self.is_told(what, &GROUP) || member > 0 && member >= all.len() {
            return Told::default();
        }
        let mut told = self.slice_of(group, Some(what), member);
        let rows = all.iter().skip(member).take(self.slice);
        let rows = rows.map(|(id, is_in)| self.row(id, *is_in)).collect();
        told.rest = (member + self.slice < all.len()).then_some(member + self.slice);
        told.with_members(rows)
    }

    /// A slice's entry without its members.
    fn slice_of(&self, group: &Group, what: Option<&Summary>, member: usize) -> Told {
        let entry = match member > 0 && self.switches.bare_slices {
            true => json!({"id": group.id}),
            false => self.shown(&GROUP, what, &|name| group.property(name)),
        };
        Told::from(Some(entry))
    }

    /// The properties a delta tells: the selected ones that were ever set, or of
    /// these the changed ones.
    fn shown(
        &self,
        kind: &Kind,
        what: Option<&Summary>,
        property: &dyn Fn(&str) -> Option<Value>,
    ) -> Value {
        let names: Vec<&str> = match &self.cursor.select {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => kind.by_default.to_vec(),
        };
        let only = what.filter(|what| self.cursor.minimal && !self.is_back(what));
        let mut out = Map::new();
        out.insert("id".to_owned(), property("id").unwrap_or(Value::Null));
        for name in names {
            if only.is_some_and(|what| !what.properties.contains(name)) {
                continue;
            }
            if let Some(value) = property(name) {
                out.insert(name.to_owned(), value);
            }
        }
        Value::Object(out)
    }

    /// Whether an object came, or came back and that is not missed.
    fn is_back(&self, what: &Summary) -> bool {
        let is_missed = self.switches.restore_missed && self.cursor.select.is_some();
        (what.presence || what.restored) && !(what.restored && is_missed)
    }

    /// Whether a change touches what the round tracks.
    fn is_told(&self, what: &Summary, kind: &Kind) -> bool {
        let is_tracked = |name: &String| match &self.cursor.select {
            Some(names) => names.contains(name),
            None => kind.by_default.contains(&name.as_str()),
        };
        self.is_back(what) || what.properties.iter().any(is_tracked)
    }

    fn is_asked(&self, id: &str) -> bool {
        match &self.cursor.ids {
            Some(ids) => ids.iter().any(|asked| asked == id),
            None => true,
        }
    }

    fn row(&self, id: &str, is_in: bool) -> Value {
        let kind = match self.tenant.is_group(id) {
            true => "group",
            false => "user",
        };
        let mut row = json!({"@odata.type": format!("#microsoft.graph.{kind}"), "id": id});
        if let (false, Value::Object(fields)) = (is_in, &mut row) {
            fields.insert("@removed".to_owned(), json!({"reason": "deleted"}));
        }
        row
    }

    /// Who left a group at some time, and one who never was in it.
    fn past_members(&self, group: &Group) -> Vec<String> {
        let place = self.tenant.place_of(&group.id);
        let history = place
            .filter(|place| matches!(place, Place::Group(_)))
            .map(|place| self.tenant.changes.history(place));
        let mut past = history.unwrap_or_default().members;
        past.retain(|id| !group.members.contains(id));
        past.into_iter().chain([stranger(&group.id)]).collect()
    }
}

impl Told {
    fn with_members(mut self, rows: Vec<Value>) -> Self {
        if let (false, Some(Value::Object(fields))) = (rows.is_empty(), &mut self.entry) {
            fields.insert("members@delta".to_owned(), Value::Array(rows));
        }
        self
    }
}

/// The entry of an object that is not there.
pub(super) fn removed(id: &str, presence: Presence) -> Value {
    let reason = if presence == Presence::Gone {
        "deleted"
    } else {
        "changed"
    };
    json!({"id": id, "@removed": {"reason": reason}})
}

/// An id that nobody has, the same each time it is asked for.
pub(super) fn stranger(of: &str) -> String {
    let digits: String = of.chars().rev().filter(char::is_ascii_hexdigit).collect();
    format!("5742ae6e-0000-4000-8000-{:0>12.12}", digits)
}
