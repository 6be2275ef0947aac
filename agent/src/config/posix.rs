//! `[tenant.posix]`: where the tenant keeps POSIX attributes, if it does.
//!
//! Each key names a property of Graph: a directory extension (`extension_0123..._uidNumber`) or one of
//! `extensionAttribute1` to `15`. `sssd` in place of a property means the number that SSSD's automatic
//! mapping makes of the security identifier in the old Active Directory.

use toml::Value;

use super::ConfigError;
use super::section::Section;

/// Where POSIX attributes come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PosixSources {
    /// A user's uid.
    pub uid_number: Option<IdSource>,
    /// The gid of a user's primary group.
    pub gid_number: Option<String>,
    /// A group's gid.
    pub group_gid_number: Option<IdSource>,
    /// A user's login shell.
    pub login_shell: Option<String>,
    /// A user's home.
    pub unix_home_directory: Option<String>,
}

/// Where an id comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdSource {
    /// A property of Graph.
    Property(String),
    /// `onPremisesSecurityIdentifier`, mapped as SSSD maps it.
    Sssd(Sssd),
}

/// SSSD's `ldap_idmap_range_min`, `_max` and `_size`, as the hosts had them that one comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sssd {
    /// The first id of the range.
    pub first: u32,
    /// The id behind its last.
    pub last: u32,
    /// Ids of one slice.
    pub size: u32,
    /// The domain's slice, where it is not the one that its identifier hashes to.
    pub slice: Option<u32>,
}

pub(super) fn read(mut section: Section) -> Result<PosixSources, ConfigError> {
    let first = section
        .optional_number("sssd_range_min", 1, u32::MAX)?
        .unwrap_or(200_000);
    let last = section
        .optional_number("sssd_range_max", 1, u32::MAX)?
        .unwrap_or(2_000_200_000);
    let size = section
        .optional_number("sssd_range_size", 1, u32::MAX)?
        .unwrap_or(200_000);
    if last <= first || (last - first) / size == 0 {
        return Err(section.wrong(
            "sssd_range_max",
            "a number that leaves room for one slice above sssd_range_min",
            &Value::Integer(i64::from(last)),
        ));
    }
    let most = (last - first) / size - 1;
    let sssd = Sssd {
        first,
        last,
        size,
        slice: section.optional_number("sssd_slice", 0, most)?,
    };
    let mut id = |key: &str| -> Result<Option<IdSource>, ConfigError> {
        match section.optional_text(key)? {
            Some(word) if word == SSSD => Ok(Some(IdSource::Sssd(sssd))),
            Some(name) => property(&section, key, name).map(|name| Some(IdSource::Property(name))),
            None => Ok(None),
        }
    };
    let (uid_number, group_gid_number) = (id("uid_number")?, id("group_gid_number")?);
    let mut text = |key: &str| -> Result<Option<String>, ConfigError> {
        let name = section.optional_text(key)?;
        name.map(|name| property(&section, key, name)).transpose()
    };
    Ok(PosixSources {
        uid_number,
        group_gid_number,
        gid_number: text("gid_number")?,
        login_shell: text("login_shell")?,
        unix_home_directory: text("unix_home_directory")?,
    })
}

/// A name that may stand in `$select`.
fn property(section: &Section, key: &str, name: String) -> Result<String, ConfigError> {
    let is_extension = name.starts_with("extension_");
    let is_numbered = name
        .strip_prefix("extensionAttribute")
        .and_then(|number| number.parse::<u8>().ok())
        .is_some_and(|number| (1..=15).contains(&number));
    let is_plain =
        name.len() <= NAME_BYTES_MAX && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_plain && (is_extension || is_numbered) {
        return Ok(name);
    }
    Err(section.wrong(
        key,
        "a directory extension (extension_<application id>_<name>) or extensionAttribute1 to 15",
        &Value::String(name),
    ))
}

/// The word for SSSD's mapping.
const SSSD: &str = "sssd";

/// Bytes of a property's name: Entra allows 120 characters behind the application's id.
const NAME_BYTES_MAX: usize = 200;
