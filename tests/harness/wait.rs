//! Waiting for a condition, never for luck.

use std::time::{Duration, Instant};

use crate::Trouble;

/// The longest that something may take before the test fails.
pub type Limit = Duration;

/// Asks again and again until the answer is `Some`, at most for `limit`.
///
/// # Errors
/// When the limit passes, naming what was waited for.
pub fn until<T>(
    what: &str,
    limit: Limit,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T, Trouble> {
    let start = Instant::now();
    loop {
        if let Some(answer) = condition() {
            return Ok(answer);
        }
        if start.elapsed() > limit {
            return Err(Trouble::new(format!("waited {limit:?} in vain for {what}")));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Between two looks: short beside what is waited for (a boot, an exit), long
/// beside the look itself.
const PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_ends_the_wait() {
        let never = until("nothing", Duration::from_millis(20), || None::<()>);
        assert!(never.unwrap_err().to_string().contains("nothing"));
    }

    #[test]
    fn the_answer_comes_through() {
        let mut left = 3;
        let found = until("three looks", Duration::from_secs(5), || {
            left -= 1;
            (left == 0).then_some("there")
        });
        assert_eq!(found.unwrap(), "there");
    }
}
