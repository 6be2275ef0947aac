use super::*;

fn wired(line: &str) -> String {
    let text = format!("passwd: files\ngroup: files\n{line}\n# the end");
    with_entra(&text)
        .unwrap()
        .lines()
        .nth(2)
        .unwrap()
        .to_owned()
}

#[test]
fn the_word_goes_behind_files_and_nothing_else_moves() {
    let text = "# passwd: no\n\npasswd:\t\tfiles systemd # mine\ngroup : \tfiles\nshadow:         files\nhosts: files dns";
    let with = "# passwd: no\n\npasswd:\t\tfiles entra systemd # mine\ngroup : \tfiles entra\nshadow:         files\nhosts: files dns";
    assert_eq!(with_entra(text).unwrap(), with);
    assert_eq!(with_entra(with).unwrap(), with, "a second time");
    assert_eq!(without_entra(with), text);
    assert_eq!(without_entra(text), text);
}

#[test]
fn actions_keep_their_meaning_for_local_names() {
    for (before, after) in [
        (
            "passwd: sss files systemd",
            "passwd: sss files entra systemd",
        ),
        ("passwd: compat", "passwd: compat entra"),
        (
            "passwd: files [NOTFOUND=return] nis",
            "passwd: files entra [NOTFOUND=return] nis",
        ),
        (
            "passwd: files[!UNAVAIL=return] nis",
            "passwd: files entra[!UNAVAIL=return] nis",
        ),
        (
            "group: files [SUCCESS=merge] systemd",
            "group: files [SUCCESS=merge] entra [SUCCESS=merge] systemd",
        ),
        (
            "group: files [success=merge]",
            "group: files [success=merge] entra",
        ),
        (
            "initgroups: files",
            "initgroups: files [SUCCESS=continue] entra",
        ),
        (
            "initgroups: files [SUCCESS=continue] nis",
            "initgroups: files [SUCCESS=continue] entra [SUCCESS=continue] nis",
        ),
        (
            "initgroups: files nis",
            "initgroups: files [SUCCESS=continue] entra [SUCCESS=continue] nis",
        ),
    ] {
        let (database, _) = before.split_once(':').unwrap();
        let text = match database {
            "initgroups" => wired(before),
            _ => with_entra(&format!("{before}\n"))
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .to_owned(),
        };
        assert_eq!(text, after);
    }
}

#[test]
fn what_can_not_be_weighed_is_refused_with_the_line() {
    for (text, part) in [
        (
            "passwd: sss\n",
            "its line `passwd:` names neither files nor compat",
        ),
        (
            "passwd: files [SUCCESS=continue NOTFOUND=return] nis\n",
            "can't weigh",
        ),
    ] {
        let said = with_entra(text).unwrap_err();
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_database_without_a_line_gets_one() {
    assert_eq!(
        with_entra("hosts: dns").unwrap(),
        "hosts: dns\npasswd: files entra\ngroup: files entra\n"
    );
}

#[test]
fn our_part_alone_goes_from_a_line_that_somebody_changed() {
    assert_eq!(
        without_entra(
            "passwd: files entra sss\ngroup: files [SUCCESS=merge] entra [SUCCESS=merge] systemd\n"
        ),
        "passwd: files sss\ngroup: files [SUCCESS=merge] systemd\n"
    );
}
