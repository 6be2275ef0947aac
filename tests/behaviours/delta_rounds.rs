//! After the first import only what has changed is asked for; whatever the tenant does to its delta links,
//! the host ends with the tenant's people, or with an error that names the page.

use harness::people::ALICE;
use harness::{Host, Trouble};
use serde_json::{Value, json};

use crate::ready;

#[test]
fn only_changes_are_asked_for() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    change(&host, "Alice Arrow")?;
    let summary = sync(&host, "")?;
    assert_eq!(summary["full"], false);
    assert_eq!(summary["requests"], 2, "{summary}");
    assert_eq!(summary["users"]["changed"], 1, "{summary}");
    is_named(&host, "Alice Arrow")?;
    for request in host.tenant().requests("/v1.0/")? {
        assert!(request.path.ends_with("/delta"), "{request:?}");
    }
    // Nothing new: as cheap, and nothing changes.
    let summary = sync(&host, "")?;
    assert_eq!(
        (&summary["requests"], &summary["users"]["changed"]),
        (&json!(2), &json!(0))
    );
    // What nobody asked for since the last full round is asked for once somebody wants it.
    let summary = sync(&host, "--full")?;
    assert_eq!(summary["full"], true);
    Ok(())
}

#[test]
fn a_link_that_ended_is_a_full_round() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for (number, (how, collection)) in [
        ("resyncRequired", "users"),
        ("syncStateNotFound", "groups"),
        ("tooOld", "users"),
        ("tooOld", "groups"),
        ("expiredPageToken", "users"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("Alice {number}");
        change(&host, &name)?;
        let end = json!({"tokens": "links", "collection": collection, "as": how});
        host.tenant().call("POST", "/delta/end", Some(&end))?;
        let summary = sync(&host, "")?;
        assert_eq!(summary["full"], true, "{how}: {summary}");
        let remarks = summary["remarks"].to_string();
        assert!(remarks.contains("read anew"), "{how}: {remarks}");
        assert!(
            remarks.contains("HTTP 4"),
            "the tenant's answer is not named: {remarks}"
        );
        is_named(&host, &name)?;
        assert_eq!(sync(&host, "")?["full"], false, "{how}");
    }
    Ok(())
}

#[test]
fn who_vanished_while_a_link_was_dead_is_gone() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.tenant().call(
        "DELETE",
        "/users/frank@contoso.example?permanent=true",
        None,
    )?;
    let end = json!({"tokens": "links", "as": "resyncRequired"});
    host.tenant().call("POST", "/delta/end", Some(&end))?;
    assert_eq!(sync(&host, "")?["users"]["removed"], 1);
    host.run("id frank")?.refusal()?;
    Ok(())
}

#[test]
fn a_restore_that_no_delta_tells_comes_with_the_next_full_round() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let groups = host.run("id -Gn alice")?.stdout()?.to_owned();
    host.tenant().delta(&json!({"restoreMissed": true}))?;
    host.tenant().delete_user(ALICE.upn)?;
    sync(&host, "")?;
    host.run("id alice")?.refusal()?;
    host.tenant()
        .call("POST", "/users/alice%40contoso.example/restore", None)?;
    sync(&host, "")?;
    host.run("id alice")?.refusal()?;
    sync(&host, "--full")?;
    assert_eq!(host.run("id -Gn alice")?.stdout()?, groups);

    // Where the delta tells it, at once; the groups, which it does not tell, are as before.
    host.tenant().delta(&json!({"restoreMissed": false}))?;
    host.tenant().delete_user(ALICE.upn)?;
    sync(&host, "")?;
    host.tenant()
        .call("POST", "/users/alice%40contoso.example/restore", None)?;
    assert_eq!(sync(&host, "")?["full"], false);
    assert_eq!(host.run("id -Gn alice")?.stdout()?, groups);
    Ok(())
}

#[test]
fn an_endless_round_ends_with_an_error_that_names_the_page() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.tenant().delta(&json!({"endless": "same"}))?;
    let said = host.run("entractl sync --full")?.refusal()?;
    assert!(said.contains("the list has no end"), "{said}");
    assert!(said.contains("users page"), "{said}");
    host.run("id alice")?.stdout()?;
    host.tenant().delta(&json!({"endless": null}))?;
    sync(&host, "--full")?;
    Ok(())
}

fn change(host: &Host, display_name: &str) -> Result<(), Trouble> {
    host.tenant().forget_requests()?;
    host.tenant()
        .change_user(ALICE.upn, &json!({ "displayName": display_name }))
}

fn is_named(host: &Host, display_name: &str) -> Result<(), Trouble> {
    let entry = host.run("getent passwd alice")?;
    assert!(entry.stdout()?.contains(display_name), "{entry}");
    Ok(())
}

/// Syncs; the summary.
fn sync(host: &Host, arguments: &str) -> Result<Value, Trouble> {
    let told = host.run(&format!("entractl --json sync {arguments}"))?;
    let document: Value = serde_json::from_str(told.stdout()?)?;
    let summary = document.get("import").cloned();
    summary.ok_or_else(|| Trouble::new(format!("no summary: {told}")))
}
