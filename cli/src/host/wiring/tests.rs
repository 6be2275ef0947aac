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
    let list = checks(&host, &Published::open(&host));
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
    for name in ["sshd", "sshd-bursts", "sshd-penalties", "disk"] {
        assert_eq!(found(folder.path(), name).0, CheckState::Skipped, "{name}");
    }
    let (state, text) = found(folder.path(), "snapshot");
    assert_eq!(state, CheckState::Bad);
    assert_eq!(text, "no directory has been published yet");
}

#[test]
fn each_part_that_is_broken_is_named() {
    type Case = (&'static str, &'static str, String, &'static str);
    let without = |text: &str, part: &str| text.replace(part, "");
    let cases: [Case; 15] = [
        (
            "nsswitch",
            "/etc/nsswitch.conf",
            NSSWITCH.replace("passwd:  files", "passwd:  entra files"),
            "`passwd:` has entra before files",
        ),
        (
            "nsswitch",
            "/etc/nsswitch.conf",
            NSSWITCH.replace("passwd:  files", "passwd:  sss [!UNAVAIL=return] files"),
            "`passwd:` ends at sss for every name it does not know",
        ),
        (
            "nsswitch",
            "/etc/nsswitch.conf",
            NSSWITCH.replace("files [SUCCESS=continue]", "sss files [SUCCESS=continue]"),
            "`initgroups:` stops at sss",
        ),
        (
            "nsswitch",
            "/etc/nsswitch.conf",
            NSSWITCH.replace("group: files", "group: files [NOTFOUND=return]"),
            "`group:` ends at files",
        ),
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
            "pam-account",
            "/etc/pam.d/common-account",
            format!(
                "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n{ACCOUNT}"
            ),
            "stands behind pam_unix.so",
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
            format!("{AUTH}auth sufficient pam_krb5.so\n"),
            "also wired here: pam_krb5",
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
        (CheckState::Warning, "SSSD is installed, not wired")
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
fn sss_may_stand_before_files_and_systemd_should_stand_last() {
    let folder = wired();
    let with = |line: &str| {
        let text = format!("{line}\ngroup: sss files [SUCCESS=merge] entra systemd\n");
        write(folder.path(), "/etc/nsswitch.conf", &text);
        found(folder.path(), "nsswitch")
    };
    for line in [
        "passwd: sss files entra systemd",
        "passwd: files sss entra",
        "passwd: files entra sss",
        "passwd:compat entra",
    ] {
        assert_eq!(with(line).0, CheckState::Good, "{line}");
    }
    let (state, text) = with("passwd: files systemd entra");
    assert_eq!(state, CheckState::Warning);
    assert_eq!(
        text,
        "/etc/nsswitch.conf: `passwd:`: entra stands behind systemd"
    );
}

#[test]
fn every_software_that_signs_people_in_is_known() {
    for (path, text, expected) in [
        ("/etc/nsswitch.conf", "passwd: files entra sss\n", "SSSD"),
        (
            "/etc/nsswitch.conf",
            "passwd: files entra winbind\n",
            "winbind",
        ),
        (
            "/etc/nsswitch.conf",
            "passwd: files entra himmelblau\n",
            "Himmelblau",
        ),
        ("/etc/nsswitch.conf", "passwd: files entra authd\n", "authd"),
        (
            "/etc/nsswitch.conf",
            "passwd: files entra ldap\n",
            "LDAP (nslcd, pam_ldap)",
        ),
        (
            "/etc/nsswitch.conf",
            "passwd: files entra aad\n",
            "aad-auth",
        ),
        (
            "/etc/pam.d/common-auth",
            "auth required pam_sss.so\n",
            "SSSD",
        ),
        (
            "/etc/pam.d/password-auth",
            "auth required pam_winbind.so\n",
            "winbind",
        ),
        (
            "/etc/pam.d/system-auth",
            "auth required pam_krb5.so\n",
            "pam_krb5",
        ),
        (
            "/etc/pam.d/common-auth",
            "auth required pam_ldap.so\n",
            "LDAP (nslcd, pam_ldap)",
        ),
        (
            "/etc/pam.d/common-auth",
            "auth required pam_himmelblau.so\n",
            "Himmelblau",
        ),
        (
            "/etc/pam.d/common-auth",
            "auth required pam_authd.so\n",
            "authd",
        ),
        (
            "/etc/pam.d/common-auth",
            "auth required pam_aad.so\n",
            "aad-auth",
        ),
    ] {
        let folder = wired();
        write(folder.path(), "/etc/sssd/sssd.conf", "[sssd]\n");
        write(folder.path(), path, text);
        let expected = format!("also wired here: {expected}");
        assert_eq!(
            found(folder.path(), "other-software"),
            (CheckState::Bad, expected)
        );
    }
    for (path, expected) in [
        ("/usr/sbin/winbindd", "winbind is installed, not wired"),
        (
            "/usr/lib/x86_64-linux-gnu/security/pam_krb5.so",
            "pam_krb5 is installed, not wired",
        ),
        (
            "/lib64/security/pam_ldap.so",
            "LDAP (nslcd, pam_ldap) is installed, not wired",
        ),
        (
            "/usr/sbin/nslcd",
            "LDAP (nslcd, pam_ldap) is installed, not wired",
        ),
        (
            "/usr/sbin/himmelblaud",
            "Himmelblau is installed, not wired",
        ),
        ("/usr/libexec/authd", "authd is installed, not wired"),
        ("/usr/sbin/nscd", "nscd is installed, not wired"),
        (
            "/run/nscd/socket",
            "nscd runs and answers with what was true minutes ago",
        ),
    ] {
        let folder = wired();
        write(folder.path(), path, "");
        let expected = expected.to_owned();
        assert_eq!(
            found(folder.path(), "other-software"),
            (CheckState::Warning, expected)
        );
    }
    // EL's own stacks have SSSD for local accounts, with no domain.
    let folder = wired();
    write(
        folder.path(),
        "/etc/nsswitch.conf",
        "passwd: sss files entra\n",
    );
    let expected = "SSSD is wired and has no domain".to_owned();
    assert_eq!(
        found(folder.path(), "other-software"),
        (CheckState::Warning, expected)
    );
}

/// What sshd tells, and the state and text of one of its three checks for a host with so many people.
fn sshd(told: &str, people: u64, name: &str) -> (CheckState, String) {
    let list = super::sshd::judge(told, people);
    let check = list.into_iter().find(|check| check.name == name).unwrap();
    (check.state, check.found)
}

#[test]
fn sshds_settings_are_judged() {
    let all = "usepam yes\nkbdinteractiveauthentication yes\nlogingracetime 120\nmaxauthtries 6\n";
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
        (
            all.replace("tries 6", "tries 2"),
            CheckState::Warning,
            "MaxAuthTries is 2",
        ),
        (
            all.replace("tries 6", "tries 3"),
            CheckState::Good,
            "are on",
        ),
    ] {
        let (found, said) = sshd(&told, 0, "sshd");
        assert_eq!(found, state, "{told}");
        assert!(said.contains(text), "{said}");
    }
}

#[test]
fn two_hundred_people_at_nine_need_more_than_sshds_defaults() {
    let usual = "maxstartups 10:30:100\npersourcemaxstartups none\n";
    let state = |told: &str, people| sshd(told, people, "sshd-bursts").0;
    assert_eq!(state(usual, 150), CheckState::Good);
    assert_eq!(state(usual, 200), CheckState::Warning);
    let (_, said) = sshd(usual, 200, "sshd-bursts");
    assert!(
        said.contains("of 200 imported people 14 may wait"),
        "{said}"
    );
    assert_eq!(state("maxstartups 14:30:100\n", 200), CheckState::Good);
    assert_eq!(state("maxstartups 9:30:100\n", 1), CheckState::Warning);
    assert_eq!(
        state("maxstartups 200:30:600\n", 1_000_000),
        CheckState::Good
    );
    let few = "maxstartups 100:30:300\npersourcemaxstartups 5\n";
    let (found, said) = sshd(few, 1, "sshd-bursts");
    assert_eq!(found, CheckState::Warning);
    assert!(said.contains("PerSourceMaxStartups lets 5"), "{said}");
    assert_eq!(state("", 1), CheckState::Skipped);
}

/// As OpenSSH 9.8 to 10 print it.
#[test]
fn penalties_are_told_where_many_come_from_one_address() {
    let usual = "persourcepenalties crash:90 authfail:5 noauth:1 grace-exceeded:10 refuseconnection:10 \
                 max:600 min:15 max-sources4:65536 max-sources6:65536 overflow:permissive \
                 overflow6:permissive\npersourcepenaltyexemptlist none\n";
    let exempt = usual.replace("exemptlist none", "exemptlist 10.0.0.0/8");
    let at_once = usual.replace("authfail:5", "authfail:15");
    for (told, people, state, text) in [
        ("", 200, CheckState::Good, "penalises no address"),
        ("persourcepenalties no\n", 200, CheckState::Good, "is off"),
        (usual, 150, CheckState::Good, "no address is exempt"),
        (usual, 200, CheckState::Warning, "up to 600 s"),
        (&exempt, 200, CheckState::Good, "but 10.0.0.0/8"),
        (
            &at_once,
            1,
            CheckState::Warning,
            "one failed or late sign-in closes its address for 15 s",
        ),
    ] {
        let (found, said) = sshd(told, people, "sshd-penalties");
        assert_eq!(found, state, "{told}");
        assert!(said.contains(text), "{said}");
    }
}

/// The check for a host with this file, and the range that is the default.
fn ids(path: &str, text: &str) -> (CheckState, String) {
    let folder = wired();
    write(folder.path(), path, text);
    let host = Host::below(folder.path(), true, |_| None);
    let range = entra_protocol::admin::IdSpan {
        first: 2_013_265_920,
        last: 2_147_352_575,
    };
    let check = id_range(&host, &Published::open(&host), Some(&range));
    assert_eq!(check.cure.is_some(), check.state != CheckState::Good);
    (check.state, check.found)
}

#[test]
fn whoever_else_gives_out_ids_of_the_range_is_named() {
    assert_eq!(
        ids("/etc/login.defs", "UID_MAX 60000\n").0,
        CheckState::Good
    );
    assert_eq!(ids("/usr/bin/systemd-nspawn", "").0, CheckState::Good);
    for (path, text, state, expected) in [
        (
            "/etc/login.defs",
            "UID_MAX 2013265920\n",
            CheckState::Warning,
            "UID_MIN and UID_MAX",
        ),
        (
            "/etc/login.defs",
            "SUB_GID_MAX 3000000000\n",
            CheckState::Warning,
            "SUB_GID_MIN",
        ),
        (
            "/etc/passwd",
            "eve:x:2013265920:100::/:/bin/sh\n",
            CheckState::Warning,
            "eve of /etc/passwd",
        ),
        (
            "/etc/group",
            "x:x:2147352575:\n",
            CheckState::Warning,
            "x of /etc/group (2147352575)",
        ),
        (
            "/etc/subuid",
            "eve:2013200000:65921\n",
            CheckState::Bad,
            "eve of /etc/subuid",
        ),
        (
            "/etc/subgid",
            "eve:2147352575:1\n",
            CheckState::Bad,
            "eve of /etc/subgid",
        ),
        (
            "/etc/sssd/sssd.conf",
            "[domain/x]\nid_provider = ad\nldap_idmap_range_max=2100000000\n",
            CheckState::Warning,
            "SSSD",
        ),
        (
            "/etc/himmelblau/himmelblau.conf",
            "idmap_range = 5-2100000000\n",
            CheckState::Warning,
            "Himmelblau",
        ),
        (
            "/etc/samba/smb.conf",
            " idmap config X : range = 2100000000-2100000001\n",
            CheckState::Warning,
            "winbind",
        ),
    ] {
        let (found, said) = ids(path, text);
        assert_eq!(found, state, "{path}: {said}");
        assert!(said.contains(expected), "{said}");
    }
    for (path, text) in [
        ("/etc/subuid", "eve:2013200000:65920\n"),
        ("/etc/sssd/sssd.conf", "id_provider = ad\n"),
        (
            "/etc/sssd/sssd.conf",
            "id_provider = ldap\nldap_idmap_range_max=2100000000\n",
        ),
        (
            "/etc/samba/smb.conf",
            "#idmap config X : range = 2100000000-2100000001\n",
        ),
    ] {
        assert_eq!(ids(path, text).0, CheckState::Good, "{path}: {text}");
    }
}
