use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::identity::{ObjectId, TenantId};
use crate::names::LocalAccounts;

#[derive(Debug, Clone, Copy)]
struct NewId {
    key: ObjectKey,
    id: u32,
    attempt: u32,
}

#[derive(Debug, Default)]
struct Allocation {
    new: Vec<NewId>,
    unplaced: BTreeSet<ObjectKey>,
}

/// Ids for those of `objects` that have none in `known`, one after the other, as an import gives them.
fn allocate(
    range: IdRange,
    objects: &[ObjectKey],
    known: &BTreeMap<ObjectKey, u32>,
    local: &LocalAccounts,
) -> Allocation {
    let taken: RefCell<BTreeSet<u32>> = RefCell::new(known.values().copied().collect());
    let is_taken = |id: u32| Ok::<_, Infallible>(taken.borrow().contains(&id) || local.has_id(id));
    let mut allocation = Allocation::default();
    for key in objects.iter().filter(|key| !known.contains_key(key)) {
        let Ok(free) = first_free(range, *key, &is_taken);
        match free {
            Some((attempt, id)) => {
                taken.borrow_mut().insert(id);
                allocation.new.push(NewId {
                    key: *key,
                    id,
                    attempt,
                });
            }
            None => {
                allocation.unplaced.insert(*key);
            }
        }
    }
    allocation
}

const DEFAULT: Ids = Ids {
    base: 0x7800_0000,
    size: 0x07FD_FFF0,
};

fn key(object: [u8; 16]) -> ObjectKey {
    ObjectKey {
        tenant: TenantId::from_bytes([7; 16]),
        object: ObjectId::from_bytes(object),
    }
}

fn numbered(number: u32) -> ObjectKey {
    let mut object = [0; 16];
    object[..4].copy_from_slice(&number.to_be_bytes());
    key(object)
}

fn map(objects: &[ObjectKey], range: IdRange) -> BTreeMap<ObjectKey, u32> {
    let allocation = allocate(range, objects, &BTreeMap::new(), &LocalAccounts::default());
    allocation.new.iter().map(|new| (new.key, new.id)).collect()
}

#[test]
fn the_formula_is_a_contract() {
    let range = IdRange::new(DEFAULT).unwrap();
    let alice = ObjectKey {
        tenant: "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001".parse().unwrap(),
        object: "11111111-0000-4000-8000-000000000001".parse().unwrap(),
    };
    // Computed apart from this program: sha256sum over the bytes that the module's essay names.
    assert_eq!(range.candidate(alice, 0), FIRST);
    assert_eq!(range.candidate(alice, 1), SECOND);
    assert_eq!(range.role_gid(0), 0x7FFD_FFF0);
    assert_eq!(range.role_gid(15), 0x7FFD_FFFF);
}

const FIRST: u32 = 2068106121;
const SECOND: u32 = 2104297821;

#[test]
fn ranges_with_ids_of_others_are_refused() {
    for (base, size) in [
        (0, 100),
        (999, 100),
        (50_000, 20_000),
        (0x7800_0000, 0x07FD_FFF1),
        (0x7FFD_0000, 0x0003_0000),
        (0x7FFF_FF00, 0x0000_0100),
        (0xFFFF_FF00, 0xFFFF),
        (100_000, 0),
    ] {
        assert!(IdRange::new(Ids { base, size }).is_err(), "{base} {size}");
    }
    assert!(
        IdRange::new(Ids {
            base: 100_000,
            size: 1_000_000
        })
        .is_ok()
    );
}

#[test]
fn allocations_never_move_and_are_never_reused() {
    let range = IdRange::new(Ids {
        base: 100_000,
        size: 64,
    })
    .unwrap();
    let first: Vec<_> = (0..40).map(numbered).collect();
    let known = map(&first, range);
    assert_eq!(known.len(), 40);
    let second: Vec<_> = (20..60).map(numbered).collect();
    let more = allocate(range, &second, &known, &LocalAccounts::default());
    assert_eq!(more.new.len(), 20);
    let all: BTreeSet<u32> = known
        .values()
        .copied()
        .chain(more.new.iter().map(|new| new.id))
        .collect();
    assert_eq!(all.len(), 60);
}

#[test]
fn ids_of_local_accounts_are_left_alone() {
    let range = IdRange::new(Ids {
        base: 100_000,
        size: 1000,
    })
    .unwrap();
    let object = numbered(1);
    let first = range.candidate(object, 0);
    let local = LocalAccounts::parse(format!("x:x:{first}:1::/:/x\n").as_bytes(), b"");
    let allocation = allocate(range, &[object], &BTreeMap::new(), &local);
    assert_eq!(allocation.new[0].attempt, 1);
    assert_ne!(allocation.new[0].id, first);
}

#[test]
fn a_full_range_places_nobody_twice() {
    let range = IdRange::new(Ids {
        base: 100_000,
        size: 4,
    })
    .unwrap();
    let objects: Vec<_> = (0..6).map(numbered).collect();
    let allocation = allocate(range, &objects, &BTreeMap::new(), &LocalAccounts::default());
    assert_eq!(allocation.new.len() + allocation.unplaced.len(), 6);
    assert_eq!(allocation.new.len(), 4);
}

proptest! {
    /// Two hosts that saw the same objects agree, and an object with its first candidate has the same id
    /// on hosts that saw different objects.
    #[test]
    fn hosts_agree(objects in proptest::collection::btree_set(any::<[u8; 16]>(), 1..200)) {
        let range = IdRange::new(Ids { base: 100_000, size: 5000 }).unwrap();
        let all: Vec<_> = objects.into_iter().map(key).collect();
        let here = map(&all, range);
        let ids: BTreeSet<_> = here.values().collect();
        prop_assert_eq!(ids.len(), all.len());
        prop_assert_eq!(&here, &map(&all, range));
        let fewer: Vec<_> = all.iter().copied().step_by(2).collect();
        for (object, id) in map(&fewer, range) {
            if here[&object] == range.candidate(object, 0) {
                prop_assert_eq!(id, here[&object]);
            }
        }
    }
}
