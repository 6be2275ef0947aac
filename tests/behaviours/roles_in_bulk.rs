//! Roles of many at once: a list from a file or a pipe, and ticks in a terminal. All of it, or nothing.

use harness::people::CAROL;
use harness::{Host, Trouble};

use crate::ready::{self, SOON};

#[test]
fn a_list_is_done_whole_or_not_at_all() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.write(
        "/tmp/roles.csv",
        "name,role\n# the night shift\nalice,operator\n\ngroup:Finance,auditor\nerin@contoso.example,user\n",
    )?;
    let tried = host.run_as(
        CAROL.name,
        "entractl role set --from /tmp/roles.csv --dry-run",
    )?;
    // Frank is named by nobody and changes through his group.
    for word in ["alice", "finance", "frank", "erin"] {
        assert!(tried.stdout()?.contains(word), "{word}: {tried}");
    }
    assert!(tried.stderr.contains("Nothing was changed."), "{tried}");
    assert_eq!(roles(&host)?, ["carol administrator"]);
    let done = host.run_as(CAROL.name, "entractl role set --from - < /tmp/roles.csv")?;
    assert_eq!(done.stdout()?, tried.stdout()?);
    let after = [
        "alice operator",
        "carol administrator",
        "frank auditor",
        "trent_99 auditor",
    ];
    assert_eq!(roles(&host)?, after);
    assert!(
        host.run("id -nG frank")?
            .stdout()?
            .contains("entra-auditors")
    );

    for (list, said) in [
        ("alice,user\nbob,boss\n", "line 2: \"boss\" is no role"),
        ("alice,user\nnobody-here,auditor\n", "nobody-here"),
        (
            "alice,user\ncarol,operator\n",
            "no administrator who can sign in",
        ),
        (
            "alice,user\nAlice@contoso.example,auditor\n",
            "are the same",
        ),
    ] {
        host.write("/tmp/bad.csv", list)?;
        let refused = host.run("entractl role set --from /tmp/bad.csv")?;
        assert!(refused.refusal()?.contains(said), "{refused}");
        assert_eq!(roles(&host)?, after, "{list}");
    }
    host.run("printf 'alice\\ngroup:Finance\\n' | entractl role clear --from -")?
        .stdout()?;
    assert_eq!(roles(&host)?, ["carol administrator"]);
    Ok(())
}

#[test]
fn people_are_ticked_in_a_terminal_and_nothing_is_lost_between_two() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("entractl role set operator alice --group Finance")?
        .stdout()?;
    let mut list = host.terminal("entractl role pick operator")?;
    list.expect("Who has the role operator:", SOON)?;
    let shown = list.expect("group finance (Finance, 2 people), operator", SOON)?;
    for ticked in [
        "[x] alice (Alice Archer), operator",
        "operator through finance",
    ] {
        assert!(shown.contains(ticked), "{ticked}: {shown}");
    }
    // Far down in the list, until she is searched for.
    list.send("erin")?;
    list.expect("erin (Erin Eriksson)", SOON)?;
    list.send(" ")?;
    list.send("\r")?;
    let picked = list.finish(SOON)?;
    assert!(picked.success(), "{picked}");
    assert!(picked.text().contains("1 changed."), "{picked}");
    let four = [
        "alice operator",
        "carol administrator",
        "erin operator",
        "frank operator",
        "trent_99 operator",
    ];
    assert_eq!(roles(&host)?, four);

    // While the one looks at the list, the other gives the same person something else.
    let mut list = host.terminal("entractl role pick auditor")?;
    list.expect("Who has the role auditor:", SOON)?;
    list.send("heidi")?;
    list.expect("heidi (Heidi", SOON)?;
    list.send(" ")?;
    host.run_as(CAROL.name, "entractl role set operator heidi")?
        .stdout()?;
    list.send("\r")?;
    let late = list.finish(SOON)?;
    assert_eq!(late.code, 1, "{late}");
    assert!(
        late.text().contains("has become operator meanwhile"),
        "{late}"
    );
    assert!(roles(&host)?.contains(&"heidi operator".to_owned()));

    // Leaving changes nothing, and without a terminal nobody is asked.
    let mut list = host.terminal("entractl role pick operator")?;
    list.expect("heidi", SOON)?;
    list.send("\u{1b}")?;
    assert_eq!(list.finish(SOON)?.code, 1);
    let refused = host.run("entractl role pick operator < /dev/null")?;
    assert!(refused.refusal()?.contains("no terminal"), "{refused}");
    Ok(())
}

/// Who is more than a user.
fn roles(host: &Host) -> Result<Vec<String>, Trouble> {
    let listed = host.run("entractl role list --json")?;
    let listed: serde_json::Value = serde_json::from_str(listed.stdout()?)?;
    let people = listed.get("people").and_then(serde_json::Value::as_array);
    Ok(people
        .into_iter()
        .flatten()
        .map(|one| {
            let word = |field: &str| {
                let word = one.get(field).and_then(serde_json::Value::as_str);
                word.unwrap_or_default().to_owned()
            };
            format!("{} {}", word("user"), word("role"))
        })
        .collect())
}
