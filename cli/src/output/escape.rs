//! Makes text that came from outside safe to show.
//!
//! Invariant: what leaves [`escape`] moves no cursor, starts no terminal sequence, breaks no line and
//! turns no text around. The agent strips control characters at its border too; a terminal is not a
//! place to rely on that, since names also reach it in error messages and in what was typed.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with each dangerous character written as `\u{..}`.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_dangerous(character) {
            // Writing to a String can't fail.
            let _ = write!(safe, "{}", character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and the marks that reorder text
/// (Unicode's `Bidi_Control`).
pub(crate) fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_line_breaks_and_reordering_are_shown_as_codes() {
        assert_eq!(escape("\u{1b}]0;x\u{7}"), "\\u{1b}]0;x\\u{7}");
        assert_eq!(escape("a\nb\u{9b}1m"), "a\\u{a}b\\u{9b}1m");
        assert_eq!(escape("\u{202e}nimda"), "\\u{202e}nimda");
        assert!(matches!(escape("Zoë Łukasz 王"), Cow::Borrowed(_)));
    }
}
