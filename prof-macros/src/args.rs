//! What the attribute was given: `group`, `name`, `skip`, `ok`, `err`, `sample`, `objective`, `crate`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, LitInt, LitStr, Path, Token};

use crate::keys::{allowed, combine, skip_value, unknown};
use crate::objective::Objective;

/// Every key, in the order in which messages list them.
const KEYS: [&str; 8] = ["group", "name", "skip", "ok", "err", "sample", "objective", "crate"];

/// The arguments of one attribute, checked.
#[derive(Clone, Default)]
pub(crate) struct Args {
    /// An expression of type `&'static str`.
    pub(crate) group: Option<TokenStream>,
    pub(crate) name: Option<LitStr>,
    pub(crate) skip: bool,
    pub(crate) predicate: Option<Predicate>,
    /// An expression of type `u32`: one call in so many is timed.
    pub(crate) sample: Option<TokenStream>,
    pub(crate) objective: Option<Objective>,
    pub(crate) runtime: Option<Path>,
}

/// The user's own idea of a failure.
#[derive(Clone)]
pub(crate) enum Predicate {
    /// A call succeeded if this holds for the returned value.
    Ok(Expr),
    /// A call failed if this holds for the returned value.
    Err(Expr),
}

impl Args {
    /// Parses the tokens between the parentheses. All mistakes are reported together.
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        parse.parse2(tokens)
    }

    /// The arguments of a member of a block: its own, and the block's where it has none.
    pub(crate) fn inherit(mut self, block: &Args) -> Self {
        self.group = self.group.or_else(|| block.group.clone());
        self.sample = self.sample.or_else(|| block.sample.clone());
        self.objective = self.objective.or(block.objective);
        self.runtime = self.runtime.or_else(|| block.runtime.clone());
        self
    }

    /// What makes sense for one function only, if it was given; a block refuses it.
    pub(crate) fn single_function_only(&self) -> Option<Error> {
        if let Some(name) = &self.name {
            return Some(Error::new(name.span(), "`name` names one function: give it to a function inside the block"));
        }
        match self.predicate.as_ref()? {
            Predicate::Ok(expr) | Predicate::Err(expr) => Some(Error::new_spanned(
                expr,
                "`ok` and `err` judge the result of one function: give them to a function inside the block",
            )),
        }
    }

    /// The path of the runtime's private module, as tokens.
    pub(crate) fn private(&self) -> TokenStream {
        let span = Span::mixed_site();
        let runtime =
            self.runtime.as_ref().map_or_else(|| quote_spanned!(span=> ::prof_runtime), Path::to_token_stream);
        quote_spanned!(span=> #runtime::__private)
    }
}

fn parse(input: ParseStream<'_>) -> syn::Result<Args> {
    let mut args = Args::default();
    let mut seen: Vec<Ident> = Vec::new();
    let mut errors: Option<Error> = None;
    while !input.is_empty() {
        let key = match input.call(Ident::parse_any) {
            Ok(key) => key,
            Err(error) => {
                let found = Error::new(error.span(), format!("expected one of {}", allowed(&KEYS)));
                // What follows cannot be told apart any more.
                input.parse::<TokenStream>()?;
                combine(&mut errors, found);
                break;
            }
        };
        let duplicate = seen.contains(&key);
        seen.push(key.clone());
        let result = if duplicate {
            skip_value(input).and(Err(Error::new(key.span(), format!("`{key}` is given twice"))))
        } else {
            parse_value(&key, input, &mut args)
        };
        if let Err(error) = result {
            combine(&mut errors, error);
            skip_value(input)?;
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    if args.skip && seen.len() > 1 && errors.is_none() {
        let other = seen.iter().find(|key| *key != "skip");
        let span = other.map_or_else(Span::call_site, Ident::span);
        errors = Some(Error::new(span, "`skip` stands alone: a skipped function has no settings"));
    }
    errors.map_or(Ok(args), Err)
}

/// Parses what follows `key` into its place.
fn parse_value(key: &Ident, input: ParseStream<'_>, args: &mut Args) -> syn::Result<()> {
    let name = key.to_string();
    if name == "skip" {
        args.skip = true;
        return Ok(());
    }
    if !KEYS.contains(&name.as_str()) {
        return Err(unknown(key, &KEYS));
    }
    if name == "objective" {
        args.objective = Some(Objective::parse(key, input)?);
        return Ok(());
    }
    if !input.peek(Token![=]) {
        return Err(Error::new(key.span(), format!("`{name}` needs a value: `{name} = …`")));
    }
    input.parse::<Token![=]>()?;
    match name.as_str() {
        "group" => args.group = Some(parse_group(input)?),
        "name" => args.name = Some(parse_text(input, "name", "a string literal")?),
        "sample" => args.sample = Some(parse_sample(input)?),
        "crate" => args.runtime = Some(input.call(Path::parse_mod_style)?),
        "ok" => set_predicate(args, key, Predicate::Ok(input.parse()?))?,
        _ => set_predicate(args, key, Predicate::Err(input.parse()?))?,
    }
    Ok(())
}

fn set_predicate(args: &mut Args, key: &Ident, predicate: Predicate) -> syn::Result<()> {
    if args.predicate.is_some() {
        let message = "`ok` and `err` exclude each other: one predicate decides";
        return Err(Error::new(key.span(), message));
    }
    args.predicate = Some(predicate);
    Ok(())
}

/// A group is a string literal or the path of a `const`.
fn parse_group(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let expected = "a string literal or the path of a `const`";
    match parse_path_of_const(input, "group", expected)? {
        Some(path) => Ok(path),
        None => Ok(parse_text(input, "group", expected)?.to_token_stream()),
    }
}

/// A sample is a positive number or the path of a `const`.
fn parse_sample(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let expected = "a number from 1 to 4294967295 or the path of a `const` of type `u32`";
    if let Some(path) = parse_path_of_const(input, "sample", expected)? {
        return Ok(path);
    }
    let span = input.span();
    let refused = || Error::new(span, format!("`sample` must be {expected}"));
    let number: LitInt = input.parse().map_err(|_| refused())?;
    match number.base10_parse::<u32>() {
        Ok(1..) => Ok(number.to_token_stream()),
        _ => Err(refused()),
    }
}

/// The path of a `const`, if that is what comes.
fn parse_path_of_const(input: ParseStream<'_>, key: &str, expected: &str) -> syn::Result<Option<TokenStream>> {
    if !input.peek(Ident::peek_any) && !input.peek(Token![::]) {
        return Ok(None);
    }
    let path = input.parse::<Path>()?;
    match input.is_empty() || input.peek(Token![,]) {
        true => Ok(Some(path.to_token_stream())),
        false => Err(Error::new_spanned(path, format!("`{key}` must be {expected}"))),
    }
}

fn parse_text(input: ParseStream<'_>, key: &str, expected: &str) -> syn::Result<LitStr> {
    let span = input.span();
    let text: LitStr = input.parse().map_err(|_| Error::new(span, format!("`{key}` must be {expected}")))?;
    if text.value().is_empty() {
        return Err(Error::new(text.span(), format!("`{key}` must not be empty")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn errors(tokens: TokenStream) -> Vec<String> {
        match Args::parse(tokens) {
            Ok(_) => Vec::new(),
            Err(error) => error.into_iter().map(|error| error.to_string()).collect(),
        }
    }

    #[track_caller]
    fn check(tokens: TokenStream, expect: &[&str]) {
        assert_eq!(errors(tokens), expect);
    }

    #[test]
    fn what_is_allowed_is_accepted() {
        check(quote!(), &[]);
        check(quote!(group = "a"), &[]);
        check(quote!(group = crate::GROUP, name = "b",), &[]);
        check(quote!(ok = |r: &Result<u8, u8>| r.is_ok(), crate = my::prof), &[]);
        check(quote!(err = Option::is_none), &[]);
        check(quote!(objective(success = 99.9), name = "b"), &[]);
        check(quote!(skip), &[]);
        check(quote!(sample = 64), &[]);
        check(quote!(sample = 1_000u32, group = "a"), &[]);
        check(quote!(sample = crate::SAMPLE), &[]);
    }

    #[test]
    fn each_mistake_is_one_error() {
        let all = "expected one of `group`, `name`, `skip`, `ok`, `err`, `sample`, `objective`, `crate`";
        check(quote!(gruop = "x"), &[&format!("unknown argument `gruop`: did you mean `group`? {all}")]);
        check(quote!(level = 3), &[&format!("unknown argument `level`: {all}")]);
        check(quote!("x"), &[all]);
        check(quote!(group), &["`group` needs a value: `group = …`"]);
        check(quote!(group = "a", group = "b"), &["`group` is given twice"]);
        check(quote!(name = ""), &["`name` must not be empty"]);
        check(quote!(name = 5), &["`name` must be a string literal"]);
        let group = "`group` must be a string literal or the path of a `const`";
        check(quote!(group = 5), &[group]);
        check(quote!(group = f()), &[group]);
        let sample = "`sample` must be a number from 1 to 4294967295 or the path of a `const` of type `u32`";
        check(quote!(sample = 0), &[sample]);
        check(quote!(sample = -1), &[sample]);
        check(quote!(sample = 0.5), &[sample]);
        check(quote!(sample = 4_294_967_296), &[sample]);
        check(quote!(sample = "64"), &[sample]);
        check(quote!(sample = 2 + 2), &["expected `,`"]);
        check(quote!(ok = a, err = b), &["`ok` and `err` exclude each other: one predicate decides"]);
        check(quote!(skip, name = "x"), &["`skip` stands alone: a skipped function has no settings"]);
    }

    #[test]
    fn all_mistakes_are_shown_at_once() {
        assert_eq!(errors(quote!(nam = "x", group = 5, name = "")).len(), 3);
        assert_eq!(errors(quote!(objective(sucess = 99, latency = 5), name = "")).len(), 3);
    }
}
