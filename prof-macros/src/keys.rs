//! What the lists of arguments have in common: how keys are told apart, and how mistakes in them are gathered.

use proc_macro2::{Ident, TokenTree};
use syn::parse::ParseStream;
use syn::{Error, Token};

/// An error that says what is allowed instead of `key`, and which of that comes near.
pub(crate) fn unknown(key: &Ident, keys: &[&str]) -> Error {
    let name = key.to_string();
    let near = keys.iter().min_by_key(|candidate| distance(candidate, &name)).filter(|near| distance(near, &name) <= 2);
    let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    Error::new(key.span(), format!("unknown argument `{name}`: {hint}expected one of {}", allowed(keys)))
}

/// The keys, as messages list them.
pub(crate) fn allowed(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// Skips to the next comma, so that parsing goes on after a mistake.
pub(crate) fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// Adds an error to those found so far.
pub(crate) fn combine(errors: &mut Option<Error>, error: Error) {
    match errors {
        Some(all) => all.combine(error),
        None => *errors = Some(error),
    }
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
