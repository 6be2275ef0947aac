//! People and groups that are computed from their number, up to millions.
//!
//! Nothing is kept of them but how many there are: id, name and memberships of
//! number 734 512 are always the same, and an id leads back to its number. The
//! first change to one makes it an ordinary object (see `Tenant::user_mut`).
//!
//! User `n` of N is in the groups `n mod M` and `n / ceil(N / M)` of M groups;
//! group `10 k` is a member of group `k`, for k from 1 up.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::group::Group;
use super::lockout::Lockout;
use super::members::Members;
use super::properties::Properties;
use super::user::{Presence, SignIn, User};
use crate::clock::graph_instant;

/// How many of each; the seed's key `synthetic` and the body of `POST /synthetic`.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Size {
    pub(crate) users: usize,
    #[serde(default)]
    pub(crate) groups: usize,
}

/// Most objects of a kind: ids have room for far more, tests have not.
pub(crate) const MOST: usize = 10_000_000;

/// The population.
#[derive(Debug, Clone)]
pub(crate) struct Synthetic {
    pub(crate) users: usize,
    pub(crate) groups: usize,
    domain: Arc<str>,
    /// Tells the ids of two tenants apart.
    tag: u64,
}

/// What an id or name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    User(usize),
    Group(usize),
}

impl Synthetic {
    pub(crate) fn new(size: Size, domain: &str, tenant: &str) -> Result<Self, String> {
        if size.users > MOST || size.groups > MOST {
            return Err(format!("at most {MOST} synthetic objects of a kind"));
        }
        let tag = tenant
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Ok(Self {
            users: size.users,
            groups: size.groups,
            domain: domain.into(),
            tag,
        })
    }

    /// The object id: a scattered one, whose last part is the number again.
    pub(crate) fn id(&self, number: Number) -> String {
        let code = match number {
            Number::User(number) => number * 2,
            Number::Group(number) => number * 2 + 1,
        } as u64;
        let tail = code.wrapping_add(1).wrapping_mul(SPREAD) & TAIL;
        let head = mixed(code ^ self.tag);
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{tail:012x}",
            head >> 32,
            head >> 16 & 0xffff,
            head >> 4 & 0xfff,
            mixed(head) & 0xfff,
        )
    }

    /// The number behind an id, if it is one of these.
    pub(crate) fn number_of(&self, id: &str) -> Option<Number> {
        let tail = u64::from_str_radix(id.get(24..)?, 16).ok()?;
        let code = (tail.wrapping_mul(SPREAD_BACK) & TAIL).checked_sub(1)?;
        let number = usize::try_from(code / 2).ok()?;
        let (number, is_there) = match code % 2 {
            0 => (Number::User(number), number < self.users),
            _ => (Number::Group(number), number < self.groups),
        };
        (is_there && self.id(number).eq_ignore_ascii_case(id)).then_some(number)
    }

    /// The user of a UPN, in any case.
    pub(crate) fn user_called(&self, upn: &str) -> Option<usize> {
        let local = upn.split_once('@')?.0;
        let number: usize = local
            .get(local.trim_end_matches(DIGITS).len()..)?
            .parse()
            .ok()?;
        (number < self.users && self.upn(number).eq_ignore_ascii_case(upn)).then_some(number)
    }

    /// The group of a display name.
    pub(crate) fn group_called(&self, name: &str) -> Option<usize> {
        let number: usize = name.strip_prefix(GROUP_NAME)?.parse().ok()?;
        (number < self.groups && group_name(number) == name).then_some(number)
    }

    fn upn(&self, number: usize) -> String {
        let (given, surname) = names(number);
        format!("{given}.{surname}{number}@{}", self.domain).to_ascii_lowercase()
    }

    /// One user.
    pub(crate) fn user(&self, number: usize) -> Option<User> {
        if number >= self.users {
            return None;
        }
        let upn = self.upn(number);
        let (given, surname) = names(number);
        let created = json!(created(number));
        let local = upn.split('@').next().unwrap_or_default().to_owned();
        let mut properties = Properties::new();
        for (name, value) in [
            ("accountEnabled", Value::Bool(true)),
            ("createdDateTime", created.clone()),
            ("displayName", json!(format!("{given} {surname} {number}"))),
            ("givenName", json!(given)),
            ("lastPasswordChangeDateTime", created.clone()),
            ("mail", json!(upn)),
            ("mailNickname", json!(local)),
            ("signInSessionsValidFromDateTime", created),
            ("surname", json!(surname)),
            ("userPrincipalName", json!(upn)),
            ("userType", json!("Member")),
        ] {
            properties.insert(name.to_owned(), value);
        }
        Some(User {
            id: self.id(Number::User(number)),
            number: Some(number),
            presence: Presence::Live,
            properties,
            sign_in: SignIn::default(),
            lockout: Lockout::default(),
            sessions_ended: None,
        })
    }

    /// One group.
    pub(crate) fn group(&self, number: usize) -> Option<Group> {
        if number >= self.groups {
            return None;
        }
        let mut properties = Properties::new();
        for (name, value) in [
            ("createdDateTime", json!(created(number))),
            ("displayName", json!(group_name(number))),
            ("groupTypes", json!([])),
            ("mailEnabled", Value::Bool(false)),
            ("mailNickname", json!(format!("team{number}"))),
            ("securityEnabled", Value::Bool(true)),
        ] {
            properties.insert(name.to_owned(), value);
        }
        Some(Group {
            id: self.id(Number::Group(number)),
            number: Some(number),
            presence: Presence::Live,
            properties,
            members: Members::of_synthetic(self, number),
        })
    }

    /// Users in a row that share a group.
    fn block(&self) -> usize {
        self.users.div_ceil(self.groups.max(1)).max(1)
    }

    /// How many direct members a group has.
    pub(crate) fn member_count(&self, group: usize) -> usize {
        self.every(group) + self.neighbours(group) + usize::from(self.nested(group).is_some())
    }

    /// Users whose number leaves the group's when divided.
    fn every(&self, group: usize) -> usize {
        match self.users > group {
            true => (self.users - 1 - group) / self.groups + 1,
            false => 0,
        }
    }

    /// The first of the group's block, its length, and its first user that is
    /// among [`Self::every`] already, counted from the block's start.
    fn own_block(&self, group: usize) -> (usize, usize, usize) {
        let start = (group * self.block()).min(self.users);
        let length = self.block().min(self.users - start);
        let first = (group + self.groups - start % self.groups) % self.groups;
        (start, length, first)
    }

    fn neighbours(&self, group: usize) -> usize {
        let (_, length, first) = self.own_block(group);
        match length > first {
            true => length - ((length - 1 - first) / self.groups + 1),
            false => length,
        }
    }

    fn nested(&self, group: usize) -> Option<usize> {
        Some(group * NESTING).filter(|child| *child > 0 && *child < self.groups)
    }

    /// A group's member by its place, without counting up to it.
    pub(crate) fn member(&self, group: usize, place: usize) -> Option<String> {
        let every = self.every(group);
        if place < every {
            return Some(self.id(Number::User(group + place * self.groups)));
        }
        let place = place - every;
        if place < self.neighbours(group) {
            let (start, _, first) = self.own_block(group);
            let skipped = match place < first {
                true => 0,
                false => 1 + (place - first) / (self.groups - 1).max(1),
            };
            return Some(self.id(Number::User(start + place + skipped)));
        }
        let child = self.nested(group)?;
        (place == self.neighbours(group)).then(|| self.id(Number::Group(child)))
    }

    /// The groups that hold an object directly.
    pub(crate) fn holders(&self, number: Number) -> Vec<usize> {
        if self.groups == 0 {
            return Vec::new();
        }
        match number {
            Number::User(user) => {
                let (one, other) = (user % self.groups, user / self.block());
                match one == other {
                    true => vec![one],
                    false => vec![one, other],
                }
            }
            Number::Group(group) if group > 0 && group % NESTING == 0 => vec![group / NESTING],
            Number::Group(_) => Vec::new(),
        }
    }

    /// Whether a group holds the object of an id directly.
    pub(crate) fn holds(&self, group: usize, id: &str) -> bool {
        self.number_of(id)
            .is_some_and(|number| self.holders(number).contains(&group))
    }
}

/// Spreads numbers over 48 bits; odd, so that a factor undoes it.
const SPREAD: u64 = 0x5bd1_e995_9e37;
/// The factor that undoes [`SPREAD`] modulo 2⁴⁸.
const SPREAD_BACK: u64 = inverse(SPREAD);
/// The last part of an id has 48 bits.
const TAIL: u64 = (1 << 48) - 1;
/// Every tenth group is in another.
const NESTING: usize = 10;
const GROUP_NAME: &str = "Team ";
const DIGITS: [char; 10] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/// The multiplicative inverse of an odd number modulo 2⁶⁴ (Newton's iteration
/// doubles the right bits each time, from three).
const fn inverse(odd: u64) -> u64 {
    let mut guess = odd;
    let mut round = 0;
    while round < 5 {
        guess = guess.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(guess)));
        round += 1;
    }
    guess
}

/// The finaliser of SplitMix64: near numbers come out far apart.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

fn group_name(number: usize) -> String {
    format!("{GROUP_NAME}{number:05}")
}

fn names(number: usize) -> (&'static str, &'static str) {
    let pick = |list: [&'static str; 16], at: usize| list.get(at % 16).copied().unwrap_or("Kim");
    (pick(GIVEN, number), pick(SURNAMES, number / 16))
}

/// One came every 97 s from the beginning of 2015 on.
fn created(number: usize) -> String {
    let seconds = i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(97);
    let first = OffsetDateTime::UNIX_EPOCH + Duration::seconds(1_420_070_400);
    graph_instant(first.saturating_add(Duration::seconds(seconds)))
}

const GIVEN: [&str; 16] = [
    "Ada", "Ben", "Clara", "Dan", "Ella", "Finn", "Gita", "Hugo", "Ines", "Jan", "Kira", "Leo",
    "Mia", "Noor", "Otto", "Pia",
];
const SURNAMES: [&str; 16] = [
    "Abel", "Berg", "Costa", "Dahl", "Evans", "Frank", "Gruber", "Haas", "Ito", "Jones", "Kovac",
    "Lund", "Moser", "Nagy", "Olsen", "Petit",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn population(users: usize, groups: usize) -> Synthetic {
        Synthetic::new(Size { users, groups }, "big.example", "t").unwrap()
    }

    #[test]
    fn ids_and_names_lead_back_to_the_number() {
        let all = population(5_000, 70);
        let mut seen = BTreeSet::new();
        for number in (0..5_000)
            .map(Number::User)
            .chain((0..70).map(Number::Group))
        {
            let id = all.id(number);
            assert!(uuid::Uuid::parse_str(&id).is_ok(), "{id}");
            assert_eq!(all.number_of(&id), Some(number));
            assert!(seen.insert(id));
        }
        assert_eq!(all.number_of(&all.id(Number::User(5_000))), None);
        let user = all.user(4_321).unwrap();
        assert_eq!(all.user_called(&user.upn().to_uppercase()), Some(4_321));
        assert_eq!(all.group_called("Team 00069"), Some(69));
        assert_eq!(all.group_called("Team 69"), None);
    }

    #[test]
    fn members_by_place_are_those_who_say_so() {
        for (users, groups) in [
            (1_000, 1),
            (1_000, 7),
            (997, 100),
            (50, 120),
            (10, 10),
            (0, 3),
        ] {
            let all = population(users, groups);
            let mut told = BTreeSet::new();
            for group in 0..groups {
                for place in 0..all.member_count(group) {
                    let id = all.member(group, place).unwrap();
                    assert!(all.holds(group, &id), "{users}/{groups}: {group} {place}");
                    assert!(told.insert((group, id)), "{users}/{groups}: twice");
                }
                assert_eq!(all.member(group, all.member_count(group)), None);
            }
            let everybody = (0..users)
                .map(Number::User)
                .chain((0..groups).map(Number::Group));
            let expected: usize = everybody.map(|number| all.holders(number).len()).sum();
            assert_eq!(told.len(), expected, "{users}/{groups}");
        }
    }
}
