//! One JSON document per command.
//!
//! Invariant: the document is valid JSON that ends in a line end, and no character in it is one that
//! [`super::escape()`] would escape: JSON itself only asks for the first 32 to be.

use std::io;

use serde::Serialize;

use super::escape::is_dangerous;

/// The document's text.
///
/// # Errors
/// What serde says; none of the types here can make it say anything.
pub(crate) fn document(value: &impl Serialize) -> io::Result<String> {
    let json = serde_json::to_string_pretty(value)?;
    let mut text = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        // Outside of strings the only such character is the line end of the layout; inside of them serde
        // has escaped the ASCII ones, and all that are left lie below U+FFFF, where one `\u` is enough.
        if is_dangerous(character) && character != '\n' {
            text.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            text.push(character);
        }
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dangerous_characters_are_escaped_and_come_back() {
        let name = "a\n\u{1b}\u{7f}\u{9b}\u{202e}ë";
        let text = document(&[name]).unwrap();
        assert_eq!(text, "[\n  \"a\\n\\u001b\\u007f\\u009b\\u202eë\"\n]\n");
        let back: Vec<String> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, [name]);
    }
}
