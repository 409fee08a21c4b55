//! The body: the user's tokens, never parsed as an expression and never rebuilt.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;

/// A body in its own brace, and the inner attributes that stood at its head.
pub(crate) struct Body {
    pub(crate) inner_attrs: TokenStream,
    pub(crate) block: Group,
}

/// Macros of the standard library that never return from the function they stand in. A body that is `todo!()` is a stub
/// to lints, which they see through an inner function but not through a `match`.
const KEEP_CONTROL: [&str; 28] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "concat",
    "dbg",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "env",
    "eprint",
    "eprintln",
    "file",
    "format",
    "format_args",
    "include_bytes",
    "include_str",
    "line",
    "matches",
    "module_path",
    "option_env",
    "panic",
    "print",
    "println",
    "stringify",
    "unreachable",
    "vec",
    "write",
    "writeln",
];

impl Body {
    /// Moves the inner attributes out of `block`, since they must stay at the head of the function.
    ///
    /// The brace token is kept: its span carries the user's edition, which rules when temporaries are dropped.
    pub(crate) fn new(block: Group) -> Self {
        let mut rest = block.stream().into_iter().peekable();
        let mut inner_attrs = TokenStream::new();
        loop {
            let mut ahead = rest.clone();
            match (ahead.next(), ahead.next(), ahead.next()) {
                (Some(TokenTree::Punct(hash)), Some(TokenTree::Punct(bang)), Some(TokenTree::Group(attr)))
                    if hash.as_char() == '#' && bang.as_char() == '!' && attr.delimiter() == Delimiter::Bracket =>
                {
                    inner_attrs.extend(rest.by_ref().take(3));
                }
                _ => break,
            }
        }
        if inner_attrs.is_empty() {
            return Self { inner_attrs, block };
        }
        let mut without = Group::new(Delimiter::Brace, rest.collect());
        without.set_span(block.span());
        Self { inner_attrs, block: without }
    }

    /// Whether the body may leave the function other than at its end: by `return`, `?`, `do yeet`, or a macro that might
    /// hold one.
    pub(crate) fn may_leave_early(&self) -> bool {
        may_leave_early(self.block.stream())
    }

    /// The body as the tail of a block that holds other statements.
    ///
    /// A body without a statement, and so without a local, stands there without its braces, which would be unused. A
    /// label would save them, but the block would then look like this crate's code, in this crate's edition.
    pub(crate) fn as_tail(&self) -> TokenStream {
        let mut tokens = self.block.stream().into_iter();
        let has_statement = tokens.any(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';'));
        if has_statement { self.block.to_token_stream() } else { self.block.stream() }
    }

    /// Whether the body mentions `self`.
    pub(crate) fn mentions_self(&self) -> bool {
        mentions(self.block.stream(), "self")
    }

    /// Whether this is already the output of an attribute of this crate, under whatever name it was imported.
    pub(crate) fn is_annotated(&self) -> bool {
        is_annotated(self.block.stream())
    }
}

fn is_annotated(body: TokenStream) -> bool {
    let mut tokens = body.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(first)), Some(TokenTree::Ident(second))) => {
            first == "let" && second.to_string().starts_with(crate::expand::MARK)
        }
        (Some(TokenTree::Group(inner)), None) => is_annotated(inner.stream()),
        _ => false,
    }
}

fn may_leave_early(stream: TokenStream) -> bool {
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "return" || ident == "do" => return true,
            TokenTree::Ident(ident) => {
                let called = matches!(tokens.peek(), Some(TokenTree::Punct(bang)) if bang.as_char() == '!');
                if called && !KEEP_CONTROL.iter().any(|name| ident == name) {
                    let mut ahead = tokens.clone();
                    ahead.next();
                    // `a != b` has a `=` where a macro call has its arguments.
                    if matches!(ahead.next(), Some(TokenTree::Group(_) | TokenTree::Ident(_))) {
                        return true;
                    }
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == '?' => return true,
            TokenTree::Group(group) if may_leave_early(group.stream()) => return true,
            _ => {}
        }
    }
    false
}

fn mentions(stream: TokenStream, word: &str) -> bool {
    stream.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => mentions(group.stream(), word),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[track_caller]
    fn check(tokens: TokenStream, leaves: bool) {
        assert_eq!(may_leave_early(tokens), leaves);
    }

    #[test]
    fn early_exits_are_seen() {
        check(quote!(a + b), false);
        check(quote!(if x { return 1; } 2), true);
        check(quote!(f(g()?)), true);
        check(quote!(if x { do yeet 1; } 2), true);
        check(quote!(println!("{}", a != b); vec![1]), false);
        check(quote!(bail!("x")), true);
        check(
            quote!(
                macro_rules! m {
                    () => {};
                }
            ),
            true,
        );
        check(quote!(vec![f()?]), true);
        check(quote!(a != (b)), false);
        check(quote!(!f(x)), false);
    }

    #[test]
    fn inner_attributes_are_moved_out() {
        let body = Body::new(Group::new(Delimiter::Brace, quote!(#![allow(x)] #![doc = "y"] let z = 1;)));
        assert_eq!(body.inner_attrs.to_string(), quote!(#![allow(x)] #![doc = "y"]).to_string());
        assert_eq!(body.block.stream().to_string(), quote!(let z = 1;).to_string());
    }
}
