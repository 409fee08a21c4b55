//! Mistakes in arguments, and the code that has the compiler report them.

use crate::tokens::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// The result of reading arguments, with every mistake in them.
pub(crate) type Result<T> = std::result::Result<T, Mistakes>;

/// One or more mistakes, in the order of the source.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(Vec<Mistake>);

/// One mistake, on the tokens from `start` to `end`.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) start: Span,
    pub(crate) end: Span,
    pub(crate) message: String,
}

impl Mistakes {
    /// One mistake, on one token.
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self::between(span, span, message)
    }

    /// One mistake, on all of `tokens`.
    pub(crate) fn on(tokens: &TokenStream, message: impl Into<String>) -> Self {
        let mut spans = tokens.clone().into_iter().map(|token| token.span());
        let start = spans.next().unwrap_or_else(Span::call_site);
        Self::between(start, spans.last().unwrap_or(start), message)
    }

    fn between(start: Span, end: Span, message: impl Into<String>) -> Self {
        Self(vec![Mistake { start, end, message: message.into() }])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the mistakes of `other`.
    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Adds the mistakes of a result; returns its value, if it has one.
    pub(crate) fn collect<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|mistakes| self.append(mistakes)).ok()
    }

    /// The code that reports every mistake.
    pub(crate) fn code(self) -> TokenStream {
        in_any_edition(self.0.into_iter().flat_map(Mistake::code).collect())
    }
}

impl IntoIterator for Mistakes {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Mistake {
    /// `::core::compile_error! { "…" }`. The compiler marks what lies between its first and its last token.
    fn code(self) -> [TokenTree; 8] {
        let start = |mut token: TokenTree| {
            token.set_span(self.start);
            token
        };
        let punct = |char, spacing| start(Punct::new(char, spacing).into());
        let word = |word| Ident::new(word, self.start).into();
        let mut message = Literal::string(&self.message);
        message.set_span(self.end);
        let mut argument = Group::new(Delimiter::Brace, TokenTree::from(message).into());
        argument.set_span(self.end);
        [
            punct(':', Spacing::Joint),
            punct(':', Spacing::Alone),
            word("core"),
            punct(':', Spacing::Joint),
            punct(':', Spacing::Alone),
            word("compile_error"),
            punct('!', Spacing::Alone),
            argument.into(),
        ]
    }
}

/// The same calls of `::core::compile_error!`, with paths that resolve in the edition of the annotated crate.
///
/// In edition 2015, a crate has no `core` at its root, where the path begins. There, and where the edition is not
/// known, the tokens get this crate's edition. The message is the same, with a note that a macro made it.
pub(crate) fn in_any_edition(code: TokenStream) -> TokenStream {
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

/// Whether the compiler, which was given these arguments, compiles for an edition after 2015. Spans do not tell theirs.
fn is_later_than_2015(arguments: impl Iterator<Item = String>) -> bool {
    let mut arguments = arguments.skip_while(|argument| !argument.starts_with("--edition"));
    let edition = arguments.next().and_then(|argument| match argument.split_once('=') {
        Some((_, edition)) => Some(edition.to_owned()),
        None => arguments.next(),
    });
    edition.is_some_and(|edition| edition != "2015")
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;
    use quote::quote;

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

    #[test]
    fn each_mistake_becomes_one_error_of_the_compiler() {
        let mut mistakes = Mistakes::new(Span::call_site(), "a \"quote\"");
        mistakes.append(Mistakes::on(&quote!(b c), "second"));
        let code = mistakes.code().to_string();
        let expect = quote!(::core::compile_error! { "a \"quote\"" } ::core::compile_error! { "second" });
        assert_eq!(code, expect.to_string());
    }
}
