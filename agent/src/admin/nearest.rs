//! "did you mean ...": the names most like one that nobody has.

/// How alike two names must be (0 to 1, Jaro-Winkler).
const ALIKE: f64 = 0.8;

/// How many are suggested at most.
const SUGGESTED: usize = 3;

/// The names most like `word`, best first.
pub(super) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let mut alike: Vec<(f64, &str)> = names
        .map(|name| (likeness(&word, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    alike.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
    alike.dedup_by_key(|(_, name)| *name);
    alike
        .into_iter()
        .take(SUGGESTED)
        .map(|(_, name)| name)
        .collect()
}

/// One slip of the fingers (a letter more, less, other, or two swapped) counts as alike however short the
/// names are; Jaro-Winkler alone sees nothing common in `bbo` and `bob`.
fn likeness(word: &str, name: &str) -> f64 {
    let likeness = strsim::jaro_winkler(word, name);
    if name.len() > 2 && strsim::osa_distance(word, name) == 1 {
        likeness.max(ALIKE)
    } else {
        likeness
    }
}

/// The hint that lists them, if there are any.
pub(super) fn hint<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names = nearest(word, names);
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["alina", "bob", "Alice", "malice"];
        assert_eq!(
            nearest("alise", names.into_iter()),
            ["Alice", "malice", "alina"]
        );
        assert_eq!(
            hint("bobb", names.into_iter()).as_deref(),
            Some("did you mean bob?")
        );
        assert_eq!(nearest("bbo", names.into_iter()), ["bob"]);
        assert_eq!(hint("zzz", names.into_iter()), None);
    }
}
