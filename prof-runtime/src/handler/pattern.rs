//! Patterns of names.

/// A name, or several: each `*` stands for any text, also for none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern {
    /// What comes before the first `*`; all of a pattern without one.
    start: String,
    /// What stands after each `*`, in order; empty for a pattern without one.
    rest: Vec<String>,
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Self {
        let mut parts = pattern.split('*').map(str::to_owned);
        Self { start: parts.next().unwrap_or_default(), rest: parts.collect() }
    }

    /// Returns whether `name` is one of those that the pattern stands for.
    pub(super) fn matches(&self, name: &str) -> bool {
        let Some(mut name) = name.strip_prefix(&self.start) else { return false };
        let Some((last, between)) = self.rest.split_last() else { return name.is_empty() };
        for part in between {
            // The first place leaves the most for the parts that follow.
            match name.find(part) {
                Some(at) => name = &name[at + part.len()..],
                None => return false,
            }
        }
        name.ends_with(last)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: `*` stands for each beginning of the rest in turn.
    fn matches(pattern: &[u8], name: &[u8]) -> bool {
        match pattern {
            [] => name.is_empty(),
            [b'*', rest @ ..] => (0..=name.len()).any(|skipped| matches(rest, &name[skipped..])),
            [letter, rest @ ..] => name.first() == Some(letter) && matches(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_by_its_definition(pattern in "[ab*]{0,8}", name in "[ab]{0,10}") {
            let expected = matches(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(Pattern::new(&pattern).matches(&name), expected);
        }
    }

    #[test]
    fn letters_of_any_length_are_letters() {
        assert!(Pattern::new("é*ü").matches("é→ü"));
        assert!(!Pattern::new("*é").matches("e"));
    }
}
