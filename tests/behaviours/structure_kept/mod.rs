//! A tenant of two thousand objects goes through three hundred random changes, and after each sync the host
//! has exactly its people, groups, direct and nested members, object by object.
//!
//! `walk` makes the changes, `compare` holds the host against the tenant's own truth. Both are driven by
//! one number, which a failure names.

#![expect(
    clippy::indexing_slicing,
    reason = "what is not there fails the test, and that is what it is for"
)]

pub(crate) mod compare;
pub(crate) mod walk;

use harness::{Host, Trouble};
use serde_json::json;

use compare::Seen;
use walk::Walk;

#[test]
fn a_tenant_that_changes_is_followed_object_by_object() -> Result<(), Trouble> {
    follow(0x5EED_0001, &json!({}))
}

/// The same, told as badly as Graph may tell it (entra-facts §4.2).
#[test]
fn a_tenant_that_tells_its_changes_in_disorder_is_followed_all_the_same() -> Result<(), Trouble> {
    follow(
        0x5EED_0002,
        &json!({"emptyPages": true, "replays": true, "order": "shuffled", "slices": "interleaved",
                "bareSlices": true, "removedAtFirst": true}),
    )
}

fn follow(seed: u64, switches: &serde_json::Value) -> Result<(), Trouble> {
    let host = Host::boot()?;
    let tenant = host.tenant();
    tenant.call("PUT", "/delta", Some(switches))?;
    // Small slices and pages, so that both are many.
    tenant.call("PUT", "/page-size", Some(&json!({"n": 97, "members": 13})))?;
    let mut walk = Walk::begin(tenant, seed, USERS, GROUPS)?;
    let mut seen = Seen::default();
    sync(&host, "import")?;
    seen.compare(&host)
        .map_err(|trouble| at(seed, 0, &[], &trouble))?;
    for round in 1..=ROUNDS {
        let done: Vec<String> = (0..CHANGES_A_ROUND)
            .map(|_| walk.step())
            .collect::<Result<_, _>>()?;
        sync(&host, "sync")?;
        seen.compare(&host)
            .map_err(|trouble| at(seed, round, &done, &trouble))?;
    }
    walk.must_have_done_everything()
}

/// The walk removes at will: the shrink guard has tests of its own.
fn sync(host: &Host, verb: &str) -> Result<(), Trouble> {
    host.run(&format!("entractl {verb} --accept-removals"))?
        .stdout()
        .map(drop)
}

fn at(seed: u64, round: usize, done: &[String], trouble: &Trouble) -> Trouble {
    Trouble::new(format!(
        "seed {seed:#x}, round {round}, after {}:\n{trouble}",
        done.join("; ")
    ))
}

const USERS: usize = 1_600;
const GROUPS: usize = 400;
const ROUNDS: usize = 30;
const CHANGES_A_ROUND: usize = 10;
