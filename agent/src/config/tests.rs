//! What `agent.toml` takes, and how it is refused.

use entra_protocol::admin::Role;

use super::*;
use crate::identity::ObjectKey;

mod credentials;

const LEAST: &str = r#"
[[tenant]]
id = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001"
domain = "Contoso.example"
[tenant.sync]
client_id = "3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002"
client_secret_file = "/etc/entra-login/sync.secret"
[tenant.login]
client_id = "9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003"
"#;

const MOST: &str = r#"
[[tenant]]
id = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001"
domain = "contoso.example"
cloud = "us-gov"
graph_url = "https://graph.example"
login_url = "https://login.example"
[tenant.sync]
client_id = "a"
client_secret_file = "/s"
[tenant.login]
client_id = "b"
[tenant.schedule]
interval_minutes = 30
[tenant.posix]
uid_number = "sssd"
sssd_range_min = 100000
sssd_range_max = 1100000
sssd_range_size = 100000
sssd_slice = 4
gid_number = "extensionAttribute15"
group_gid_number = "extension_0123_gidNumber"
login_shell = "extension_0123_loginShell"
unix_home_directory = "extension_0123_unixHomeDirectory"
[names]
attribute = "mailNickname"
[names.overrides]
"a0000000-0000-4000-8000-000000000001" = "al"
[homes]
template = "/srv/home/{name}"
roots = ["/srv/home"]
shell = "/bin/zsh"
[ids]
base = 0x70000000
size = 1000
[groups]
members_max = 10
[sign_in]
remote = []
local = ["device-code"]
login_grace_seconds = 60
[sign_in.services]
sshd = ["password", "device-code"]
[[access]]
role = "operator"
[[access]]
groups = ["a0000000-0000-4000-8000-000000000009"]
services = ["sshd", "sudo"]
[[access]]
everybody = true
tenant = "contoso.example"
services = ["cron"]
[offline]
maximum_age_days = 3
password = false
[passcode]
enabled = true
services = ["sudo"]
[directory]
enumerate = true
[audit]
keep_days = 30
[proxy]
url = "http://proxy.example:3128"
username = "host"
password_file = "/p"
"#;

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn the_least_gives_the_defaults() {
    let config = parse(LEAST).unwrap();
    assert_eq!(config.first_tenant().domain, "contoso.example");
    assert_eq!(
        config.first_tenant().login_url.as_str(),
        "https://login.microsoftonline.com/"
    );
    assert_eq!(
        config.first_tenant().graph_url.as_str(),
        "https://graph.microsoft.com/"
    );
    assert_eq!(
        config.ids,
        Ids {
            base: 0x7800_0000,
            size: 0x07FD_FFF0
        }
    );
    assert_eq!(config.homes.template, "/home/{name}");
    assert_eq!(config.groups.members_max, 5_000);
    assert_eq!(config.offline.maximum_age.as_secs(), 14 * 24 * 60 * 60);
    assert!(config.offline.password);
    assert!(!config.passcode.enabled);
    assert!(!config.enumerate);
    assert_eq!(config.audit_keep_days, 365);
    assert_eq!(config.sign_in.methods("sshd"), [Method::DeviceCode]);
    assert_eq!(config.sign_in.remote_limit().as_secs(), 110);
    assert_eq!(
        config.sign_in.methods("sudo"),
        [Method::Password, Method::DeviceCode]
    );
    assert_eq!(
        config.sign_in.methods(""),
        [Method::Password, Method::DeviceCode]
    );
}

#[test]
fn every_key_is_read() {
    let config = parse(MOST).unwrap();
    assert_eq!(
        config.first_tenant().login_url.as_str(),
        "https://login.example/"
    );
    assert_eq!(
        config.first_tenant().graph_url.as_str(),
        "https://graph.example/"
    );
    assert_eq!(config.first_tenant().interval_minutes, Some(30));
    let sssd = Sssd {
        first: 100_000,
        last: 1_100_000,
        size: 100_000,
        slice: Some(4),
    };
    let posix = &config.first_tenant().posix;
    assert_eq!(posix.uid_number, Some(IdSource::Sssd(sssd)));
    assert_eq!(posix.gid_number.as_deref(), Some("extensionAttribute15"));
    assert_eq!(config.names.attribute, NameAttribute::MailNickname);
    assert_eq!(config.names.overrides.values().collect::<Vec<_>>(), ["al"]);
    assert_eq!(config.homes.roots, ["/srv/home"]);
    assert_eq!(config.homes.shell, "/bin/zsh");
    assert_eq!(
        config.ids,
        Ids {
            base: 0x7000_0000,
            size: 1_000
        }
    );
    assert_eq!(
        config.sign_in.methods("sshd"),
        [Method::Password, Method::DeviceCode]
    );
    assert_eq!(config.sign_in.methods("cockpit"), []);
    assert_eq!(config.sign_in.remote_limit().as_secs(), 50);
    assert_eq!(config.sign_in.methods("su"), [Method::DeviceCode]);
    assert!(config.enumerate);
    assert_eq!(config.access.groups().count(), 1);
    assert!(!config.offline.password);
    assert!(config.passcode.covers("sudo") && !config.passcode.covers("su"));
    let proxy = config.proxy.unwrap();
    assert_eq!(proxy.name(), "proxy.example:3128");
    let login = proxy.login.unwrap();
    assert_eq!(login.username, "host");
    assert_eq!(login.password, SecretSource::File("/p".into()));
    // The list behind the check has no key that neither this text nor the next test uses.
    for (section, keys) in section::KEYS {
        for key in *keys {
            let used = MOST.contains(key)
                || credentials::credentials()
                    .iter()
                    .any(|(text, _)| text.contains(key))
                || *key == "password_credential";
            assert!(used, "[{section}] {key}");
        }
    }
}

#[test]
fn an_unknown_key_is_named_with_its_section_and_the_nearest_key() {
    let cases = [
        (
            "[homes]\nshel = \"/bin/sh\"",
            "[homes]: there is no key `shel`; did you mean `shell`?",
        ),
        (
            "[home]\nshell = \"/bin/sh\"",
            "top of the file: there is no key `home`; did you mean `homes`?",
        ),
        (
            "[names]\nenumerate = true",
            "[names]: there is no key `enumerate`; did you mean `enumerate` of [directory]?",
        ),
        ("[offline]\nzzz = 1", "[offline]: there is no key `zzz`"),
    ];
    for (addition, expected) in cases {
        assert_eq!(error(&format!("{LEAST}{addition}")), expected);
    }
    let misplaced = LEAST.replace("[tenant.login]", "secret = \"x\"\n[tenant.login]");
    assert!(error(&misplaced).starts_with("[tenant.sync]: there is no key `secret`"));
}

#[test]
fn a_wrong_value_names_the_key_and_what_it_takes() {
    let cases = [
        ("[ids]\nbase = \"x\"", "[ids]: `base` takes a whole number"),
        (
            "[ids]\nbase = 1000",
            "[ids]: `base` takes a whole number from 65536",
        ),
        (
            "[ids]\nbase = 0x7FFF0000\nsize = 65530",
            "[ids]: `size` takes a range",
        ),
        (
            "[homes]\nshell = 7",
            "[homes]: `shell` takes a text in quotes, not the number 7",
        ),
        (
            "[homes]\nroots = [7]",
            "[homes]: `roots` takes a list of texts",
        ),
        (
            "[homes]\ntemplate = \"/home/all\"",
            "[homes]: `template` takes an absolute path with {name}",
        ),
        (
            "[directory]\nenumerate = 1",
            "[directory]: `enumerate` takes true or false",
        ),
        (
            "[names]\nattribute = \"mailNickName\"",
            "did you mean \"mailNickname\"?",
        ),
        (
            "[names.overrides]\nalice = \"al\"",
            "[names.overrides]: `alice` takes an object id",
        ),
        (
            "[sign_in]\nremote = [\"devicecode\"]",
            "did you mean \"device-code\"?",
        ),
        (
            "[sign_in.services]\nsshd = \"password\"",
            "[sign_in.services]: `sshd` takes a list",
        ),
        (
            "[sign_in]\nlogin_grace_seconds = 0",
            "[sign_in]: `login_grace_seconds` takes a whole number from 30 to 900",
        ),
        (
            "[offline]\nmaximum_age_days = 0",
            "[offline]: `maximum_age_days` takes a whole number from 1 to 365",
        ),
        (
            "[audit]\nkeep_days = 0",
            "[audit]: `keep_days` takes a whole number from 30 to 3650",
        ),
        ("groups = 1", "takes a section"),
        (
            "[access]\nrole = \"user\"",
            "top of the file: `access` takes a section in double brackets",
        ),
        (
            "[[access]]\nservices = [\"sshd\"]",
            "[access]: the key `role` or `groups` or `everybody` is missing",
        ),
        (
            "[[access]]\nrole = \"admin\"",
            "[access]: `role` takes user or auditor or operator or administrator, not \"admin\" \
             (did you mean \"administrator\"?)",
        ),
        (
            "[[access]]\ngroups = [\"Engineering\"]",
            "[access]: `groups` takes object ids of groups",
        ),
        (
            "[[access]]\neverybody = true\ntenant = \"other.example\"",
            "[access]: `tenant` takes the id or the domain of a [[tenant]]",
        ),
        (
            "[[access]]\neverybody = true\nservices = []",
            "[access]: `services` takes at least one service",
        ),
        (
            "[[access]]\neverybody = true\nservices = [\"/etc/pam.d/sshd\"]",
            "[access]: `services` takes names of files in /etc/pam.d",
        ),
        (
            "[tenant.schedule]\ninterval_minutes = 4",
            "[tenant.schedule]: `interval_minutes` takes a whole number from 5 to 10080",
        ),
    ];
    for (addition, expected) in cases {
        // A key of the top of the file has to stand before the first section.
        let text = if addition.starts_with('[') {
            format!("{LEAST}{addition}")
        } else {
            format!("{addition}\n{LEAST}")
        };
        let error = error(&text);
        assert!(error.contains(expected), "{addition}: {error}");
    }
    let bad_id = LEAST.replace("7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001", "contoso");
    assert!(error(&bad_id).contains("`id` takes the tenant's id"));
    let plain = LEAST.replace("domain", "login_url = \"http://login.example\"\ndomain");
    assert!(error(&plain).contains("`login_url` takes an origin"));
}

#[test]
fn what_access_grants_is_the_sum_of_what_each_section_does() {
    let another = LEAST
        .replace("7d1c2f6e-94a3", "8e2d3a7f-94a3")
        .replace("Contoso", "Fabrikam");
    let text = format!(
        "{LEAST}{another}
        [[access]]
        role = \"operator\"
        [[access]]
        groups = [\"a0000000-0000-4000-8000-000000000009\"]
        services = [\"sshd\", \"sudo\"]
        [[access]]
        everybody = true
        tenant = \"fabrikam.example\"
        services = [\"cron\"]"
    );
    let config = parse(&text).unwrap();
    let person = |tenant: usize| ObjectKey {
        tenant: config.tenants[tenant].id,
        object: "a0000000-0000-4000-8000-000000000001".parse().unwrap(),
    };
    let services = |tenant, role, is_in: bool| {
        let is_in = |_: &ObjectKey| Ok::<_, std::convert::Infallible>(is_in);
        let Ok(services) = config.access.services(&person(tenant), role, is_in);
        services
    };
    let only = |list: &[&str]| Services::Only(list.iter().map(|&it| it.to_owned()).collect());
    for role in [Role::Operator, Role::Administrator] {
        assert_eq!(services(0, role, false), Services::All);
    }
    assert_eq!(services(0, Role::Auditor, false), only(&[]));
    let granted = only(&["sshd", "sudo", "systemd-user"]);
    assert_eq!(services(0, Role::User, true), granted);
    // The group is the first tenant's: nobody of another one is in it, whatever its object id.
    assert_eq!(
        services(1, Role::User, true),
        only(&["cron", "systemd-user"])
    );
    for (service, allowed) in [("sshd", true), ("", true), ("su", false)] {
        assert_eq!(granted.allow(service), allowed, "{service}");
        assert!(Services::All.allow(service));
        assert!(!only(&[]).allow(service));
    }
    let nothing = parse(LEAST).unwrap().access;
    let Ok(all) = nothing.services(&person(0), Role::User, |_: &ObjectKey| {
        Ok::<_, std::convert::Infallible>(false)
    });
    assert_eq!(all, Services::All);
}

#[test]
fn tenants_may_repeat_but_not_be_the_same() {
    let another = LEAST
        .replace("7d1c2f6e-94a3", "8e2d3a7f-94a3")
        .replace("Contoso", "Fabrikam");
    let config = parse(&format!("{LEAST}{another}")).unwrap();
    let domains: Vec<&str> = config.tenants.iter().map(|it| it.domain.as_str()).collect();
    assert_eq!(domains, ["contoso.example", "fabrikam.example"]);
    assert_eq!(config.first_tenant().domain, "contoso.example");

    assert!(error("").contains("[[tenant]]"));
    assert!(error("[[tenant]\n").starts_with("not TOML"));
    assert_eq!(
        error(&format!("{LEAST}{}", LEAST.replace("Contoso", "fabrikam"))),
        "two [[tenant]] sections have the same `id`, 7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001: \
         contoso.example and fabrikam.example"
    );
    assert_eq!(
        error(&format!(
            "{LEAST}{}",
            another.replace("Fabrikam", "CONTOSO")
        )),
        "two [[tenant]] sections have the same `domain`, contoso.example: \
         7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001 and 8e2d3a7f-94a3-4c0a-9a51-0f3be1c0a001"
    );
    assert_eq!(
        error(&format!(
            "{LEAST}{}",
            another.replace("client_secret_file", "client_secret_fil")
        )),
        "[[tenant]] number 2: [tenant.sync]: there is no key `client_secret_fil`; did you mean `client_secret_file`?"
    );
}

#[test]
fn posix_attributes_are_properties_that_can_be_asked_for() {
    for (line, part) in [
        (
            "uid_number = \"uidNumber\"",
            "extension_<application id>_<name>",
        ),
        (
            "gid_number = \"extensionAttribute16\"",
            "extensionAttribute1 to 15",
        ),
        ("gid_number = \"sssd\"", "extensionAttribute1 to 15"),
        ("login_shell = \"extension_x,mail\"", "extension_"),
        ("sssd_slice = 10000", "from 0 to 9999"),
        ("sssd_range_max = 5", "room for one slice"),
    ] {
        let text = format!("{LEAST}[tenant.posix]\n{line}\n");
        let error = parse(&text).unwrap_err().to_string();
        assert!(
            error.contains("[tenant.posix]") && error.contains(part),
            "{error}"
        );
    }
}
