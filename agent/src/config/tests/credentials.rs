//! How a host proves itself and goes out, as `agent.toml` says it, and the files behind it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::clock::UnixSeconds;

/// Ways to prove oneself, as `[tenant.sync]` takes them.
pub(super) fn credentials() -> Vec<(&'static str, Credential)> {
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
