//! Near matches for unknown names.

/// The names of `known` that `name` may be a slip of, best first, at most three.
pub fn nearest<S: AsRef<str>>(name: &str, known: &[S]) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut scored: Vec<(f64, &str)> = known
        .iter()
        .map(|k| {
            (
                strsim::jaro_winkler(&wanted, &k.as_ref().to_lowercase()),
                k.as_ref(),
            )
        })
        .filter(|(score, k)| {
            *score > 0.8 || strsim::damerau_levenshtein(&wanted, &k.to_lowercase()) <= 2
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored
        .into_iter()
        .take(3)
        .map(|(_, k)| k.to_owned())
        .collect()
}

/// Text that follows an unknown name: the near matches, or all known names.
pub fn phrase(nearest: &[String], known: &[String]) -> String {
    let quoted = |names: &[String]| {
        names
            .iter()
            .map(|n| format!("`{n}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (nearest, known) {
        ([], []) => "; none is known".to_owned(),
        ([], known) => format!("; known: {}", quoted(known)),
        (nearest, _) => format!("; did you mean {}?", quoted(nearest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name() {
        assert_eq!(
            nearest("dropuot", &["dropout", "heads", "layers"]),
            ["dropout"]
        );
        assert!(nearest("zebra", &["dropout", "heads"]).is_empty());
    }

    #[test]
    fn the_phrase_lists_what_there_is() {
        let known = vec!["heads".to_owned(), "layers".to_owned()];
        assert_eq!(phrase(&[], &known), "; known: `heads`, `layers`");
        assert_eq!(phrase(&known[..1], &known), "; did you mean `heads`?");
    }
}
