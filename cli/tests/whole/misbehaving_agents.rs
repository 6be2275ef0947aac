//! An answer that is not whole, or not an answer, is a failure: no short list ever looks like a list.

use std::io::Write;
use std::os::unix::net::UnixStream;

use entra_protocol::admin::{Done, Reply, Request, Row};

use crate::documents::user;
use crate::scripted::{Outcome, Place, expect, say_raw};

/// `users list --json` against an agent that says one row and then what `rest` says.
fn list(rest: impl FnOnce(&mut UnixStream) + Send + 'static) -> Outcome {
    let place = Place::new();
    let outcome = place.with_agent(
        move |stream| {
            expect(stream, &[Request::UsersList {}]);
            entra_protocol::write(stream, &Reply::Row(Row::User(user()))).unwrap();
            rest(stream);
        },
        || place.run(&["users", "list", "--json"]),
    );
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.json()["error"]["hint"].is_string(), "{outcome:?}");
    assert!(outcome.json().get("users").is_none(), "{outcome:?}");
    outcome
}

fn kind(outcome: &Outcome) -> String {
    let kind = &outcome.json()["error"]["kind"];
    kind.as_str().unwrap().to_owned()
}

#[test]
fn a_stream_without_a_last_word() {
    assert_eq!(kind(&list(|_| {})), "broken_off");
}

#[test]
fn a_stream_that_ends_inside_a_frame() {
    let outcome = list(|stream| stream.write_all(&[200, 0, 0, 0, b'{']).unwrap());
    assert_eq!(kind(&outcome), "broken_off");
}

#[test]
fn rows_that_are_not_as_many_as_counted() {
    let outcome = list(|stream| {
        entra_protocol::write(stream, &Reply::Done(Box::new(Done::Rows { count: 2 }))).unwrap();
    });
    assert_eq!(kind(&outcome), "broken_off");
    assert_eq!(
        outcome.json()["error"]["message"],
        "the agent counted 2 rows, but 1 came"
    );
}

#[test]
fn malformed_json_unknown_messages_and_absurd_lengths() {
    let bodies = [
        "{",
        r#"{"v":1,"body":{"dance":{}}}"#,
        r#"{"v":1,"body":{"row":{"user":{"name":7}}}}"#,
        r#"{"v":1,"body":{"done":{"rows":{}}}}"#,
    ];
    for body in bodies {
        let outcome = list(|stream| say_raw(stream, body));
        assert_eq!(kind(&outcome), "protocol", "{body}");
    }
    let outcome = list(|stream| stream.write_all(&[0xff; 4]).unwrap());
    assert_eq!(kind(&outcome), "protocol");
}

#[test]
fn an_answer_to_another_question() {
    let outcome = list(|stream| {
        let auth = entra_protocol::admin::AuthState {
            enabled: true,
            local_auth: "allow".into(),
            local_auth_trial_ends: None,
            administrators: 1,
        };
        entra_protocol::write(stream, &Reply::Done(Box::new(Done::Auth(auth)))).unwrap();
    });
    assert_eq!(kind(&outcome), "protocol");
}
