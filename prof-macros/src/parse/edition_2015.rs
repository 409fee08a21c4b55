//! Signatures of edition 2015, rewritten to syntax that `syn` parses.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::quote_spanned;

/// Names that are keywords in later editions. `dyn` was a keyword in front of a type already.
const TAKEN: [&str; 4] = ["async", "await", "dyn", "try"];

/// The signature in the syntax of later editions. Parameters without a name get one, `Fn(…)` gets its `dyn`, and names
/// that have become keywords become raw identifiers.
pub(crate) fn modern(signature: TokenStream) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    let mut is_first = true;
    for token in raw(signature) {
        out.push(match token {
            // The first parentheses outside angle brackets hold the parameters: bounds are inside, the rest comes
            // later.
            TokenTree::Group(group)
                if group.delimiter() == Delimiter::Parenthesis && is_first && angle_depth(&out) == 0 =>
            {
                is_first = false;
                let mut named = Group::new(Delimiter::Parenthesis, parameters(group.stream()));
                named.set_span(group.span());
                named.into()
            }
            token => token,
        });
    }
    out.into_iter().collect()
}

/// How many angle brackets are open after these tokens.
fn angle_depth(tokens: &[TokenTree]) -> usize {
    let punct = |at: usize| match tokens.get(at) {
        Some(TokenTree::Punct(punct)) => punct.as_char(),
        _ => ' ',
    };
    (0..tokens.len()).fold(0, |depth: usize, at| match punct(at) {
        '<' => depth + 1,
        '>' if at == 0 || punct(at - 1) != '-' => depth.saturating_sub(1),
        _ => depth,
    })
}

fn raw(tokens: TokenStream) -> TokenStream {
    let mut tokens = tokens.into_iter().peekable();
    let mut out: Vec<TokenTree> = Vec::new();
    while let Some(token) = tokens.next() {
        let token = match token {
            TokenTree::Group(group) => {
                if group.delimiter() == Delimiter::Parenthesis {
                    add_dyn(&mut out);
                }
                let mut inside = Group::new(group.delimiter(), raw(group.stream()));
                inside.set_span(group.span());
                inside.into()
            }
            TokenTree::Ident(word) if TAKEN.iter().any(|taken| word == taken) => {
                let is_name = matches!(out.last(), Some(TokenTree::Ident(before)) if before == "fn");
                let is_type = word == "dyn" && !is_name && begins_type(tokens.peek());
                if is_type { word.into() } else { Ident::new_raw(&word.to_string(), word.span()).into() }
            }
            token => token,
        };
        out.push(token);
    }
    out.into_iter().collect()
}

/// Adds `dyn` if `before` ends in the path of a trait object. The parentheses of `Fn(…)` follow it.
fn add_dyn(before: &mut Vec<TokenTree>) {
    const NO_NAMES: [&str; 6] = ["extern", "fn", "for", "impl", "mut", "where"];
    let is_name = |at: usize| matches!(&before[at], TokenTree::Ident(word) if !NO_NAMES.iter().any(|no| word == no));
    let is = |at: usize, wanted: &[char]| match &before[at] {
        TokenTree::Punct(punct) => wanted.contains(&punct.as_char()),
        _ => false,
    };
    let Some(mut at) = before.len().checked_sub(1).filter(|last| is_name(*last)) else { return };
    let span = before[at].span();
    // To the start of the path.
    while at > 1 && is(at - 1, &[':']) && is(at - 2, &[':']) {
        at -= if at > 2 && is_name(at - 3) { 3 } else { 2 };
    }
    let Some(last) = at.checked_sub(1) else { return };
    let is_mutable = matches!(&before[last], TokenTree::Ident(word) if word == "mut");
    // A comma outside angle brackets separates parameters: a pattern follows it, not a type.
    let is_argument = is(last, &['<']) || (is(last, &[',']) && angle_depth(&before[..at]) > 0);
    if is_mutable || is_argument || is(last, &['&']) {
        before.insert(at, Ident::new("dyn", span).into());
    }
}

/// Whether a trait follows `dyn`, of which `token` is the first token.
fn begins_type(token: Option<&TokenTree>) -> bool {
    match token {
        Some(TokenTree::Ident(_) | TokenTree::Group(_)) => true,
        Some(TokenTree::Punct(punct)) => matches!(punct.as_char(), '\'' | '?'),
        _ => false,
    }
}

/// The parameters. Each that is only a type gets the name `_`.
fn parameters(tokens: TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    let mut parameter: Vec<TokenTree> = Vec::new();
    for token in tokens {
        let is_comma = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',');
        if is_comma && angle_depth(&parameter) == 0 {
            out.extend(named(&std::mem::take(&mut parameter)));
            out.extend([token]);
        } else {
            parameter.push(token);
        }
    }
    out.extend(named(&parameter));
    out
}

fn named(parameter: &[TokenTree]) -> TokenStream {
    let is_self = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "self");
    let is_named = parameter.iter().any(is_self) || has_colon(parameter);
    // The name stands after the attributes.
    let is_hash = |token: &TokenTree| matches!(token, TokenTree::Punct(hash) if hash.as_char() == '#');
    let attributes = 2 * parameter.chunks(2).take_while(|pair| is_hash(&pair[0])).count();
    let (attributes, ty) = parameter.split_at(attributes.min(parameter.len()));
    let name = ty.first().filter(|_| !is_named).map(|first| quote_spanned!(first.span()=> _:));
    attributes.iter().cloned().chain(name.into_iter().flatten()).chain(ty.iter().cloned()).collect()
}

/// Whether there is a `:` that belongs to no path, outside angle brackets.
fn has_colon(tokens: &[TokenTree]) -> bool {
    let is =
        |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    let until = (0..tokens.len()).find(|at| is(*at, '<')).unwrap_or(tokens.len());
    (0..until).any(|at| is(at, ':') && !is(at + 1, ':') && !(at > 0 && is(at - 1, ':')))
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // So that the cases read without `&`.
mod tests {
    use super::*;
    use quote::quote;

    #[track_caller]
    fn check(old: TokenStream, new: TokenStream) {
        assert_eq!(modern(old).to_string(), new.to_string());
    }

    #[test]
    fn parameters_get_names() {
        check(quote!(fn f(&self, u8, &str)), quote!(fn f(&self, _: u8, _: &str)));
        check(quote!(fn f(self: Box<Self>, a: u8)), quote!(fn f(self: Box<Self>, a: u8)));
        check(quote!(fn f(::a::B<C, D>, fn(u8) -> u8)), quote!(fn f(_: ::a::B<C, D>, _: fn(u8) -> u8)));
        check(quote!(fn f<T: A<B = C>>(Box<FnMut(T) -> u8>, [u8; 2])), {
            quote!(fn f<T: A<B = C>>(_: Box<dyn FnMut(T) -> u8>, _: [u8; 2]))
        });
        check(quote!(fn f(#[cfg(x)] u8,)), quote!(fn f(#[cfg(x)] _: u8,)));
        check(quote!(fn f()), quote!(fn f()));
    }

    #[test]
    fn trait_objects_of_functions_get_their_keyword() {
        check(quote!(fn f<T: Fn(u8), U>(a: Box<Fn(u8) -> u8 + Send>, U(b): U) -> HashMap<u8, ::std::ops::Fn()>), {
            quote!(fn f<T: Fn(u8), U>(a: Box<dyn Fn(u8) -> u8 + Send>, U(b): U) -> HashMap<u8, dyn ::std::ops::Fn()>)
        });
        check(quote!(fn f<T>(&mut Fn(), a: fn(u8), impl Fn(u8)) where T: FnMut(u8) + Fn()), {
            quote!(fn f<T>(_: &mut dyn Fn(), a: fn(u8), _: impl Fn(u8)) where T: FnMut(u8) + Fn())
        });
    }

    #[test]
    fn names_that_are_keywords_by_now_are_raw() {
        check(quote!(fn async(try: u8, dyn: u8, await: Box<dyn Await>)), {
            quote!(fn r#async(r#try: u8, r#dyn: u8, r#await: Box<dyn Await>))
        });
        check(quote!(fn dyn(a: &(dyn A), b: dyn::B) -> async::C), {
            quote!(fn r#dyn(a: &(dyn A), b: r#dyn::B) -> r#async::C)
        });
    }
}
