//! The agent is killed at the system calls by which a run is kept: strace counts them and kills it on the
//! way into the N-th, which then does not happen. Which there are, a first run tells that is only watched.
//!
//! SQLite commits by the last frame of a transaction in its journal and, for `state.db`, by a sync after it;
//! the snapshot by a rename. So points are before syncs, renames and truncations, and before and after the
//! frames that commit.

use std::collections::{BTreeMap, BTreeSet};

use harness::{Host, Trouble, until};
use serde_json::{Value, json};

use super::{
    back_again, is_a_word, must_be_interrupted, must_be_sound, must_be_tidy, names,
    restart_at_once, view,
};
use crate::ready::SOON;
use crate::structure_kept::compare::Seen;
use crate::structure_kept::walk::Walk;

#[test]
fn a_delta_killed_at_any_commit_is_whole_or_was_not() -> Result<(), Trouble> {
    let mut under_test = UnderTest::begin(0x5EED_0003)?;
    under_test.host.import("")?.stdout()?;
    under_test.kill_everywhere("sync --accept-removals", DELTA_POINTS)
}

#[test]
fn a_full_round_killed_at_any_commit_is_whole_or_was_not() -> Result<(), Trouble> {
    let mut under_test = UnderTest::begin(0x5EED_0004)?;
    under_test.host.import("")?.stdout()?;
    under_test.kill_everywhere("sync --full --accept-removals", FULL_POINTS)
}

#[test]
fn a_first_import_killed_at_any_commit_is_whole_or_was_not() -> Result<(), Trouble> {
    let mut under_test = UnderTest::begin(0x5EED_0005)?;
    under_test.is_first = true;
    under_test.kill_everywhere("import", FIRST_POINTS)
}

/// A power cut keeps what was synced, and no more: what is renamed into place was synced before, and the
/// folder after it.
#[test]
fn the_snapshot_is_on_the_disk_before_it_has_its_name() -> Result<(), Trouble> {
    let mut under_test = UnderTest::begin(0x5EED_0006)?;
    under_test.host.import("")?.stdout()?;
    under_test.change()?;
    let calls = under_test.watch("sync --accept-removals")?;
    let place = |what: &dyn Fn(&Call) -> bool| calls.iter().position(what);
    let in_public = |call: &Call| call.file.contains("/public");
    let written = calls
        .iter()
        .rposition(|call| call.name == "pwrite64" && in_public(call))
        .unwrap_or_default();
    let synced = calls
        .iter()
        .enumerate()
        .position(|(at, call)| at > written && is_sync(call) && call.file.contains("/public/"));
    let renamed = place(&|call: &Call| call.name == "rename");
    let folder = calls.iter().enumerate().position(|(at, call)| {
        Some(at) > renamed && is_sync(call) && call.file.ends_with("/public")
    });
    let told = || {
        calls
            .iter()
            .filter(|call| call.name != "pwrite64")
            .map(|call| format!("{call:?}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(renamed.is_some(), "no snapshot was renamed:\n{}", told());
    assert!(
        synced.is_some() && synced < renamed,
        "renamed before it was synced:\n{}",
        told()
    );
    assert!(folder.is_some(), "the folder was not synced:\n{}", told());
    Ok(())
}

/// A host with a tenant that changes.
struct UnderTest {
    host: Host,
    walk: Walk,
    seen: Seen,
    seed: u64,
    /// True if each run is to be the host's first.
    is_first: bool,
    cycle: usize,
}

/// A system call of a run that was watched.
#[derive(Debug)]
struct Call {
    thread: String,
    name: String,
    file: String,
    /// It writes the head of a frame of SQLite's journal that is the last of a transaction.
    commits: bool,
}

/// Where to kill: on the way into this call, when a thread of the agent makes it for this time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    call: String,
    count: usize,
}

impl UnderTest {
    fn begin(seed: u64) -> Result<Self, Trouble> {
        let host = Host::boot()?;
        restart_at_once(&host)?;
        let tenant = host.tenant();
        tenant.call("PUT", "/page-size", Some(&json!({"n": 97, "members": 13})))?;
        let walk = Walk::begin(tenant, seed, USERS, GROUPS)?;
        Ok(Self {
            host,
            walk,
            seen: Seen::default(),
            seed,
            is_first: false,
            cycle: 0,
        })
    }

    /// Changes the tenant, so that a run shows.
    fn change(&mut self) -> Result<Vec<String>, Trouble> {
        self.cycle += 1;
        let cycle = self.cycle;
        self.host.tenant().change_user(
            "frank@contoso.example",
            &json!({"displayName": format!("Frank {cycle}")}),
        )?;
        (0..CHANGES).map(|_| self.walk.step()).collect()
    }

    fn kill_everywhere(&mut self, verb: &str, most: usize) -> Result<(), Trouble> {
        if !self.is_first {
            self.seen.compare(&self.host)?;
        }
        self.change()?;
        let calls = self.watch(verb)?;
        self.seen.compare(&self.host)?;
        let points = points(&calls, most);
        assert!(points.len() >= most / 2, "too few points: {points:?}");
        let (mut killed, mut interrupted) = (0, 0);
        for point in &points {
            let done = self.change()?;
            let (was_killed, was_interrupted) = self.kill_at(verb, point).map_err(|trouble| {
                Trouble::new(format!(
                    "seed {:#x}, cycle {}, {verb} killed at {point:?} after {}:\n{trouble}",
                    self.seed,
                    self.cycle,
                    done.join("; ")
                ))
            })?;
            killed += usize::from(was_killed);
            interrupted += usize::from(was_interrupted);
        }
        // A thread of the next run may make fewer calls than one of the run that was watched.
        assert!(
            killed * 2 >= points.len(),
            "only {killed} of {points:?} came"
        );
        assert!(
            interrupted * 2 > killed,
            "{interrupted} of {killed} were cut off"
        );
        Ok(())
    }

    /// One kill, and all that must be so after it; whether there was one, and whether it cut the run off.
    fn kill_at(&mut self, verb: &str, point: &Point) -> Result<(bool, bool), Trouble> {
        if self.is_first {
            self.forget_everything()?;
        }
        let names = self.all_names()?;
        let before = view(&self.host, &names)?;
        let killed = self.run_and_kill(verb, point)?;
        let at_once = view(&self.host, &names)?;
        let runs = back_again(&self.host)?;
        let interrupted = killed && must_be_interrupted(&runs)?;
        let again = view(&self.host, &names)?;
        must_be_sound(&self.host)?;
        let next = if self.is_first {
            "import"
        } else {
            "sync --accept-removals"
        };
        let said = self.host.run(&format!("entractl {next}"))?;
        said.stdout()?;
        let after = view(&self.host, &names)?;
        assert_ne!(before, after, "the next run brought nothing");
        for (when, seen) in [("at once", &at_once), ("with a new agent", &again)] {
            if *seen != before && *seen != after {
                let told = mixture(&before, seen, &after);
                return Err(Trouble::new(format!("{when}, a mixture: {told}")));
            }
        }
        if self.is_first {
            // Without its databases, another host: names and ids are given anew.
            self.seen = Seen::default();
        }
        self.seen
            .compare(&self.host)
            .map_err(|trouble| Trouble::new(format!("{trouble}\n{said}")))?;
        must_be_tidy(&self.host)?;
        Ok((killed, interrupted))
    }

    /// The names of now and those that anybody here still has.
    fn all_names(&self) -> Result<BTreeSet<String>, Trouble> {
        let mut names = names(&self.host.tenant().truth()?);
        for kind in ["users", "groups"] {
            let listed = self.host.run(&format!("entractl {kind} list --json"))?;
            let listed: Value = serde_json::from_str(listed.stdout()?)?;
            let rows = listed.get(kind).and_then(Value::as_array);
            let known = rows
                .into_iter()
                .flatten()
                .filter_map(|row| row.get("name")?.as_str());
            names.extend(known.filter(|name| is_a_word(name)).map(str::to_owned));
        }
        Ok(names)
    }

    fn forget_everything(&self) -> Result<(), Trouble> {
        // The sockets stay: started this often, systemd would give them up.
        self.host
            .run(
                "systemctl stop entra-agent.service && cd /var/lib/entra-login \
                 && rm -f ./*.db* public/* && systemctl start entra-agent.service",
            )?
            .stdout()
            .map(drop)
    }

    /// Runs `entractl VERB` while strace watches the agent: what it did to its files, in order.
    fn watch(&self, verb: &str) -> Result<Vec<Call>, Trouble> {
        let set = WATCHED.join(",");
        self.traced(verb, &format!("-x -y -e trace={set}"))?
            .stdout()?;
        let trace = self.host.run("cat /run/traced")?;
        Ok(trace.stdout()?.lines().filter_map(call).collect())
    }

    fn run_and_kill(&self, verb: &str, point: &Point) -> Result<bool, Trouble> {
        let Point { call, count } = point;
        let how = format!("-e trace={call} -e inject={call}:signal=KILL:when={count}");
        let said = self.traced(verb, &how)?;
        if said.code == WAS_KILLED || said.success() {
            return Ok(said.code == WAS_KILLED);
        }
        Err(Trouble::new(format!("not killed, but failed: {said}")))
    }

    /// Ends with [`WAS_KILLED`] if the agent did not live to the run's end. strace is killed as soon as the
    /// agent's first thread is dead: it may wait for ever for the others, which wait for it.
    fn traced(&self, verb: &str, how: &str) -> Result<harness::Output, Trouble> {
        let process = until("an agent", SOON, || {
            let shown = self
                .host
                .run("systemctl show -P MainPID entra-agent.service")
                .ok()?;
            (shown.stdout.trim() != "0").then(|| shown.stdout.trim().to_owned())
        })?;
        self.host.run(&format!(
            "strace -f -p {process} -o /run/traced {how} > /dev/null 2> /run/traced.said & tracer=$!\n\
             until grep -q attached /run/traced.said; do\n\
             kill -0 $tracer || {{ cat /run/traced.said; exit 9; }}; sleep 0.01; done\n\
             entractl {verb} 2>&1 & asked=$!\n\
             is_dead() {{ ! grep -q '^State:.[^ZX]' /proc/{process}/status 2> /dev/null; }}\n\
             while kill -0 $asked 2> /dev/null; do\n\
             if is_dead; then kill -KILL $tracer 2> /dev/null; fi; sleep 0.01; done\n\
             code=0; wait $asked || code=$?\n\
             if is_dead; then kill -KILL $tracer 2> /dev/null; code={WAS_KILLED}; fi\n\
             kill $tracer 2> /dev/null; wait $tracer; exit $code"
        ))
    }
}

/// The lines of `seen` that are in neither.
fn mixture(before: &str, seen: &str, after: &str) -> String {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (before, seen, after) = (lines(before), lines(seen), lines(after));
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
        a.difference(b).take(5).cloned().collect::<Vec<_>>()
    };
    format!(
        "not of before {:?}, not of after {:?}",
        only(&seen, &before),
        only(&seen, &after)
    )
}

/// A line of strace, such as `321 fsync(9</var/lib/...>) = 0`.
fn call(line: &str) -> Option<Call> {
    let (thread, rest) = line.split_once(' ')?;
    let (name, arguments) = rest.trim_start().split_once('(')?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric());
    let file = match name {
        "rename" | "unlink" => arguments.split('"').nth(1),
        _ => arguments.split(['<', '>']).nth(1),
    };
    is_name.then(|| Call {
        thread: thread.to_owned(),
        name: name.to_owned(),
        file: file.unwrap_or_default().to_owned(),
        commits: ends_a_transaction(arguments),
    })
}

/// The head of a frame has 24 bytes; the second four are 0 but in the last frame of a transaction
/// (sqlite.org/fileformat2.html, 4.2). The arguments are as `strace -x` writes them.
fn ends_a_transaction(arguments: &str) -> bool {
    let bytes: Vec<&str> = arguments
        .split('"')
        .nth(1)
        .unwrap_or_default()
        .split("\\x")
        .skip(1)
        .collect();
    arguments.contains("-wal>") && bytes.len() == 24 && bytes[4..8] != ["00"; 4]
}

fn is_sync(call: &Call) -> bool {
    matches!(call.name.as_str(), "fsync" | "fdatasync")
}

/// At most so many points: a third of what is no write, and for the rest before and after commits.
fn points(calls: &[Call], most: usize) -> Vec<Point> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let (mut rare, mut commits) = (BTreeSet::new(), BTreeSet::new());
    for call in calls.iter().filter(|call| call.file.starts_with(FOLDER)) {
        let count = counts.entry((&call.thread, &call.name)).or_default();
        *count += 1;
        let point = |count| Point {
            call: call.name.clone(),
            count,
        };
        if call.name != "pwrite64" {
            rare.insert(point(*count));
        }
        if call.commits {
            commits.insert(point(*count));
            // The frame's page follows; the write after that finds the commit done.
            commits.insert(point(*count + 2));
        }
    }
    let mut taken = spread(rare.into_iter().collect(), most.div_ceil(3));
    taken.extend(spread(commits.into_iter().collect(), most - taken.len()));
    taken
}

/// Some of these at even distances.
fn spread(points: Vec<Point>, most: usize) -> Vec<Point> {
    let step = points.len().div_ceil(most.max(1)).max(1);
    points.into_iter().step_by(step).collect()
}

/// An exit code that entractl does not have.
const WAS_KILLED: i32 = 77;

/// What changes files: all that a run does to be kept.
const WATCHED: [&str; 6] = [
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "ftruncate",
    "unlink",
];

const FOLDER: &str = "/var/lib/entra-login";

const USERS: usize = 300;
const GROUPS: usize = 24;
const CHANGES: usize = 8;

/// Each costs a second.
const DELTA_POINTS: usize = 36;
const FULL_POINTS: usize = 36;
const FIRST_POINTS: usize = 20;
