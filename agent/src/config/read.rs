//! From the text of `agent.toml` to a [`Config`].

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use toml::{Table, Value};

use super::section::{Section, most_alike};
use super::sign_in::LOGIN_GRACE;
use super::{
    Config, ConfigError, Groups, Homes, Ids, Method, NameAttribute, Names, Offline, Proxy, SignIn,
    access, passcode, proxy, tenant,
};
use crate::identity::ObjectId;

/// Bytes of `agent.toml` at most: a thousand overrides fit.
const CONFIG_LIMIT: u64 = 1024 * 1024;

/// Ids below are the host's own accounts, ids from 2³¹ break programs that hold them signed.
const IDS: std::ops::RangeInclusive<u32> = 65_536..=0x7FFF_FFFF;

/// The default range (design: above what other directory services use, below systemd's foreign range).
const DEFAULT_IDS: Ids = Ids {
    base: 0x7800_0000,
    size: 0x7FFD_FFF0 - 0x7800_0000,
};

/// Ids above the range that the role groups take.
const ROLE_GROUP_IDS: u32 = 16;

/// Reads and checks the file at `path`.
///
/// # Errors
/// Everything of [`ConfigError`].
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = read_bounded(path, CONFIG_LIMIT)?;
    parse(&text)
}

/// Checks a text that is the whole of an `agent.toml`.
///
/// # Errors
/// Everything of [`ConfigError`] but what concerns files.
pub fn parse(text: &str) -> Result<Config, ConfigError> {
    let table: Table =
        toml::from_str(text).map_err(|error| ConfigError::Syntax(error.to_string()))?;
    let mut top = Section::open("", table)?;
    let tenants = tenant::read(top.tables("tenant")?)?;
    Ok(Config {
        access: access::read(top.tables("access")?, &tenants)?,
        tenants,
        names: read_names(top.section("names", "names")?)?,
        homes: read_homes(top.section("homes", "homes")?)?,
        ids: read_ids(top.section("ids", "ids")?)?,
        groups: Groups {
            members_max: top
                .section("groups", "groups")?
                .optional_number("members_max", 0, 1_000_000)?
                .unwrap_or(5_000),
        },
        sign_in: read_sign_in(top.section("sign_in", "sign_in")?)?,
        offline: read_offline(top.section("offline", "offline")?)?,
        passcode: passcode::read(top.section("passcode", "passcode")?)?,
        enumerate: top
            .section("directory", "directory")?
            .optional_switch("enumerate")?
            .unwrap_or(false),
        audit_keep_days: top
            .section("audit", "audit")?
            .optional_number("keep_days", 30, 3_650)?
            .unwrap_or(365),
        proxy: proxy::read(top.section("proxy", "proxy")?)?,
    })
}

/// Only `[proxy]` of a text that may still lack the rest.
///
/// # Errors
/// [`ConfigError`]: no TOML, an unknown section, or a `[proxy]` that is none.
pub fn parse_proxy(text: &str) -> Result<Option<Proxy>, ConfigError> {
    let table: Table =
        toml::from_str(text).map_err(|error| ConfigError::Syntax(error.to_string()))?;
    let mut top = Section::open("", table)?;
    proxy::read(top.section("proxy", "proxy")?)
}

fn read_names(mut section: Section) -> Result<Names, ConfigError> {
    const ATTRIBUTES: &[(&str, NameAttribute)] = &[
        ("userPrincipalName", NameAttribute::UserPrincipalName),
        ("mailNickname", NameAttribute::MailNickname),
        (
            "onPremisesSamAccountName",
            NameAttribute::OnPremisesSamAccountName,
        ),
        (
            "wholeUserPrincipalName",
            NameAttribute::WholeUserPrincipalName,
        ),
    ];
    let attribute = match section.optional_text("attribute")? {
        None => NameAttribute::default(),
        Some(word) => match ATTRIBUTES.iter().find(|(known, _)| *known == word) {
            Some((_, attribute)) => *attribute,
            None => {
                let known: Vec<&str> = ATTRIBUTES.iter().map(|(known, _)| *known).collect();
                return Err(one_of(&section, "attribute", &known, &word));
            }
        },
    };
    let mut overrides = BTreeMap::new();
    for (object, name) in section.table("overrides")? {
        let wrong = |expected: &str, found: &Value| ConfigError::Value {
            section: "names.overrides".to_owned(),
            key: object.clone(),
            expected: expected.to_owned(),
            found: match found {
                Value::String(text) => format!("{text:?}"),
                other => format!("{other}"),
            },
        };
        let id: ObjectId = object
            .parse()
            .map_err(|_| wrong("an object id as its key", &Value::String(object.clone())))?;
        let Some(text) = name.as_str() else {
            return Err(wrong("a name in quotes", &name));
        };
        overrides.insert(id, text.to_owned());
    }
    Ok(Names {
        attribute,
        overrides,
    })
}

fn read_homes(mut section: Section) -> Result<Homes, ConfigError> {
    let template = section
        .optional_text("template")?
        .unwrap_or_else(|| "/home/{name}".to_owned());
    if !template.starts_with('/') || !template.contains("{name}") {
        return Err(section.wrong(
            "template",
            "an absolute path with {name} in it",
            &Value::String(template),
        ));
    }
    let roots = section
        .optional_texts("roots")?
        .unwrap_or_else(|| vec!["/home".to_owned()]);
    if let Some(root) = roots.iter().find(|root| !root.starts_with('/')) {
        return Err(section.wrong("roots", "absolute paths", &Value::String(root.clone())));
    }
    let shell = section
        .optional_text("shell")?
        .unwrap_or_else(|| "/bin/bash".to_owned());
    if !shell.starts_with('/') {
        return Err(section.wrong("shell", "an absolute path", &Value::String(shell)));
    }
    Ok(Homes {
        template,
        roots,
        shell,
    })
}

fn read_ids(mut section: Section) -> Result<Ids, ConfigError> {
    let base = section
        .optional_number("base", *IDS.start(), *IDS.end())?
        .unwrap_or(DEFAULT_IDS.base);
    let size = section
        .optional_number("size", 1, *IDS.end())?
        .unwrap_or(DEFAULT_IDS.size);
    let last = base
        .checked_add(size)
        .and_then(|end| end.checked_add(ROLE_GROUP_IDS - 1));
    if last.is_none_or(|last| last > *IDS.end()) {
        return Err(section.wrong(
            "size",
            "a range that ends, with 16 ids for the role groups above it, below 2147483648",
            &Value::Integer(i64::from(size)),
        ));
    }
    Ok(Ids { base, size })
}

fn read_sign_in(mut section: Section) -> Result<SignIn, ConfigError> {
    let defaults = SignIn::default();
    let remote = match section.optional_texts("remote")? {
        Some(words) => methods("sign_in", "remote", words)?,
        None => defaults.remote,
    };
    let local = match section.optional_texts("local")? {
        Some(words) => methods("sign_in", "local", words)?,
        None => defaults.local,
    };
    let mut services = BTreeMap::new();
    for (service, value) in section.table("services")? {
        let words = value
            .as_array()
            .and_then(|values| {
                values
                    .iter()
                    .map(|value| value.as_str().map(str::to_owned))
                    .collect::<Option<Vec<_>>>()
            })
            .ok_or_else(|| ConfigError::Value {
                section: "sign_in.services".to_owned(),
                key: service.clone(),
                expected: "a list of methods".to_owned(),
                found: format!("{value}"),
            })?;
        let methods = methods("sign_in.services", &service, words)?;
        services.insert(service, methods);
    }
    let grace = section.optional_number(
        "login_grace_seconds",
        *LOGIN_GRACE.start(),
        *LOGIN_GRACE.end(),
    )?;
    Ok(SignIn {
        remote,
        local,
        services,
        login_grace_seconds: grace.unwrap_or(defaults.login_grace_seconds),
    })
}

fn read_offline(mut section: Section) -> Result<Offline, ConfigError> {
    let days = section.optional_number("maximum_age_days", 1, 365)?;
    Ok(Offline {
        maximum_age: Duration::from_secs(u64::from(days.unwrap_or(14)) * 24 * 60 * 60),
        password: section.optional_switch("password")?.unwrap_or(true),
    })
}

fn methods(section: &str, key: &str, words: Vec<String>) -> Result<Vec<Method>, ConfigError> {
    words
        .into_iter()
        .map(|word| {
            Method::parse(&word).ok_or_else(|| ConfigError::Value {
                section: section.to_owned(),
                key: key.to_owned(),
                expected: format!("{} only", Method::WORDS.join(" and ")),
                found: suggestion(&word, Method::WORDS),
            })
        })
        .collect()
}

pub(super) fn one_of(section: &Section, key: &str, known: &[&str], word: &str) -> ConfigError {
    match section.wrong(key, &known.join(" or "), &Value::Boolean(false)) {
        ConfigError::Value {
            section,
            key,
            expected,
            ..
        } => ConfigError::Value {
            section,
            key,
            expected,
            found: suggestion(word, known),
        },
        other => other,
    }
}

fn suggestion(word: &str, known: &[&str]) -> String {
    match most_alike(word, known) {
        Some(nearest) => format!("{word:?} (did you mean {nearest:?}?)"),
        None => format!("{word:?}"),
    }
}

/// A file without a secret, `limit` bytes at most.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<String, ConfigError> {
    let unreadable = |reason| ConfigError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let mut text = String::new();
    fs::File::open(path)
        .map_err(unreadable)?
        .take(limit + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > limit {
        return Err(unreadable(std::io::Error::from(
            std::io::ErrorKind::FileTooLarge,
        )));
    }
    Ok(text)
}
