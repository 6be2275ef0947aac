//! Who is in a group through the groups inside it.
//!
//! Computed here and not asked of Graph, so that one round gives one consistent answer. Groups may hold
//! one another in circles; a visited set makes that harmless, and the circles are named in a remark.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::MemberKind;
use crate::identity::ObjectId;
use crate::store::Edge;

/// Direct members, by group.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    users: BTreeMap<ObjectId, Vec<ObjectId>>,
    groups: BTreeMap<ObjectId, Vec<ObjectId>>,
}

/// What a group amounts to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reached {
    /// Users in it, directly or through other groups.
    pub(super) users: BTreeSet<ObjectId>,
    /// True if the group is inside itself.
    pub(super) circular: bool,
}

impl Nesting {
    pub(super) fn new<'a>(edges: impl IntoIterator<Item = &'a Edge>) -> Self {
        let mut nesting = Self::default();
        for edge in edges {
            let lists = match edge.kind {
                MemberKind::User => &mut nesting.users,
                MemberKind::Group => &mut nesting.groups,
            };
            lists.entry(edge.parent).or_default().push(edge.member);
        }
        nesting
    }

    /// Everybody in `group`.
    pub(super) fn reach(&self, group: ObjectId) -> Reached {
        let mut reached = Reached::default();
        let mut visited = BTreeSet::from([group]);
        let mut waiting = vec![group];
        while let Some(here) = waiting.pop() {
            reached
                .users
                .extend(self.users.get(&here).into_iter().flatten());
            for inner in self.groups.get(&here).into_iter().flatten() {
                reached.circular |= *inner == group;
                if visited.insert(*inner) {
                    waiting.push(*inner);
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(number: u8) -> ObjectId {
        ObjectId::from_bytes([number; 16])
    }

    fn edge(parent: u8, member: u8, kind: MemberKind) -> Edge {
        Edge {
            parent: id(parent),
            member: id(member),
            kind,
        }
    }

    #[test]
    fn circles_end_and_are_noticed() {
        use MemberKind::{Group, User};
        // 1 holds 2, 2 holds 3, 3 holds 1; 4 holds 1; 5 holds itself; 6 is empty.
        let edges = [
            edge(1, 2, Group),
            edge(2, 3, Group),
            edge(3, 1, Group),
            edge(4, 1, Group),
            edge(5, 5, Group),
            edge(1, 101, User),
            edge(2, 102, User),
            edge(3, 103, User),
            edge(3, 101, User),
            edge(4, 104, User),
        ];
        let nesting = Nesting::new(&edges);
        let everyone = BTreeSet::from([id(101), id(102), id(103)]);
        for group in 1..=3 {
            let reached = nesting.reach(id(group));
            assert_eq!(reached.users, everyone);
            assert!(reached.circular);
        }
        let outside = nesting.reach(id(4));
        assert_eq!(outside.users.len(), 4);
        assert!(!outside.circular, "it holds a circle but is not in it");
        assert!(nesting.reach(id(5)).circular);
        assert_eq!(nesting.reach(id(6)), Reached::default());
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let mut edges = Vec::new();
        for number in 0..50_000_u32 {
            let mut parent = [0; 16];
            let mut member = [0; 16];
            parent[..4].copy_from_slice(&number.to_be_bytes());
            member[..4].copy_from_slice(&(number + 1).to_be_bytes());
            edges.push(Edge {
                parent: ObjectId::from_bytes(parent),
                member: ObjectId::from_bytes(member),
                kind: MemberKind::Group,
            });
        }
        let nesting = Nesting::new(&edges);
        assert!(!nesting.reach(ObjectId::from_bytes([0; 16])).circular);
    }
}
