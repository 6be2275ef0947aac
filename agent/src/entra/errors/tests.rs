//! Of the table, and of the page that is written from it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::*;

fn refusal(status: u16, codes: &[u32]) -> Refusal {
    Refusal {
        status,
        codes: codes.to_vec(),
        ..Refusal::default()
    }
}

#[test]
fn each_class_has_its_pam_result() {
    for (code, class, outcome) in [
        (50126, Class::Deny, Outcome::AuthError),
        (50053, Class::Deny, Outcome::MaxTries),
        (50057, Class::CutOff, Outcome::PermissionDenied),
        (50076, Class::Interaction, Outcome::AuthError),
        (50173, Class::Renew, Outcome::AuthError),
        (90033, Class::Unavailable, Outcome::Unavailable),
        (7_000_218, Class::Configuration, Outcome::Unavailable),
    ] {
        let row = meaning(&refusal(400, &[code]));
        assert_eq!((row.class, row.outcome), (class, outcome), "{code}");
    }
}

#[test]
fn no_row_is_a_success_and_no_code_stands_twice() {
    let mut seen = BTreeSet::new();
    for row in TABLE {
        assert!(row.outcome != Outcome::Success, "{:?}", row.codes);
        assert!(row.sentence.ends_with('.') && row.cure.ends_with(['.', ')']));
        assert!(!row.meaning.is_empty());
        for code in row.codes {
            assert!(seen.insert(code), "{code} stands twice");
        }
    }
}

#[test]
fn an_unknown_code_denies_unless_there_was_no_verdict() {
    assert_eq!(meaning(&refusal(400, &[99_999])).class, Class::Deny);
    assert_eq!(meaning(&refusal(401, &[])).class, Class::Deny);
    assert_eq!(meaning(&refusal(429, &[])).class, Class::Unavailable);
    assert_eq!(meaning(&refusal(503, &[99_999])).class, Class::Unavailable);
    // A verdict stays one, whatever the status that it came with.
    assert_eq!(meaning(&refusal(500, &[50126])).class, Class::Deny);
}

#[test]
fn a_wrong_password_and_an_unknown_user_sound_the_same() {
    let wrong = meaning(&refusal(400, &[50126]));
    let unknown = meaning(&refusal(400, &[50034]));
    assert_eq!(
        (wrong.sentence, wrong.outcome),
        (unknown.sentence, unknown.outcome)
    );
}

#[test]
fn every_need_for_a_browser_sounds_the_same() {
    for row in TABLE.iter().filter(|row| row.class == Class::Interaction) {
        assert_eq!(row.sentence, CONTINUE, "{:?}", row.codes);
    }
}

#[test]
fn an_expired_password_is_changed_where_the_server_says() {
    let mut expired = refusal(400, &[50055]);
    let row = meaning(&expired);
    assert_eq!(sentence(row, &expired), EXPIRED);
    expired.password_change_url = Some("https://change.example/now".to_owned());
    assert_eq!(
        sentence(row, &expired),
        "Your password has expired. Change it at https://change.example/now and sign in again."
    );
}

/// The page; `BLESS=1` in the environment writes the table into it.
const PAGE: &str = "docs/troubleshooting.md";
const BEGIN: &str = "<!-- from the table in agent/src/entra/errors: begin -->\n";
const END: &str = "<!-- end -->\n";

#[test]
fn the_page_for_administrators_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE);
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("no begin of the table");
    let (_, after) = rest.split_once(END).expect("no end of the table");
    let wanted = format!("{before}{BEGIN}{}{END}{after}", written());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(
        page == wanted,
        "{PAGE} is not what the table says; BLESS=1 cargo test --release -p entra-agent troubleshooting \
         writes it"
    );
}

/// The table, class by class, as Markdown.
fn written() -> String {
    let mut text = String::new();
    for (class, heading) in [
        (Class::Deny, "Refused (`AuthError`; 50053: `MaxTries`)"),
        (Class::CutOff, "Cut off (`PermissionDenied`)"),
        (
            Class::Interaction,
            "Not by password alone: the next method is offered",
        ),
        (Class::Unavailable, "No verdict (`Unavailable`)"),
        (
            Class::Configuration,
            "Set up wrongly (`Unavailable`; in the journal as an error)",
        ),
        (Class::Renew, "A kept token is dead"),
    ] {
        let _ = write!(text, "\n### {heading}\n\n");
        text.push_str("| AADSTS | meaning | the person hears | what to do |\n|---|---|---|---|\n");
        for row in TABLE
            .iter()
            .chain([&UNKNOWN, &TRANSIENT, &NO_ANSWER, &OURS])
        {
            if row.class == class {
                let codes: Vec<String> = row.codes.iter().map(u32::to_string).collect();
                let codes = match codes.is_empty() {
                    true => "–".to_owned(),
                    false => codes.join(", "),
                };
                let (meaning, sentence, cure) = (row.meaning, row.sentence, row.cure);
                let _ = writeln!(text, "| {codes} | {meaning} | {sentence} | {cure} |");
            }
        }
    }
    text.push('\n');
    text
}
