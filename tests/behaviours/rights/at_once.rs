//! Two administrators who change one thing at once: both changes are made, one after the other, and each row of
//! the audit log is true.

use harness::people::{BOB, CAROL};
use harness::{Host, Trouble};
use serde_json::{Value, json};

use super::asking::{Asking, uid_of, words};
use crate::ready;

/// Requests of each of the two.
const ROUNDS: usize = 20;

#[test]
fn what_two_change_at_once_is_all_made_and_all_audited() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("entractl role set administrator bob")?.stdout()?;
    let asking = Asking::on(&host)?;
    let [carol, bob] = [CAROL, BOB].map(|person| uid_of(&host, person.name));
    let (carol, bob) = (carol?, bob?);
    let role = |round: usize, shift: usize| {
        let role = ["user", "auditor", "operator"][(round + shift) % 3];
        json!({ "role_set": { "role": role, "users": ["alice"] } })
    };
    let schedule = |round: usize, shift: usize| {
        let field = match (round + shift) % 2 {
            0 => json!({ "interval_minutes": 5 + round + 100 * shift }),
            _ => json!({ "paused": round % 4 < 2 }),
        };
        json!({ "schedule_set": field })
    };
    let account = |round: usize, shift: usize| match (shift, round % 2) {
        (0, 0) => json!({ "users_block": { "users": ["frank"] } }),
        (0, _) if round + 1 < ROUNDS => json!({ "users_unblock": { "users": ["frank"] } }),
        (0, _) => json!({ "users_block": { "users": ["frank"] } }),
        _ => {
            json!({ "users_expire": { "users": ["frank"], "until": format!("2099-01-{:02}", round + 1) } })
        }
    };
    for requests in [role, schedule, account] as [fn(usize, usize) -> Value; 3] {
        let of = |shift| -> Vec<String> {
            (0..ROUNDS)
                .map(|round| json!({ "v": 1, "body": requests(round, shift) }).to_string())
                .collect()
        };
        let both = json!({ "at_once": [
            { "as": carol, "frames": of(0) },
            { "as": bob, "frames": of(1) },
            // An import that commits meanwhile keeps neither from it.
            { "as": 0, "lines": [["entractl", "sync", "--full"], ["entractl", "sync", "--full"]] },
        ]});
        let answers = asking.all(vec![both])?.remove(0);
        for answers in answers.as_array().into_iter().flatten() {
            let answers = words(answers)?;
            assert!(answers.iter().all(|answer| answer == "done"), "{answers:?}");
            assert!([ROUNDS, 2].contains(&answers.len()), "{answers:?}");
        }
    }

    let role = of(&host, "users show alice")?["user"]["role"].clone();
    let steps = chain(&host, &["role set"], "alice", "user")?;
    assert_eq!(json!(end(&steps)), role);
    // What the other had just given is no change, and leaves no row.
    assert!(
        (ROUNDS / 2..=2 * ROUNDS).contains(&steps.len()),
        "{steps:?}"
    );

    let domain = of(&host, "schedule")?["domains"][0].clone();
    let paused = if domain["paused"] == true {
        ", paused"
    } else {
        ""
    };
    let now = format!("every {} min{paused}", domain["interval_minutes"]);
    let steps = chain(&host, &["schedule set"], "contoso.example", "every 60 min")?;
    assert_eq!((end(&steps), steps.len()), (now.as_str(), 2 * ROUNDS));
    for (before, after) in &steps {
        // Each asked for the interval or the pause: the other stays as it was, whoever set it.
        let [before, after] = [before, after].map(|text| text.split_once(" min"));
        let ((was, was_paused), (is, is_paused)) = before.zip(after).unwrap();
        assert!(was == is || was_paused == is_paused, "{steps:#?}");
    }

    // Of one account, neither undid what the other did.
    let frank = of(&host, "users show frank")?["user"].clone();
    assert_eq!(frank["blocked"], true, "{frank}");
    assert_eq!(frank["expires"], "2099-01-21T00:00:00Z", "{frank}");
    let blocked = ["users block", "users unblock"];
    let steps = chain(&host, &blocked, "frank", "not blocked")?;
    assert_eq!(end(&steps), "blocked");
    let steps = chain(&host, &["users expire"], "frank", "never")?;
    assert_eq!((end(&steps), steps.len()), ("2099-01-21T00:00:00Z", ROUNDS));
    Ok(())
}

/// Before and after of the rows of these verbs, the first one first. Each begins with what the one before has
/// left, the first with how it was.
fn chain(
    host: &Host,
    verbs: &[&str],
    object: &str,
    first: &str,
) -> Result<Vec<(String, String)>, Trouble> {
    let log = of(host, "audit --since 1d")?;
    let rows = log.get("audit").and_then(Value::as_array);
    let mut now = first.to_owned();
    let mut steps = Vec::new();
    for row in rows.into_iter().flatten().rev() {
        let text = |field: &str| {
            let text = row.get(field).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        if !verbs.contains(&text("verb").as_str()) || !text("object").starts_with(object) {
            continue;
        }
        assert_eq!(text("outcome"), "done", "{row}");
        assert_eq!(text("before"), now, "{row}");
        let name = text("name");
        assert!([CAROL.name, BOB.name].contains(&name.as_str()), "{row}");
        now = text("after");
        steps.push((text("before"), now.clone()));
    }
    Ok(steps)
}

/// What the last of them has left.
fn end(steps: &[(String, String)]) -> &str {
    steps.last().map_or("", |(_, after)| after)
}

fn of(host: &Host, line: &str) -> Result<Value, Trouble> {
    let said = host.run(&format!("entractl {line} --json"))?;
    Ok(serde_json::from_str(said.stdout()?)?)
}
