//! What the person is shown to sign in elsewhere: a QR code where it fits, then link, code and time left.
//!
//! The QR code comes first, so that link and code stay on the screen if it scrolls. Over ssh nothing is known
//! of the person's terminal, and the code is drawn: its lines are narrower than any usual one.

use std::fmt::Write;
use std::time::Duration;

use entra_protocol::login::Screen;

use super::qr_code;
use crate::entra::DeviceCode;

/// Lines around the QR code: what stands below it, the prompt, and two of what was there before.
const OTHER_LINES: usize = 12;

/// The text. Links and codes are the server's, whatever they are.
pub(super) fn invitation(name: &str, code: &DeviceCode, left: Duration, screen: Screen) -> String {
    let mut text = String::new();
    if let Some(drawn) = qr_code::drawn(&code.link).filter(|drawn| fits(drawn, screen)) {
        text.push_str(&drawn);
        text.push_str("\n\n");
    }
    // Writing to a string can't fail.
    let _ = write!(
        text,
        "To sign in as {name}, open this page on any device\n\n    {}\n\nand enter the code\n\n    {}\n\n\
         Time left: {}.",
        code.link,
        code.user_code,
        duration(left)
    );
    text
}

fn fits(drawn: &str, screen: Screen) -> bool {
    let columns = drawn.lines().next().map_or(0, |line| line.chars().count());
    let rows = drawn.lines().count() + OTHER_LINES;
    let room = |known: u16, needed: usize| known == 0 || usize::from(known) >= needed;
    !screen.dumb && room(screen.columns, columns) && room(screen.rows, rows)
}

/// Minutes and seconds in words.
pub(super) fn duration(left: Duration) -> String {
    let (minutes, seconds) = (left.as_secs() / 60, left.as_secs() % 60);
    let counted = |count: u64, unit: &str| match count {
        1 => format!("1 {unit}"),
        _ => format!("{count} {unit}s"),
    };
    match (minutes, seconds) {
        (0, _) => counted(seconds, "second"),
        (_, 0) => counted(minutes, "minute"),
        _ => format!(
            "{} {}",
            counted(minutes, "minute"),
            counted(seconds, "second")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn shown(columns: u16, rows: u16, dumb: bool) -> String {
        let code = DeviceCode {
            user_code: "LJN9VTLG2".to_owned(),
            link: "https://login.microsoft.com/device".to_owned(),
            expires_in: Duration::from_secs(900),
            interval: Duration::from_secs(5),
            code: Zeroizing::new("x".to_owned()),
        };
        let screen = Screen {
            columns,
            rows,
            dumb,
        };
        invitation("bob", &code, Duration::from_secs(61), screen)
    }

    #[test]
    fn the_qr_code_is_left_out_where_it_does_not_fit() {
        for (columns, rows, dumb, is_drawn) in [
            (0, 0, false, true),
            (80, 50, false, true),
            (37, 31, false, true),
            (36, 50, false, false),
            (80, 30, false, false),
            (80, 50, true, false),
            (0, 0, true, false),
        ] {
            let text = shown(columns, rows, dumb);
            assert_eq!(
                text.contains('█'),
                is_drawn,
                "{columns} {rows} {dumb}:\n{text}"
            );
            assert!(text.ends_with(
                "    https://login.microsoft.com/device\n\nand enter the code\n\n    LJN9VTLG2\n\n\
                 Time left: 1 minute 1 second."
            ));
        }
    }

    #[test]
    fn link_and_code_fit_a_narrow_terminal() {
        let text = shown(40, 24, false);
        let longest = text.lines().skip(2).map(|line| line.chars().count()).max();
        assert!(longest.unwrap() <= 40, "{text}");
    }
}
