//! The body: the user's tokens, which this crate neither parses as an expression nor rebuilds.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;

use super::attribute;

/// A body between the user's own braces, and the inner attributes that stood at its head.
pub(crate) struct Body {
    pub(crate) inner_attrs: TokenStream,
    pub(crate) block: Group,
}

/// The first local of every expansion starts with this. A second attribute on the same function finds it and leaves the
/// function as it is.
const MARK: &str = "__prof_";

/// Keywords that an expression can follow: a `!` after one of these negates, and calls no macro.
const KEYWORDS: [&str; 7] = ["break", "if", "in", "match", "return", "while", "yield"];

impl Body {
    /// Moves the inner attributes out of `block`, since they must stay at the head of the function.
    ///
    /// The brace keeps its span, which carries the user's edition. The edition rules when temporaries are dropped.
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

    /// Whether the body may leave the function other than at its end: by `return`, `?`, `do yeet`, or a macro.
    ///
    /// Every macro counts: its name does not tell whose it is, and an `assert!` of the user's may return.
    pub(crate) fn may_leave_early(&self) -> bool {
        may_leave_early(self.block.stream())
    }

    /// The body as the tail of a block that holds other statements.
    ///
    /// A body without a statement has no local and loses its braces, of which a lint would say that they are unused. A
    /// label would justify them, but would make the block code of this crate, in this crate's edition.
    pub(crate) fn as_tail(&self) -> TokenStream {
        let mut tokens = self.block.stream().into_iter();
        let has_statement = tokens.any(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';'));
        if has_statement { self.block.to_token_stream() } else { self.block.stream() }
    }

    /// Whether the body calls another function by `become`, which compiles only in the function itself.
    pub(crate) fn may_become_another(&self) -> bool {
        mentions(self.block.stream(), "become")
    }

    /// Whether the body mentions `self`.
    pub(crate) fn mentions_self(&self) -> bool {
        mentions(self.block.stream(), "self")
    }

    /// Whether an attribute of this crate generated the body. The attribute may have been imported under any name.
    pub(crate) fn is_annotated(&self) -> bool {
        is_annotated(self.block.stream())
    }
}

fn is_annotated(body: TokenStream) -> bool {
    let mut tokens = body.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(first)), Some(TokenTree::Ident(second))) => {
            first == "let" && second.to_string().starts_with(MARK)
        }
        (Some(TokenTree::Group(inner)), None) => is_annotated(inner.stream()),
        _ => false,
    }
}

fn may_leave_early(stream: TokenStream) -> bool {
    const LEAVING: [&str; 3] = ["return", "do", "become"];
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if LEAVING.iter().any(|word| ident == word) => return true,
            TokenTree::Ident(ident) => {
                let bang = matches!(tokens.peek(), Some(TokenTree::Punct(bang)) if bang.as_char() == '!');
                if bang && !KEYWORDS.iter().any(|word| ident == word) {
                    let mut ahead = tokens.clone();
                    ahead.next();
                    // In `a != b`, a `=` stands where a macro call has its arguments.
                    if matches!(ahead.next(), Some(TokenTree::Group(_) | TokenTree::Ident(_))) {
                        return true;
                    }
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == '?' => return true,
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                // An attribute on an item may be a macro that generates statements.
                if matches!(tokens.peek(), Some(TokenTree::Group(attribute)) if attribute::is_macro(attribute)) {
                    return true;
                }
            }
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
        check(quote!(bail!("x")), true);
        check(quote!(assert!(x); 1), true);
        check(quote!(f(std::vec![1])), true);
        check(quote!(#[allow(unused)] let x = 1; #[cfg(y)] { x }), false);
        check(
            quote!(
                #[make_return]
                fn f() {}
            ),
            true,
        );
        check(
            quote!(
                macro_rules! m {
                    () => {};
                }
            ),
            true,
        );
        check(quote!(r#if!(x)), true);
        check(quote!(become f(x)), true);
        check(quote!(a != (b)), false);
        check(quote!(!f(x)), false);
        check(quote!(if !f(x) { while !(y) {} } else { match !z {} }), false);
    }

    #[test]
    fn inner_attributes_are_moved_out() {
        let body = Body::new(Group::new(Delimiter::Brace, quote!(#![allow(x)] #![doc = "y"] let z = 1;)));
        assert_eq!(body.inner_attrs.to_string(), quote!(#![allow(x)] #![doc = "y"]).to_string());
        assert_eq!(body.block.stream().to_string(), quote!(let z = 1;).to_string());
    }
}
