//! `cargo xtask bench login`: sign-ins by password through PAM, one at a time, next to the bare request to the
//! tenant and to a PAM stack in which nobody asks anybody, all in one process on a booted host
//! (`tests/bench/sign_ins.py`).

use std::fs;
use std::time::Duration;

use harness::Host;
use harness::people::{ALICE, CAROL};
use serde_json::Value;

use crate::command::{Outcome, at, fail, heading, say};
use crate::place::Workspace;
use crate::tools::{self, Purpose};
use crate::{artefacts, image};

pub(super) fn run(workspace: &Workspace, count: u64) -> Outcome {
    tools::provide(Purpose::Hosts)?;
    artefacts::build(workspace)?;
    let places = image::provide(workspace)?;
    let script = workspace.file("tests/bench/sign_ins.py");
    let script = fs::read(&script).map_err(at(&script))?;
    heading("sign-ins by password, one at a time");
    let host = Host::boot_from(&places)?;
    host.import("")?.stdout()?;
    host.run(&format!("entractl role set administrator {}", CAROL.upn))?
        .stdout()?;
    host.run("entractl auth enable")?.stdout()?;
    host.write("/srv/sign_ins.py", &script)?;
    host.write("/etc/pam.d/bench", STACK)?;
    host.write("/etc/pam.d/bench-floor", FLOOR)?;
    let told = host.run_fed(
        LIMIT,
        &format!(
            "python3 /srv/sign_ins.py {} {} {TENANT} {CLIENT} {count}",
            ALICE.name, ALICE.upn
        ),
        &format!("{}\n", ALICE.password),
    )?;
    let told: Value =
        serde_json::from_str(told.stdout()?).map_err(|error| fail(error.to_string()))?;
    let tenant = Taken::read(&told, "tenant")?;
    let pam = Taken::read(&told, "pam")?;
    let floor = Taken::read(&told, "floor")?;
    say("                         p50 ms   p99 ms");
    for (name, taken) in [
        ("the tenant's answer", &tenant),
        ("a sign-in through PAM", &pam),
        ("PAM asking nobody", &floor),
    ] {
        say(&format!(
            "{name:<22} {:>8.2} {:>8.2}",
            taken.at(50),
            taken.at(99)
        ));
    }
    say(&format!(
        "added to the tenant's  {:>8.2} {:>8.2}   ({:.1} and {:.1} times its answer in all)",
        pam.at(50) - tenant.at(50),
        pam.at(99) - tenant.at(99),
        pam.at(50) / tenant.at(50),
        pam.at(99) / tenant.at(99),
    ));
    Ok(())
}

/// How long each of many took, in milliseconds, the shortest first.
struct Taken(Vec<f64>);

impl Taken {
    fn read(told: &Value, way: &str) -> Outcome<Self> {
        let list = told.get(way).and_then(Value::as_array);
        let mut list: Vec<f64> = list
            .into_iter()
            .flatten()
            .filter_map(Value::as_f64)
            .map(|seconds| seconds * 1e3)
            .collect();
        if list.is_empty() {
            return Err(fail(format!("nothing was measured of {way}")));
        }
        list.sort_by(f64::total_cmp);
        Ok(Self(list))
    }

    /// The value below which so many of a hundred lie (nearest rank).
    fn at(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or(f64::NAN)
    }
}

/// As Debian's services have it.
const STACK: &str = "@include common-auth\n@include common-account\n";
const FLOOR: &str = "auth required pam_permit.so\naccount required pam_permit.so\n";

/// The seed's tenant and its login registration.
const TENANT: &str = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001";
const CLIENT: &str = "9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003";

/// For all of them.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Sign-ins, if no number is named: as many as a p99 takes to mean something.
pub(super) const COUNT: u64 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let taken = Taken((1..=200).map(f64::from).collect());
        assert_eq!((taken.at(50), taken.at(99)), (100.0, 198.0));
        assert_eq!(Taken(vec![7.0]).at(99), 7.0);
    }
}
