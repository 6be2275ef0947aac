//! Exit codes 1 and 2: what was refused or failed, and what never was a command.

use entra_protocol::admin::{Failure, FailureKind, Reply, Request};
use serde_json::json;

use crate::scripted::{Place, run};

fn forbidden() -> Failure {
    Failure {
        kind: FailureKind::Forbidden,
        message: "your role (user) may not import".into(),
        hint: Some("ask an administrator of this host".into()),
        reference: Some("AADSTS700016 trace 1".into()),
    }
}

fn import() -> Vec<Request> {
    vec![Request::Import {
        users: Vec::new(),
        groups: Vec::new(),
        accept_removals: false,
        tenant: None,
        include: Vec::new(),
        dry_run: false,
    }]
}

#[test]
fn a_refusal_is_told_on_stderr_in_three_lines() {
    let outcome = run(&["import"], import(), vec![Reply::Failed(forbidden())]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stdout, "");
    assert_eq!(
        outcome.stderr,
        "error: your role (user) may not import\n\
         hint: ask an administrator of this host\n\
         reference: AADSTS700016 trace 1\n"
    );
}

#[test]
fn a_refusal_is_a_document_with_json() {
    let outcome = run(
        &["--json", "import"],
        import(),
        vec![Reply::Failed(forbidden())],
    );
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stderr, "");
    assert_eq!(outcome.json(), json!({ "error": forbidden() }));
}

#[test]
fn a_dead_agent_is_named_with_what_to_look_at() {
    let place = Place::new();
    let socket = place.socket();
    let sentence = format!(
        "error: the agent is not running: nobody listens at {}\n\
         hint: `systemctl start entra-agent` starts it; `journalctl -u entra-agent` says why it ended\n",
        socket.display()
    );
    let missing = place.run(&["status"]);
    assert_eq!(
        (missing.code, &missing.stderr),
        (Some(1), &sentence),
        "{missing:?}"
    );
    // The socket of an agent that died stays behind.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let left = place.run(&["status"]);
    assert_eq!((left.code, &left.stderr), (Some(1), &sentence), "{left:?}");
    let document = place.run(&["status", "--json"]);
    assert_eq!(document.code, Some(1));
    assert_eq!(document.json()["error"]["kind"], "unreachable");
}

#[test]
fn without_a_terminal_and_without_flags_nothing_is_chosen() {
    // Nobody listens: the agent isn't even asked.
    let outcome = Place::new().run(&["groups", "select"]);
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (
            Some(1),
            "error: there is no terminal to choose groups in\n\
             hint: say it with --add NAME,... and --remove NAME,...\n"
        )
    );
}

#[test]
fn a_wrong_command_line_asks_nothing() {
    let place = Place::new();
    for arguments in [
        &["frobnicate"][..],
        &[],
        &["users"],
        &["role", "set", "admin", "alice"],
        &["import", "--users", "a,,b"],
        &["schedule", "set"],
        &["schedule", "set", "--every", "1m"],
        &["history", "--limit", "0"],
        &["history", "show", "last"],
        &["users", "show", "a\u{1b}[2J"],
        &["users", "\u{202e}tsil"],
    ] {
        // With nobody at the socket, anything asked would end with exit code 1.
        let outcome = place.run(arguments);
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{arguments:?}");
        assert!(
            !outcome.stderr.contains(['\u{1b}', '\u{202e}']),
            "{outcome:?}"
        );
    }
    let near = place.run(&["role", "set", "admin", "alice"]);
    assert!(
        near.stderr
            .contains("\nhint: a similar value exists: 'administrator'\n"),
        "{near:?}"
    );
}

#[test]
fn names_beyond_one_frame_are_refused_before_they_are_sent() {
    let place = Place::new();
    let long = vec!["x".repeat(120); 600].join(",");
    let outcome = place.with_agent(
        |stream| {
            let request: Option<Request> = entra_protocol::read(stream).unwrap();
            assert_eq!(request, None);
        },
        || place.run(&["import", "--users", &long]),
    );
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains("the agent takes at most 65536\nhint: "),
        "{outcome:?}"
    );
}
