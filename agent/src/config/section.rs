//! A reader for one section: each key is taken by name and type, and what is left over is an error.
//!
//! Invariant: [`Section::open`] refuses keys that [`KEYS`] doesn't list for the section, so a key that
//! the code forgets to read can't be accepted silently, and a suggestion can also say "that key belongs
//! in another section".

use toml::{Table, Value};

use super::ConfigError;

/// Every section and its keys: the one list behind the check and the suggestions. `[names.overrides]`
/// is not here: its keys are object ids.
pub(super) const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "tenant",
            "names",
            "homes",
            "ids",
            "groups",
            "sign_in",
            "access",
            "offline",
            "passcode",
            "directory",
            "proxy",
            "audit",
        ],
    ),
    (
        "tenant",
        &[
            "id",
            "domain",
            "cloud",
            "login_url",
            "graph_url",
            "sync",
            "login",
            "schedule",
            "posix",
        ],
    ),
    (
        "tenant.sync",
        &[
            "client_id",
            "client_secret_file",
            "client_secret_credential",
            "client_secret_command",
            "client_secret_expires",
            "certificate_file",
            "private_key_file",
            "federated_token_file",
            "managed_identity",
            "managed_identity_source",
        ],
    ),
    ("tenant.login", &["client_id"]),
    ("tenant.schedule", &["interval_minutes"]),
    (
        "tenant.posix",
        &[
            "uid_number",
            "gid_number",
            "group_gid_number",
            "login_shell",
            "unix_home_directory",
            "sssd_range_min",
            "sssd_range_max",
            "sssd_range_size",
            "sssd_slice",
        ],
    ),
    ("names", &["attribute", "overrides"]),
    ("homes", &["template", "roots", "shell"]),
    ("ids", &["base", "size"]),
    ("groups", &["members_max"]),
    (
        "sign_in",
        &["remote", "local", "services", "login_grace_seconds"],
    ),
    (
        "access",
        &["everybody", "role", "groups", "tenant", "services"],
    ),
    ("offline", &["maximum_age_days", "password"]),
    ("passcode", &["enabled", "services"]),
    ("directory", &["enumerate"]),
    ("audit", &["keep_days"]),
    (
        "proxy",
        &["url", "username", "password_file", "password_credential"],
    ),
];

/// How alike two keys must be (0 to 1, Jaro-Winkler) for one to be suggested for the other.
const ALIKE: f64 = 0.8;

/// One table of the file, with its dotted name.
pub(super) struct Section {
    name: &'static str,
    table: Table,
}

impl Section {
    /// Takes over a table whose keys are those of the section `name` in [`KEYS`].
    pub(super) fn open(name: &'static str, table: Table) -> Result<Self, ConfigError> {
        let known = keys_of(name);
        match table.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(ConfigError::UnknownKey {
                section: name.to_owned(),
                key: key.clone(),
                nearest: nearest(name, key),
            }),
            None => Ok(Self { name, table }),
        }
    }

    /// The sub-section `key`, called `name` in messages; empty if it isn't there.
    pub(super) fn section(
        &mut self,
        key: &str,
        name: &'static str,
    ) -> Result<Section, ConfigError> {
        let table = self.table(key)?;
        Section::open(name, table)
    }

    /// The table at `key`, with keys of any name; empty if it isn't there.
    pub(super) fn table(&mut self, key: &str) -> Result<Table, ConfigError> {
        match self.table.remove(key) {
            None => Ok(Table::new()),
            Some(Value::Table(table)) => Ok(table),
            Some(other) => Err(self.wrong(key, "a section", &other)),
        }
    }

    /// The tables of `[[key]]`; none if it isn't there.
    pub(super) fn tables(&mut self, key: &str) -> Result<Vec<Table>, ConfigError> {
        let expected = "a section in double brackets";
        match self.table.remove(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => values
                .into_iter()
                .map(|value| match value {
                    Value::Table(table) => Ok(table),
                    other => Err(self.wrong(key, expected, &other)),
                })
                .collect(),
            Some(other) => Err(self.wrong(key, expected, &other)),
        }
    }

    /// Whether the key is there, whatever it holds.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A date, in quotes or without, if it is there; as it is written.
    pub(super) fn optional_date(&mut self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.table.get(key) {
            Some(Value::Datetime(date)) => Ok(Some(date.to_string())),
            _ => self.optional_text(key),
        }
    }

    /// A text that must be there and not be empty.
    pub(super) fn text(&mut self, key: &str) -> Result<String, ConfigError> {
        self.optional_text(key)?
            .ok_or_else(|| ConfigError::Missing {
                section: self.name.to_owned(),
                key: key.to_owned(),
            })
    }

    /// A text that is not empty, if it is there.
    pub(super) fn optional_text(&mut self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.table.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, "a text in quotes", &other)),
        }
    }

    /// A list of texts, if it is there.
    pub(super) fn optional_texts(&mut self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let expected = "a list of texts";
        match self.table.remove(key) {
            None => Ok(None),
            Some(Value::Array(values)) => values
                .into_iter()
                .map(|value| match value {
                    Value::String(text) => Ok(text),
                    other => Err(self.wrong(key, expected, &other)),
                })
                .collect::<Result<Vec<_>, _>>()
                .map(Some),
            Some(other) => Err(self.wrong(key, expected, &other)),
        }
    }

    /// A whole number from `least` to `most`, if it is there.
    pub(super) fn optional_number(
        &mut self,
        key: &str,
        least: u32,
        most: u32,
    ) -> Result<Option<u32>, ConfigError> {
        match self.table.remove(key) {
            None => Ok(None),
            Some(value) => value
                .as_integer()
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| (least..=most).contains(number))
                .map(Some)
                .ok_or_else(|| {
                    self.wrong(
                        key,
                        &format!("a whole number from {least} to {most}"),
                        &value,
                    )
                }),
        }
    }

    /// `true` or `false`, if it is there.
    pub(super) fn optional_switch(&mut self, key: &str) -> Result<Option<bool>, ConfigError> {
        match self.table.remove(key) {
            None => Ok(None),
            Some(Value::Boolean(on)) => Ok(Some(on)),
            Some(other) => Err(self.wrong(key, "true or false", &other)),
        }
    }

    /// The error for a value that `key` does not take.
    pub(super) fn wrong(&self, key: &str, expected: &str, found: &Value) -> ConfigError {
        ConfigError::Value {
            section: self.name.to_owned(),
            key: key.to_owned(),
            expected: expected.to_owned(),
            found: described(found),
        }
    }

    /// The same for a value that may hold a secret by mistake.
    pub(super) fn wrong_unshown(&self, key: &str, expected: &str) -> ConfigError {
        ConfigError::Value {
            section: self.name.to_owned(),
            key: key.to_owned(),
            expected: expected.to_owned(),
            found: "what stands there".to_owned(),
        }
    }
}

fn keys_of(section: &str) -> &'static [&'static str] {
    KEYS.iter()
        .find(|(name, _)| *name == section)
        .map_or(&[], |(_, keys)| *keys)
}

/// What was probably meant by `key` in `section`.
fn nearest(section: &str, key: &str) -> Option<String> {
    let here = most_alike(key, keys_of(section)).map(|known| format!("`{known}`"));
    here.or_else(|| {
        KEYS.iter()
            .filter(|(name, _)| *name != section)
            .find_map(|(name, keys)| {
                most_alike(key, keys).map(|known| match *name {
                    "" => format!("[{known}], a section of its own"),
                    name => format!("`{known}` of [{name}]"),
                })
            })
    })
}

/// The word of `known` that is most like `word`, if one is alike at all.
pub(super) fn most_alike<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| {
            (
                strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase()),
                *candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// The value for a message: short values themselves, others by type.
fn described(value: &Value) -> String {
    match value {
        Value::String(text) if text.trim().is_empty() => "an empty text".to_owned(),
        Value::String(text) => format!("the text {text:?}"),
        Value::Integer(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(on) => format!("{on}"),
        Value::Datetime(instant) => format!("the date {instant}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a section".to_owned(),
    }
}
