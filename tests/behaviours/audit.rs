//! The audit log as an auditor sees it, and as the journal has it: changes with before and after, refusals, bounded
//! floods; kept across restarts and for a set time.

use harness::people::{ALICE, BOB, CAROL, LARS};
use harness::{Host, Trouble, until};
use serde_json::{Value, json};

use crate::ready::{self, SOON};

/// Everybody imported, Carol an administrator, Bob an auditor.
fn host() -> Result<Host, Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run_as(CAROL.name, "entractl role set auditor bob")?
        .stdout()?;
    Ok(host)
}

#[test]
fn changes_and_refusals_are_seen_by_auditors_and_in_the_journal() -> Result<(), Trouble> {
    let host = host()?;
    host.run_as(ALICE.name, "entractl role set administrator alice")?
        .refusal()?;
    host.run_as(LARS.name, "entractl auth disable")?.refusal()?;
    host.run_as(CAROL.name, "entractl users block alice alise")?
        .refusal()?;
    host.run_as(CAROL.name, "entractl users block alice")?
        .stdout()?;
    host.run("entractl schedule set --every 2h")?.stdout()?;

    let rows = audit(&host, "--limit 6")?;
    let of = |row: &Value| -> Vec<String> {
        ["name", "role", "verb", "before", "after", "outcome"]
            .iter()
            .map(|field| row[field].as_str().unwrap_or("-").to_owned())
            .collect()
    };
    let expected = [
        [
            "root",
            "-",
            "schedule set",
            "every 60 min",
            "every 120 min",
            "done",
        ],
        [
            "carol",
            "administrator",
            "users block",
            "not blocked",
            "blocked",
            "done",
        ],
        ["carol", "administrator", "users block", "-", "-", "refused"],
        ["local user", "-", "auth disable", "-", "-", "refused"],
        ["alice", "user", "role set", "-", "-", "refused"],
        [
            "carol",
            "administrator",
            "role set",
            "user",
            "auditor",
            "done",
        ],
    ];
    assert_eq!(rows.len(), 6, "{rows:#?}");
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!(of(row), expected, "{row}");
    }
    assert_eq!(rows[3]["uid"], 1000);
    assert!(
        rows[1]["object"]
            .as_str()
            .unwrap_or("")
            .starts_with("alice (")
    );
    let reason = rows[4]["reason"].as_str().unwrap_or("");
    assert!(reason.contains("takes the role administrator"), "{reason}");
    let reason = rows[2]["reason"].as_str().unwrap_or("");
    assert!(reason.contains("alise"), "{reason}");

    // Filters are the agent's.
    let count = |filter: &str| audit(&host, filter).map(|rows| rows.len());
    assert_eq!(count("--since 1h --by carol --verb users")?, 2);
    assert_eq!(count("--since 1h --by 1000")?, 1);
    assert_eq!(count("--since 1h --refused")?, 3);
    assert_eq!(count("--since 1h --object alice --verb 'role set'")?, 1);
    assert_eq!(count("--until 1h")?, 0);
    let shown = host.run_as(BOB.name, "entractl audit --limit 2")?;
    assert!(
        shown.stdout()?.contains("not blocked -> blocked"),
        "{shown}"
    );
    // The log is not for everybody.
    for person in [ALICE, LARS] {
        host.run_as(person.name, "entractl audit")?.refusal()?;
    }

    // The same rows, as the journal's fields.
    let told = journal(&host, "ENTRA_VERB='users block' ENTRA_OUTCOME=done")?;
    let [line] = told.as_slice() else {
        panic!("{told:#?}")
    };
    for (field, value) in [
        ("ENTRA_ACTOR_NAME", "carol"),
        ("ENTRA_ACTOR_ROLE", "administrator"),
        ("ENTRA_BEFORE", "not blocked"),
        ("ENTRA_AFTER", "blocked"),
        ("PRIORITY", "5"),
        ("MESSAGE_ID", "bda2009b051448fc9af709cc7277d57f"),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
    assert_eq!(line["ENTRA_ACTOR_UID"], rows[1]["uid"].to_string());
    assert_eq!(line["ENTRA_OBJECT"], rows[1]["object"]);
    let refused = journal(&host, "ENTRA_ACTOR_UID=1000 ENTRA_VERB='auth disable'")?;
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert_eq!(refused[0]["PRIORITY"], "4");
    assert!(refused[0].get("ENTRA_ACTOR_ROLE").is_none());
    let all = journal(&host, "MESSAGE_ID=bda2009b051448fc9af709cc7277d57f")?;
    assert_eq!(all.len(), audit(&host, "--since 1d")?.len());
    Ok(())
}

#[test]
fn an_import_is_in_the_log_from_its_beginning_with_what_it_did() -> Result<(), Trouble> {
    let host = host()?;
    host.import("--users carol,bob --accept-removals")?
        .stdout()?;
    let rows = audit(&host, "--limit 2")?;
    assert_eq!(rows[1]["outcome"], "begun");
    assert_eq!(rows[1]["after"], "users carol, bob, removals accepted");
    assert_eq!(rows[0]["outcome"], "done");
    assert_eq!(rows[0]["before"], "the whole tenant");
    let after = rows[0]["after"].as_str().unwrap_or("");
    assert!(
        after.starts_with("users carol, bob (run 2: users +0"),
        "{after}"
    );
    assert_eq!(rows[0]["object"], "contoso.example");
    host.tenant()
        .fault(&json!({ "path_prefix": "/v1.0/users", "times": 1, "status": 403 }))?;
    host.run("entractl sync")?.refusal()?;
    let rows = audit(&host, "--limit 2")?;
    assert_eq!(rows[1]["outcome"], "begun");
    assert_eq!(rows[0]["outcome"], "failed");
    let reason = rows[0]["reason"].as_str().unwrap_or("");
    assert!(reason.contains("User.Read.All"), "{reason}");
    Ok(())
}

#[test]
fn a_flood_of_refusals_is_bounded_and_all_of_it_outlives_the_agent() -> Result<(), Trouble> {
    let host = host()?;
    // The hour may end in the middle: two hours have room for forty.
    host.run_as(
        LARS.name,
        "for n in $(seq 60); do entractl auth disable; done 2>/dev/null; true",
    )?
    .stdout()?;
    let rows = audit(&host, "--since 1d --by 1000")?;
    let (alone, more): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["outcome"] == "refused");
    let alone = alone.len();
    let counted: u64 = more.iter().filter_map(|row| row["count"].as_u64()).sum();
    assert!(alone <= 40 && counted >= 20, "{alone} {counted}");
    assert_eq!(alone as u64 + counted, 60);
    // What others do is seen all the same.
    host.run_as(ALICE.name, "entractl users list")?.refusal()?;
    assert_eq!(audit(&host, "--limit 1")?[0]["name"], "alice");

    let before = audit(&host, "--since 1d")?;
    host.restart_agent()?;
    assert_eq!(audit(&host, "--since 1d")?, before);
    host.kill_agent()?;
    assert_eq!(audit(&host, "--since 1d")?, before);
    host.run_as(LARS.name, "entractl auth disable")?.refusal()?;
    let after = audit(&host, "--since 1d --by 1000")?;
    let rows_of_lars = after.iter().filter(|row| row["outcome"] == "refused");
    assert!(rows_of_lars.count() <= 41, "{after:#?}");
    Ok(())
}

#[test]
fn rows_are_forgotten_when_their_time_is_over_and_no_number_comes_back() -> Result<(), Trouble> {
    let host = host()?;
    let rows = audit(&host, "--since 1d")?;
    let last = rows.first().and_then(|row| row["id"].as_u64()).unwrap_or(0);
    assert!(last > 3, "{rows:#?}");
    let config = String::from_utf8_lossy(&host.read("/etc/entra-login/agent.toml")?).into_owned();
    host.write(
        "/etc/entra-login/agent.toml",
        format!("{config}\n[audit]\nkeep_days = 30\n"),
    )?;
    // All but the last became 31 days older.
    host.run_as(
        "entra-agent",
        &format!(
            "python3 -c 'import sqlite3; c = sqlite3.connect(\"/var/lib/entra-login/state.db\"); \
             c.execute(\"update audit set at = at - 31 * 86400 where id < {last}\"); c.commit()'"
        ),
    )?
    .stdout()?;
    host.restart_agent()?;
    let left = until("old rows to be forgotten", SOON, || {
        let rows = audit(&host, "--limit 100").ok()?;
        (rows.len() == 1).then_some(rows)
    })?;
    assert_eq!(left[0]["id"], last);
    host.run("entractl schedule pause")?.stdout()?;
    assert_eq!(audit(&host, "--limit 1")?[0]["id"], last + 1);
    Ok(())
}

#[test]
fn without_a_journal_changes_are_made_and_kept() -> Result<(), Trouble> {
    let host = host()?;
    host.run(
        "systemctl stop systemd-journald.socket systemd-journald-dev-log.socket \
         systemd-journald-audit.socket systemd-journald.service",
    )?
    .stdout()?;
    host.run("entractl role set operator alice")?.stdout()?;
    host.run_as(LARS.name, "entractl auth disable")?.refusal()?;
    let rows = audit(&host, "--limit 2")?;
    assert_eq!(rows[1]["after"], "operator");
    assert_eq!(rows[0]["outcome"], "refused");
    host.run("systemctl start systemd-journald.service")?
        .stdout()?;
    host.run("entractl role set user alice")?.stdout()?;
    until("the journal to hear again", SOON, || {
        let told = journal(&host, "ENTRA_VERB='role set' ENTRA_AFTER=user").ok()?;
        (told.len() == 1).then_some(())
    })
}

/// What Bob, an auditor, sees.
fn audit(host: &Host, arguments: &str) -> Result<Vec<Value>, Trouble> {
    let said = host.run_as(BOB.name, &format!("entractl audit --json {arguments}"))?;
    let document: Value = serde_json::from_str(said.stdout()?)?;
    let rows = document.get("audit").and_then(Value::as_array);
    Ok(rows.cloned().unwrap_or_default())
}

/// The agent's lines in the journal with these fields.
fn journal(host: &Host, fields: &str) -> Result<Vec<Value>, Trouble> {
    host.run("journalctl --sync")?.stdout()?;
    let said = host.run(&format!(
        "journalctl -b --no-pager -o json _SYSTEMD_UNIT=entra-agent.service {fields}"
    ))?;
    let lines = said.stdout()?.lines();
    Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
}
