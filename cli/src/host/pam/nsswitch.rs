//! nsswitch.conf(5): `entra` goes behind `files` in passwd, group and, if there is one, initgroups; and out again.
//!
//! Invariant: every byte that is not our word stays, and whoever was found before is found as before. What the
//! words in brackets say about `files` is kept in mind: where a hit in `files` ends the search, nothing
//! changes for local names; where it goes on (`continue`, `merge`), it goes on behind `entra` as well.

use std::ops::Range;

/// Our service's name.
const ENTRA: &str = "entra";

/// The databases that the module answers for, and whether one that has no line needs one.
const DATABASES: [(&str, bool); 3] = [("passwd", true), ("group", true), ("initgroups", false)];

/// What a database is searched in if it has no line of its own (glibc's own default).
const DEFAULT: &str = "files";

/// The file with our word in it.
///
/// # Errors
/// A clause about the line that can't be changed without changing what it means for others.
pub(crate) fn with_entra(text: &str) -> Result<String, String> {
    let mut changed = text.to_owned();
    for (database, needed) in DATABASES {
        match services(&changed, database) {
            Some(range) => {
                let line = changed.get(range.clone()).unwrap_or_default();
                let new = line_with(line, database)
                    .map_err(|reason| format!("its line `{database}:` {reason}"))?;
                changed.replace_range(range, &new);
            }
            None if needed => {
                if !changed.is_empty() && !changed.ends_with('\n') {
                    changed.push('\n');
                }
                changed.push_str(&format!("{database}: {DEFAULT} {ENTRA}\n"));
            }
            None => {}
        }
    }
    Ok(changed)
}

/// The file without our word, and without the brackets that are about it.
pub(crate) fn without_entra(text: &str) -> String {
    let mut changed = text.to_owned();
    for (database, _) in DATABASES {
        if let Some(range) = services(&changed, database) {
            let line = changed.get(range.clone()).unwrap_or_default();
            let new = line_without(line);
            changed.replace_range(range, &new);
        }
    }
    changed
}

/// Where the services of a database stand in the file: behind the colon, up to a remark or the line's end.
fn services(text: &str, database: &str) -> Option<Range<usize>> {
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        let whole = line.split(['#', '\n']).next().unwrap_or_default();
        let rest = whole.trim_start().strip_prefix(database);
        if let Some(behind) = rest.and_then(|rest| rest.trim_start().strip_prefix(':')) {
            let end = start.saturating_add(whole.len());
            return Some(end.saturating_sub(behind.len())..end);
        }
        start = start.saturating_add(line.len());
    }
    None
}

/// A service or a bracket, by its place in the line.
#[derive(Debug)]
struct Word {
    range: Range<usize>,
    in_brackets: bool,
}

fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut place = 0_usize;
    while let Some(rest) = line.get(place..) {
        let blanks = rest.len().saturating_sub(rest.trim_start().len());
        let rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let start = place.saturating_add(blanks);
        let in_brackets = rest.starts_with('[');
        let length = if in_brackets {
            rest.find(']')
                .map_or(rest.len(), |end| end.saturating_add(1))
        } else {
            rest.find(|character: char| character.is_whitespace() || character == '[')
                .unwrap_or(rest.len())
        };
        place = start.saturating_add(length);
        words.push(Word {
            range: start..place,
            in_brackets,
        });
    }
    words
}

fn line_with(line: &str, database: &str) -> Result<String, String> {
    let words = words(line);
    let text = |word: &Word| line.get(word.range.clone()).unwrap_or_default();
    if words.iter().any(|word| text(word) == ENTRA) {
        return Ok(line.to_owned());
    }
    let Some(files) = words
        .iter()
        .position(|word| matches!(text(word), "files" | "compat"))
    else {
        return Err("names neither files nor compat".to_owned());
    };
    let behind = words.get(files.saturating_add(1)..).unwrap_or_default();
    let brackets = behind.iter().take_while(|word| word.in_brackets).count();
    let last = behind.len() == brackets;
    let actions: String = behind
        .iter()
        .take(brackets)
        .map(text)
        .collect::<String>()
        .to_lowercase();
    let goes_on = ["continue", "merge"]
        .into_iter()
        .find(|action| actions.contains(&format!("success={action}")));
    let insertion = match goes_on {
        // A name that files has goes on to the next one; it must reach what stands behind us, too.
        Some(_) if actions.contains("return") || actions.contains('!') => {
            return Err(format!(
                "has an action that entractl can't weigh: {actions}"
            ));
        }
        Some(action) if !last => format!(" {ENTRA} [SUCCESS={action}]"),
        Some(_) => format!(" {ENTRA}"),
        // On an initgroups line a hit ends the search, and people in a local group would lose the imported ones.
        None if database == "initgroups" && last => format!(" [SUCCESS=continue] {ENTRA}"),
        None if database == "initgroups" => {
            format!(" [SUCCESS=continue] {ENTRA} [SUCCESS=continue]")
        }
        None => format!(" {ENTRA}"),
    };
    // `files [NOTFOUND=return]` ends the search: what it ends now is the search in files and entra.
    let after = match goes_on {
        Some(_) => files.saturating_add(brackets),
        None => files,
    };
    let place = words.get(after).map_or(line.len(), |word| word.range.end);
    let mut new = line.to_owned();
    new.insert_str(place, &insertion);
    Ok(new)
}

fn line_without(line: &str) -> String {
    let words = words(line);
    let text = |word: &Word| line.get(word.range.clone()).unwrap_or_default();
    let Some(entra) = words.iter().position(|word| text(word) == ENTRA) else {
        return line.to_owned();
    };
    let is_ours = |word: Option<&Word>| {
        word.is_some_and(|word| {
            matches!(
                text(word).to_uppercase().as_str(),
                "[SUCCESS=CONTINUE]" | "[SUCCESS=MERGE]"
            )
        })
    };
    let last = if is_ours(words.get(entra.saturating_add(1))) {
        entra.saturating_add(1)
    } else {
        entra
    };
    let end = words.get(last).map_or(line.len(), |word| word.range.end);
    let start = entra
        .checked_sub(1)
        .and_then(|before| words.get(before))
        .map_or(0, |word| word.range.end);
    let mut new = line.to_owned();
    new.replace_range(start..end, "");
    new
}

#[cfg(test)]
mod tests;
