//! From a property to a name.
//!
//! Composed (NFC), lower-cased, then the ASCII characters that no name may have are dropped: `O'Brien`
//! is `obrien`. Letters outside ASCII are not dropped but refused: `Jos\u{e9}` would become `jos`, and two
//! scripts have letters that look alike. Nor are `:` and control characters: whoever writes them into a
//! group's name means no good, or made a mistake that should be seen. (A *user's* display name is no
//! source of a name; it was stripped when it was read.)

use entra_snapshot::Name;
use unicode_normalization::UnicodeNormalization;

use super::{NameFault, OVERRIDE};
use crate::config::{NameAttribute, Names};
use crate::graph::UserObject;
use crate::identity::ObjectId;

/// The name that a user asks for.
///
/// # Errors
/// [`NameFault`] if the property is not set or makes no legal name.
pub fn user_name(user: &UserObject, rules: &Names) -> Result<Name, NameFault> {
    if let Some(name) = overridden(user.id, rules) {
        return name;
    }
    // A guest's is `alice_gmail.com#EXT#`, of which the last part says no more than that.
    let local_part = || {
        let local = user.upn.split('@').next().unwrap_or_default();
        match local.get(local.len().saturating_sub(GUEST.len())..) {
            Some(end) if end.eq_ignore_ascii_case(GUEST) => {
                local.get(..local.len() - GUEST.len()).unwrap_or_default()
            }
            _ => local,
        }
    };
    let (property, source) = match rules.attribute {
        NameAttribute::UserPrincipalName => ("userPrincipalName", Some(local_part())),
        NameAttribute::MailNickname => ("mailNickname", user.mail_nickname.as_deref()),
        NameAttribute::OnPremisesSamAccountName => {
            ("onPremisesSamAccountName", user.sam_account_name.as_deref())
        }
        NameAttribute::WholeUserPrincipalName => return whole(&user.upn),
    };
    let source = source.ok_or_else(|| {
        NameFault::new(
            format!("{property} is not set, and names are made from it"),
            format!("set {property} in Entra ID, or {OVERRIDE}"),
        )
    })?;
    legal(property, source, &written(property, source, false)?)
}

/// The name that a group asks for: its display name with `-` for each space. With a domain that follows
/// after an `@`: short names belong to the host's first tenant.
///
/// # Errors
/// [`NameFault`] if that is no legal name.
pub fn group_name(
    id: ObjectId,
    display_name: &str,
    rules: &Names,
    domain: Option<&str>,
) -> Result<Name, NameFault> {
    if let Some(name) = overridden(id, rules) {
        return name;
    }
    let mut name = written("displayName", display_name, true)?;
    if let Some(domain) = domain {
        name.push('@');
        name.push_str(&domain.to_ascii_lowercase());
    }
    legal("displayName", display_name, &name)
}

fn overridden(id: ObjectId, rules: &Names) -> Option<Result<Name, NameFault>> {
    rules.overrides.get(&id).map(|text| {
        Name::new(text).map_err(|illegal| {
            NameFault::new(
                format!("[names.overrides] \"{id}\": {illegal}"),
                "correct the name in agent.toml",
            )
        })
    })
}

fn whole(upn: &str) -> Result<Name, NameFault> {
    let mut halves = upn.splitn(2, '@');
    let local = halves.next().unwrap_or_default();
    let domain = halves.next().unwrap_or_default().to_ascii_lowercase();
    let local = written("userPrincipalName", local, false)?;
    legal("userPrincipalName", upn, &format!("{local}@{domain}"))
}

/// The source in the characters of a name, as far as it has such a form.
fn written(property: &str, source: &str, spaces: bool) -> Result<String, NameFault> {
    let mut name = String::with_capacity(source.len());
    for character in source.trim_matches(' ').nfc().flat_map(char::to_lowercase) {
        match character {
            'a'..='z' | '0'..='9' | '_' | '.' | '-' => name.push(character),
            ' ' if spaces => name.push('-'),
            ':' => return Err(refused(property, source, "':'")),
            _ if character.is_control() => {
                return Err(refused(property, source, "a control character"));
            }
            _ if character.is_ascii() => {}
            _ => {
                let what = format!("'{}', which is not in a-z", character.escape_debug());
                return Err(refused(property, source, &what));
            }
        }
    }
    Ok(name)
}

fn refused(property: &str, source: &str, what: &str) -> NameFault {
    NameFault::new(
        format!("{property} \"{}\" holds {what}", shown(source)),
        format!("change {property} in Entra ID, or {OVERRIDE}"),
    )
}

fn legal(property: &str, source: &str, name: &str) -> Result<Name, NameFault> {
    let fault = |reason: &str| {
        NameFault::new(
            format!("{property} \"{}\" makes no name: {reason}", shown(source)),
            format!("change {property} in Entra ID, or {OVERRIDE}"),
        )
    };
    Name::new(name).map_err(|illegal| fault(illegal.reason))
}

fn shown(source: &str) -> String {
    source
        .chars()
        .take(SHOWN_CHARACTERS_MAX)
        .flat_map(char::escape_debug)
        .collect()
}

/// How the local part of a guest's UPN ends.
const GUEST: &str = "#EXT#";

/// Characters of a property that an error repeats.
const SHOWN_CHARACTERS_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ObjectId = ObjectId::from_bytes([7; 16]);

    fn user(upn: &str) -> UserObject {
        UserObject {
            id: ID,
            upn: upn.to_owned(),
            display_name: String::new(),
            enabled: true,
            user_type: None,
            mail_nickname: None,
            sam_account_name: Some("LEGACY User".to_owned()),
            created_at: None,
            password_changed_at: None,
            sessions_valid_from: None,
        }
    }

    fn named(upn: &str, attribute: NameAttribute) -> Result<String, String> {
        let rules = Names {
            attribute,
            ..Names::default()
        };
        user_name(&user(upn), &rules)
            .map(|name| name.as_str().to_owned())
            .map_err(|fault| fault.reason)
    }

    #[test]
    fn users_are_named_by_one_property() {
        use NameAttribute as By;
        let table: &[(&str, By, Result<&str, &str>)] = &[
            ("Alice@contoso.example", By::UserPrincipalName, Ok("alice")),
            (
                "O'Brien@contoso.example",
                By::UserPrincipalName,
                Ok("obrien"),
            ),
            (
                "alice_gmail.com#EXT#@contoso.example",
                By::UserPrincipalName,
                Ok("alice_gmail.com"),
            ),
            (
                "Jean-Luc.p_1@contoso.example",
                By::UserPrincipalName,
                Ok("jean-luc.p_1"),
            ),
            (
                "a!b#c^d~e@contoso.example",
                By::UserPrincipalName,
                Ok("abcde"),
            ),
            (
                "1alice@contoso.example",
                By::UserPrincipalName,
                Err("must begin with a-z"),
            ),
            (
                "12345@contoso.example",
                By::UserPrincipalName,
                Err("must begin with a-z"),
            ),
            (
                "-x@contoso.example",
                By::UserPrincipalName,
                Err("must begin with a-z"),
            ),
            (
                "'@contoso.example",
                By::UserPrincipalName,
                Err("it is empty"),
            ),
            (
                "Root@contoso.example",
                By::UserPrincipalName,
                Err("root is never imported"),
            ),
            (
                "jos\u{e9}@contoso.example",
                By::UserPrincipalName,
                Err("not in a-z"),
            ),
            // The Cyrillic letter looks like the Latin one.
            (
                "\u{430}lice@contoso.example",
                By::UserPrincipalName,
                Err("not in a-z"),
            ),
            (
                "a:b@contoso.example",
                By::UserPrincipalName,
                Err("holds ':'"),
            ),
            (
                "a\nb@contoso.example",
                By::UserPrincipalName,
                Err("control character"),
            ),
            (
                "Alice@Contoso.Example",
                By::WholeUserPrincipalName,
                Ok("alice@contoso.example"),
            ),
            ("alice", By::WholeUserPrincipalName, Err("not a domain")),
            (
                "alice@contoso.example",
                By::OnPremisesSamAccountName,
                Ok("legacyuser"),
            ),
            (
                "alice@contoso.example",
                By::MailNickname,
                Err("mailNickname is not set"),
            ),
        ];
        for (upn, attribute, expected) in table {
            match (named(upn, *attribute), expected) {
                (Ok(name), Ok(expected)) => assert_eq!(&name, expected, "{upn}"),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{upn}: {reason}"),
                (other, _) => panic!("{upn}: {other:?}"),
            }
        }
        let long = format!("{}@contoso.example", "a".repeat(65));
        assert!(
            named(&long, By::UserPrincipalName)
                .unwrap_err()
                .contains("longer than 64")
        );
    }

    #[test]
    fn groups_are_named_by_their_display_name() {
        let table: &[(&str, Result<&str, &str>)] = &[
            ("Engineering", Ok("engineering")),
            ("My Group", Ok("my-group")),
            (" R&D (Berlin) ", Ok("rd-berlin")),
            ("a:b", Err("holds ':'")),
            ("ops\nroot:x:0:", Err("control character")),
            ("Vertrieb S\u{fc}d", Err("not in a-z")),
            ("2nd line", Err("must begin with a-z")),
            ("", Err("it is empty")),
        ];
        for (display_name, expected) in table {
            match (
                group_name(ID, display_name, &Names::default(), None),
                expected,
            ) {
                (Ok(name), Ok(expected)) => assert_eq!(name.as_str(), *expected),
                (Err(fault), Err(part)) => assert!(fault.reason.contains(part), "{fault:?}"),
                (other, _) => panic!("{display_name}: {other:?}"),
            }
        }
    }

    #[test]
    fn groups_of_further_tenants_bear_their_domain() {
        let name = |display_name| {
            group_name(
                ID,
                display_name,
                &Names::default(),
                Some("Fabrikam.example"),
            )
        };
        assert_eq!(
            name("My Group").unwrap().as_str(),
            "my-group@fabrikam.example"
        );
        assert!(name("").is_err());
    }

    #[test]
    fn an_override_replaces_the_property_but_not_legality() {
        let mut rules = Names::default();
        rules.overrides.insert(ID, "al".to_owned());
        assert_eq!(
            user_name(&user("1@contoso.example"), &rules)
                .unwrap()
                .as_str(),
            "al"
        );
        rules.overrides.insert(ID, "Al:0".to_owned());
        let fault = user_name(&user("alice@contoso.example"), &rules).unwrap_err();
        assert!(fault.reason.contains("[names.overrides]"), "{fault:?}");
    }
}
