//! What sshd would do for somebody who is imported: sshd(8) -T, which takes root.
//!
//! A sign-in by device code holds a connection that has not signed in for a minute and more, which sshd
//! counts (`MaxStartups`), and many people may come from one address, that of a bastion or a NAT, which
//! sshd penalises for failures since OpenSSH 9.8 (`PerSourcePenalties`).

use std::process::{Command, Stdio};

use entra_protocol::admin::Check;

use super::{Host, Published, bad, good, skipped, warning};

const SETTINGS: &str = "sshd";
const BURSTS: &str = "sshd-bursts";
const PENALTIES: &str = "sshd-penalties";

/// sshd's own default, in seconds, which the agent expects if nothing else is said.
const SSHD_GRACE: u64 = 120;

/// sshd's own default of connections that may wait at the prompt before some are dropped.
const STARTUPS_BEGIN: u64 = 10;

/// How many people stand for one that waits at the prompt at the busiest time: all come within a quarter of
/// an hour, and each takes a minute. Two hundred people at nine o'clock are fourteen at once.
const PEOPLE_PER_WAITING: u64 = 15;

/// More people than these do not come to one host at one time, however many are imported.
const PEOPLE_MAX: u64 = 3_000;

/// Every key that a client offers counts as a try as well as every prompt.
const TRIES_MIN: u64 = 3;

pub(super) fn checks(host: &Host, published: &Published) -> Vec<Check> {
    let all = |why: &str| {
        [SETTINGS, BURSTS, PENALTIES]
            .map(|name| skipped(name, why.to_owned()))
            .to_vec()
    };
    if !host.path("/usr/sbin/sshd").exists() {
        return all("sshd is not installed");
    }
    if !host.is_root {
        return all("only root may ask sshd for its settings");
    }
    let mut command = Command::new(host.path("/usr/sbin/sshd"));
    command.arg("-T").stdin(Stdio::null());
    if let Some(name) = published.somebody() {
        // What stands below `Match Group entra-users` shows only for somebody who is in it.
        command.args(["-C", &format!("user={name},host=localhost,addr=127.0.0.1")]);
    }
    match command.output() {
        Ok(told) if told.status.success() => judge(
            &String::from_utf8_lossy(&told.stdout).to_lowercase(),
            published.people(),
        ),
        Ok(told) => {
            let said = String::from_utf8_lossy(&told.stderr);
            let first = said.lines().next().unwrap_or("failed without a word");
            let found = format!("sshd -T: {first}");
            let mut list = vec![bad(SETTINGS, found, "mend sshd's configuration: sshd -t")];
            list.extend([BURSTS, PENALTIES].map(|name| skipped(name, SEE_ABOVE.to_owned())));
            list
        }
        Err(error) => all(&format!("sshd -T: {error}")),
    }
}

const SEE_ABOVE: &str = "not looked at: see above";

/// `told`: in lower case, a key and its value a line.
pub(super) fn judge(told: &str, people: u64) -> Vec<Check> {
    let told = Told(told);
    vec![
        settings(&told),
        bursts(&told, people),
        penalties(&told, people),
    ]
}

struct Told<'a>(&'a str);

impl Told<'_> {
    fn value(&self, key: &str) -> &str {
        self.0
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
            .unwrap_or_default()
            .trim()
    }
}

fn settings(told: &Told<'_>) -> Check {
    if told.value("usepam") != "yes" {
        return bad(
            SETTINGS,
            "UsePAM is off: sshd asks nobody about imported people".to_owned(),
            "UsePAM yes in /etc/ssh/sshd_config",
        );
    }
    let interactive = [
        "kbdinteractiveauthentication",
        "challengeresponseauthentication",
    ]
    .iter()
    .any(|key| told.value(key) == "yes");
    if !interactive {
        return bad(
            SETTINGS,
            "KbdInteractiveAuthentication is off: a device code can't be shown over ssh".to_owned(),
            "sudo entractl pam enable; or KbdInteractiveAuthentication yes, for all or below `Match Group entra-users`",
        );
    }
    let grace: u64 = told.value("logingracetime").parse().unwrap_or(SSHD_GRACE);
    if grace != 0 && grace < SSHD_GRACE {
        return warning(
            SETTINGS,
            format!("LoginGraceTime is {grace} s, short for a sign-in in a browser"),
            "raise it, or set the same number in agent.toml: [sign_in] login_grace_seconds",
        );
    }
    if let Ok(tries) = told.value("maxauthtries").parse::<u64>()
        && tries < TRIES_MIN
    {
        return warning(
            SETTINGS,
            format!(
                "MaxAuthTries is {tries}: each key that a client offers is a try, and nothing is left for \
                 the prompt"
            ),
            "MaxAuthTries 6, for all or below `Match Group entra-users`",
        );
    }
    good(SETTINGS, "PAM and keyboard-interactive are on".to_owned())
}

/// How many wait at the prompt at the busiest time.
fn waiting(people: u64) -> u64 {
    people.min(PEOPLE_MAX).div_ceil(PEOPLE_PER_WAITING)
}

/// `MaxStartups` and `PerSourceMaxStartups`.
fn bursts(told: &Told<'_>, people: u64) -> Check {
    let mut numbers = told
        .value("maxstartups")
        .split(':')
        .map_while(|number| number.parse::<u64>().ok());
    let Some(begin) = numbers.next() else {
        return skipped(BURSTS, "sshd does not say its MaxStartups".to_owned());
    };
    let needed = waiting(people).max(STARTUPS_BEGIN);
    let better = (2 * needed).next_multiple_of(10).max(50);
    if begin < needed {
        return warning(
            BURSTS,
            format!(
                "MaxStartups lets {begin} wait at the prompt and drops others: of {people} imported people \
                 {needed} may wait at once"
            ),
            &format!(
                "if that many of them come to this host at one time: MaxStartups {better}:30:{}",
                3 * better
            ),
        );
    }
    if let Ok(source) = told.value("persourcemaxstartups").parse::<u64>()
        && source < needed
    {
        return warning(
            BURSTS,
            format!(
                "PerSourceMaxStartups lets {source} wait at the prompt from one address, and everybody \
                 behind a bastion has the same"
            ),
            "PerSourceMaxStartups none, or a number above those who come from one address at one time",
        );
    }
    good(
        BURSTS,
        format!("MaxStartups lets {begin} wait at the prompt at once"),
    )
}

/// `PerSourcePenalties` (OpenSSH 9.8 and later; earlier ones say nothing of it).
fn penalties(told: &Told<'_>, people: u64) -> Check {
    const CURE: &str = "PerSourcePenaltyExemptList with the addresses that many people come from: bastions, \
                        proxies, NAT gateways";
    let value = told.value("persourcepenalties");
    match value {
        "" => return good(PENALTIES, "this sshd penalises no address".to_owned()),
        "no" => return good(PENALTIES, "PerSourcePenalties is off".to_owned()),
        _ => {}
    }
    let exempt = told.value("persourcepenaltyexemptlist");
    if !["", "none"].contains(&exempt) {
        return good(
            PENALTIES,
            format!("failed sign-ins close an address for a while, but {exempt}"),
        );
    }
    // Seconds; an address is closed once its penalties come to `min`.
    let seconds = |key: &str| -> f64 {
        value
            .split_whitespace()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix(':')?.parse().ok())
            .unwrap_or_default()
    };
    let most = seconds("authfail").max(seconds("grace-exceeded"));
    if most > 0.0 && most >= seconds("min") {
        return warning(
            PENALTIES,
            format!(
                "one failed or late sign-in closes its address for {most} s, to everybody behind it"
            ),
            CURE,
        );
    }
    if most > 0.0 && waiting(people) > STARTUPS_BEGIN {
        return warning(
            PENALTIES,
            format!(
                "a few failed or late sign-ins close an address for up to {} s, to everybody behind it; no \
                 address is exempt, and {people} people are imported",
                seconds("max")
            ),
            CURE,
        );
    }
    good(
        PENALTIES,
        "a few failed sign-ins close an address for a while; no address is exempt".to_owned(),
    )
}
