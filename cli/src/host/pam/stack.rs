//! Lines of PAM files (pam.conf(5)): where ours go in a stack of EL's kind, and how one goes out of any stack.
//!
//! Invariant: a number in brackets is a jump over that many lines of the same phase. It still leads where it
//! led before: ours never go between a jump and its target, and taking one out shortens the jumps over it.

/// What stands in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line<'a> {
    phase: &'a str,
    control: &'a str,
    module: &'a str,
}

fn parse(line: &str) -> Option<Line<'_>> {
    let line = line.trim();
    let (phase, rest) = line.split_once(char::is_whitespace)?;
    let phase = phase.trim_start_matches('-');
    if !["auth", "account", "password", "session"].contains(&phase) {
        return None;
    }
    let rest = rest.trim_start();
    let end = if rest.starts_with('[') {
        rest.find(']')?.saturating_add(1)
    } else {
        rest.find(char::is_whitespace)?
    };
    let (control, rest) = rest.split_at_checked(end)?;
    let module = rest.split_whitespace().next()?;
    Some(Line {
        phase,
        control,
        module,
    })
}

impl Line<'_> {
    fn is_ours(&self) -> bool {
        self.module.rsplit('/').next() == Some(MODULE)
    }

    /// The end of a phase may lie here, or other lines are jumped over from here.
    fn may_leave(&self) -> bool {
        let ends = ["done", "die"]
            .iter()
            .any(|word| self.control.contains(word));
        self.control == "sufficient"
            || (self.control.starts_with('[') && (ends || !jumps(self.control).is_empty()))
            || self.module == "pam_unix.so"
    }
}

const MODULE: &str = "pam_entra.so";

/// The numbers among a control's actions.
fn jumps(control: &str) -> Vec<usize> {
    control
        .trim_matches(['[', ']'])
        .split_whitespace()
        .filter_map(|pair| pair.split_once('=')?.1.parse().ok())
        .collect()
}

/// The stack with our lines in it: those of `ours` whose phase it has and that are not there yet.
pub(crate) fn with_lines(text: &str, ours: &str) -> String {
    let mut changed = text.to_owned();
    for our in ours.lines().filter(|line| parse(line).is_some()) {
        let Some(line) = parse(our) else { continue };
        let lines: Vec<&str> = changed.split_inclusive('\n').collect();
        let of_phase = |there: &&str| parse(there).is_some_and(|there| there.phase == line.phase);
        if lines
            .iter()
            .filter(|there| of_phase(there))
            .any(|there| parse(there).is_some_and(|there| there.is_ours()))
        {
            continue;
        }
        // In front of whatever asks for the new password; else before the first that may leave the phase.
        let place = lines.iter().position(|there| {
            parse(there).is_some_and(|there| {
                there.phase == line.phase && (line.phase == "password" || there.may_leave())
            })
        });
        if let Some(place) = place {
            let mut new: String = lines.iter().take(place).copied().collect();
            new.push_str(our);
            new.push('\n');
            new.extend(lines.iter().skip(place).copied());
            changed = new;
        }
    }
    changed
}

/// The stack without our lines; jumps over them are one shorter for each.
pub(crate) fn without_lines(text: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut new = String::with_capacity(text.len());
    for (place, line) in lines.iter().enumerate() {
        let Some(parsed) = parse(line) else {
            new.push_str(line);
            continue;
        };
        if parsed.is_ours() {
            continue;
        }
        // For each line behind it in the phase, whether it is ours.
        let behind: Vec<bool> = lines
            .iter()
            .skip(place.saturating_add(1))
            .filter_map(|there| parse(there))
            .filter(|there| there.phase == parsed.phase)
            .map(|there| there.is_ours())
            .collect();
        let shorter = |jump: usize| {
            jump.saturating_sub(behind.iter().take(jump).filter(|ours| **ours).count())
        };
        if jumps(parsed.control)
            .iter()
            .all(|jump| shorter(*jump) == *jump)
        {
            new.push_str(line);
            continue;
        }
        let control: Vec<String> = parsed
            .control
            .trim_matches(['[', ']'])
            .split_whitespace()
            .map(|pair| match pair.split_once('=') {
                Some((answer, action)) => match action.parse::<usize>() {
                    Ok(jump) => format!("{answer}={}", shorter(jump)),
                    Err(_) => pair.to_owned(),
                },
                None => pair.to_owned(),
            })
            .collect();
        new.push_str(&line.replacen(parsed.control, &format!("[{}]", control.join(" ")), 1));
    }
    new
}

/// Whether one of the lines is ours.
pub(crate) fn has_ours(text: &str) -> bool {
    text.lines()
        .any(|line| parse(line).is_some_and(|line| line.is_ours()))
}

#[cfg(test)]
mod tests;
