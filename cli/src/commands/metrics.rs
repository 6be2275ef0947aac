//! `entractl metrics`: the agent in numbers, as OpenMetrics text (OpenMetrics 1.0).
//!
//! Only types that Prometheus' older text format has as well (counter, gauge) are used, so that the file which
//! node_exporter's textfile collector reads is the same. Labels are domains of agent.toml and words of this
//! program, never anybody's name.

use std::fmt::Write;

use entra_protocol::admin::{Counts, Done, Request};
use entra_protocol::metrics::{Metrics, Throttled};
use serde::Serialize;

use crate::agent::Ask;
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"metrics": Metrics}`
#[derive(Debug, Serialize)]
pub(crate) struct Numbers {
    metrics: Box<Metrics>,
}

pub(crate) fn metrics(ask: Ask<'_>) -> Result<Numbers, Trouble> {
    match ask(&[Request::Metrics {}])?.done {
        Done::Metrics(metrics) => Ok(Numbers { metrics }),
        _ => Err(Trouble::WrongAnswer),
    }
}

impl Shown for Numbers {
    fn text(&self, _: Screen) -> Text {
        let mut page = Page::default();
        of_agent(&mut page, &self.metrics);
        of_directory(&mut page, &self.metrics);
        of_syncs(&mut page, &self.metrics);
        of_sign_ins(&mut page, &self.metrics);
        page.text.push_str("# EOF\n");
        Text {
            data: page.text,
            talk: Vec::new(),
        }
    }
}

fn of_agent(page: &mut Page, metrics: &Metrics) {
    page.family("build_info", GAUGE, "", "The agent's version.");
    page.sample("", &[("version", &metrics.version)], 1);
    page.family(
        "agent_start_time_seconds",
        GAUGE,
        "seconds",
        "When the agent began, in Unix time.",
    );
    page.sample("", &[], metrics.started_at);
    page.family(
        "sign_in_enabled",
        GAUGE,
        "",
        "Whether imported people may sign in.",
    );
    page.sample("", &[], u64::from(metrics.sign_in_enabled));
    page.family(
        "local_auth",
        GAUGE,
        "",
        "The gate on local accounts: 1 at the state it is in.",
    );
    for state in ["allow", "fallback", "deny"] {
        let is = u64::from(state == metrics.local_auth);
        page.sample("", &[("state", state)], is);
    }
}

fn of_directory(page: &mut Page, metrics: &Metrics) {
    page.family("users", GAUGE, "", "Published users.");
    page.sample("", &[], metrics.users);
    page.family("groups", GAUGE, "", "Published groups.");
    page.sample("", &[], metrics.groups);
    page.family(
        "displaced_ids",
        GAUGE,
        "",
        "Objects whose id other hosts can't work out.",
    );
    page.sample("", &[], metrics.displaced_ids);
    page.family(
        "snapshot_generation",
        GAUGE,
        "",
        "The published snapshot's generation.",
    );
    page.sample("", &[], metrics.generation);
    if let Some(published_at) = metrics.published_at {
        page.family(
            "snapshot_published_timestamp_seconds",
            GAUGE,
            "seconds",
            "When the snapshot was published, in Unix time.",
        );
        page.sample("", &[], published_at);
        page.family(
            "snapshot_age_seconds",
            GAUGE,
            "seconds",
            "Time since it was published.",
        );
        page.sample("", &[], metrics.now.saturating_sub(published_at));
    }
}

fn of_syncs(page: &mut Page, metrics: &Metrics) {
    let tenants = &metrics.tenants;
    let synced: Vec<_> = tenants
        .iter()
        .filter_map(|tenant| Some((tenant.domain.as_str(), tenant.last_sync.as_ref()?)))
        .collect();
    page.family(
        "last_sync_timestamp_seconds",
        GAUGE,
        "seconds",
        "End of the last run that did its work, in Unix time.",
    );
    for (domain, sync) in &synced {
        page.sample("", &[("tenant", domain)], sync.ended_at);
    }
    page.family(
        "sync_age_seconds",
        GAUGE,
        "seconds",
        "Time since the last run that did its work.",
    );
    for (domain, sync) in &synced {
        let age = metrics.now.saturating_sub(sync.ended_at);
        page.sample("", &[("tenant", domain)], age);
    }
    page.family(
        "last_sync_duration_seconds",
        GAUGE,
        "seconds",
        "How long that run took.",
    );
    for (domain, sync) in &synced {
        page.sample("", &[("tenant", domain)], Milliseconds(sync.duration_ms));
    }
    page.family(
        "last_sync_objects",
        GAUGE,
        "",
        "Objects of that run by what became of them.",
    );
    for (domain, sync) in &synced {
        for (kind, counts) in [("user", &sync.users), ("group", &sync.groups)] {
            for (outcome, count) in outcomes(counts) {
                let labels = [("tenant", *domain), ("kind", kind), ("outcome", outcome)];
                page.sample("", &labels, count);
            }
        }
    }
    page.family(
        "last_sync_withheld",
        GAUGE,
        "",
        "Removals that the shrink guard held back in that run.",
    );
    for (domain, sync) in &synced {
        page.sample("", &[("tenant", domain)], sync.withheld);
    }
    page.family(
        "last_run_success",
        GAUGE,
        "",
        "Whether the last run did its work.",
    );
    for tenant in tenants {
        if let Some(succeeded) = tenant.last_run_succeeded {
            page.sample("", &[("tenant", &tenant.domain)], u64::from(succeeded));
        }
    }
    page.family(
        "runs",
        COUNTER,
        "",
        "Runs since the agent began, by how they ended.",
    );
    for tenant in tenants {
        for (outcome, count) in [
            ("succeeded", tenant.runs.succeeded),
            ("failed", tenant.runs.failed),
            ("given_up", tenant.runs.given_up),
        ] {
            let labels = [("tenant", tenant.domain.as_str()), ("outcome", outcome)];
            page.counter(&labels, count, metrics.started_at);
        }
    }
    page.family(
        "graph_requests",
        COUNTER,
        "",
        "Requests of runs that did their work to Graph.",
    );
    for tenant in tenants {
        page.counter(
            &[("tenant", &tenant.domain)],
            tenant.graph_requests,
            metrics.started_at,
        );
    }
    page.family(
        "graph_throttled",
        COUNTER,
        "",
        "How often Graph asked those runs to wait (429 or 5xx).",
    );
    for tenant in tenants {
        page.counter(
            &[("tenant", &tenant.domain)],
            tenant.graph_throttled,
            metrics.started_at,
        );
    }
    page.family(
        "credential_expiry_timestamp_seconds",
        GAUGE,
        "seconds",
        "When the sync registration's credential ends, in Unix time.",
    );
    for tenant in tenants {
        if let Some(end) = tenant.credential_expires_at {
            page.sample("", &[("tenant", &tenant.domain)], end);
        }
    }
}

fn outcomes(counts: &Counts) -> [(&'static str, u64); 5] {
    [
        ("added", counts.added),
        ("changed", counts.changed),
        ("removed", counts.removed),
        ("unchanged", counts.unchanged),
        ("failed", counts.failed),
    ]
}

fn of_sign_ins(page: &mut Page, metrics: &Metrics) {
    page.family(
        "login_service_reachable",
        GAUGE,
        "",
        "Whether the login service answers.",
    );
    for tenant in &metrics.tenants {
        if let Some(reachable) = tenant.login_service_reachable {
            page.sample("", &[("tenant", &tenant.domain)], u64::from(reachable));
        }
    }
    page.family(
        "sign_ins",
        COUNTER,
        "",
        "Sign-ins since the agent began, by method and verdict.",
    );
    for tenant in &metrics.tenants {
        for ended in &tenant.sign_ins {
            let labels = [
                ("tenant", tenant.domain.as_str()),
                ("method", &ended.method),
                ("verdict", &ended.verdict),
            ];
            page.counter(&labels, ended.count, metrics.started_at);
        }
    }
    let both = |throttled: &Throttled| {
        [
            ("user", throttled.users),
            ("remote_host", throttled.remote_hosts),
        ]
    };
    page.family(
        "throttled",
        GAUGE,
        "",
        "Whose passwords are refused at the moment, after failed tries.",
    );
    for (subject, count) in both(&metrics.throttled) {
        page.sample("", &[("subject", subject)], count);
    }
    page.family(
        "throttle_refusals",
        COUNTER,
        "",
        "Passwords that were refused here without asking the tenant.",
    );
    for (subject, count) in both(&metrics.throttle_refusals) {
        page.counter(&[("subject", subject)], count, metrics.started_at);
    }
}

const GAUGE: &str = "gauge";
const COUNTER: &str = "counter";

/// The text as it grows; samples belong to the family that was begun last.
#[derive(Default)]
struct Page {
    text: String,
    name: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        self.name = format!("entra_login_{name}");
        let name = &self.name;
        // Writing to a string can't fail.
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.text, "# HELP {name} {help}");
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.text, "{}{suffix}{labels} {value}", self.name);
    }

    fn counter(&mut self, labels: &[(&str, &str)], value: u64, since: u64) {
        self.sample("_total", labels, value);
        self.sample("_created", labels, since);
    }
}

/// A label's value (OpenMetrics, "escaped-string").
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Shown in seconds.
struct Milliseconds(u64);

impl std::fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

#[cfg(test)]
mod tests {
    use entra_protocol::metrics::{SignInCount, TenantMetrics};

    use super::*;

    fn text(metrics: Metrics) -> String {
        let numbers = Numbers {
            metrics: Box::new(metrics),
        };
        numbers.text(Screen::Plain).data
    }

    #[test]
    fn a_counter_has_its_suffix_and_its_beginning_and_labels_are_escaped() {
        let text = text(Metrics {
            started_at: 7,
            tenants: vec![TenantMetrics {
                domain: "a\"b\\c\nd".to_owned(),
                sign_ins: vec![SignInCount {
                    method: "password".to_owned(),
                    verdict: "success".to_owned(),
                    count: 3,
                }],
                ..TenantMetrics::default()
            }],
            ..Metrics::default()
        });
        let labels = r#"{tenant="a\"b\\c\nd",method="password",verdict="success"}"#;
        let expected = format!(
            "# TYPE entra_login_sign_ins counter\n\
             # HELP entra_login_sign_ins Sign-ins since the agent began, by method and verdict.\n\
             entra_login_sign_ins_total{labels} 3\n\
             entra_login_sign_ins_created{labels} 7\n"
        );
        assert!(text.contains(&expected), "{text}");
        assert!(text.ends_with("\n# EOF\n"), "{text}");
    }

    #[test]
    fn what_is_not_known_has_no_sample() {
        let text = text(Metrics {
            tenants: vec![TenantMetrics::default()],
            ..Metrics::default()
        });
        for name in [
            "sync_age_seconds",
            "login_service_reachable",
            "snapshot_age_seconds",
        ] {
            let line = |line: &str| line.starts_with(&format!("entra_login_{name}"));
            assert!(!text.lines().any(line), "{name}:\n{text}");
        }
        assert_eq!(Milliseconds(61_005).to_string(), "61.005");
    }
}
