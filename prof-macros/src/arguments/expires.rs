//! The arguments of `#[expires(…)]`: `"5s"` or `after`, `scope`, `crate`.

use super::duration;
use super::input::Input;
use super::literal::text;
use super::mistake::{Mistakes, Result};
use super::prof::{parse_crate, parse_text};
use crate::tokens::{Ident, Literal, Span, TokenStream, TokenTree};

/// Every key, in the order in which messages list them.
const ALLOWED: &str = "expected a duration such as `\"5s\"`, `after = …`, `scope = \"…\"` or `crate = …`";

/// The arguments of one attribute, checked.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) after: After,
    /// A string literal that is not empty: the name of the timer.
    pub(crate) scope: Option<Literal>,
    /// The path of the crate `timer-watchdog`; `::timer_watchdog` if there is none.
    pub(crate) runtime: Option<TokenStream>,
}

/// The time after which the timer expires.
#[derive(Debug)]
pub(crate) enum After {
    /// In nanoseconds.
    Ns(u64),
    /// An expression of type `Duration`.
    Expression(TokenStream),
}

impl Args {
    /// Reads the tokens between the parentheses, up to the first mistake.
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut input = Input::new(tokens);
        let (mut after, mut scope, mut runtime) = (None, None, None);
        while !input.is_empty() {
            let span = input.span();
            let (key, is_first) = if let Some(literal) = input.literal() {
                ("after".to_owned(), replace(&mut after, parse_duration(&literal)?))
            } else {
                let key = input.word().ok_or_else(|| Mistakes::new(span, ALLOWED))?;
                let is_first = match key.to_string().as_str() {
                    "after" => replace(&mut after, parse_after(&key, &mut input)?),
                    "scope" => replace(&mut scope, parse_scope(&key, &mut input)?),
                    "crate" => replace(&mut runtime, input.equals(&key).and_then(|()| parse_crate(&mut input))?),
                    _ => return Err(Mistakes::new(span, format!("unknown argument `{key}`: {ALLOWED}"))),
                };
                (key.to_string(), is_first)
            };
            if !is_first {
                return Err(Mistakes::new(span, format!("`{key}` is given twice")));
            }
            input.comma()?;
        }
        let after = after.ok_or_else(|| Mistakes::new(Span::call_site(), format!("no time is given: {ALLOWED}")))?;
        Ok(Self { after, scope, runtime })
    }
}

/// Puts a value into its place; returns whether the place was free.
fn replace<T>(place: &mut Option<T>, value: T) -> bool {
    place.replace(value).is_none()
}

fn parse_after(key: &Ident, input: &mut Input) -> Result<After> {
    input.equals(key)?;
    match input.only_literal() {
        Some(literal) if text(&literal).is_some() => parse_duration(&literal),
        Some(literal) => Ok(After::Expression(TokenTree::from(literal).into())),
        None => Ok(After::Expression(input.expression())),
    }
}

fn parse_scope(key: &Ident, input: &mut Input) -> Result<Literal> {
    input.equals(key)?;
    parse_text(input, key, "a string literal")
}

fn parse_duration(literal: &Literal) -> Result<After> {
    let text = text(literal).ok_or_else(|| Mistakes::new(literal.span(), ALLOWED))?;
    duration::parse(&text, literal.span()).map(After::Ns)
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;
    use quote::quote;

    fn error(tokens: TokenStream) -> String {
        Args::parse(tokens).unwrap_err().into_iter().next().unwrap().message
    }

    #[test]
    fn arguments() {
        for good in
            [quote!("5s"), quote!(after = LIMIT), quote!(after = "5s", scope = "x", crate = a::b), quote!("1s",)]
        {
            assert!(Args::parse(good.clone()).is_ok(), "{good}");
        }
        assert!(error(quote!()).starts_with("no time is given: expected a duration"));
        assert!(error(quote!("soon")).starts_with("`soon` is not a duration"));
        assert!(error(quote!(5)).starts_with("expected a duration"));
        assert!(error(quote!(afetr = "5s")).starts_with("unknown argument `afetr`: expected a duration"));
        assert_eq!(error(quote!("5s", after = "6s")), "`after` is given twice");
        assert_eq!(error(quote!("5s", scope = "")), "`scope` must not be empty");
        assert_eq!(error(quote!("5s", scope)), "`scope` needs a value: `scope = …`");
    }
}
