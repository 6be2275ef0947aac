//! What the demo looks for on a screen beside words.

/// Whether a QR code drawn with half blocks is on the screen: at least this many
/// lines that hold little else.
pub(crate) fn shows_qr_code(screen: &str) -> bool {
    let drawn = |line: &&str| line.chars().filter(|one| "█▀▄".contains(*one)).count() >= 10;
    screen.lines().filter(drawn).count() >= SMALLEST_QR_LINES
}

/// The smallest QR code has 21 rows, two of which fit a line.
const SMALLEST_QR_LINES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_blocks_is_no_qr_code() {
        let line = format!("{}\n", "█▀▄".repeat(8));
        assert!(!shows_qr_code(&line));
        assert!(shows_qr_code(&line.repeat(12)));
    }
}
