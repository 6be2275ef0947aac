//! An agent killed in the middle of an import leaves the old directory, whole, and
//! the next import works.

use harness::people::{ALICE, FRANK};
use harness::{Host, Trouble};
use serde_json::json;

use crate::ready::{self, SOON};

#[test]
fn a_killed_import_leaves_the_old_directory() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let before = directory(&host)?;
    for path in ["/v1.0/users", "/v1.0/groups"] {
        // Something to import that must not show before the import is done.
        host.tenant().change_user(
            FRANK.upn,
            &json!({ "displayName": format!("Changed {path}") }),
        )?;
        host.tenant().forget_requests()?;
        host.tenant()
            .fault(&json!({ "path_prefix": path, "times": 1, "delay_ms": 20_000 }))?;
        let mut import = host.terminal("entractl import")?;
        host.tenant().wait_for_request(path, SOON)?;
        host.kill_agent()?;
        assert!(
            import.expect("error:", SOON).is_ok(),
            "entractl said nothing of the agent's end"
        );
        assert!(!import.finish(SOON)?.success());
        assert_eq!(directory(&host)?, before, "killed while reading {path}");
    }
    assert!(
        host.ssh_password(ALICE.name, ALICE.password, "true")?
            .success()
    );
    host.import("")?.stdout()?;
    assert_ne!(directory(&host)?, before, "the next import brought nothing");
    Ok(())
}

#[test]
fn an_agent_killed_before_its_first_import_leaves_nothing_half() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.tenant()
        .fault(&json!({ "path_prefix": "/v1.0/groups", "times": 1, "delay_ms": 20_000 }))?;
    let import = host.terminal("entractl import")?;
    host.tenant().wait_for_request("/v1.0/groups", SOON)?;
    host.kill_agent()?;
    assert!(!import.finish(SOON)?.success());
    host.run("id alice")?.refusal()?;
    host.import("")?.stdout()?;
    host.run("id alice")?.stdout()?;
    Ok(())
}

/// What hosts see of the directory.
fn directory(host: &Host) -> Result<String, Trouble> {
    let asked = "id alice; id bob; getent passwd alice bob frank; getent group entra-users";
    Ok(host.run(asked)?.stdout()?.to_owned())
}
