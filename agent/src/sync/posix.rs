//! POSIX attributes that the tenant carries: directory extensions, `extensionAttribute1` to `15`, or the
//! security identifier that an object has in the Active Directory it is synchronised from.
//!
//! What `[tenant.posix]` names is asked for and read here, from the mirror's raw object. A value that
//! can't be read is a fault that names the attribute: an id that is wrong once would be wrong for ever,
//! since allocations never move. Whether a legal value may be *had* (is it taken, does the group exist)
//! the plan decides.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::{IdSource, PosixSources, Sssd};
use crate::graph::UserObject;
use crate::names::NameFault;

/// What the tenant says about a user or group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Posix {
    /// The uid; a group's gid.
    pub(super) id: Option<u32>,
    /// The gid of a user's primary group.
    pub(super) gid: Option<u32>,
    /// The home directory.
    pub(super) home: Option<String>,
    /// The login shell.
    pub(super) shell: Option<String>,
}

/// Reads what the sources name.
#[derive(Debug, Clone)]
pub(super) struct Attributes(PosixSources);

impl Attributes {
    pub(super) fn new(sources: PosixSources) -> Self {
        Self(sources)
    }

    /// The properties that `$select` needs beside the fixed ones, for users and for groups.
    pub(super) fn selected(&self) -> (Vec<String>, Vec<String>) {
        let mut users = BTreeSet::new();
        let mut groups = BTreeSet::new();
        let of = |source: &IdSource| match source {
            IdSource::Property(name) => property(name).to_owned(),
            IdSource::Sssd(_) => SID.to_owned(),
        };
        users.extend(self.0.uid_number.as_ref().map(of));
        groups.extend(self.0.group_gid_number.as_ref().map(of));
        let texts = [
            &self.0.gid_number,
            &self.0.login_shell,
            &self.0.unix_home_directory,
        ];
        users.extend(
            texts
                .into_iter()
                .flatten()
                .map(|name| property(name).to_owned()),
        );
        (users.into_iter().collect(), groups.into_iter().collect())
    }

    pub(super) fn of_user(&self, body: &Value, _user: &UserObject) -> Result<Posix, NameFault> {
        let text = |name: &Option<String>| -> Result<Option<String>, NameFault> {
            let Some(name) = name else { return Ok(None) };
            match value(body, name) {
                None => Ok(None),
                Some(Value::String(text)) => {
                    Ok(Some(text.trim().to_owned()).filter(|t| !t.is_empty()))
                }
                Some(_) => Err(fault(name, "it is no text")),
            }
        };
        Ok(Posix {
            id: id(body, self.0.uid_number.as_ref())?,
            gid: match &self.0.gid_number {
                Some(name) => number(body, name)?,
                None => None,
            },
            home: text(&self.0.unix_home_directory)?,
            shell: text(&self.0.login_shell)?,
        })
    }

    /// A group's gid.
    pub(super) fn of_group(&self, body: &Value) -> Result<Option<u32>, NameFault> {
        id(body, self.0.group_gid_number.as_ref())
    }
}

/// Shells that people were to have and don't get, since `/etc/shells` has them not.
#[derive(Debug, Default)]
pub(super) struct Refused {
    count: u64,
    shown: Vec<String>,
}

impl Refused {
    pub(super) fn add(&mut self, label: &str, shell: &str) {
        self.count += 1;
        if self.shown.len() < REFUSED_SHOWN {
            self.shown.push(format!("{label} ({shell})"));
        }
    }

    pub(super) fn remark(self) -> Option<String> {
        let more = self
            .count
            .saturating_sub(u64::try_from(self.shown.len()).unwrap_or(0));
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        (self.count > 0).then(|| {
            format!(
                "shells that /etc/shells does not have, [homes] shell in their place: {}{more}",
                self.shown.join(", ")
            )
        })
    }
}

fn id(body: &Value, source: Option<&IdSource>) -> Result<Option<u32>, NameFault> {
    match source {
        None => Ok(None),
        Some(IdSource::Property(name)) => number(body, name),
        Some(IdSource::Sssd(sssd)) => match body.get(SID) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(sid)) => sssd_id(sid, sssd).map(Some),
            Some(_) => Err(fault(SID, "it is no text")),
        },
    }
}

/// A number, as Graph writes it (`Int32`) or as a text.
fn number(body: &Value, name: &str) -> Result<Option<u32>, NameFault> {
    let wrong = |text: &str| {
        fault(
            name,
            &format!("\"{text:.40}\" is no number from 0 to 4294967295"),
        )
    };
    match value(body, name) {
        None => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| wrong(text)),
        Some(Value::Number(number)) => number
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .map(Some)
            .ok_or_else(|| wrong(&number.to_string())),
        Some(_) => Err(fault(name, "it is neither a number nor a text")),
    }
}

/// The value of a property; the fifteen extension attributes lie inside another one.
fn value<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    let value = if name.starts_with(EXTENSION_ATTRIBUTE) {
        body.get(ON_PREMISES_EXTENSIONS)?.get(name)
    } else {
        body.get(name)
    };
    value.filter(|value| !value.is_null())
}

/// What `$select` calls the property.
fn property(name: &str) -> &str {
    if name.starts_with(EXTENSION_ATTRIBUTE) {
        ON_PREMISES_EXTENSIONS
    } else {
        name
    }
}

/// The id that SSSD's automatic mapping gives to a security identifier (sssd-ad(5), "ID MAPPING"): the
/// domain's identifier is hashed to a slice of the range, the last number counts within it. Where SSSD met
/// several domains whose slices collide, its numbers depend on the order in which it met them:
/// `[tenant.posix] sssd_slice` then says which slice this domain had.
fn sssd_id(sid: &str, sssd: &Sssd) -> Result<u32, NameFault> {
    let wrong = |what: &str| fault(SID, &format!("\"{sid:.80}\": {what}"));
    let (domain, last) = sid
        .rsplit_once('-')
        .filter(|(domain, _)| domain.starts_with("S-1-5-21-"))
        .ok_or_else(|| wrong("no security identifier of a domain (S-1-5-21-...)"))?;
    let rid: u32 = last
        .parse()
        .map_err(|_| wrong("its last part is no number"))?;
    if rid >= sssd.size {
        return Err(wrong(&format!(
            "its last part is beyond the slice of {} ids; SSSD has given it an id in another slice",
            sssd.size
        )));
    }
    let slices = sssd.last.saturating_sub(sssd.first) / sssd.size.max(1);
    let slice = match sssd.slice {
        Some(slice) => slice,
        None => murmur3(domain.as_bytes(), SSSD_SEED) % slices.max(1),
    };
    slice
        .checked_mul(sssd.size)
        .and_then(|start| start.checked_add(sssd.first)?.checked_add(rid))
        .ok_or_else(|| wrong("its id does not fit into 32 bits"))
}

/// MurmurHash3, the 32-bit variant for x86 (public domain, by Austin Appleby).
fn murmur3(bytes: &[u8], seed: u32) -> u32 {
    let mix = |word: u32| {
        word.wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593)
    };
    let mut hash = seed;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let word = word
            .iter()
            .rev()
            .fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
        hash = (hash ^ mix(word))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let word = rest
            .iter()
            .rev()
            .fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
        hash ^= mix(word);
    }
    hash ^= u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

fn fault(name: &str, wrong: &str) -> NameFault {
    NameFault {
        reason: format!("{name}: {wrong}"),
        cure: "correct the attribute in Entra ID, or leave it out of [tenant.posix]".to_owned(),
    }
}

const SID: &str = "onPremisesSecurityIdentifier";
const EXTENSION_ATTRIBUTE: &str = "extensionAttribute";
const ON_PREMISES_EXTENSIONS: &str = "onPremisesExtensionAttributes";

/// The seed that SSSD hashes domains with.
const SSSD_SEED: u32 = 0xdead_beef;

/// People that a remark names; the others are counted.
const REFUSED_SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DEFAULT: Sssd = Sssd {
        first: 200_000,
        last: 2_000_200_000,
        size: 200_000,
        slice: None,
    };

    #[test]
    fn the_hash_is_murmur3() {
        // The published test vectors of the reference implementation.
        for (text, seed, expected) in [
            ("", 0, 0),
            ("", 1, 0x514e_28b7),
            ("test", 0, 0xba6b_d213),
            ("test", 0x9747_b28c, 0x704b_81dc),
            ("Hello, world!", 0x9747_b28c, 0x2488_4cba),
            (
                "The quick brown fox jumps over the lazy dog",
                0x9747_b28c,
                0x2fa8_26cd,
            ),
        ] {
            assert_eq!(murmur3(text.as_bytes(), seed), expected, "{text:?}");
        }
    }

    #[test]
    fn security_identifiers_map_as_sssd_maps_them() {
        let slice = murmur3(b"S-1-5-21-3623811015-3361044348-30300820", SSSD_SEED) % 10_000;
        let sid = "S-1-5-21-3623811015-3361044348-30300820-1013";
        assert_eq!(
            sssd_id(sid, &DEFAULT).unwrap(),
            200_000 + slice * 200_000 + 1013
        );
        let named = Sssd {
            slice: Some(3),
            ..DEFAULT
        };
        assert_eq!(sssd_id(sid, &named).unwrap(), 801_013);
        for (sid, part) in [
            ("S-1-5-32-544", "of a domain"),
            ("S-1-5-21-1-2-3-x", "no number"),
            ("S-1-5-21-1-2-3-200000", "another slice"),
            ("", "of a domain"),
        ] {
            let reason = sssd_id(sid, &DEFAULT).unwrap_err().reason;
            assert!(reason.contains(part), "{reason}");
        }
    }

    #[test]
    fn numbers_come_as_numbers_and_as_texts() {
        let name = "extension_0123_uidNumber";
        for (value, expected) in [
            (json!(5000), Ok(Some(5000))),
            (json!(" 5000 "), Ok(Some(5000))),
            (json!(""), Ok(None)),
            (json!(null), Ok(None)),
            (json!(-1), Err(())),
            (json!(4_294_967_296_u64), Err(())),
            (json!("5000x"), Err(())),
            (json!(true), Err(())),
        ] {
            let body = json!({name: value});
            let read = number(&body, name);
            assert_eq!(
                read.as_ref().map_err(|_| ()),
                expected.as_ref().map_err(|_| ()),
                "{value}"
            );
            if let Err(fault) = read {
                assert!(fault.reason.starts_with(name), "{}", fault.reason);
            }
        }
        let body = json!({"onPremisesExtensionAttributes": {"extensionAttribute3": "77"}});
        assert_eq!(number(&body, "extensionAttribute3").unwrap(), Some(77));
        assert_eq!(
            property("extensionAttribute3"),
            "onPremisesExtensionAttributes"
        );
    }
}
