use std::fs;
use std::path::Path;

use entra_protocol::admin::{Failure, FailureKind};

use super::*;
use crate::agent::Answer;

const FILES: [(&str, &str); 4] = [
    (
        "passwd",
        "root:x:0:0::/root:/bin/sh\nalice:x:1001:1001:Alice:/home/alice:/bin/bash\nlars:x:1000:1000::/:/bin/sh\n",
    ),
    (
        "shadow",
        "root:$y$r:1::::::\nalice:$y$a:1:0:99999:7:::\nlars:$y$l:1::::::\n",
    ),
    ("group", "root:x:0:\ndocker:x:998:alice\nalice:x:1001:\n"),
    ("gshadow", "root:*::\ndocker:!::alice\nalice:!::\n"),
];

fn etc(root: &Path) -> Vec<String> {
    FILES
        .iter()
        .map(|(file, _)| fs::read_to_string(root.join("etc").join(file)).unwrap())
        .collect()
}

fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("etc/entra-login")).unwrap();
    for (file, content) in FILES {
        fs::write(folder.path().join("etc").join(file), content).unwrap();
    }
    folder
}

fn answer() -> Answer {
    Answer {
        rows: Vec::new(),
        done: Done::Adoption(Adoption {
            name: "alice".to_owned(),
            upn: "alice@contoso.example".to_owned(),
            display_name: "Alice".to_owned(),
            tenant_id: "t".to_owned(),
            object_id: "o".to_owned(),
            uid: 1001,
            id_before: Some(2_013_265_921),
            enabled: true,
            sign_in_enabled: true,
        }),
    }
}

/// The word for a request, for the order of things.
fn word(request: &Request) -> &'static str {
    match request {
        Request::UsersAdopt {
            step: AdoptStep::Preview,
            ..
        } => "preview",
        Request::UsersAdopt {
            step: AdoptStep::Pin,
            ..
        } => "pin",
        Request::UsersAdopt {
            step: AdoptStep::Publish,
            ..
        } => "publish",
        Request::UsersUnadopt { dry_run: false, .. } => "unadopt",
        other => panic!("{other:?}"),
    }
}

fn refusal(kind: FailureKind) -> Trouble {
    Trouble::Refused(Failure {
        kind,
        message: "no".to_owned(),
        hint: None,
        reference: None,
    })
}

#[test]
fn lines_go_between_pin_and_publish_and_undo_puts_them_back_byte_for_byte() {
    let folder = place();
    let root = folder.path().to_owned();
    let host = Host::below(&root, true, |_| Some(1001));
    let mut order = Vec::new();
    let mut ask = |requests: &[Request]| {
        let there = etc(&root)[0].contains("alice");
        order.push((word(&requests[0]), there));
        Ok(answer())
    };
    let adopted = adopt(&mut ask, &host, "alice", None, false).unwrap();
    assert!(adopted.done);
    let gone = etc(&root);
    assert_eq!(
        gone[0],
        "root:x:0:0::/root:/bin/sh\nlars:x:1000:1000::/:/bin/sh\n"
    );
    assert_eq!(gone[2], "root:x:0:\ndocker:x:998:alice\n");
    assert!(!gone[1].contains("alice") && !gone[3].contains("alice:!"));
    let text = adopted.text(Screen::Plain).data;
    for line in [
        "Lines that go:  /etc/passwd, /etc/shadow, /etc/group, /etc/gshadow\n",
        "Local groups:   docker, which /etc/group goes on giving\n",
        "Id given up:    2013265921, which was never used\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    // Once is enough.
    assert!(matches!(
        adopt(&mut ask, &host, "alice", None, false),
        Err(Trouble::Host(trouble)) if trouble.hint.as_ref().unwrap().contains("--undo")
    ));
    let undone = undo(&mut ask, &host, "alice", false).unwrap();
    assert!(undone.done);
    assert_eq!(etc(&root), FILES.map(|(_, content)| content.to_owned()));
    assert_eq!(
        order,
        [
            ("preview", true),
            ("pin", true),
            ("publish", false),
            ("unadopt", true)
        ]
    );
    let mut never = |_: &[Request]| panic!("asked");
    assert!(undo(&mut never, &host, "alice", false).is_err());
}

#[test]
fn a_step_that_fails_leaves_the_host_as_it_was() {
    for failing in ["preview", "pin", "publish"] {
        let folder = place();
        let host = Host::below(folder.path(), true, |_| Some(1001));
        let mut order = Vec::new();
        let mut ask = |requests: &[Request]| {
            let word = word(&requests[0]);
            order.push(word);
            if word == failing {
                Err(refusal(FailureKind::Internal))
            } else {
                Ok(answer())
            }
        };
        let outcome = adopt(&mut ask, &host, "alice", None, false);
        assert!(matches!(outcome, Err(Trouble::Refused(_))), "{failing}");
        assert_eq!(
            etc(folder.path()),
            FILES.map(|(_, content)| content.to_owned())
        );
        assert_eq!(saved::read(&host, "alice").unwrap(), None);
        assert_eq!(
            order.last() == Some(&"unadopt"),
            failing == "publish",
            "{order:?}"
        );
    }
}

#[test]
fn an_agent_that_dies_in_the_middle_gets_its_pin_back_later() {
    let folder = place();
    let host = Host::below(folder.path(), true, |_| Some(1001));
    let mut ask = |requests: &[Request]| match word(&requests[0]) {
        "publish" | "unadopt" => Err(refusal(FailureKind::Internal)),
        _ => Ok(answer()),
    };
    let outcome = adopt(&mut ask, &host, "alice", None, false);
    assert!(
        matches!(&outcome, Err(Trouble::Host(trouble)) if trouble.message.contains("and then")),
        "{outcome:?}"
    );
    // The account is local again; only the agent has to hear of it.
    assert_eq!(
        etc(folder.path()),
        FILES.map(|(_, content)| content.to_owned())
    );
    let mut later = |requests: &[Request]| {
        assert_eq!(word(&requests[0]), "unadopt");
        Err(refusal(FailureKind::NotFound))
    };
    assert_eq!(
        undo(&mut later, &host, "alice", false).unwrap().adoption,
        None
    );
    assert_eq!(saved::read(&host, "alice").unwrap(), None);
}

#[test]
fn nobody_but_root_and_nothing_in_a_dry_run() {
    let folder = place();
    let host = Host::below(folder.path(), false, |_| Some(1001));
    let mut never = |_: &[Request]| panic!("asked");
    assert!(adopt(&mut never, &host, "alice", None, false).is_err());
    assert!(undo(&mut never, &host, "alice", false).is_err());
    let host = Host::below(folder.path(), true, |_| panic!("looked"));
    assert!(adopt(&mut never, &host, "root", None, false).is_err());
    assert!(adopt(&mut never, &host, "nobody", None, false).is_err());
    let mut ask = |requests: &[Request]| {
        assert_eq!(word(&requests[0]), "preview");
        Ok(answer())
    };
    let preview = adopt(&mut ask, &host, "alice", None, true).unwrap();
    assert!(!preview.done);
    assert_eq!(
        etc(folder.path()),
        FILES.map(|(_, content)| content.to_owned())
    );
}

#[test]
fn a_second_adoption_at_the_same_time_does_not_undo_the_first() {
    let folder = place();
    let host = Host::below(folder.path(), true, |_| Some(1001));
    let ask = |requests: &[Request]| {
        if word(&requests[0]) == "pin" {
            // The other one is quicker from here on.
            let before = Contents::read(&host).unwrap();
            let found = find("alice", &before).unwrap();
            take_out(&host, &before, &found, &mut false).unwrap();
        }
        Ok(answer())
    };
    let mut asked = Vec::new();
    let mut counted = |requests: &[Request]| {
        asked.push(word(&requests[0]));
        ask(requests)
    };
    adopt(&mut counted, &host, "alice", None, false).unwrap_err();
    assert_eq!(asked, ["preview", "pin"]);
    assert!(!etc(folder.path())[0].contains("alice"));
    assert!(saved::read(&host, "alice").unwrap().is_some());
}
