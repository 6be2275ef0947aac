use super::*;

const TENANT: &str = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001";

fn example() -> Document {
    let mut document = Document::of(None, "agent.toml").unwrap();
    assert!(!document.is_complete() && document.domain().is_none());
    document.mean(TENANT, "contoso.example");
    document.set_own("id", TENANT);
    document.set_own("domain", "contoso.example");
    document.set_credential(&[("client_secret_file", "/s".into())], Some("a"));
    document.set("login", "client_id", "b");
    assert!(document.is_complete());
    document
}

/// The lines of one text that the other doesn't have.
fn only_in<'a>(one: &'a str, other: &str) -> Vec<&'a str> {
    one.lines()
        .filter(|line| !other.lines().any(|there| there == *line))
        .collect()
}

#[test]
fn the_example_keeps_every_comment() {
    let written = example().render();
    let gone = only_in(EXAMPLE, &written);
    assert!(gone.iter().all(|line| !line.starts_with('#')), "{gone:?}");
    assert_eq!(
        only_in(&written, EXAMPLE),
        [
            format!("id = \"{TENANT}\"").as_str(),
            "domain = \"contoso.example\"",
            "client_id = \"a\"",
            "client_secret_file = \"/s\"",
            "client_id = \"b\"",
        ]
    );
}

#[test]
fn only_what_is_asked_changes_and_remarks_behind_values_stay() {
    let text = "[[tenant]]\nid = \"x\" # ours\ndomain = \"c\"\n[tenant.sync]\n  client_id = \"a\"\n\
                certificate_file = \"/c\" # from ops\n\n# who signs in\n[tenant.login]\nclient_id='b'\n";
    let mut document = Document::of(Some(text), "agent.toml").unwrap();
    document.mean("x", "c");
    document.set("login", "client_id", "new");
    assert_eq!(
        document.render(),
        text.replace("client_id='b'", "client_id=\"new\"")
    );
}

#[test]
fn another_way_to_prove_itself_takes_the_place_of_the_old_one() {
    let mut document = example();
    document.set_credential(&[("managed_identity", "system".into())], None);
    let written = document.render();
    assert!(document.has_sync() && document.sync_client_id().is_none());
    assert!(!written.contains("client_id = \"a\""), "{written}");
    let sync = written.split("\n[tenant.sync]\n").nth(1).unwrap();
    // The key first, then all that explained the old one, which is a remark now.
    assert!(
        sync.starts_with("managed_identity = \"system\"\n# How this host proves"),
        "{sync}"
    );
    assert!(
        sync.contains("# 0640;\n#client_secret_file = \"/s\"\n# or as a credential"),
        "{sync}"
    );
    let only: Vec<&str> = sync
        .split("\n[tenant.login]\n")
        .next()
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    assert_eq!(only, ["managed_identity = \"system\""]);
}

#[test]
fn a_second_tenant_goes_behind_the_first_with_its_sections() {
    let mut document = example();
    document.mean("22222222-94a3-4c0a-9a51-0f3be1c0a001", "fabrikam.example");
    assert!(document.is_another() && !document.is_complete());
    document.set_own("id", "22222222-94a3-4c0a-9a51-0f3be1c0a001");
    document.set_own("domain", "fabrikam.example");
    document.set_credential(&[("certificate_file", "/c".into())], Some("c"));
    document.set("login", "client_id", "d");
    let written = document.render();
    let read: DocumentMut = written.parse().unwrap();
    let tenants = read["tenant"].as_array_of_tables().unwrap();
    let domains: Vec<&str> = tenants
        .iter()
        .filter_map(|tenant| tenant["domain"].as_str())
        .collect();
    assert_eq!(
        domains,
        ["contoso.example", "fabrikam.example"],
        "{written}"
    );
    let ids: Vec<&str> = tenants
        .iter()
        .filter_map(|tenant| tenant["sync"]["client_id"].as_str())
        .collect();
    assert_eq!(ids, ["a", "c"], "{written}");
    // Named again, by domain or id, the same tenant is meant.
    let mut again = Document::of(Some(&written), "agent.toml").unwrap();
    again.mean("", "Fabrikam.example");
    assert_eq!(again.login_client_id().as_deref(), Some("d"));
}

#[test]
fn a_file_that_is_no_toml_is_named_with_the_line() {
    let refused = Document::of(Some("[[tenant]\n"), "/etc/entra-login/agent.toml").unwrap_err();
    assert!(
        refused.message.starts_with("/etc/entra-login/agent.toml: ")
            && refused.message.contains("line 1"),
        "{}",
        refused.message
    );
}
