//! The direct members of a group: listed, or computed from the group's number.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::synthetic::Synthetic;

/// Object ids of users and groups alike.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    listed: BTreeSet<String>,
    /// Those of a synthetic group that nobody has changed, in the list's place.
    computed: Option<(Synthetic, usize)>,
}

impl Members {
    /// The members of a synthetic group.
    pub(crate) fn of_synthetic(population: &Synthetic, group: usize) -> Self {
        Self {
            listed: BTreeSet::new(),
            computed: Some((population.clone(), group)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.computed {
            None => self.listed.len(),
            Some((population, group)) => population.member_count(*group),
        }
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        match &self.computed {
            None => self.listed.contains(id),
            Some((population, group)) => population.holds(*group, id),
        }
    }

    /// Some of them, in an order that stays.
    pub(crate) fn slice(&self, from: usize, count: usize) -> Vec<String> {
        match &self.computed {
            None => self.listed.iter().skip(from).take(count).cloned().collect(),
            Some((population, group)) => (from..from.saturating_add(count))
                .map_while(|place| population.member(*group, place))
                .collect(),
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> BTreeSet<String> {
        match &self.computed {
            None => self.listed.clone(),
            Some(_) => self.slice(0, self.len()).into_iter().collect(),
        }
    }

    /// Adds one; says whether it is new.
    pub(crate) fn insert(&mut self, id: &str) -> bool {
        self.write_down();
        self.listed.insert(id.to_owned())
    }

    /// Takes one out; says whether it was there.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.write_down();
        self.listed.remove(id)
    }

    fn write_down(&mut self) {
        if self.computed.is_some() {
            self.listed = self.all();
            self.computed = None;
        }
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all().serialize(serializer)
    }
}
