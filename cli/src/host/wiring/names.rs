//! nsswitch.conf(5): `entra` behind `files` and before `systemd`, for passwd and group, and on an `initgroups`
//! line if there is one. `sss` may stand anywhere before or behind: EL has `sss files`.
//!
//! Behind `files`, so that an imported name never hides a local one. Before `systemd`, whose module answers
//! for the users of services and asks every service below /run/systemd/userdb about each name it does not
//! know: what stands behind it waits for them all.

use std::fs;

use entra_protocol::admin::Check;

use super::{Host, bad, good, has_library, skipped, warning};

const NAME: &str = "nsswitch";
const PATH: &str = "/etc/nsswitch.conf";
const CURE: &str = "sudo entractl pam enable; or by hand passwd: files entra ..., group: files entra ..., and if \
                    there is one initgroups: files [SUCCESS=continue] entra";

/// A word of a line, with the actions in brackets behind it, in lower case.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) name: String,
    actions: String,
}

pub(super) fn nsswitch(host: &Host) -> Check {
    let Ok(text) = fs::read_to_string(host.path(PATH)) else {
        return skipped(NAME, format!("{PATH} can't be read"));
    };
    let (mut wrong, mut late) = (Vec::new(), Vec::new());
    for database in ["passwd", "group", "initgroups"] {
        let services = services(&text, database);
        if database == "initgroups" && services.is_empty() {
            continue;
        }
        match standing(&services, database) {
            Standing::Good => {}
            Standing::BehindSystemd => late.push(format!("`{database}:`")),
            Standing::Wrong(what) => wrong.push(format!("`{database}:` {what}")),
        }
    }
    let library = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"]
        .iter()
        .any(|folder| has_library(host, folder, "libnss_entra.so.2"));
    if !library {
        wrong.push("libnss_entra.so.2 is not where the loader looks".to_owned());
    }
    match (wrong.is_empty(), late.is_empty()) {
        (false, _) => bad(NAME, format!("{PATH}: {}", wrong.join("; ")), CURE),
        (true, false) => warning(
            NAME,
            format!("{PATH}: {}: entra stands behind systemd", late.join(", ")),
            "put entra before systemd: names that systemd does not know are asked of every service below \
             /run/systemd/userdb first",
        ),
        (true, true) => good(NAME, "entra stands behind files".to_owned()),
    }
}

enum Standing {
    Good,
    BehindSystemd,
    Wrong(String),
}

fn standing(services: &[Service], database: &str) -> Standing {
    let place = |wanted: &[&str]| {
        services
            .iter()
            .position(|service| wanted.contains(&service.name.as_str()))
    };
    let Some(entra) = place(&["entra"]) else {
        return Standing::Wrong("has no entra".to_owned());
    };
    match place(&["files", "compat"]) {
        Some(files) if files < entra => {}
        _ => return Standing::Wrong("has entra before files".to_owned()),
    }
    let before = services.get(..entra).unwrap_or_default();
    if let Some(last) = before.iter().find(|service| service.ends_at("notfound")) {
        return Standing::Wrong(format!(
            "ends at {} for every name it does not know: entra is never asked",
            last.name
        ));
    }
    if database == "initgroups"
        && let Some(last) = before.iter().find(|service| service.ends_at("success"))
    {
        return Standing::Wrong(format!(
            "stops at {}: imported people lose their imported groups",
            last.name
        ));
    }
    match place(&["systemd"]) {
        Some(systemd) if systemd < entra => Standing::BehindSystemd,
        _ => Standing::Good,
    }
}

impl Service {
    /// Whether a search ends here with this status (nsswitch.conf(5), "Actions").
    fn ends_at(&self, status: &str) -> bool {
        let mut ends = status == "success";
        for word in self.actions.split_whitespace() {
            let Some((condition, action)) = word.split_once('=') else {
                continue;
            };
            let applies = match condition.strip_prefix('!') {
                Some(other) => other != status,
                None => condition == status,
            };
            if applies {
                ends = action == "return";
            }
        }
        ends
    }
}

/// The services of a database, in their order.
pub(super) fn services(text: &str, database: &str) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    let mut rest = line(text, database).trim_start();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (actions, behind) = inside.split_once(']').unwrap_or((inside, ""));
            if let Some(last) = services.last_mut() {
                last.actions = actions.to_lowercase();
            }
            rest = behind.trim_start();
            continue;
        }
        let end = rest
            .find(|letter: char| letter.is_whitespace() || letter == '[')
            .unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        services.push(Service {
            name: name.to_owned(),
            actions: String::new(),
        });
        rest = behind.trim_start();
    }
    services
}

fn line<'a>(text: &'a str, database: &str) -> &'a str {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .find_map(|line| line.strip_prefix(database)?.trim_start().strip_prefix(':'))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_their_actions_are_told_apart() {
        let text = "group: files[SUCCESS=merge !UNAVAIL=return] systemd  entra # x\n";
        let read = services(text, "group");
        let names: Vec<_> = read.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["files", "systemd", "entra"]);
        assert!(read[0].ends_at("notfound"), "everything but UNAVAIL ends");
        assert!(!read[0].ends_at("unavail"));
        assert!(!read[1].ends_at("notfound"));
        assert!(read[1].ends_at("success"));
    }
}
