//! Who may do what, held against docs/protocol.md: real processes of every role, of root, of local users and of
//! people who are cut off ask for every verb, by raw frames and by `entractl`; and processes that lie about who
//! they are get no more than they have.

mod asking;
mod at_once;
mod table;

use harness::people::{ALICE, BOB, CAROL, DAVE, ERIN, FRANK, LARS, MALLORY};
use harness::{Host, Trouble};
use serde_json::{Value, json};

use crate::ready;
use asking::{Asking, uid_of};
use table::{COMMANDS, Kind, documented, frame, rank};

/// Somebody who asks, and how much their role is worth by [`rank`].
struct Caller {
    who: &'static str,
    uid: u32,
    rank: usize,
}

/// Everybody imported; Bob an auditor, Mallory an operator, Carol an administrator; and three who were given
/// that role, too, and are cut off: Dave by the tenant, Erin and Frank here.
fn host() -> Result<(Host, Vec<Caller>), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for (role, name) in [
        ("auditor", BOB.name),
        ("operator", MALLORY.name),
        ("administrator", DAVE.name),
        ("administrator", ERIN.name),
        ("administrator", FRANK.name),
    ] {
        host.run(&format!("entractl role set {role} {name}"))?
            .stdout()?;
    }
    host.run("entractl users block erin")?.stdout()?;
    host.run("entractl users expire frank --until 2099-12-31")?
        .stdout()?;
    // A day that is over can't be asked for; a host's clock can't be moved on.
    host.run_as(
        "entra-agent",
        "python3 -c 'import sqlite3; c = sqlite3.connect(\"/var/lib/entra-login/state.db\"); \
         c.execute(\"update restrictions set expires = 1 where expires is not null\"); c.commit()'",
    )?
    .stdout()?;
    let mut callers = vec![Caller {
        who: "root",
        uid: 0,
        rank: rank("root")?,
    }];
    for (who, name, worth) in [
        ("a local user", LARS.name, "everybody"),
        ("nobody", "nobody", "everybody"),
        ("a user", ALICE.name, "user"),
        ("an auditor", BOB.name, "auditor"),
        ("an operator", MALLORY.name, "operator"),
        ("an administrator", CAROL.name, "administrator"),
        ("a disabled administrator", DAVE.name, "everybody"),
        ("a blocked administrator", ERIN.name, "everybody"),
        ("an expired administrator", FRANK.name, "everybody"),
    ] {
        callers.push(Caller {
            who,
            uid: uid_of(&host, name)?,
            rank: rank(worth)?,
        });
    }
    Ok((host, callers))
}

#[test]
fn every_verb_is_allowed_and_refused_as_documented_whoever_asks() -> Result<(), Trouble> {
    let (host, callers) = host()?;
    let asking = Asking::on(&host)?;
    let verbs = documented()?;
    let frames: Vec<String> = verbs
        .iter()
        .map(|verb| frame(&verb.name))
        .collect::<Result<_, _>>()?;
    let steps = callers
        .iter()
        .map(|caller| json!({ "as": caller.uid, "frames": frames }));
    let answers = asking.all(steps.collect())?;
    for (caller, answers) in callers.iter().zip(&answers) {
        for (verb, answer) in verbs.iter().zip(asking::words(answers)?) {
            expect(&verb.name, caller, caller.rank >= verb.least, &answer);
        }
    }
    Ok(())
}

#[test]
fn every_command_is_allowed_and_refused_as_its_verb_is() -> Result<(), Trouble> {
    let (host, callers) = host()?;
    let asking = Asking::on(&host)?;
    host.run("entractl ids export > /tmp/map && chmod 0644 /tmp/map")?
        .stdout()?;
    let verbs = documented()?;
    let asked = COMMANDS.iter().filter_map(|command| match command.kind {
        Kind::Asks(verb, line) => {
            let verb = verbs.iter().find(|one| one.name == verb);
            Some((line, verb.unwrap_or_else(|| panic!("{line}")).least))
        }
        Kind::OfTheHost(_) => None,
    });
    let (lines, least): (Vec<&str>, Vec<usize>) = asked.unzip();
    let words: Vec<Vec<&str>> = lines
        .iter()
        .map(|line| ["entractl", "--json"].into_iter().chain(line.split(' ')))
        .map(Iterator::collect)
        .collect();
    let steps = callers
        .iter()
        .map(|caller| json!({ "as": caller.uid, "lines": words }));
    let answers = asking.all(steps.collect())?;
    for (caller, answers) in callers.iter().zip(&answers) {
        let answers = asking::words(answers)?;
        assert_eq!(answers.len(), lines.len(), "{answers:?}");
        for ((line, least), answer) in lines.iter().zip(&least).zip(answers) {
            // What takes root is refused before the agent is asked, too.
            let answer = match (*least == rank("root")?, answer.as_str()) {
                (true, "host") if caller.uid != 0 => "forbidden".to_owned(),
                _ => answer,
            };
            expect(line, caller, caller.rank >= *least, &answer);
        }
    }
    // Of herself Alice may know.
    let own = host.run_as(ALICE.name, "entractl users show alice")?;
    assert!(own.stdout()?.contains(ALICE.upn), "{own}");
    Ok(())
}

#[test]
fn who_lies_about_who_they_are_has_their_own_rights() -> Result<(), Trouble> {
    let (host, _) = host()?;
    let asking = Asking::on(&host)?;
    let [alice, carol, lars] = [ALICE, CAROL, LARS].map(|person| uid_of(&host, person.name));
    let (alice, carol, lars) = (alice?, carol?, lars?);
    let disable = frame("auth_disable")?;

    // By words in the request, at every depth.
    let mut told = vec![];
    for place in ["", "body", "body/auth_disable"] {
        let mut frame: Value = serde_json::from_str(&disable)?;
        let pointer = match place {
            "" => String::new(),
            place => format!("/{place}"),
        };
        let Some(Value::Object(fields)) = frame.pointer_mut(&pointer) else {
            panic!("{place}")
        };
        if place != "body" {
            fields.insert("uid".into(), json!(0));
            let caller = json!({ "uid": 0, "name": "root", "role": "administrator" });
            fields.insert("caller".into(), caller);
            fields.insert("actor".into(), json!("carol"));
        }
        told.push(frame.to_string());
    }
    let environment = json!({
        "USER": "root", "LOGNAME": "root", "HOME": "/root", "SUDO_UID": "0", "SUDO_USER": "root",
        "SUDO_GID": "0", "PKEXEC_UID": "0", "XDG_RUNTIME_DIR": "/run/user/0", "LISTEN_PID": "1",
    });
    let line = ["entractl", "auth", "disable", "--json"];
    let answers = asking.all(vec![
        json!({ "as": alice, "frames": told }),
        json!({ "as": alice, "lines": [line], "environment": environment }),
        // Effective uids count: whoever lends theirs lends their rights, and nobody has their parent's.
        json!({ "as": [alice, lars, lars], "frames": [disable] }),
        json!({ "as": [0, alice, 0], "frames": [disable] }),
        json!({ "as": [carol, alice, carol], "frames": [disable] }),
        json!({ "as": [alice, carol, carol], "frames": [disable] }),
        // The one who connected counts, not the one who sends.
        json!({ "as": [alice, 0], "hand_on": disable }),
        json!({ "as": [lars, carol], "hand_on": disable }),
        json!({ "as": [carol, lars], "hand_on": disable }),
    ])?;
    let expected = json!([
        ["forbidden", "forbidden", "forbidden"],
        ["forbidden"],
        ["forbidden"],
        ["forbidden"],
        ["forbidden"],
        ["done"],
        ["forbidden", "made"],
        ["forbidden", "made"],
        ["done", "made"],
    ]);
    assert_eq!(answers, *expected.as_array().unwrap());
    Ok(())
}

/// Root of a user namespace of one's own making is nobody outside, and neither is a set-user-ID program's child.
#[test]
fn a_namespace_or_a_program_that_changes_uids_gives_no_rights() -> Result<(), Trouble> {
    let (host, _) = host()?;
    let asking = Asking::on(&host)?;
    let frames = json!([frame("auth_disable")?, frame("users_list")?]).to_string();
    let inside = host.run_as(
        ALICE.name,
        &format!(
            "unshare --user --map-root-user {} '{frames}'",
            asking.line()
        ),
    )?;
    assert_eq!(
        inside.stdout()?,
        r#"[0, "forbidden", "forbidden"]"#,
        "{inside}"
    );

    // A program that is set to a local user's uid, started by an administrator.
    host.run("install -o lars -m 4755 $(command -v entractl) /usr/local/bin/as-lars")?
        .stdout()?;
    let refused = host.run_as(CAROL.name, "as-lars auth disable")?.refusal()?;
    assert!(refused.contains("uid 1000 is a local user"), "{refused}");
    // A child of sudo that is somebody else again.
    let child = host.run("runuser -u alice -- entractl auth disable")?;
    assert!(child.refusal()?.contains("alice has the role user"));
    Ok(())
}

#[test]
fn whoever_is_cut_off_has_no_rights_though_their_processes_run_on() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let asking = Asking::on(&host)?;
    let erin = uid_of(&host, ERIN.name)?;
    host.run("entractl role set administrator erin")?.stdout()?;
    let list = frame("users_list")?;
    let cut_off = |command: &[&str]| -> Result<(), Trouble> {
        let through = json!({
            "as": erin, "before": [list], "meanwhile": command,
            "after": [list, frame("role_set")?, list],
        });
        let answer = asking.all(vec![through])?.remove(0);
        let refused = "forbidden";
        assert_eq!(
            answer,
            json!({ "before": ["done"], "meanwhile": 0, "after": [refused, refused, refused] }),
            "{command:?}"
        );
        Ok(())
    };
    cut_off(&["entractl", "users", "block", "erin"])?;
    host.run("entractl users unblock erin")?.stdout()?;
    cut_off(&["entractl", "role", "set", "user", "erin"])?;
    host.run("entractl role set administrator erin")?.stdout()?;
    host.tenant()
        .change_user(ERIN.upn, &json!({ "accountEnabled": false }))?;
    cut_off(&["entractl", "sync"])?;
    Ok(())
}

fn expect(what: &str, caller: &Caller, allowed: bool, answer: &str) {
    // All other ends are the agent's, which has let the caller in.
    let let_in = ["done", "not_found", "bad_request", "precondition", "busy"].contains(&answer)
        || answer.starts_with("exit 1");
    match allowed {
        true => assert!(let_in, "{} may {what} and hears {answer}", caller.who),
        false => assert_eq!(answer, "forbidden", "{} may not {what}", caller.who),
    }
}
