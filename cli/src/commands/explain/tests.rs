//! Decided on files of a host below a folder, with an agent that says what it is told to.

use std::fs;
use std::path::Path;

use entra_protocol::ClientError;
use entra_protocol::admin::{Failure, FailureKind};
use entra_snapshot::{
    AbsolutePath, Account, Gate, Id, Name, PUBLIC_FOLDER, Policy, Text as Gecos, User, Writer,
};
use tempfile::TempDir;

use super::*;
use crate::agent::Answer;

const ALICE_UID: u32 = 0x7800_1234;
const NOW: u64 = 1_800_000_000;
const AGE: u32 = 3600;

fn policy(gate: Gate) -> Policy {
    Policy {
        sign_in_enabled: true,
        enumerate: false,
        gate,
        gate_trial_ends: None,
        gate_set_at: None,
        offline_maximum_age: AGE,
        break_glass: vec!["root".to_owned()],
    }
}

fn alice(enabled: bool) -> User {
    User {
        name: Name::new("alice").unwrap(),
        upn: None,
        uid: Id::new(ALICE_UID).unwrap(),
        gid: Id::new(ALICE_UID).unwrap(),
        display_name: Gecos::cleaned("Alice"),
        home: AbsolutePath::new("/home/alice").unwrap(),
        shell: AbsolutePath::new("/bin/bash").unwrap(),
        tenant_id: [1; 16],
        object_id: [2; 16],
        account: Account {
            enabled,
            blocked: false,
            expires: None,
            services: Vec::new(),
        },
        gids: Vec::new(),
    }
}

/// A host with lars, that published alice.
fn host(gate: Gate, alice_enabled: bool) -> (TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    let below = |path: &str| folder.path().join(path.trim_start_matches('/'));
    for place in ["/etc/pam.d", PUBLIC_FOLDER] {
        fs::create_dir_all(below(place)).unwrap();
    }
    fs::write(
        below("/etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nlars:x:1000:1000::/home/lars:/bin/sh\n",
    )
    .unwrap();
    publish(&below(PUBLIC_FOLDER), policy(gate), alice_enabled);
    let mut host = Host::below(folder.path(), false, |name| {
        (name == "alice").then_some(ALICE_UID)
    });
    host.now = NOW + 60;
    (folder, host)
}

fn publish(folder: &Path, policy: Policy, alice_enabled: bool) {
    let mut writer = Writer::create(folder, policy, 1, NOW, 7).unwrap();
    writer.add_user(&alice(alice_enabled)).unwrap();
    writer.publish().unwrap();
}

fn step(name: &str, outcome: StepOutcome) -> Step {
    Step {
        by: "agent".to_owned(),
        name: name.to_owned(),
        outcome,
        found: "so".to_owned(),
    }
}

/// What the agent does when it is asked.
#[derive(Clone)]
enum Agent {
    Says(Vec<Step>),
    Dead,
    Refuses,
}

fn told(host: &Host, user: &str, agent: &Agent) -> Explanation {
    let mut ask = |requests: &[Request]| {
        assert!(matches!(requests, [Request::Explain { .. }]));
        match agent.clone() {
            Agent::Says(steps) => Ok(Answer {
                done: Done::Rows {
                    count: steps.len() as u64,
                },
                rows: steps.into_iter().map(Row::Step).collect(),
            }),
            Agent::Dead => Err(Trouble::Client(ClientError::HungUp)),
            Agent::Refuses => Err(Trouble::Refused(Failure {
                kind: FailureKind::Forbidden,
                message: "not you".to_owned(),
                hint: None,
                reference: None,
            })),
        }
    };
    let wanted = Explain {
        user: user.to_owned(),
        service: "sshd".to_owned(),
        offline: false,
    };
    explain(&mut ask, host, &wanted).unwrap().explain
}

use StepOutcome::{Asks, Left, Passes, Refuses, Unknown};

#[test]
fn an_imported_user_takes_the_record_and_the_agent() {
    let code = Agent::Says(vec![step("standing", Passes), step("device-code", Asks)]);
    let no_way = Agent::Says(vec![step("standing", Passes), step("device-code", Refuses)]);
    let blocked = Agent::Says(vec![step("standing", Refuses)]);
    let stranger = Agent::Says(vec![step("login-service", Passes)]);
    for (agent, enabled, auth, account) in [
        (&code, true, Asks, Passes),
        (&no_way, true, Refuses, Passes),
        (&blocked, true, Refuses, Refuses),
        (&stranger, true, Refuses, Refuses),
        // The record's refusal is final, whatever the agent says.
        (&code, false, Asks, Refuses),
        (&Agent::Dead, true, Refuses, Passes),
        (&Agent::Dead, false, Refuses, Refuses),
        (&Agent::Refuses, true, Unknown, Unknown),
        (&Agent::Refuses, false, Unknown, Refuses),
    ] {
        let (_folder, host) = host(Gate::Deny, enabled);
        let told = told(&host, "alice", agent);
        assert_eq!(told.identity, "imported");
        assert_eq!((told.auth, told.account), (auth, account), "{told:?}");
    }
    let (_folder, mut late) = host(Gate::Allow, true);
    late.now = NOW + u64::from(AGE) + 1;
    assert_eq!(told(&late, "alice", &Agent::Dead).account, Refuses);
}

#[test]
fn a_local_account_takes_the_gate() {
    let there = Agent::Says(vec![step("login-service", Passes)]);
    let away = Agent::Says(vec![step("login-service", Refuses)]);
    for (gate, user, agent, outcome) in [
        (Gate::Allow, "lars", &Agent::Dead, Left),
        (Gate::Deny, "lars", &Agent::Dead, Refuses),
        (Gate::Deny, "root", &Agent::Dead, Left),
        (Gate::Fallback, "lars", &there, Refuses),
        (Gate::Fallback, "lars", &away, Left),
        (Gate::Fallback, "lars", &Agent::Dead, Left),
        (Gate::Fallback, "lars", &Agent::Refuses, Unknown),
        (Gate::Fallback, "root", &there, Left),
    ] {
        let (_folder, host) = host(gate, true);
        let told = told(&host, user, agent);
        assert_eq!(told.identity, "local");
        assert_eq!((told.auth, told.account), (outcome, outcome), "{told:?}");
    }
}

#[test]
fn without_a_directory_there_is_no_gate_and_nobody_is_imported() {
    let (folder, host) = host(Gate::Deny, true);
    let path = folder.path().join(PATH.trim_start_matches('/'));
    fs::remove_file(&path).unwrap();
    assert_eq!(told(&host, "lars", &Agent::Dead).auth, Left);
    let alice = told(&host, "alice", &Agent::Dead);
    assert_eq!((alice.identity, alice.auth), ("other", Left));
    fs::write(&path, "damaged").unwrap();
    let alice = told(&host, "alice", &Agent::Dead);
    assert_eq!((alice.identity, alice.auth), ("doubtful", Refuses));
    assert_eq!(told(&host, "lars", &Agent::Dead).auth, Left);
}

#[test]
fn the_text_says_what_is_asked_for_and_why() {
    let (_folder, host) = host(Gate::Allow, true);
    let agent = Agent::Says(vec![
        step("standing", Passes),
        step("password", Asks),
        step("device-code", Asks),
    ]);
    let explain = told(&host, "alice", &agent);
    let text = Explained { explain }.text(Screen::Plain).data;
    assert!(
        text.contains("Sign-in:  asked for: password, then device-code"),
        "{text}"
    );
    assert!(text.contains("name         host   passes"), "{text}");
}
