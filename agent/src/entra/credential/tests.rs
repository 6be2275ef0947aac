//! From files to proofs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::fixture::*;
use super::*;

const NOW: UnixSeconds = UnixSeconds::new(1_790_000_000);

/// A folder with files of this mode.
fn file(folder: &tempfile::TempDir, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

fn refusal(credential: &Credential, now: UnixSeconds) -> String {
    check_credential(credential, now).unwrap_err().to_string()
}

#[test]
fn a_secret_is_sent_as_it_stands_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let secret = Credential::Secret {
        source: SecretSource::File(file(&folder, "secret", "value-1\n", 0o640)),
        expires: None,
    };
    let occasion = Occasion {
        audience: String::new(),
        client_id: String::new(),
        now: NOW,
        id: uuid::Uuid::nil(),
    };
    assert!(
        matches!(from_files(&secret, &occasion), Ok(Proof::Secret(value)) if *value == "value-1")
    );
}

#[test]
fn a_certificate_may_be_public_and_its_key_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let pair = |mode| Credential::Certificate {
        certificate: file(&folder, "sync.crt", CERTIFICATE, 0o644),
        private_key: file(&folder, "sync.key", PKCS8_KEY, mode),
    };
    check_credential(&pair(0o640), NOW).unwrap();
    let text = refusal(&pair(0o644), NOW);
    assert!(text.contains("sync.key") && text.contains("0644"), "{text}");

    let both = format!("{CERTIFICATE}{PKCS8_KEY}");
    let one = |mode| {
        let path = file(&folder, "both.pem", &both, mode);
        Credential::Certificate {
            certificate: path.clone(),
            private_key: path,
        }
    };
    check_credential(&one(0o600), NOW).unwrap();
    let text = refusal(&one(0o604), NOW);
    assert!(text.contains("both.pem"), "{text}");
}

#[test]
fn a_refusal_names_the_file_that_is_wrong_and_nothing_of_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = file(&folder, "sync.crt", CERTIFICATE, 0o644);
    let pair = |certificate: &Path, key: &str| Credential::Certificate {
        certificate: certificate.to_owned(),
        private_key: file(&folder, "sync.key", key, 0o600),
    };
    let text = refusal(&pair(&certificate, OTHER_KEY), NOW);
    assert!(
        text.ends_with("sync.key: the key is not the certificate's"),
        "{text}"
    );

    let text = refusal(&pair(&folder.path().join("none.crt"), PKCS8_KEY), NOW);
    assert!(text.contains("none.crt"), "{text}");

    let long = "x".repeat(usize::try_from(PEM_LIMIT).unwrap() + 1);
    let text = refusal(&pair(&certificate, &long), NOW);
    assert!(
        text.contains("sync.key is longer than 65536 bytes"),
        "{text}"
    );

    let text = refusal(&pair(&certificate, PKCS8_KEY), NOT_AFTER.plus(1));
    assert!(
        text.contains("sync.crt: the certificate ended at 2126-10-30"),
        "{text}"
    );

    // Of the right shape, with a private half that does not fit the public one.
    let damaged = PKCS8_KEY
        .lines()
        .enumerate()
        .map(|(number, line)| match number {
            20 => line.chars().rev().collect(),
            _ => line.to_owned(),
        });
    let damaged = damaged.collect::<Vec<String>>().join("\n");
    let text = refusal(&pair(&certificate, &damaged), NOW);
    assert!(text.contains("sync.key: can't sign"), "{text}");
}

#[test]
fn every_request_gets_an_assertion_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Credential::Certificate {
        certificate: file(&folder, "sync.crt", CERTIFICATE, 0o644),
        private_key: file(&folder, "sync.key", PKCS1_KEY, 0o600),
    };
    let prove_as = |id: u128| {
        let occasion = Occasion {
            audience: "a".to_owned(),
            client_id: "c".to_owned(),
            now: NOW,
            id: uuid::Uuid::from_u128(id),
        };
        match from_files(&pair, &occasion) {
            Ok(Proof::Assertion(assertion)) => assertion,
            _ => panic!("no assertion"),
        }
    };
    assert_ne!(prove_as(1), prove_as(2));
}

#[test]
fn a_federated_token_is_read_anew_and_nothing_else_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let occasion = Occasion {
        audience: String::new(),
        client_id: String::new(),
        now: NOW,
        id: uuid::Uuid::nil(),
    };
    let token = Credential::FederatedToken(file(&folder, "token", "a.b.c\n", 0o640));
    for text in ["a.b.c", "d-1.e_2.f3"] {
        file(&folder, "token", &format!("{text}\n"), 0o640);
        assert!(
            matches!(from_files(&token, &occasion), Ok(Proof::Assertion(value)) if *value == text),
            "{text}"
        );
    }
    for text in ["", "a.b", "a.b.c.d", "a..c", "a.b c.d", PKCS8_KEY] {
        file(&folder, "token", text, 0o640);
        let refused = refusal(&token, NOW);
        assert!(
            refused.contains("token: there is no signed token"),
            "{refused}"
        );
    }
    // Kubernetes has it so (docs/decisions/0009).
    file(&folder, "token", "a.b.c", 0o644);
    check_credential(&token, NOW).unwrap();
    for mode in [0o646, 0o664] {
        file(&folder, "token", "a.b.c", mode);
        let refused = refusal(&token, NOW);
        assert!(refused.contains("may be read by everyone"), "{refused}");
    }
    // Whoever owns it could have put another one there.
    if nix::unistd::geteuid().is_root() {
        let path = file(&folder, "token", "a.b.c", 0o644);
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        let refused = refusal(&token, NOW);
        assert!(refused.contains("owner uid 12345"), "{refused}");
    }
}
