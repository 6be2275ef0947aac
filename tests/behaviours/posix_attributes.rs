//! Ids, homes and shells that the tenant carries are the host's, where they are valid and nobody else's.

use harness::people::{ALICE, BOB, FRANK};
use harness::{Host, Trouble};
use serde_json::{Value, json};

use crate::configured::append;

/// A directory extension, as Entra names it.
fn extension(attribute: &str) -> String {
    format!("extension_3a6b1f0e5c1d4c588f3e1f5f2a8d0002_{attribute}")
}

fn host() -> Result<Host, Trouble> {
    let host = Host::boot()?;
    append(
        &host,
        &format!(
            "[tenant.posix]\nuid_number = \"{}\"\ngid_number = \"{}\"\ngroup_gid_number = \"{}\"\n\
             login_shell = \"{}\"\nunix_home_directory = \"{}\"",
            extension("uidNumber"),
            extension("gidNumber"),
            extension("gidNumber"),
            extension("loginShell"),
            extension("unixHomeDirectory")
        ),
    )?;
    Ok(host)
}

fn give(host: &Host, upn: &str, attributes: &[(&str, Value)]) -> Result<(), Trouble> {
    let set: serde_json::Map<String, Value> = attributes
        .iter()
        .map(|(attribute, value)| (extension(attribute), value.clone()))
        .collect();
    host.tenant().change_user(upn, &Value::Object(set))
}

#[test]
fn what_the_tenant_says_is_what_the_host_has() -> Result<(), Trouble> {
    let host = host()?;
    let group = json!({"displayName": "Crew", "securityEnabled": true, "mailEnabled": false,
                       "groupTypes": [], "members": [ALICE.upn], (extension("gidNumber")): 5100});
    host.tenant().call("POST", "/groups", Some(&group))?;
    give(
        &host,
        ALICE.upn,
        &[
            ("uidNumber", json!(5001)),
            ("gidNumber", json!("5100")),
            ("loginShell", json!("/bin/sh")),
            ("unixHomeDirectory", json!("/home/people/alice")),
        ],
    )?;
    // Nobody may have root's, nor another's.
    give(&host, BOB.upn, &[("uidNumber", json!(0))])?;
    give(&host, FRANK.upn, &[("uidNumber", json!(5001))])?;
    let import = host.import("")?;
    let said = import.stdout()?;
    assert!(said.contains("the id 0"), "{said}");
    assert!(said.contains("5001, which is another object's"), "{said}");

    let entry = host.run("getent passwd alice")?;
    assert_eq!(
        entry.stdout()?,
        "alice:*:5001:5100:Alice Archer:/home/people/alice:/bin/sh"
    );
    let id = host.run("id alice")?;
    let id = id.stdout()?;
    assert!(id.starts_with("uid=5001(alice) gid=5100(crew)"), "{id}");
    host.run("getent passwd bob")?.refusal()?;
    host.run("getent passwd frank")?.refusal()?;

    // An id never moves; a shell may.
    give(
        &host,
        ALICE.upn,
        &[
            ("uidNumber", json!(6001)),
            ("loginShell", json!("/bin/bash")),
        ],
    )?;
    give(&host, FRANK.upn, &[("uidNumber", json!(5002))])?;
    host.run("entractl sync")?.stdout()?;
    let entry = host.run("getent passwd alice frank")?;
    let entry = entry.stdout()?;
    assert!(entry.starts_with("alice:*:5001:5100:"), "{entry}");
    assert!(entry.contains("/home/people/alice:/bin/bash"), "{entry}");
    assert!(entry.contains("frank:*:5002:"), "{entry}");
    Ok(())
}
