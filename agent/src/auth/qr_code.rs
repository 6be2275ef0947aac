//! A link as a QR code for a terminal: two modules a character, with its quiet zone.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The code as lines of text; `None` for a link that is too long for a terminal.
///
/// Light modules are drawn, dark ones left empty: most terminals write light on dark, and phones read
/// the reverse as well.
pub(super) fn drawn(link: &str) -> Option<String> {
    /// Modules on a side at most: 45 with the quiet zone makes 27 lines, what a small terminal shows.
    const SIDE_LIMIT: usize = 45;
    let code = QrCode::with_error_correction_level(link.as_bytes(), EcLevel::L).ok()?;
    if code.width() > SIDE_LIMIT {
        return None;
    }
    Some(
        code.render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .quiet_zone(true)
            .build(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microsofts_link_fits_a_terminal() {
        let drawn = drawn("https://login.microsoft.com/device").unwrap();
        assert!(drawn.lines().count() <= 20, "{drawn}");
        let width = drawn.lines().next().unwrap().chars().count();
        assert!(width <= 60 && drawn.lines().all(|line| line.chars().count() == width));
        // The quiet zone is light, that is, drawn.
        assert!(
            drawn.lines().next().unwrap().chars().all(|c| c == '█'),
            "{drawn}"
        );
    }

    #[test]
    fn a_link_that_is_too_long_has_none() {
        assert_eq!(drawn(&"x".repeat(200)), None);
    }
}
