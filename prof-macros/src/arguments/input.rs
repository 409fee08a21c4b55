//! A list of tokens that is read from the front.

use std::collections::VecDeque;

use super::mistake::{Mistakes, Result};
use crate::tokens::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};

/// Tokens that are still to be read.
pub(crate) struct Input(VecDeque<TokenTree>);

impl Input {
    pub(crate) fn new(tokens: TokenStream) -> Self {
        Self(tokens.into_iter().collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The place of the next token, or of the attribute at the end.
    pub(crate) fn span(&self) -> Span {
        self.0.front().map_or_else(Span::call_site, TokenTree::span)
    }

    /// Takes the next token, if it is a word: a name or a keyword.
    pub(crate) fn word(&mut self) -> Option<Ident> {
        match self.0.pop_front()? {
            TokenTree::Ident(word) => Some(word),
            other => {
                self.0.push_front(other);
                None
            }
        }
    }

    /// Takes the next token, if it is `punct`.
    pub(crate) fn takes(&mut self, punct: char) -> bool {
        let is_next = is_punct(self.0.front(), punct);
        if is_next {
            self.0.pop_front();
        }
        is_next
    }

    /// Takes `=` and leaves the value of `key` to be read.
    pub(crate) fn equals(&mut self, key: &Ident) -> Result<()> {
        if self.takes('=') && !self.is_at_end_of_value() {
            return Ok(());
        }
        Err(Mistakes::new(key.span(), format!("`{key}` needs a value: `{key} = …`")))
    }

    /// Takes the comma after a value; there need be none after the last one.
    pub(crate) fn comma(&mut self) -> Result<()> {
        match self.is_empty() || self.takes(',') {
            true => Ok(()),
            false => Err(Mistakes::new(self.span(), "expected `,`")),
        }
    }

    /// Takes the next token, if it is a pair of parentheses.
    pub(crate) fn parentheses(&mut self) -> Option<Group> {
        match self.0.pop_front()? {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => Some(group),
            other => {
                self.0.push_front(other);
                None
            }
        }
    }

    /// Takes the next token, if it is a literal.
    pub(crate) fn literal(&mut self) -> Option<Literal> {
        self.open_fragment();
        match self.0.pop_front()? {
            TokenTree::Literal(literal) => Some(literal),
            other => {
                self.0.push_front(other);
                None
            }
        }
    }

    /// Takes the next token, if it is a literal and the whole value.
    pub(crate) fn only_literal(&mut self) -> Option<Literal> {
        self.open_fragment();
        match self.0.get(1) {
            None => self.literal(),
            comma if is_punct(comma, ',') => self.literal(),
            Some(_) => None,
        }
    }

    /// Takes a path, if one is next: names between `::`, with generic arguments after a `::` of their own.
    pub(crate) fn path(&mut self) -> Option<TokenStream> {
        self.open_fragment();
        let is_path = matches!(self.0.front(), Some(TokenTree::Ident(_))) || self.is_path_separator();
        if !is_path {
            return None;
        }
        let mut path: Vec<TokenTree> = self.path_separator();
        loop {
            if is_punct(self.0.front(), '<') {
                path.extend(self.angle_brackets());
            } else {
                path.push(self.word()?.into());
            }
            if !self.is_path_separator() {
                return Some(path.into_iter().collect());
            }
            path.extend(self.path_separator());
        }
    }

    /// Takes an expression: everything to the next comma that is not inside of it.
    ///
    /// Parentheses, brackets and braces are single tokens. A comma may also stand between the parameters of a closure,
    /// and between generic arguments: after `::`, in the types of parameters, and after `->` and `as`.
    pub(crate) fn expression(&mut self) -> TokenStream {
        let mut tokens: Vec<TokenTree> = Vec::new();
        if matches!(self.0.front(), Some(TokenTree::Ident(word)) if is_word(word, "move")) {
            tokens.extend(self.0.pop_front());
        }
        if is_punct(self.0.front(), '|') {
            tokens.extend(self.0.pop_front());
            while let Some(token) = self.0.pop_front() {
                let is_last = is_punct(Some(&token), '|');
                tokens.push(token);
                if is_last {
                    break;
                }
            }
        }
        let mut is_type = false;
        while !self.is_at_end_of_value() {
            let opens_generics = match tokens.last() {
                // After an operator, as in `<T as Trait>::function`; after an operand, it compares.
                Some(TokenTree::Punct(punct)) => is_type || ":|&!=+-*/%^".contains(punct.as_char()),
                Some(_) => is_type,
                None => true,
            };
            if is_punct(self.0.front(), '<') && opens_generics {
                tokens.extend(self.angle_brackets());
                continue;
            }
            let Some(token) = self.0.pop_front() else { break };
            is_type = match &token {
                TokenTree::Ident(word) => is_type || is_word(word, "as"),
                TokenTree::Punct(punct) => match punct.as_char() {
                    '>' => is_punct(tokens.last(), '-'),
                    ':' | '&' | '\'' | '*' => is_type,
                    _ => false,
                },
                TokenTree::Group(_) | TokenTree::Literal(_) => false,
            };
            tokens.push(token);
        }
        tokens.into_iter().collect()
    }

    /// Skips to the next comma, so that reading goes on after a mistake.
    pub(crate) fn skip_value(&mut self) {
        while !self.is_at_end_of_value() {
            self.0.pop_front();
        }
    }

    /// Skips everything.
    pub(crate) fn skip_all(&mut self) {
        self.0.clear();
    }

    /// Whether the next token is a comma, or there is none.
    pub(crate) fn is_at_end_of_value(&self) -> bool {
        self.is_empty() || is_punct(self.0.front(), ',')
    }

    fn is_path_separator(&self) -> bool {
        is_punct(self.0.front(), ':') && is_punct(self.0.get(1), ':')
    }

    fn path_separator(&mut self) -> Vec<TokenTree> {
        let length = if self.is_path_separator() { 2 } else { 0 };
        self.0.drain(..length).collect()
    }

    /// Takes everything from `<` to the `>` that closes it. The `>` of `->` and `=>` closes nothing.
    fn angle_brackets(&mut self) -> Vec<TokenTree> {
        let mut taken: Vec<TokenTree> = Vec::new();
        let mut depth = 0_usize;
        while let Some(token) = self.0.pop_front() {
            let is_arrow = is_punct(taken.last(), '-') || is_punct(taken.last(), '=');
            if is_punct(Some(&token), '<') {
                depth += 1;
            } else if is_punct(Some(&token), '>') && !is_arrow {
                depth -= 1;
            }
            taken.push(token);
            if depth == 0 {
                break;
            }
        }
        taken
    }

    /// Takes the next tokens out of the invisible group that a fragment of `macro_rules!`, such as `$name:literal`,
    /// makes.
    fn open_fragment(&mut self) {
        while let Some(TokenTree::Group(group)) = self.0.front() {
            if group.delimiter() != Delimiter::None {
                return;
            }
            let inside = group.stream();
            self.0.pop_front();
            for token in inside.into_iter().collect::<Vec<_>>().into_iter().rev() {
                self.0.push_front(token);
            }
        }
    }
}

/// Whether `word` is `name`. Unlike those of `proc_macro2`, words of the compiler cannot be compared with a text.
#[allow(clippy::cmp_owned)]
pub(crate) fn is_word(word: &Ident, name: &str) -> bool {
    word.to_string() == name
}

fn is_punct(token: Option<&TokenTree>, punct: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == punct)
}

#[cfg(all(test, feature = "enabled"))]
#[allow(clippy::needless_pass_by_value)] // So that the cases read without `&`.
mod tests {
    use super::*;
    use quote::quote;

    #[track_caller]
    fn check_expression(tokens: TokenStream) {
        let mut input = Input::new(quote!(#tokens, next = 1));
        assert_eq!(input.expression().to_string(), tokens.to_string());
        assert!(input.takes(','));
        // The same as a parser of the whole language finds.
        assert!(syn::parse2::<syn::Expr>(tokens.clone()).is_ok(), "{tokens}");
    }

    #[test]
    fn an_expression_ends_at_a_comma_outside_of_it() {
        check_expression(quote!(Option::is_none));
        check_expression(quote!(|r: &Result<u8, u8>| r.is_ok()));
        check_expression(quote!(move |_, n| *n < 5));
        check_expression(quote!(|| true));
        check_expression(quote!(|(a, b): &(u8, Box<dyn Fn(u8) -> u8>)| a < b && b > a));
        check_expression(quote!(|r| -> Wrap<u8, u8> { Wrap(r, r) }));
        check_expression(quote!(is::<u8, Vec<Vec<u8>>>));
        check_expression(quote!(<Store<u8, u8> as Judge<u8>>::failed));
        check_expression(quote!(|r| <Store<u8, u8> as Judge<u8>>::failed(r) || r? < 4));
        check_expression(quote!(|r| r.len() as u64 > 7));
        check_expression(quote!(|r| f(r as *const Map<u8, u8>) < 4));
        check_expression(quote!(|r| r as &Map<u8, fn() -> u8> == x));
        check_expression(quote!(|r| r.iter().map(Wrap::<u8, { 1 > 2 }>::new).any(|x| x)));
        check_expression(quote!(|n| n >> 1 < 3 || 1 << n > 4));
        check_expression(quote!({
            let x: Map<u8, u8> = y;
            x
        }));
    }

    #[test]
    fn paths_end_with_their_last_name() {
        for (tokens, path) in [
            (quote!(GROUP), quote!(GROUP)),
            (quote!(crate::a::GROUP, x), quote!(crate::a::GROUP)),
            (quote!(::a::B::<u8, C<u8>>::GROUP = 1), quote!(::a::B::<u8, C<u8>>::GROUP)),
            (quote!(f()), quote!(f)),
        ] {
            assert_eq!(Input::new(tokens).path().unwrap().to_string(), path.to_string());
        }
        for none in [quote!(5), quote!("a"), quote!(-1), quote!(a::), quote!()] {
            assert!(Input::new(none.clone()).path().is_none(), "{none}");
        }
    }

    #[test]
    fn fragments_of_other_macros_are_opened() {
        let fragment = |tokens| TokenTree::from(Group::new(Delimiter::None, tokens));
        let name = fragment(fragment(quote!("a")).into());
        assert_eq!(Input::new(name.into()).literal().unwrap().to_string(), "\"a\"");
        let path = fragment(quote!(crate::GROUP));
        assert_eq!(Input::new(path.into()).path().unwrap().to_string(), quote!(crate::GROUP).to_string());
    }
}
