//! Unified diffs, for people: what a file says and what it would say.
//!
//! The files are configuration of some hundred lines, so the plain table of common lines does.

use std::fmt::Write;

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// A file's diff in unified form; empty if nothing changes. `None` is a file that is not there.
pub(crate) fn unified(path: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> String {
    if before == after {
        return String::new();
    }
    let name = |there: bool| if there { path } else { "/dev/null" };
    let mut text = format!(
        "--- {}\n+++ {}\n",
        name(before.is_some()),
        name(after.is_some())
    );
    let (before, after) = (lines(before), lines(after));
    let steps = steps(&before, &after);
    for (first, last) in hunks(&steps) {
        let hunk = steps.get(first..last).unwrap_or_default();
        let before_first = steps
            .iter()
            .take(first)
            .filter(|step| step.mark != '+')
            .count();
        let after_first = steps
            .iter()
            .take(first)
            .filter(|step| step.mark != '-')
            .count();
        let before_count = hunk.iter().filter(|step| step.mark != '+').count();
        let after_count = hunk.iter().filter(|step| step.mark != '-').count();
        let start = |first: usize, count: usize| {
            if count == 0 {
                first
            } else {
                first.saturating_add(1)
            }
        };
        let _ = writeln!(
            text,
            "@@ -{},{before_count} +{},{after_count} @@",
            start(before_first, before_count),
            start(after_first, after_count)
        );
        for step in hunk {
            let _ = writeln!(text, "{}{}", step.mark, step.line.trim_end_matches('\n'));
            if !step.line.ends_with('\n') {
                text.push_str("\\ No newline at end of file\n");
            }
        }
    }
    text
}

fn lines(content: Option<&[u8]>) -> Vec<String> {
    String::from_utf8_lossy(content.unwrap_or_default())
        .split_inclusive('\n')
        .map(str::to_owned)
        .collect()
}

struct Step<'a> {
    /// `-`, `+` or a blank.
    mark: char,
    line: &'a str,
}

/// The shortest way from one to the other that keeps the longest common sequence of lines.
fn steps<'a>(before: &'a [String], after: &'a [String]) -> Vec<Step<'a>> {
    let width = after.len().saturating_add(1);
    // common[i * width + j]: how many lines before[i..] and after[j..] have in common.
    let mut common = vec![0_u32; before.len().saturating_add(1).saturating_mul(width)];
    let at = |common: &[u32], row: usize, column: usize| {
        common
            .get(row.saturating_mul(width).saturating_add(column))
            .copied()
            .unwrap_or(0)
    };
    for (row, old) in before.iter().enumerate().rev() {
        for (column, new) in after.iter().enumerate().rev() {
            let best = if old == new {
                at(&common, row.saturating_add(1), column.saturating_add(1)).saturating_add(1)
            } else {
                at(&common, row.saturating_add(1), column).max(at(
                    &common,
                    row,
                    column.saturating_add(1),
                ))
            };
            if let Some(place) = common.get_mut(row.saturating_mul(width).saturating_add(column)) {
                *place = best;
            }
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut steps = Vec::new();
    loop {
        let (mark, line) = match (before.get(row), after.get(column)) {
            (None, None) => return steps,
            (Some(old), Some(new)) if old == new => (' ', old),
            (Some(old), None) => ('-', old),
            (None, Some(new)) => ('+', new),
            (Some(old), Some(new)) => {
                if at(&common, row.saturating_add(1), column)
                    >= at(&common, row, column.saturating_add(1))
                {
                    ('-', old)
                } else {
                    ('+', new)
                }
            }
        };
        row = row.saturating_add(usize::from(mark != '+'));
        column = column.saturating_add(usize::from(mark != '-'));
        steps.push(Step { mark, line });
    }
}

/// The stretches of steps to show: changes with their context, those that touch in one.
fn hunks(steps: &[Step<'_>]) -> Vec<(usize, usize)> {
    let mut hunks: Vec<(usize, usize)> = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        if step.mark == ' ' {
            continue;
        }
        let first = place.saturating_sub(CONTEXT);
        let last = place
            .saturating_add(CONTEXT)
            .saturating_add(1)
            .min(steps.len());
        match hunks.last_mut() {
            Some(open) if open.1 >= first => open.1 = last,
            _ => hunks.push((first, last)),
        }
    }
    hunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_its_surroundings() {
        let before = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";
        let after = b"1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11";
        assert_eq!(
            unified("/etc/x", Some(before), Some(after)),
            "--- /etc/x\n+++ /etc/x\n@@ -2,9 +2,10 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n 10\n+11\n\\ No newline at end of file\n"
        );
        assert_eq!(unified("/etc/x", Some(before), Some(before)), "");
    }

    #[test]
    fn a_new_file_and_one_that_goes() {
        assert_eq!(
            unified("/etc/x", None, Some(b"a\nb\n")),
            "--- /dev/null\n+++ /etc/x\n@@ -0,0 +1,2 @@\n+a\n+b\n"
        );
        assert_eq!(
            unified("/etc/x", Some(b"a\n"), None),
            "--- /etc/x\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n"
        );
    }
}
