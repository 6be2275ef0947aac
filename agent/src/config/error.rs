//! What can be wrong with `agent.toml`, said so that the line can be found and mended.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there is no [`Config`](super::Config). The agent does not start with any of these.
#[derive(Debug)]
pub enum ConfigError {
    /// The file, or a file that it names, can't be read.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// Not TOML; the text has line and column.
    Syntax(String),
    /// A key or section that does not exist.
    UnknownKey {
        /// The section it stands in; empty for the top of the file.
        section: String,
        /// The key as written.
        key: String,
        /// What was probably meant: a key of this section, or the section that has this key.
        nearest: Option<String>,
    },
    /// A key that must be there and isn't.
    Missing {
        /// Its section.
        section: String,
        /// The key.
        key: String,
    },
    /// A value of the wrong type, or outside what makes sense.
    Value {
        /// Its section.
        section: String,
        /// The key.
        key: String,
        /// What the key takes.
        expected: String,
        /// What stands there, or its type.
        found: String,
    },
    /// Two `[[tenant]]` sections that must differ and don't.
    SameTenant {
        /// The key in which they must differ.
        key: &'static str,
        /// What stands there in both.
        value: String,
        /// The two, by what tells them apart.
        both: [String; 2],
    },
    /// Something wrong in one of several `[[tenant]]` sections.
    InTenant {
        /// Its place in the file, from 1.
        number: usize,
        /// What is wrong.
        error: Box<ConfigError>,
    },
    /// A file with a secret that others may read.
    ReadableByOthers {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file with a secret that is empty or far too long.
    NoSecret(PathBuf),
    /// A file that is longer than what it should hold can be.
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Bytes that are read at most.
        limit: u32,
    },
    /// No credential for the sync registration, or several.
    NotOneCredential {
        /// The keys of which one must be there.
        ways: &'static [&'static str],
        /// Those that are there.
        found: Vec<&'static str>,
    },
    /// A key beside a credential that has no use for it.
    Misplaced {
        /// The key.
        key: &'static str,
        /// The credential's key.
        way: &'static str,
    },
    /// Both `password_file` and `password_credential`.
    TwoProxyPasswords,
    /// A systemd credential, in a process that systemd gave none.
    NoCredentials(String),
    /// A token that everybody may read and that others than root and the agent could have put there.
    UntrustedToken {
        /// Which file.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, reason } => {
                write!(f, "can't read {}: {reason}", path.display())
            }
            Self::Syntax(text) => write!(f, "not TOML: {text}"),
            Self::UnknownKey {
                section,
                key,
                nearest,
            } => {
                write!(f, "{}: there is no key `{key}`", place(section))?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean {nearest}?"),
                    None => Ok(()),
                }
            }
            Self::Missing { section, key } => {
                write!(f, "{}: the key `{key}` is missing", place(section))
            }
            Self::Value {
                section,
                key,
                expected,
                found,
            } => write!(
                f,
                "{}: `{key}` takes {expected}, not {found}",
                place(section)
            ),
            Self::SameTenant {
                key,
                value,
                both: [one, other],
            } => write!(
                f,
                "two [[tenant]] sections have the same `{key}`, {value}: {one} and {other}"
            ),
            Self::InTenant { number, error } => write!(f, "[[tenant]] number {number}: {error}"),
            Self::ReadableByOthers { path, mode } => write!(
                f,
                "{} holds a secret and everyone may read it (mode {mode:04o}); \
                 run: chown root:entra-agent {0} && chmod 0640 {0}",
                path.display()
            ),
            Self::NoSecret(path) => write!(
                f,
                "{} must hold the secret's value and nothing else",
                path.display()
            ),
            Self::TooLarge { path, limit } => {
                write!(f, "{} is longer than {limit} bytes", path.display())
            }
            Self::NotOneCredential { ways, found } => {
                write!(
                    f,
                    "[tenant.sync]: exactly one of {} must be set, ",
                    quoted(ways)
                )?;
                if found.is_empty() {
                    f.write_str("and none is")
                } else {
                    write!(f, "not {} of them: {}", found.len(), quoted(found))
                }
            }
            Self::Misplaced { key, way } => {
                write!(
                    f,
                    "[tenant.sync]: `{key}` does not go together with `{way}`"
                )
            }
            Self::TwoProxyPasswords => {
                f.write_str("[proxy]: one of `password_file` and `password_credential`, not both")
            }
            Self::NoCredentials(name) => write!(
                f,
                "there is no credential {name}: systemd gave this process none; \
                 entra-agent.service needs LoadCredential={name}:/a/file"
            ),
            Self::UntrustedToken { path, owner, mode } => write!(
                f,
                "{} may be read by everyone (mode {mode:04o}, owner uid {owner}); such a token counts only \
                 if it belongs to root or the agent and nobody else may write it",
                path.display()
            ),
        }
    }
}

/// Keys as they are written in sentences.
fn quoted(keys: &[&str]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    quoted.join(", ")
}

impl std::error::Error for ConfigError {}

fn place(section: &str) -> String {
    if section.is_empty() {
        "top of the file".to_owned()
    } else {
        format!("[{section}]")
    }
}
