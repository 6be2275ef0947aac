//! Software that answers for the same names or sign-ins, or stands between: wired, running, or only installed.

use std::fs;

use entra_protocol::admin::Check;

use super::{Host, bad, good, has_library, names, warning};

const NAME: &str = "other-software";

/// What is known of one.
struct Other {
    software: &'static str,
    /// Its programs.
    programs: &'static [&'static str],
    /// Its words in nsswitch.conf.
    in_nsswitch: &'static [&'static str],
    /// Its modules.
    in_pam: &'static [&'static str],
}

const OTHERS: [Other; 8] = [
    Other {
        software: SSSD,
        programs: &["/usr/sbin/sssd"],
        in_nsswitch: &["sss"],
        in_pam: &["pam_sss.so"],
    },
    Other {
        software: "winbind",
        programs: &["/usr/sbin/winbindd"],
        in_nsswitch: &["winbind"],
        in_pam: &["pam_winbind.so"],
    },
    Other {
        software: "Himmelblau",
        programs: &["/usr/sbin/himmelblaud", "/usr/libexec/himmelblaud"],
        in_nsswitch: &["himmelblau"],
        in_pam: &["pam_himmelblau.so"],
    },
    Other {
        software: "authd",
        programs: &["/usr/libexec/authd", "/usr/sbin/authd"],
        in_nsswitch: &["authd"],
        in_pam: &["pam_authd.so", "pam_authd_exec.so"],
    },
    Other {
        software: "LDAP (nslcd, pam_ldap)",
        programs: &["/usr/sbin/nslcd"],
        in_nsswitch: &["ldap"],
        in_pam: &["pam_ldap.so"],
    },
    Other {
        software: "pam_krb5",
        programs: &[],
        in_nsswitch: &[],
        in_pam: &["pam_krb5.so"],
    },
    Other {
        software: "aad-auth",
        programs: &[],
        in_nsswitch: &["aad"],
        in_pam: &["pam_aad.so"],
    },
    Other {
        software: NSCD,
        programs: &["/usr/sbin/nscd", "/usr/sbin/unscd"],
        in_nsswitch: &[],
        in_pam: &[],
    },
];

const SSSD: &str = "SSSD";
const NSCD: &str = "nscd";

pub(super) fn other_software(host: &Host) -> Check {
    let nsswitch = fs::read_to_string(host.path("/etc/nsswitch.conf")).unwrap_or_default();
    let passwd = names::services(&nsswitch, "passwd");
    let stacks = auth_lines(host);
    let (mut active, mut aside) = (Vec::new(), Vec::new());
    for other in &OTHERS {
        let software = other.software;
        let is_wired = passwd
            .iter()
            .any(|service| other.in_nsswitch.contains(&service.name.as_str()))
            || other.in_pam.iter().any(|module| stacks.contains(module));
        let is_installed = other.programs.iter().any(|path| host.path(path).exists())
            || other.in_pam.iter().any(|module| is_a_module(host, module));
        if is_wired && software == SSSD && !sssd_has_a_domain(host) {
            aside.push("SSSD is wired and has no domain".to_owned());
        } else if is_wired {
            active.push(software);
        } else if software == NSCD && nscd_runs(host) {
            aside.push("nscd runs and answers with what was true minutes ago".to_owned());
        } else if is_installed {
            aside.push(format!("{software} is installed, not wired"));
        }
    }
    match (active.is_empty(), aside.is_empty()) {
        (false, _) => bad(
            NAME,
            format!("also wired here: {}", active.join(", ")),
            "one host, one directory for sign-in: take the other one out of nsswitch.conf and PAM",
        ),
        (true, false) => warning(
            NAME,
            aside.join("; "),
            "remove what is not used: its package may wire itself again; nscd has no use beside entra",
        ),
        (true, true) => good(NAME, "nothing else signs people in here".to_owned()),
    }
}

/// The lines that count of the stacks that every service includes.
fn auth_lines(host: &Host) -> String {
    ["common-auth", "system-auth", "password-auth"]
        .iter()
        .filter_map(|file| fs::read_to_string(host.path(&format!("/etc/pam.d/{file}"))).ok())
        .flat_map(|text| {
            text.lines()
                .filter(|line| !line.trim_start().starts_with('#'))
                .map(|line| format!("{line}\n"))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn is_a_module(host: &Host, module: &str) -> bool {
    let below = format!("security/{module}");
    ["/lib", "/usr/lib", "/lib64", "/usr/lib64"]
        .iter()
        .any(|folder| has_library(host, folder, &below))
}

/// EL wires SSSD for local accounts as well: without a file of its own it serves no domain.
fn sssd_has_a_domain(host: &Host) -> bool {
    host.path("/etc/sssd/sssd.conf").exists()
        || fs::read_dir(host.path("/etc/sssd/conf.d")).is_ok_and(|mut files| files.next().is_some())
}

fn nscd_runs(host: &Host) -> bool {
    ["/run/nscd/socket", "/var/run/nscd/socket"]
        .iter()
        .any(|path| host.path(path).exists())
}
