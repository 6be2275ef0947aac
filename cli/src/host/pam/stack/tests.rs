use super::*;

const OURS: &str = include_str!("../../../../../packaging/authselect/system-auth.lines");

/// Of the kind that EL's profile with SSSD has, with jumps over pam_unix.
const STACK: &str = "\
auth        required                  pam_env.so
auth        required                  pam_faillock.so preauth silent {include if \"with-faillock\"}
auth        [default=1 ignore=ignore success=ok] pam_usertype.so isregular
auth        [default=1 ignore=ignore success=ok] pam_localuser.so
auth        sufficient                pam_unix.so {if not \"without-nullok\":nullok}
auth        required                  pam_deny.so

account     required                  pam_access.so
account     required                  pam_unix.so
account     sufficient                pam_localuser.so
account     required                  pam_permit.so

password    requisite                 pam_pwquality.so local_users_only
password    sufficient                pam_unix.so use_authtok

session     optional                  pam_keyinit.so revoke
-session    optional                  pam_systemd.so
session     [success=1 default=ignore] pam_succeed_if.so service in crond quiet use_uid
session     required                  pam_unix.so
";

fn modules(text: &str, phase: &str) -> Vec<String> {
    text.lines()
        .filter_map(parse)
        .filter(|line| line.phase == phase)
        .map(|line| line.module.to_owned())
        .collect()
}

#[test]
fn our_lines_go_before_whatever_leaves_the_phase() {
    let with = with_lines(STACK, OURS);
    let place = |phase, before: &str| {
        let modules = modules(&with, phase);
        let ours = modules.iter().position(|module| module == MODULE).unwrap();
        assert_eq!(modules[ours + 1], before, "{phase}");
        ours
    };
    assert_eq!(place("auth", "pam_usertype.so"), 2);
    assert_eq!(place("account", "pam_unix.so"), 1);
    assert_eq!(place("password", "pam_pwquality.so"), 0);
    assert_eq!(place("session", "pam_succeed_if.so"), 2);
    assert_eq!(with_lines(&with, OURS), with, "a second time");
    assert_eq!(without_lines(&with), STACK);
    assert!(has_ours(&with) && !has_ours(STACK));
}

#[test]
fn jumps_over_our_lines_are_shorter_without_them() {
    let debian = "password\t[success=2 default=ignore]\tpam_unix.so obscure\n\
                  # a remark\n\
                  account\trequired\tpam_unix.so\n\
                  password\t[success=1 default=die]\tpam_entra.so\n\
                  password\trequisite\t\tpam_deny.so\n\
                  password\trequired\t\tpam_permit.so\n\
                  auth\trequired\t\t/lib/security/pam_entra.so\n";
    assert_eq!(
        without_lines(debian),
        "password\t[success=1 default=ignore]\tpam_unix.so obscure\n\
         # a remark\n\
         account\trequired\tpam_unix.so\n\
         password\trequisite\t\tpam_deny.so\n\
         password\trequired\t\tpam_permit.so\n"
    );
    let far = "auth [success=1 default=ignore] pam_a.so\nauth optional pam_b.so\nauth optional pam_entra.so\n";
    assert!(
        without_lines(far).contains("success=1"),
        "the jump ends before ours"
    );
}
