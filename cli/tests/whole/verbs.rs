//! Every verb's page in `cli/tests/golden`: its help, what it says, its document; and docs/json.md holds.
//!
//! What verbs there are is taken from the program itself, which writes a man page for each: a verb without a
//! scene, without a row in docs/json.md or with a page that nobody wrote fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use entra_protocol::admin::{Adoption, LocalAccount, SignInService, TenantStatus};
use serde_json::json;

use crate::golden;
use crate::scenes::{Page, Scene, scenes};
use crate::scripted::{Outcome, Place, run_asking};
use crate::shapes::Shapes;

/// Every verb that does something, in words, from the list of man pages.
fn verbs() -> BTreeSet<String> {
    let place = Place::new();
    let folder = place.socket().with_file_name("man");
    let written = place.run(&["man-pages", folder.to_str().unwrap(), "--json"]);
    let pages: Vec<String> = serde_json::from_value(written.json()["pages"].clone()).unwrap();
    let names: Vec<&str> = pages
        .iter()
        .map(|page| page.trim_end_matches(".1"))
        .collect();
    names
        .iter()
        .filter(|name| {
            let below = format!("{name}-");
            // These two do something on their own, too.
            ["entractl-history", "entractl-schedule"].contains(name)
                || !names.iter().any(|other| other.starts_with(&below))
        })
        .map(|name| words(name.trim_start_matches("entractl-")))
        .collect()
}

/// A page's name in words; one word has a hyphen itself.
fn words(page: &str) -> String {
    page.replace('-', " ").replace("local auth", "local-auth")
}

#[test]
fn every_verb_has_a_scene_a_row_in_the_documentation_and_a_page() {
    let verbs = verbs();
    assert!(verbs.len() > 25, "{verbs:?}");
    let told: BTreeSet<String> = scenes()
        .into_iter()
        .map(|scene| scene.verb.to_owned())
        .collect();
    for verb in &verbs {
        assert!(
            told.contains(verb),
            "`{verb}` has no scene: add one to cli/tests/whole/scenes.rs (what the agent is asked and says, or \
             Page::HelpOnly with the reason), a row with its document to docs/json.md, and run \
             BLESS=1 cargo test --release -p entractl to write cli/tests/golden"
        );
    }
    assert_eq!(verbs, told, "scenes of verbs that there aren't");
    assert_eq!(
        verbs,
        Shapes::read().commands(),
        "the first table of docs/json.md"
    );
    if std::env::var_os("BLESS").is_some() {
        // The pages are being written.
        return;
    }
    let pages: BTreeSet<String> = std::fs::read_dir(golden::path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md") && !name.starts_with('_'))
        .map(|name| words(name.trim_end_matches(".md")))
        .collect();
    assert_eq!(pages, verbs, "cli/tests/golden");
}

#[test]
fn what_every_verb_says() {
    let shapes = Shapes::read();
    let mut pages: BTreeMap<&str, String> = BTreeMap::new();
    for scene in scenes() {
        let page = pages.entry(scene.verb).or_insert_with(|| help(scene.verb));
        let (text, document) = match scene.page {
            Page::HelpOnly(reason) => {
                write!(page, "\n## What it says\n{reason}\n").unwrap();
                continue;
            }
            _ => play(&scene),
        };
        shapes.check(scene.verb, &document.json());
        assert_eq!(document.stderr, "", "{}", scene.verb);
        if let Page::Whole = scene.page {
            shown(page, &scene, &text);
            write!(page, "```json\n{}```\n", document.stdout).unwrap();
        } else if let Page::OfThisHost(reason) = scene.page {
            write!(page, "\n## What it says\n{reason}\n").unwrap();
        }
    }
    // The rest of what the page has: what no scene can have.
    shapes.check_table(
        "Error",
        &json!({"kind": "host", "message": "m", "hint": "h", "reference": "r"}),
    );
    for service in [
        SignInService::NotAsked,
        SignInService::Reachable { since: "s".into() },
        SignInService::Unreachable {
            since: "s".into(),
            last_tried: "s".into(),
            tried_again_seconds: 1,
            reason: Some("r".into()),
        },
    ] {
        let tenant = TenantStatus {
            credential_expires: Some("e".into()),
            credential_warning: Some("w".into()),
            sign_in_service: Some(service),
            ..TenantStatus::default()
        };
        shapes.check_table("TenantStatus", &serde_json::to_value(tenant).unwrap());
    }
    let adoption = Adoption {
        name: "alice".into(),
        upn: "u".into(),
        display_name: "d".into(),
        tenant_id: "t".into(),
        object_id: "o".into(),
        uid: 1000,
        id_before: Some(1),
        enabled: true,
        sign_in_enabled: true,
    };
    shapes.check_table("Adoption", &serde_json::to_value(adoption).unwrap());
    let account = LocalAccount {
        name: "alice".into(),
        uid: 1000,
        gid: 1000,
        home: "/home/alice".into(),
        shell: "/bin/sh".into(),
    };
    shapes.check_table("LocalAccount", &serde_json::to_value(account).unwrap());
    shapes.check_table(
        "Belonging",
        &json!({"what": "home", "place": "/home/a", "seen": true}),
    );
    shapes.all_seen();
    for (verb, page) in pages {
        golden::hold(&format!("{}.md", verb.replace(' ', "-")), &page);
    }
}

/// The page's beginning.
fn help(verb: &str) -> String {
    let mut arguments: Vec<&str> = verb.split(' ').collect();
    arguments.push("--help");
    let help = Place::new().run(&arguments);
    assert_eq!(help.code, Some(0), "{help:?}");
    format!("# entractl {verb}\n```\n{}```\n", help.stdout)
}

/// Runs it for people and for scripts.
fn play(scene: &Scene) -> (Outcome, Outcome) {
    let arguments: Vec<&str> = scene.arguments.iter().map(String::as_str).collect();
    let text = run_asking(&arguments, scene.calls.clone());
    let document = run_asking(&[&arguments[..], &["--json"]].concat(), scene.calls.clone());
    if let Page::Whole = scene.page {
        assert_eq!(text.code, document.code);
    }
    (text, document)
}

fn shown(page: &mut String, scene: &Scene, text: &Outcome) {
    let line: Vec<&str> = scene
        .arguments
        .iter()
        .map(|word| {
            word.rsplit_once("golden/")
                .map_or(word.as_str(), |(_, file)| file)
        })
        .collect();
    write!(page, "\n## {}\n```\n", line.join(" ")).unwrap();
    page.push_str(&text.stdout);
    for line in text.stderr.lines() {
        writeln!(page, "stderr: {line}").unwrap();
    }
    if text.code != Some(0) {
        writeln!(page, "exit code {:?}", text.code.unwrap()).unwrap();
    }
    page.push_str("```\n");
}
