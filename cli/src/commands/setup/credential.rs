//! How the host proves itself: from the answers, from the person, or as it was.
//!
//! Invariant: exactly one way, as `[tenant.sync]` has it.

use entra_protocol::Secret;
use toml_edit::{Array, Value};

use super::answers::credentials;
use super::questions;
use super::steps::{Steps, unmet};
use crate::args::Answers;
use crate::trouble::Trouble;

/// A secret that `setup` keeps lies in this folder.
const FOLDER: &str = "/etc/entra-login/";

/// A way that was chosen.
pub(super) struct Chosen {
    /// Its keys of `[tenant.sync]`.
    pub(super) keys: Vec<(&'static str, Value)>,
    /// The registration; none for an identity of the machine.
    pub(super) client_id: Option<String>,
    /// The secret, if it was typed.
    pub(super) secret: Option<Secret>,
}

/// What the answers say, at the first time; then what the person says. `None` leaves what stands.
pub(super) fn choose(steps: &Steps<'_>, is_first: bool) -> Result<Option<Chosen>, Trouble> {
    let given = &steps.given;
    let has_any = steps.secret.is_some() || !credentials(given).is_empty();
    let stands = steps.document.has_sync();
    let id = || {
        given
            .sync_client_id
            .clone()
            .or_else(|| steps.document.sync_client_id())
    };
    if is_first && has_any {
        let keys = of_answers(steps, given)?;
        let client_id = match given.managed_identity.is_some() {
            true => None,
            false => Some(client_id(steps, id())?),
        };
        return Ok(Some(Chosen {
            keys,
            client_id,
            secret: None,
        }));
    }
    if is_first && stands && (!steps.asks_person || given.tenant.is_some()) {
        // The registration alone, or nothing but another test.
        if let (Some(client_id), Some(_)) = (&given.sync_client_id, steps.document.credential_key())
        {
            let mut document = steps.document.clone();
            document.set("sync", "client_id", client_id);
            return Ok(Some(Chosen {
                keys: document.credential_keys(),
                client_id: Some(client_id.clone()),
                secret: None,
            }));
        }
        return Ok(None);
    }
    of_person(
        steps,
        stands,
        given.sync_client_id.clone().filter(|_| is_first),
    )
}

fn client_id(steps: &Steps<'_>, known: Option<String>) -> Result<String, Trouble> {
    match known {
        Some(id) => Ok(id),
        None if steps.asks_person => ask_client_id(None),
        None => Err(unmet("not given: --sync-client-id".to_owned(), None)),
    }
}

fn ask_client_id(now: Option<&str>) -> Result<String, Trouble> {
    questions::text(
        "Client id of the registration that reads users and groups:",
        "Application (client) ID; application permissions User.Read.All and GroupMember.Read.All",
        now,
    )
}

fn of_answers(steps: &Steps<'_>, given: &Answers) -> Result<Vec<(&'static str, Value)>, Trouble> {
    let mut ways = credentials(given);
    if steps.secret.is_some() {
        ways.push("client-secret-stdin");
    }
    let [way] = ways[..] else {
        return Err(unmet(
            format!("{} are several ways to prove one thing", ways.join(", ")),
            Some("give one of them".to_owned()),
        ));
    };
    let text = |text: &Option<String>| Value::from(text.clone().unwrap_or_default());
    let mut keys = match way {
        "client-secret-stdin" => vec![("client_secret_file", secret_path(steps).into())],
        "client-secret-file" => vec![("client_secret_file", text(&given.client_secret_file))],
        "client-secret-credential" => {
            vec![(
                "client_secret_credential",
                text(&given.client_secret_credential),
            )]
        }
        "client-secret-command" => {
            let words = given.client_secret_command.clone().unwrap_or_default();
            vec![("client_secret_command", Array::from_iter(words).into())]
        }
        "certificate-file" => vec![("certificate_file", text(&given.certificate_file))],
        "federated-token-file" => vec![("federated_token_file", text(&given.federated_token_file))],
        _ => vec![("managed_identity", text(&given.managed_identity))],
    };
    for (key, value) in [
        ("client_secret_expires", &given.client_secret_expires),
        ("private_key_file", &given.private_key_file),
        ("managed_identity_source", &given.managed_identity_source),
    ] {
        if let Some(value) = value {
            keys.push((key, value.into()));
        }
    }
    Ok(keys)
}

/// Where a typed secret goes: where it was, if that is `setup`'s to write.
fn secret_path(steps: &Steps<'_>) -> String {
    let document = &steps.document;
    match document.client_secret_file() {
        Some(path) if path.starts_with(FOLDER) => path.to_owned(),
        _ if document.is_first() => format!("{FOLDER}sync.secret"),
        _ => format!(
            "{FOLDER}sync-{}.secret",
            document.domain().unwrap_or_default()
        ),
    }
}

fn of_person(
    steps: &Steps<'_>,
    stands: bool,
    given_id: Option<String>,
) -> Result<Option<Chosen>, Trouble> {
    let options = [
        "a client secret, typed now",
        "a client secret in a file that somebody else keeps",
        "a client secret as a systemd credential of the agent's unit",
        "a client secret that a program prints (a vault's own client)",
        "a certificate",
        "a token of an identity provider that the registration trusts",
        "this machine's managed identity (Azure, Azure Arc); no secret at all",
        "as it is now",
    ];
    let shown = options
        .get(..options.len() - usize::from(!stands))
        .unwrap_or_default();
    let way = questions::choose(
        "How does this host prove that it may read users and groups?",
        "a managed identity or a certificate has no secret that could leak; see docs/portal.md",
        shown,
    )?;
    if way == 7 {
        return Ok(None);
    }
    if way == 6 {
        let which = questions::text(
            "Which identity?",
            "system, or the client id of an assigned one",
            Some("system"),
        )?;
        let sources = ["azure-vm", "azure-arc"];
        let source = questions::choose("Who hands out its tokens?", "", &sources)?;
        let source = sources.get(source).copied().unwrap_or("azure-vm");
        return Ok(Some(Chosen {
            keys: vec![
                ("managed_identity", which.into()),
                ("managed_identity_source", source.into()),
            ],
            client_id: None,
            secret: None,
        }));
    }
    let client_id = match given_id {
        Some(id) => id,
        None => ask_client_id(steps.document.sync_client_id().as_deref())?,
    };
    let mut secret = None;
    let mut keys: Vec<(&'static str, Value)> = match way {
        0 => {
            secret = Some(questions::secret(
                "Client secret:",
                "the column \"Value\" of Certificates & secrets, not the secret's ID",
            )?);
            vec![("client_secret_file", secret_path(steps).into())]
        }
        1 => vec![(
            "client_secret_file",
            path("File:", "root:entra-agent, mode 0640")?,
        )],
        2 => {
            let name = questions::text("Credential:", "its name in LoadCredential=", None)?;
            vec![("client_secret_credential", name.into())]
        }
        3 => {
            let words = questions::text(
                "Program and its arguments:",
                "by its whole path, separated by blanks; no shell",
                None,
            )?;
            let words = Array::from_iter(words.split_whitespace());
            vec![("client_secret_command", words.into())]
        }
        4 => {
            let certificate = path(
                "Certificate (PEM):",
                "as it was uploaded to the registration",
            )?;
            let key = questions::text_or_nothing(
                "Its key:",
                "Enter if it stands in the same file; root:entra-agent, mode 0640",
            )?;
            let mut keys = vec![("certificate_file", certificate)];
            keys.extend(key.map(|key| ("private_key_file", key.into())));
            keys
        }
        _ => vec![(
            "federated_token_file",
            path("File with the token:", "renewed by somebody else")?,
        )],
    };
    if way < 4
        && let Some(day) = questions::text_or_nothing(
            "Day on which the secret ends:",
            "as in 2027-01-31; the portal shows it, the tenant tells no client. Enter if you don't know",
        )?
    {
        keys.push(("client_secret_expires", day.into()));
    }
    Ok(Some(Chosen {
        keys,
        client_id: Some(client_id),
        secret,
    }))
}

fn path(question: &str, help: &str) -> Result<Value, Trouble> {
    questions::text(question, help, None).map(Value::from)
}
