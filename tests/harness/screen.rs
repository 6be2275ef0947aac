//! Text from terminals, made fit for reading and comparing.

/// Takes out what moves cursors and sets colours (ECMA-48 sequences); of a line
/// that is written over, as progress bars do, the last state is kept: a transcript
/// is plain lines.
pub(crate) fn plain(screen: &str) -> String {
    let mut text = String::with_capacity(screen.len());
    let mut characters = screen.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                // CSI: parameters until a final byte from @ to ~.
                Some('[') => {
                    while characters
                        .next()
                        .is_some_and(|one| !('@'..='~').contains(&one))
                    {}
                }
                // OSC: a text until BEL or ESC \.
                Some(']') => {
                    while let Some(one) = characters.next() {
                        if one == '\u{7}' || (one == '\u{1b}' && characters.next().is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\r' if characters.peek().is_some_and(|next| *next != '\n') => {
                let line = text.rfind('\n').map_or(0, |end| end + 1);
                text.truncate(line);
            }
            '\r' => {}
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_titles_are_taken_out() {
        assert_eq!(
            plain("\u{1b}[?2004h\u{1b}[01;32malice\u{1b}[0m\r\n\u{1b}]0;title\u{7}$ "),
            "alice\n$ "
        );
    }

    #[test]
    fn of_a_progress_bar_the_end_is_kept() {
        assert_eq!(
            plain("go\r\n1 of 9\r\u{1b}[2K9 of 9\r\u{1b}[2Kdone\r\n"),
            "go\ndone\n"
        );
    }

    #[test]
    fn a_line_that_may_go_on_is_not_taken_out() {
        assert_eq!(plain("half\r"), "half");
    }
}
