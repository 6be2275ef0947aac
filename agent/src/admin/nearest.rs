//! "did you mean ...": the names most like one that nobody has.

/// How alike two names must be (0 to 1, Jaro-Winkler).
const ALIKE: f64 = 0.8;

/// How many are suggested at most.
const SUGGESTED: usize = 3;

/// The names most like a word, of however many are looked at.
pub(super) struct Nearest {
    word: String,
    /// Best first.
    alike: Vec<(f64, String)>,
}

impl Nearest {
    /// Looks for this word.
    pub(super) fn to(word: &str) -> Self {
        Self {
            word: word.to_lowercase(),
            alike: Vec::with_capacity(SUGGESTED + 1),
        }
    }

    /// Keeps the name if it is among the nearest so far.
    pub(super) fn look_at(&mut self, name: &str) {
        let likeness = likeness(&self.word, &name.to_lowercase());
        if likeness < ALIKE || self.alike.iter().any(|(_, known)| known == name) {
            return;
        }
        self.alike.push((likeness, name.to_owned()));
        self.alike
            .sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
        self.alike.truncate(SUGGESTED);
    }

    /// The hint that lists them, if there are any.
    pub(super) fn hint(self) -> Option<String> {
        let names: Vec<String> = self.alike.into_iter().map(|(_, name)| name).collect();
        (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(word: &str) -> Option<String> {
        let mut nearest = Nearest::to(word);
        for name in ["alina", "bob", "Alice", "malice", "bob"] {
            nearest.look_at(name);
        }
        nearest.hint()
    }

    #[test]
    fn the_nearest_names_come_first() {
        for (word, expected) in [
            ("alise", Some("did you mean Alice or malice or alina?")),
            ("bobb", Some("did you mean bob?")),
            ("bbo", Some("did you mean bob?")),
            ("zzz", None),
        ] {
            assert_eq!(hint(word).as_deref(), expected);
        }
    }
}
