//! What is asked for each verb: requests and command lines that change nothing that matters, whoever is let
//! in; and the documents that say who is.
//!
//! A verb that docs/protocol.md has and [`frame`] doesn't, or a command that docs/json.md has and [`COMMANDS`]
//! doesn't, fails the tests.

use harness::Trouble;
use serde_json::json;

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");
const DOCUMENTS: &str = include_str!("../../../docs/json.md");

/// A verb of `admin.sock`.
pub(super) struct Verb {
    pub(super) name: String,
    /// The least rank that may call it.
    pub(super) least: usize,
}

/// How much a word of the page is worth; whoever has no role has the first.
pub(super) fn rank(word: &str) -> Result<usize, Trouble> {
    let words = [
        "everybody",
        "user",
        "auditor",
        "operator",
        "administrator",
        "root",
    ];
    let rank = words.iter().position(|one| *one == word);
    rank.ok_or_else(|| Trouble::new(format!("docs/protocol.md: nobody is {word:?}")))
}

/// The table of verbs in docs/protocol.md.
pub(super) fn documented() -> Result<Vec<Verb>, Trouble> {
    let Some((_, table)) = PROTOCOL.split_once("| verb | who | `done` |\n|---|---|---|\n") else {
        return Err(Trouble::new(
            "docs/protocol.md has no table of verbs".to_owned(),
        ));
    };
    let mut verbs = Vec::new();
    for row in table.lines().take_while(|line| line.starts_with("| ")) {
        let mut cells = row.trim_matches('|').split(" | ");
        let (names, who) = (cells.next().unwrap_or(""), cells.next().unwrap_or(""));
        let least = rank(who.trim().split([',', ';', ':']).next().unwrap_or(""))?;
        // What stands in brackets are steps of one verb.
        let mut outside = true;
        for part in names.split_inclusive(['(', ')']) {
            if outside {
                verbs.extend(part.split('`').skip(1).step_by(2).map(|name| Verb {
                    name: name.to_owned(),
                    least,
                }));
            }
            outside = part.ends_with(')');
        }
    }
    assert!(verbs.len() > 25, "docs/protocol.md: {} verbs", verbs.len());
    Ok(verbs)
}

/// A request for the verb, as a frame's text.
pub(super) fn frame(verb: &str) -> Result<String, Trouble> {
    // Nobody is called so, and no tenant.
    let users = json!(["nobody-here"]);
    let tenant = "no.such.example";
    let fields = match verb {
        "status" | "schedule_show" | "history_list" | "users_list" | "groups_list"
        | "auth_enable" | "auth_disable" | "auth_status" | "ids_show" | "metrics" => json!({}),
        "audit_list" => json!({ "limit": 1 }),
        "doctor" | "import" | "sync" | "groups_fetch" => json!({ "tenant": tenant }),
        "schedule_set" => json!({ "tenant": tenant, "interval_minutes": 30 }),
        "history_show" => json!({ "id": 999_999 }),
        "users_show" => json!({ "user": "peggy" }),
        "groups_show" => json!({ "group": "nobody-here" }),
        "role_set" => json!({ "role": "auditor", "users": users }),
        "ids_import" => json!({ "rows": [] }),
        "users_release" | "users_unadopt" => json!({ "name": "nobody-here" }),
        "users_unlock" | "users_block" | "users_unblock" | "users_expire" => {
            json!({ "users": users })
        }
        "users_adopt" => {
            let account = json!({
                "name": "nobody-here", "uid": 4000, "gid": 4000, "home": "/home/x", "shell": "/bin/sh",
            });
            json!({ "account": account, "step": "preview" })
        }
        "role_list" | "auth_preflight" | "local_auth_show" | "local_auth_confirm" => json!({}),
        "role_assign" => {
            json!({ "orders": [{ "kind": "user", "name": "nobody-here", "role": "auditor" }] })
        }
        "local_auth_set" => json!({ "gate": "allow" }),
        "local_auth_prove" => json!({ "name": "nobody-here" }),
        "local_auth_exempt" => json!({ "name": "nobody-here", "exempt": true }),
        "explain" => json!({ "user": "peggy", "service": "sshd" }),
        "names" => json!({ "of": "users" }),
        verb => {
            return Err(Trouble::new(format!(
                "`{verb}` has no request: add one to tests/behaviours/rights/table.rs"
            )));
        }
    };
    Ok(json!({ "v": 1, "body": { verb: fields } }).to_string())
}

/// A command of `entractl`.
pub(super) struct Command {
    name: &'static str,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// It asks for this verb, the most demanding of those that it asks for, with this line.
    Asks(&'static str, &'static str),
    /// It changes files of the host or nothing, and what it may the kernel says. With the reason or the test.
    OfTheHost(&'static str),
}

const fn asks(name: &'static str, verb: &'static str, line: &'static str) -> Command {
    Command {
        name,
        kind: Kind::Asks(verb, line),
    }
}

const fn of_the_host(name: &'static str, reason: &'static str) -> Command {
    Command {
        name,
        kind: Kind::OfTheHost(reason),
    }
}

pub(super) const COMMANDS: &[Command] = &[
    of_the_host(
        "setup",
        "writes /etc/entra-login: tests/behaviours/setup.rs",
    ),
    of_the_host("pam preview", "reads /etc: tests/behaviours/pam_wiring.rs"),
    of_the_host("pam enable", "writes /etc: tests/behaviours/pam_wiring.rs"),
    of_the_host("pam confirm", "writes /etc: tests/behaviours/pam_wiring.rs"),
    of_the_host("pam disable", "writes /etc: tests/behaviours/pam_wiring.rs"),
    of_the_host("completions", "prints a script"),
    asks("import", "import", "import --tenant no.such.example"),
    asks("sync", "sync", "sync --tenant no.such.example"),
    // Where the whole tenant is the scope it ends before it would import.
    asks(
        "groups select",
        "schedule_show",
        "groups select --add Engineering --dry-run",
    ),
    asks("schedule", "schedule_show", "schedule"),
    asks("schedule show", "schedule_show", "schedule show"),
    asks(
        "schedule set",
        "schedule_set",
        "schedule set --every 30m --tenant no.such.example",
    ),
    asks(
        "schedule pause",
        "schedule_set",
        "schedule pause --tenant no.such.example",
    ),
    asks(
        "schedule resume",
        "schedule_set",
        "schedule resume --tenant no.such.example",
    ),
    asks("history", "history_list", "history"),
    asks("history show", "history_show", "history show 999999"),
    asks("status", "status", "status"),
    asks("doctor", "doctor", "doctor --tenant no.such.example"),
    asks("metrics", "metrics", "metrics"),
    asks("audit", "audit_list", "audit --limit 1"),
    asks("users list", "users_list", "users list"),
    asks("users show", "users_show", "users show peggy"),
    asks(
        "users release",
        "users_release",
        "users release nobody-here",
    ),
    asks("users unlock", "users_unlock", "users unlock nobody-here"),
    asks("users block", "users_block", "users block nobody-here"),
    asks(
        "users unblock",
        "users_unblock",
        "users unblock nobody-here",
    ),
    asks(
        "users expire",
        "users_expire",
        "users expire nobody-here --never",
    ),
    asks("users adopt", "users_adopt", "users adopt lars --dry-run"),
    asks(
        "groups fetch",
        "groups_fetch",
        "groups fetch --tenant no.such.example",
    ),
    asks("groups list", "groups_list", "groups list"),
    asks("groups show", "groups_show", "groups show nobody-here"),
    asks("role set", "role_set", "role set auditor nobody-here"),
    asks("role clear", "role_assign", "role clear nobody-here"),
    asks("role list", "role_list", "role list"),
    of_the_host(
        "role pick",
        "takes a terminal, and asks for what `role set` and `role list` do",
    ),
    of_the_host("explain", "says what it may: tests/behaviours/explain.rs"),
    asks("local-auth show", "local_auth_show", "local-auth show"),
    asks("local-auth set", "local_auth_set", "local-auth set allow"),
    asks(
        "local-auth confirm",
        "local_auth_confirm",
        "local-auth confirm",
    ),
    of_the_host(
        "local-auth prove",
        "takes root and reads /etc/shadow first: tests/behaviours/local_auth_gate.rs",
    ),
    asks(
        "local-auth exempt add",
        "local_auth_exempt",
        "local-auth exempt add nobody-here",
    ),
    asks(
        "local-auth exempt remove",
        "local_auth_exempt",
        "local-auth exempt remove nobody-here",
    ),
    asks("auth enable", "auth_enable", "auth enable"),
    asks("auth disable", "auth_disable", "auth disable"),
    asks("auth status", "auth_status", "auth status"),
    asks("ids show", "ids_show", "ids show peggy"),
    asks("ids export", "ids_show", "ids export"),
    asks("ids import", "ids_import", "ids import /tmp/map"),
];

#[test]
fn every_verb_and_command_of_the_documentation_is_asked_for() -> Result<(), Trouble> {
    let rows = DOCUMENTS
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let commands: Vec<&str> = rows
        .filter_map(|row| row.split_once("` | `{").map(|(name, _)| name))
        .collect();
    assert!(commands.len() > 35, "{commands:?}");
    for command in &commands {
        assert!(
            COMMANDS.iter().any(|one| one.name == *command),
            "`{command}` has no line: add one to tests/behaviours/rights/table.rs"
        );
    }
    for command in COMMANDS {
        assert!(commands.contains(&command.name), "{}", command.name);
        if let Kind::OfTheHost(reason) = command.kind {
            assert_ne!(reason, "");
        }
    }
    for verb in documented()? {
        frame(&verb.name)?;
    }
    Ok(())
}
