//! What `agent.toml` takes, and how it is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::clock::UnixSeconds;

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
[sign_in.services]
sshd = ["password", "device-code"]
[offline]
maximum_age_days = 3
[directory]
enumerate = true
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
    assert!(!config.enumerate);
    assert_eq!(config.sign_in.methods("sshd"), [Method::DeviceCode]);
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
    assert_eq!(config.sign_in.methods("su"), [Method::DeviceCode]);
    assert!(config.enumerate);
    let proxy = config.proxy.unwrap();
    assert_eq!(proxy.name(), "proxy.example:3128");
    let login = proxy.login.unwrap();
    assert_eq!(login.username, "host");
    assert_eq!(login.password, SecretSource::File("/p".into()));
    // The list behind the check has no key that neither this text nor the next test uses.
    for (section, keys) in section::KEYS {
        for key in *keys {
            let used = MOST.contains(key)
                || credentials().iter().any(|(text, _)| text.contains(key))
                || *key == "password_credential";
            assert!(used, "[{section}] {key}");
        }
    }
}

/// Ways to prove oneself, as `[tenant.sync]` takes them.
fn credentials() -> Vec<(&'static str, Credential)> {
    let secret = |source, expires: Option<u64>| Credential::Secret {
        source,
        expires: expires.map(UnixSeconds::new),
    };
    let certificate = |private_key: &str| Credential::Certificate {
        certificate: "/c".into(),
        private_key: private_key.into(),
    };
    let identity = |client_id: Option<&str>, source| {
        Credential::ManagedIdentity(ManagedIdentity {
            client_id: client_id.map(str::to_owned),
            source,
        })
    };
    vec![
        (
            "client_secret_file = \"/s\"",
            secret(SecretSource::File("/s".into()), None),
        ),
        (
            "client_secret_file = \"/s\"\nclient_secret_expires = \"2027-01-31\"",
            secret(SecretSource::File("/s".into()), Some(1_801_353_600)),
        ),
        (
            "client_secret_credential = \"sync\"\nclient_secret_expires = 2027-01-31",
            secret(
                SecretSource::SystemdCredential("sync".into()),
                Some(1_801_353_600),
            ),
        ),
        (
            "client_secret_command = [\"/usr/bin/vault\", \"read\"]",
            secret(
                SecretSource::Command(vec!["/usr/bin/vault".into(), "read".into()]),
                None,
            ),
        ),
        ("certificate_file = \"/c\"", certificate("/c")),
        (
            "certificate_file = \"/c\"\nprivate_key_file = \"/k\"",
            certificate("/k"),
        ),
        (
            "federated_token_file = \"/t\"",
            Credential::FederatedToken("/t".into()),
        ),
        (
            "managed_identity = \"system\"",
            identity(None, MetadataSource::AzureVm),
        ),
        (
            "managed_identity = \"C0000000-0000-4000-8000-000000000001\"\nmanaged_identity_source = \"azure-vm\"",
            identity(
                Some("c0000000-0000-4000-8000-000000000001"),
                MetadataSource::AzureVm,
            ),
        ),
        (
            "managed_identity = \"system\"\nmanaged_identity_source = \"azure-arc\"",
            identity(None, MetadataSource::AzureArc),
        ),
    ]
}

/// The least configuration with these lines in place of the secret.
fn with_credential(lines: &str) -> String {
    let text = LEAST.replace(
        "client_secret_file = \"/etc/entra-login/sync.secret\"",
        lines,
    );
    // Which has no registration.
    match lines.contains("managed_identity =") {
        true => text.replace("client_id = \"3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002\"\n", ""),
        false => text,
    }
}

#[test]
fn exactly_one_credential_is_taken() {
    for (lines, expected) in credentials() {
        let config = parse(&with_credential(lines)).unwrap();
        assert_eq!(config.first_tenant().sync.credential, expected, "{lines}");
    }
    let (none, two, key) = (
        error(&with_credential("")),
        error(&with_credential(
            "client_secret_file = \"/s\"\ncertificate_file = \"/c\"",
        )),
        error(&with_credential(
            "client_secret_file = \"/s\"\nprivate_key_file = \"/k\"",
        )),
    );
    assert!(
        none.starts_with("[tenant.sync]: exactly one of `client_secret_file`, `certificate_file`"),
        "{none}"
    );
    assert!(none.ends_with("must be set, and none is"), "{none}");
    assert!(
        two.ends_with("not 2 of them: `client_secret_file`, `certificate_file`"),
        "{two}"
    );
    assert_eq!(
        key,
        "[tenant.sync]: `private_key_file` does not go together with `client_secret_file`"
    );
}

#[test]
fn keys_of_another_credential_and_values_without_sense_are_refused() {
    let cases = [
        (
            "certificate_file = \"/c\"\nclient_secret_expires = \"2027-01-31\"",
            "`client_secret_expires` does not go together with `certificate_file`",
        ),
        (
            "client_secret_file = \"/s\"\nmanaged_identity_source = \"azure-vm\"",
            "`managed_identity_source` does not go together with `client_secret_file`",
        ),
        (
            "client_secret_file = \"/s\"\nclient_secret_expires = \"31.1.2027\"",
            "`client_secret_expires` takes a date like \"2027-01-31\"",
        ),
        (
            "client_secret_credential = \"../x\"",
            "`client_secret_credential` takes the name of a credential of the unit",
        ),
        (
            "client_secret_command = [\"vault\"]",
            "`client_secret_command` takes a program by its whole path",
        ),
        (
            "client_secret_command = []",
            "`client_secret_command` takes a program by its whole path",
        ),
        (
            "managed_identity = \"mine\"",
            "`managed_identity` takes \"system\" or the client id",
        ),
        (
            "managed_identity = \"system\"\nmanaged_identity_source = \"azure-arcs\"",
            "did you mean \"azure-arc\"?",
        ),
    ];
    for (lines, expected) in cases {
        let error = error(&with_credential(lines));
        assert!(error.contains(expected), "{lines}: {error}");
    }
    let both = LEAST.replace(
        "client_secret_file = \"/etc",
        "managed_identity = \"system\" # \"",
    );
    assert_eq!(
        error(&both),
        "[tenant.sync]: `client_id` does not go together with `managed_identity`"
    );
}

#[test]
fn a_proxy_is_an_address_and_shows_no_password_in_errors() {
    let cases = [
        ("username = \"x\"", "[proxy]: the key `url` is missing"),
        (
            "url = \"http://me:hunter2@proxy:3128\"",
            "[proxy]: `url` takes an address like",
        ),
        (
            "url = \"proxy:3128\"",
            "[proxy]: `url` takes an address like",
        ),
        (
            "url = \"socks5://proxy:3128\"",
            "[proxy]: `url` takes an address like",
        ),
        (
            "url = \"http://proxy:3128\"\nusername = \"x\"",
            "[proxy]: the key `password_file` is missing",
        ),
        (
            "url = \"http://proxy:3128\"\npassword_file = \"/x\"",
            "[proxy]: the key `username` is missing",
        ),
        (
            "url = \"http://proxy:3128\"\nusername = \"a:b\"\npassword_file = \"/x\"",
            "[proxy]: `username` takes a name without a colon",
        ),
        (
            "url = \"http://proxy:3128\"\nusername = \"a\"\npassword_file = \"/x\"\n\
             password_credential = \"x\"",
            "[proxy]: one of `password_file` and `password_credential`, not both",
        ),
    ];
    for (lines, expected) in cases {
        let error = error(&format!("{LEAST}[proxy]\n{lines}"));
        assert!(error.starts_with(expected), "{lines}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let named =
        "url = \"http://proxy\"\nusername = \"a\"\npassword_credential = \"proxy-password\"";
    let proxy = parse(&format!("{LEAST}[proxy]\n{named}"))
        .unwrap()
        .proxy
        .unwrap();
    assert_eq!(proxy.name(), "proxy:80");
    assert!(parse(LEAST).unwrap().proxy.is_none());
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
            "[offline]\nmaximum_age_days = 0",
            "[offline]: `maximum_age_days` takes a whole number from 1 to 365",
        ),
        ("groups = 1", "takes a section"),
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
fn a_secret_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sync.secret");
    let write = |text: &str, mode: u32| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    };
    write("value-1\n", 0o640);
    assert_eq!(*read_secret(&file).unwrap(), "value-1");
    for mode in [0o644, 0o642, 0o641] {
        write("value-1\n", mode);
        assert!(
            matches!(
                read_secret(&file),
                Err(ConfigError::ReadableByOthers { .. })
            ),
            "{mode:o}"
        );
    }
    for text in ["", "  \n", &"x".repeat(5_000)] {
        write(text, 0o600);
        assert!(matches!(read_secret(&file), Err(ConfigError::NoSecret(_))));
    }
    assert!(matches!(
        read_secret(&folder.path().join("none")),
        Err(ConfigError::Unreadable { .. })
    ));
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
