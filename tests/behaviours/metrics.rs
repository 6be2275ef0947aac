//! `entractl metrics` is text that Prometheus' own parser takes, and counts what happened.

use harness::people::{ALICE, BOB, CAROL, LARS};
use harness::{Host, Trouble};
use serde_json::{Value, json};

use crate::configured::import_fails;
use crate::ready;

/// Reads OpenMetrics from its standard input, and writes its samples as JSON: `name{labels}` to value.
const PARSER: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
samples, families = {}, {}
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation, family.name
    families[family.name] = family.type
    for sample in family.samples:
        labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
        samples[sample.name + "{" + labels + "}"] = sample.value
json.dump({"samples": samples, "families": families}, sys.stdout)
"#;

/// What the parser made of it.
fn parsed(host: &Host) -> Result<Value, Trouble> {
    let run = host.run(
        "set -e; entractl metrics > /srv/metrics; \
         PYTHONPATH=/opt/python PYTHONDONTWRITEBYTECODE=1 python3 /srv/parser.py < /srv/metrics",
    )?;
    Ok(serde_json::from_str(run.stdout()?)?)
}

fn sample(parsed: &Value, name: &str) -> Option<f64> {
    parsed.get("samples")?.get(name)?.as_f64()
}

/// One password, which does not let anybody in.
fn one_try(host: &Host, name: &str, password: &str) -> Result<(), Trouble> {
    let told = host.run(&format!(
        "sshpass -p {password} ssh -o PubkeyAuthentication=no -o PreferredAuthentications=password \
         -o NumberOfPasswordPrompts=1 -l {name} localhost true"
    ))?;
    told.refusal().map(drop)
}

#[test]
fn prometheus_own_parser_takes_it_and_it_counts_what_happened() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.write("/srv/parser.py", PARSER)?;
    let before = parsed(&host)?;
    assert_eq!(sample(&before, "entra_login_users{}"), Some(0.0));
    let age = "entra_login_sync_age_seconds{tenant=contoso.example}";
    assert_eq!(sample(&before, age), None, "never synced");

    host.import("")?.stdout()?;
    ready::enable(&host)?;
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .stdout()?;
    one_try(&host, ALICE.name, "wrong")?;
    // A second factor is required, which sshd's `password` can't show.
    one_try(&host, BOB.name, BOB.password)?;
    let after = parsed(&host)?;
    let sign_ins = |method: &str, verdict: &str| {
        let labels = format!("method={method},tenant=contoso.example,verdict={verdict}");
        sample(&after, &format!("entra_login_sign_ins_total{{{labels}}}"))
    };
    assert_eq!(sign_ins("password", "success"), Some(1.0), "{after}");
    assert_eq!(sign_ins("password", "auth_error"), Some(1.0), "{after}");
    assert_eq!(sign_ins("password", "continued"), Some(1.0), "{after}");
    assert_eq!(sign_ins("device-code", "success"), Some(0.0), "{after}");
    let runs = |outcome: &str| {
        format!("entra_login_runs_total{{outcome={outcome},tenant=contoso.example}}")
    };
    assert_eq!(sample(&after, &runs("succeeded")), Some(1.0), "{after}");
    let users = sample(&after, "entra_login_users{}").unwrap_or_default();
    assert!(users > 5.0, "{after}");
    let added = "entra_login_last_sync_objects{kind=user,outcome=added,tenant=contoso.example}";
    assert_eq!(sample(&after, added), Some(users), "{after}");
    assert!(
        sample(&after, age).is_some_and(|age| age < 120.0),
        "{after}"
    );
    for (name, expected) in [
        ("entra_login_sign_in_enabled{}", 1.0),
        ("entra_login_local_auth{state=allow}", 1.0),
        ("entra_login_local_auth{state=deny}", 0.0),
        ("entra_login_last_run_success{tenant=contoso.example}", 1.0),
        (
            "entra_login_login_service_reachable{tenant=contoso.example}",
            1.0,
        ),
        ("entra_login_throttled{subject=user}", 0.0),
    ] {
        assert_eq!(sample(&after, name), Some(expected), "{name}: {after}");
    }

    // Guesses, and a run that fails.
    for _ in 0..5 {
        one_try(&host, CAROL.name, "wrong")?;
    }
    host.tenant()
        .fault(&json!({"path_prefix": "/v1.0/", "times": 99, "status": 403,
        "body": {"error": {"code": "Authorization_RequestDenied", "message": "x"}}}))?;
    // Imports with a new agent, which counts from nothing.
    import_fails(&host, "permission")?;
    one_try(&host, CAROL.name, "wrong")?;
    let guessed = parsed(&host)?;
    assert_eq!(sample(&guessed, &runs("failed")), Some(1.0), "{guessed}");
    assert_eq!(sample(&guessed, &runs("succeeded")), Some(0.0), "{guessed}");
    assert_eq!(
        sample(&guessed, "entra_login_throttled{subject=user}"),
        Some(1.0),
        "{guessed}"
    );
    let refusals = sample(
        &guessed,
        "entra_login_throttle_refusals_total{subject=user}",
    );
    assert!(refusals >= Some(1.0), "{guessed}");
    let failed = "entra_login_last_run_success{tenant=contoso.example}";
    assert_eq!(sample(&guessed, failed), Some(0.0), "{guessed}");

    // No name of anybody, and none of a family that the manual does not have.
    let text = host.run("cat /srv/metrics")?;
    for person in [ALICE, BOB, CAROL] {
        assert!(!text.stdout.contains(person.name), "{text}");
    }
    let manual = include_str!("../../docs/metrics.md");
    let families = guessed["families"].as_object().into_iter().flatten();
    let mut count = 0;
    for (family, kind) in families {
        let row = format!("\n| `{family}` | {} |", kind.as_str().unwrap_or_default());
        assert!(manual.contains(&row), "{family} is not in docs/metrics.md");
        count += 1;
    }
    assert_eq!(
        manual.matches("\n| `entra_login_").count(),
        count,
        "{guessed}"
    );
    Ok(())
}

#[test]
fn auditors_may_ask_and_others_may_not() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("entractl role set auditor bob")?.stdout()?;
    let document: Value =
        serde_json::from_str(host.run_as(BOB.name, "entractl metrics --json")?.stdout()?)?;
    assert_eq!(
        document["metrics"]["tenants"][0]["domain"],
        "contoso.example"
    );
    for person in [ALICE, LARS] {
        let refused = host.run_as(person.name, "entractl metrics")?;
        assert!(refused.refusal()?.contains("role"), "{refused}");
        assert!(refused.stdout.is_empty(), "{refused}");
    }
    Ok(())
}
