//! Each of a host's parts broken by itself.

use std::path::Path;

use super::*;

const AUTH: &str = "auth [success=2 ignore=ignore user_unknown=ignore module_unknown=ignore default=die] pam_entra.so\n\
                    auth [success=1 default=ignore] pam_unix.so\n";
const ACCOUNT: &str = "account [success=ok ignore=ignore user_unknown=ignore module_unknown=ignore default=die] pam_entra.so\n";
const SESSION: &str = "session optional pam_entra.so\n";
const NSSWITCH: &str = "passwd:  files entra systemd # x\ngroup: files entra\n\
                        initgroups: files [SUCCESS=continue] entra\n";

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn wired() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "/etc/nsswitch.conf", NSSWITCH);
    write(root, "/usr/lib/x86_64-linux-gnu/libnss_entra.so.2", "");
    write(root, "/etc/pam.d/common-auth", AUTH);
    write(root, "/etc/pam.d/common-account", ACCOUNT);
    write(root, "/etc/pam.d/common-session", SESSION);
    folder
}

/// The state and text of one check.
fn found(root: &Path, name: &str) -> (CheckState, String) {
    let host = Host::below(root, false, |_| None);
    let list = checks(&host);
    let check = list.into_iter().find(|check| check.name == name).unwrap();
    assert_eq!(
        check.cure.is_some(),
        matches!(check.state, CheckState::Bad | CheckState::Warning)
    );
    (check.state, check.found)
}

#[test]
fn a_host_that_is_wired_is_good() {
    let folder = wired();
    for name in [
        "nsswitch",
        "pam-auth",
        "pam-account",
        "pam-session",
        "other-software",
    ] {
        assert_eq!(found(folder.path(), name).0, CheckState::Good, "{name}");
    }
    assert_eq!(found(folder.path(), "sshd").0, CheckState::Skipped);
}

#[test]
fn each_part_that_is_broken_is_named() {
    type Case = (&'static str, &'static str, String, &'static str);
    let without = |text: &str, part: &str| text.replace(part, "");
    let cases: [Case; 10] = [
        (
            "nsswitch",
            "/etc/nsswitch.conf",
            NSSWITCH.replace("files entra systemd", "files systemd"),
            "`passwd:` has no entra",
        ),
        (
            "nsswitch",
            "/etc/nsswitch.conf",
            NSSWITCH.replace("group: files entra", "group: entra files"),
            "`group:` has entra before files",
        ),
        (
            "nsswitch",
            "/etc/nsswitch.conf",
            NSSWITCH.replace("continue] entra", "continue] systemd"),
            "`initgroups:` has no entra",
        ),
        (
            "nsswitch",
            "/etc/nsswitch.conf",
            without(NSSWITCH, "[SUCCESS=continue] "),
            "stops at files",
        ),
        (
            "pam-auth",
            "/etc/pam.d/common-auth",
            without(AUTH, "pam_entra.so"),
            "common-auth has no auth line",
        ),
        (
            "pam-auth",
            "/etc/pam.d/common-auth",
            without(AUTH, "module_unknown=ignore "),
            "locks everybody out",
        ),
        (
            "pam-account",
            "/etc/pam.d/common-account",
            String::new(),
            "common-account has no account line",
        ),
        (
            "pam-session",
            "/etc/pam.d/common-session",
            String::new(),
            "common-session has no session line",
        ),
        (
            "other-software",
            "/etc/pam.d/common-auth",
            format!("{AUTH}auth sufficient pam_sss.so\n"),
            "also wired here: SSSD",
        ),
        (
            "other-software",
            "/etc/nsswitch.conf",
            NSSWITCH.replace("systemd", "winbind"),
            "also wired here: winbind",
        ),
    ];
    for (name, path, text, expected) in cases {
        let folder = wired();
        write(folder.path(), path, &text);
        let (state, found) = found(folder.path(), name);
        assert_eq!(state, CheckState::Bad, "{name}: {found}");
        assert!(found.contains(expected), "{name}: {found}");
    }
}

#[test]
fn what_is_missing_and_what_is_only_installed_is_told_apart() {
    let folder = wired();
    fs::remove_file(
        folder
            .path()
            .join("usr/lib/x86_64-linux-gnu/libnss_entra.so.2"),
    )
    .unwrap();
    assert!(
        found(folder.path(), "nsswitch")
            .1
            .contains("libnss_entra.so.2")
    );
    write(folder.path(), "/usr/sbin/sssd", "");
    let (state, text) = found(folder.path(), "other-software");
    assert_eq!(
        (state, text.as_str()),
        (CheckState::Warning, "installed, not wired: SSSD")
    );
    // A line that is switched off wires nothing.
    write(
        folder.path(),
        "/etc/pam.d/common-auth",
        &format!("{AUTH}#auth sufficient pam_sss.so\n"),
    );
    assert_eq!(
        found(folder.path(), "other-software").0,
        CheckState::Warning
    );
    fs::remove_file(folder.path().join("etc/pam.d/common-account")).unwrap();
    assert_eq!(found(folder.path(), "pam-account").0, CheckState::Skipped);
}

#[test]
fn sshds_settings_are_judged() {
    let all = "usepam yes\nkbdinteractiveauthentication yes\nlogingracetime 120\n";
    for (told, state, text) in [
        (all.to_owned(), CheckState::Good, "are on"),
        (
            all.replace("usepam yes", "usepam no"),
            CheckState::Bad,
            "UsePAM is off",
        ),
        (
            all.replace("authentication yes", "authentication no"),
            CheckState::Bad,
            "KbdInteractive",
        ),
        (all.replace("120", "60"), CheckState::Warning, "60 s"),
        (all.replace("120", "0"), CheckState::Good, "are on"),
    ] {
        let check = sshd_settings(&told);
        assert_eq!(check.state, state, "{told}");
        assert!(check.found.contains(text), "{}", check.found);
    }
}
