//! Every man page, from the program that is packaged: groff has nothing against it.

use std::fs;
use std::process::Command;

use crate::scripted::Place;

#[test]
fn every_page_is_clean_and_says_what_a_page_says() {
    let place = Place::new();
    let folder = place.socket().with_file_name("man");
    let written = place.run(&["man-pages", folder.to_str().unwrap()]);
    assert_eq!(written.code, Some(0), "{written:?}");
    for page in written.stdout.lines() {
        let path = folder.join(page);
        let said = Command::new("groff")
            .args(["-ww", "-man", "-Tutf8", "-Kutf8", "-z"])
            .arg(&path)
            .output()
            .expect("groff, of Debian's groff-base");
        assert!(said.status.success(), "{page}: {said:?}");
        assert_eq!(String::from_utf8_lossy(&said.stderr), "", "{page}");
        let text = fs::read_to_string(&path).unwrap();
        for wanted in [
            ".SH NAME",
            ".SH SYNOPSIS",
            ".SH DESCRIPTION",
            ".SH \"EXIT STATUS\"",
            ".SH \"SEE ALSO\"",
        ] {
            assert!(text.contains(wanted), "{page}: {text}");
        }
    }
    assert!(
        written.stdout.contains("entractl-users-show.1\n"),
        "{written:?}"
    );
    assert!(!written.stdout.contains("man-pages"), "{written:?}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let outcome = Place::new().run(&["man-pages", "/dev/null/man"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .starts_with("error: can't make /dev/null/man: "),
        "{outcome:?}"
    );
}
