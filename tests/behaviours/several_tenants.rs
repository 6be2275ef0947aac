//! Two tenants on one host: everybody signs in at their own.

use harness::Trouble;
use harness::people::ALICE;
use serde_json::json;

use crate::configured::append;
use crate::ready;

/// The second tenant of the seed, with registrations of its own.
const FABRIKAM: &str = "c0ffee00-5b1e-4d3a-9c77-2a1d4e9b0009";

/// `[[tenant]]` for it; `append` puts it behind the first.
fn fabrikam(sync: &str, login: &str) -> String {
    format!(
        "[[tenant]]\nid = \"{FABRIKAM}\"\ndomain = \"fabrikam.example\"\n\
         [tenant.sync]\nclient_id = \"{sync}\"\n\
         client_secret_file = \"/etc/entra-login/fabrikam.secret\"\n\
         [tenant.login]\nclient_id = \"{login}\""
    )
}

#[test]
fn tokens_of_the_other_tenant_do_not_count() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    append(&host, &fabrikam("a", "b"))?;
    let status = host.run("entractl status")?;
    for domain in ["contoso.example", "fabrikam.example"] {
        assert!(status.stdout()?.contains(domain), "{status}");
    }
    // Alice of the first tenant is asked for there, and the other one's word about its own alice, rightly
    // signed, is no proof of her.
    let session = host.ssh_password(ALICE.name, ALICE.password, "id -un")?;
    assert_eq!(session.stdout()?, "alice");
    for token in [
        json!({ "user": ALICE.upn, "tid": FABRIKAM, "times": 1 }),
        json!({ "user": ALICE.upn, "tid": FABRIKAM, "aud": "b", "times": 1 }),
    ] {
        host.tenant().override_token(&token)?;
        host.ssh_password(ALICE.name, ALICE.password, "true")?
            .refusal()?;
    }
    // The other alice's password is none of this one's.
    host.ssh_password(ALICE.name, "Other-Tenant-1", "true")?
        .refusal()?;
    let asked = host.tenant().requests(&format!("/{FABRIKAM}/"))?;
    assert!(asked.is_empty(), "the other tenant was asked: {asked:?}");

    // With several tenants none is guessed.
    let import = host.import("")?;
    assert!(!import.success(), "{import}");
    assert!(
        import
            .stderr
            .contains("this host has several tenants; name one of them: contoso.example"),
        "{import}"
    );
    Ok(())
}

#[test]
fn people_of_a_tenant_that_was_taken_out_are_refused() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let path = "/etc/entra-login/agent.toml";
    let text = String::from_utf8_lossy(&host.read(path)?).into_owned();
    let text = text.replace("7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001", FABRIKAM);
    host.write(path, text.replace("contoso.example", "fabrikam.example"))?;
    host.restart_agent()?;
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .refusal()?;
    host.ssh_key(ALICE.name, "true")?.refusal()?;
    assert_eq!(host.tenant().token_requests("password")?, 0);
    Ok(())
}
