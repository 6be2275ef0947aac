//! A tenant of twenty thousand people changes, and the agent is killed at random moments of its runs: of
//! the first import, of deltas, of full rounds. Then one run, and the host has the tenant, object by
//! object; nobody's id has ever moved.

use std::time::{Duration, Instant};

use harness::{Host, Limit, Trouble};
use serde_json::{Value, json};

use super::{back_again, must_be_interrupted, must_be_sound, must_be_tidy, restart_at_once};
use crate::ready::SOON;
use crate::structure_kept::compare::Seen;
use crate::structure_kept::walk::{Random, Walk};

#[test]
fn kills_at_random_instants_cost_nothing() -> Result<(), Trouble> {
    let told = |trouble: Trouble| Trouble::new(format!("seed {SEED:#x}: {trouble}"));
    survive().map_err(told)
}

fn survive() -> Result<(), Trouble> {
    let host = Host::boot()?;
    restart_at_once(&host)?;
    let tenant = host.tenant();
    tenant.call(
        "POST",
        "/synthetic",
        Some(&json!({"users": USERS, "groups": GROUPS})),
    )?;
    tenant.call("PUT", "/page-size", Some(&json!({"n": 999})))?;
    let mut walk = Walk::begin(host.tenant(), SEED, 80, 12)?;
    let mut random = Random::new(SEED);
    let (mut seen, mut interrupted) = (Seen::default(), 0);
    let mut first_import_takes = FIRST_GUESS;
    for kill in 0..KILLS {
        // The first import goes on where the last kill stopped it; later there is a directory to keep.
        let (verb, within) = match kill {
            0..FIRST_KILLS => ("import", first_import_takes),
            FIRST_KILLS => {
                let begin = Instant::now();
                run(&host, "import")?;
                first_import_takes = begin.elapsed();
                seen.compare(&host)?;
                ("sync --full --accept-removals", first_import_takes)
            }
            _ if kill % 2 == 0 => ("sync --full --accept-removals", first_import_takes),
            _ => ("sync --accept-removals", first_import_takes / 2),
        };
        if kill >= FIRST_KILLS {
            let change = json!({"start": kill * 400, "rename": 350, "remove": 20});
            tenant.call("POST", "/synthetic/changes", Some(&change))?;
            for _ in 0..5 {
                walk.step()?;
            }
        }
        let most = usize::try_from(within.as_millis()).unwrap_or(usize::MAX);
        let moment = Duration::from_millis(u64::try_from(random.below(most.max(1))).unwrap_or(0));
        let under_way = host.terminal(&format!("entractl {verb}"))?;
        // The moment is the test.
        std::thread::sleep(moment);
        host.kill_agent()?;
        drop(under_way.finish(SOON));
        let at = |trouble: Trouble| {
            Trouble::new(format!("kill {kill}, {verb}, after {moment:?}: {trouble}"))
        };
        interrupted += usize::from(must_be_interrupted(&back_again(&host)?).map_err(at)?);
        must_be_sound(&host).map_err(at)?;
        seen.look(&host).map_err(at)?;
    }
    assert!(
        interrupted * 2 >= KILLS,
        "{interrupted} of {KILLS} kills cut a run off"
    );
    run(&host, "sync --accept-removals")?;
    must_be_tidy(&host)?;
    seen.compare(&host)?;
    // A full round finds nothing that the deltas left out, and the counts are the tenant's.
    let again: Value = serde_json::from_str(run(&host, "sync --full --json")?.stdout()?)?;
    let users = &again["import"]["users"];
    for unexpected in ["added", "changed", "removed"] {
        assert_eq!(users[unexpected], 0, "{users}");
        assert_eq!(again["import"]["groups"][unexpected], 0, "{again}");
    }
    let [people, _] = seen.look(&host)?;
    assert!(people.len() + 400 > USERS, "{} people", people.len());
    Ok(())
}

fn run(host: &Host, verb: &str) -> Result<harness::Output, Trouble> {
    let said = host.run_within(LONG, &format!("entractl {verb}"))?;
    said.stdout()?;
    Ok(said)
}

const SEED: u64 = 0x5EED_0007;
const USERS: usize = 20_000;
const GROUPS: usize = 100;
const KILLS: usize = 15;
/// So many of them before there is any directory.
const FIRST_KILLS: usize = 4;
/// Long enough for a kill to come at every stage.
const FIRST_GUESS: Duration = Duration::from_secs(3);
/// A whole import on a busy machine.
const LONG: Limit = Duration::from_secs(180);
