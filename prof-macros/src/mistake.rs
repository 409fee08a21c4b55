//! Mistakes, as code that has the compiler report them.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::Error;

/// The code that reports every error.
///
/// In edition 2015, a crate has no `core` at its root, where the path that `syn` writes begins. There, and where the edition
/// is not known, the path is one of this crate's edition. The message is the same, with a note that a macro made it.
pub(crate) fn code(errors: Error) -> TokenStream {
    let code = errors.into_compile_error();
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    if is_later_than_2015(arguments) {
        return code;
    }
    let ours = |mut token: TokenTree| {
        token.set_span(Span::mixed_site().located_at(token.span()));
        token
    };
    code.into_iter().map(ours).collect()
}

/// Whether these arguments, which are those of the compiler, ask for an edition after 2015. Spans do not tell theirs.
fn is_later_than_2015(arguments: impl Iterator<Item = String>) -> bool {
    let mut arguments = arguments.skip_while(|argument| !argument.starts_with("--edition"));
    let edition = arguments.next().and_then(|argument| match argument.split_once('=') {
        Some((_, edition)) => Some(edition.to_owned()),
        None => arguments.next(),
    });
    edition.is_some_and(|edition| edition != "2015")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], expect: bool) {
        assert_eq!(is_later_than_2015(arguments.iter().map(|argument| (*argument).to_owned())), expect);
    }

    #[test]
    fn editions_are_read_from_the_compilers_arguments() {
        check(&["rustc", "--crate-name", "a", "--edition=2018", "src/lib.rs"], true);
        check(&["clippy-driver", "--edition", "2024"], true);
        check(&["rustc", "--edition=2015"], false);
        check(&["rustc", "--edition"], false);
        check(&["rustc", "src/lib.rs"], false);
    }
}
