//! Which passcodes are too easy to guess: one rule, and a sentence for each way to break it.
//!
//! A passcode is tried here only, a hundred times at most (`offline::attempts`), so it need not withstand a machine
//! that guesses; it must not be among the first hundred things that somebody tries who knows the person.

use zeroize::Zeroizing;

use crate::store::Person;

/// Characters at least: a million possibilities with digits alone, of which a hundred tries are a ten-thousandth
/// of a per cent. What Windows Hello asks for.
const SHORTEST: usize = 6;

/// Characters at most: more than anybody types.
const LONGEST: usize = 64;

/// Different characters at least.
const DIFFERENT: usize = 3;

/// Parts of a name shorter than this are in too many words.
const PART: usize = 4;

/// What people choose who must choose something; each at least [`SHORTEST`] long, none a repetition or a row of
/// keys, which have rules of their own.
const COMMON: &[&str] = &[
    "password",
    "passwort",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "password1",
    "password123",
    "passcode",
    "letmein",
    "welcome",
    "welcome1",
    "willkommen",
    "iloveyou",
    "admin123",
    "administrator",
    "changeme",
    "secret",
    "secret123",
    "geheim",
    "geheim123",
    "abc123",
    "123abc",
    "a1b2c3",
    "1q2w3e",
    "1q2w3e4r",
    "q1w2e3",
    "qwe123",
    "qwerty123",
    "qwertz123",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "superman",
    "batman",
    "sunshine",
    "princess",
    "master",
    "shadow",
    "michael",
    "trustno1",
    "linux123",
    "ubuntu",
    "debian",
    "112233",
    "332211",
    "123321",
    "147258",
    "258369",
    "159753",
    "159357",
    "147852",
    "789456",
    "456789123",
    "102030",
    "100200",
    "696969",
    "007007",
    "123654",
    "321654",
    "520520",
    "131313",
    "987321",
    "142536",
];

/// Keys beside one another, forwards; backwards they count, too.
const ROWS: &[&str] = &[
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
    "wxcvbn",
    "12345678901234567890",
];

/// Why this person may not have this passcode; `None` if they may.
pub(super) fn fault(passcode: &str, person: &Person) -> Option<&'static str> {
    let length = passcode.chars().count();
    // Twice as long as the text can become, so that the buffer never grows and leaves a copy behind.
    let mut lower = Zeroizing::new(String::with_capacity(passcode.len() * 4));
    lower.extend(passcode.chars().flat_map(char::to_lowercase));
    let characters: Zeroizing<Vec<char>> = Zeroizing::new(lower.chars().collect());
    if length < SHORTEST {
        Some("That is too short: six characters at least.")
    } else if length > LONGEST {
        Some("That is too long: 64 characters at most.")
    } else if passcode.chars().any(char::is_control) {
        Some("That holds a character that not every prompt can pass on.")
    } else if names(person).any(|name| lower.contains(&name) || name.contains(lower.as_str())) {
        Some("That has your name in it.")
    } else if is_repetition(&characters) {
        Some("That repeats itself.")
    } else if is_sequence(&characters) || is_row(&lower) {
        Some("That is a sequence of neighbours.")
    } else if COMMON.contains(&lower.as_str()) {
        Some("That is one of the passcodes that everybody tries first.")
    } else {
        None
    }
}

/// What the person is called, in parts that are worth looking for.
fn names(person: &Person) -> impl Iterator<Item = String> {
    let upn = person.upn.split('@').next().unwrap_or_default();
    let all = [person.name.as_str(), upn, person.display_name.as_str()].join(" ");
    all.to_lowercase()
        .split(|character: char| !character.is_alphanumeric())
        .filter(|part| part.chars().count() >= PART)
        .map(str::to_owned)
        .collect::<Vec<String>>()
        .into_iter()
}

fn is_repetition(characters: &[char]) -> bool {
    let mut different = Zeroizing::new(characters.to_vec());
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT {
        return true;
    }
    (1..=characters.len() / 2).any(|period| {
        characters.len().is_multiple_of(period)
            && characters
                .chunks(period)
                .all(|chunk| characters.starts_with(chunk))
    })
}

fn is_sequence(characters: &[char]) -> bool {
    let steps = |step: i64| {
        characters.windows(2).all(|pair| match pair {
            [one, other] => i64::from(u32::from(*other)) - i64::from(u32::from(*one)) == step,
            _ => true,
        })
    };
    steps(1) || steps(-1)
}

fn is_row(lower: &str) -> bool {
    ROWS.iter().any(|row| {
        let backwards: String = row.chars().rev().collect();
        row.contains(lower) || backwards.contains(lower)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::scripted::{ALICE, Host, key_of};

    #[test]
    fn each_rule_has_its_sentence_and_good_ones_pass() {
        let host = Host::new();
        let mut person = host
            .store
            .person_by_object(&key_of(ALICE))
            .unwrap()
            .unwrap();
        person.display_name = "Alice Ångström".to_owned();
        for (passcode, word) in [
            ("", "short"),
            ("48151", "short"),
            ("ÄÖÜäö", "short"),
            (&"x1y2z3".repeat(11), "long"),
            ("abc\tdef", "character"),
            ("alice4815", "name"),
            ("4815ALICE", "name"),
            ("ångström", "name"),
            ("ångstr", "name"),
            ("111111", "repeats"),
            ("121212", "repeats"),
            ("112221", "repeats"),
            ("481481", "repeats"),
            ("Xy7Xy7Xy7", "repeats"),
            ("123456", "sequence"),
            ("876543", "sequence"),
            ("CDEFGH", "sequence"),
            ("890123", "sequence"),
            ("qwertz", "sequence"),
            ("lkjhgf", "sequence"),
            ("p@ssw0rd", "first"),
            ("PassWort", "first"),
            ("147258", "first"),
        ] {
            let fault = fault(passcode, &person).unwrap_or("none");
            assert!(fault.contains(word), "{passcode}: {fault}");
        }
        for good in [
            "481516",
            "7h-rain",
            "Ein Satz",
            "alic48",
            "109238",
            "äöüß12",
        ] {
            assert_eq!(fault(good, &person), None, "{good}");
        }
        for common in COMMON {
            assert!(common.chars().count() >= SHORTEST, "{common}");
            assert!(fault(common, &person).is_some());
        }
    }
}
