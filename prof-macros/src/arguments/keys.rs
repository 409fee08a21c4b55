//! Lists of arguments such as `a = 1, b`: the loop that reads them, and how it names a key that is not known.

use super::input::{Input, is_word};
use super::mistake::{Mistakes, Result};
use crate::tokens::Ident;

/// Reads a list of arguments. `read` reads what follows one of the `keys`; each mistake becomes one error.
///
/// Returns the keys that were given, with those of which the value was wrong.
pub(crate) fn read(
    input: &mut Input,
    keys: &[&str],
    mistakes: &mut Mistakes,
    mut read: impl FnMut(&Ident, &mut Input) -> Result<()>,
) -> Vec<Ident> {
    let mut seen: Vec<Ident> = Vec::new();
    while !input.is_empty() {
        let span = input.span();
        let Some(key) = input.word() else {
            mistakes.append(Mistakes::new(span, format!("expected one of {}", allowed(keys))));
            // Without a key, the next argument cannot be found.
            input.skip_all();
            break;
        };
        let result = if is_given(&seen, &key.to_string()).is_some() {
            Err(Mistakes::new(key.span(), format!("`{key}` is given twice")))
        } else if keys.contains(&key.to_string().as_str()) {
            read(&key, input)
        } else {
            Err(unknown(&key, keys))
        };
        seen.push(key);
        if mistakes.collect(result).is_none() {
            input.skip_value();
        }
        if mistakes.collect(input.comma()).is_none() {
            input.skip_all();
        }
    }
    seen
}

/// The key of this name, if it was given.
pub(crate) fn is_given<'a>(seen: &'a [Ident], name: &str) -> Option<&'a Ident> {
    seen.iter().find(|key| is_word(key, name))
}

/// A mistake that lists the allowed keys, and names the one that `key` resembles.
fn unknown(key: &Ident, keys: &[&str]) -> Mistakes {
    let name = key.to_string();
    let near = keys.iter().min_by_key(|candidate| distance(candidate, &name)).filter(|near| distance(near, &name) <= 2);
    let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    Mistakes::new(key.span(), format!("unknown argument `{name}`: {hint}expected one of {}", allowed(keys)))
}

/// The keys, as messages list them.
fn allowed(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// The Levenshtein distance, by the two-row algorithm (Wagner and Fischer, 1974).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
