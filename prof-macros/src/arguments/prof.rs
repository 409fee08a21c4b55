//! The arguments of `#[prof(…)]`: `group`, `name`, `skip`, `ok`, `err`, `sample`, `objective`, `crate`.

use super::input::{Input, is_word};
use super::literal::{integer, text};
use super::mistake::{Mistakes, Result};
use super::{Objective, keys};
use crate::tokens::{Ident, Literal, TokenStream, TokenTree};

/// Every key, in the order in which messages list them.
const KEYS: [&str; 8] = ["group", "name", "skip", "ok", "err", "sample", "objective", "crate"];

/// The arguments of one attribute, checked.
#[derive(Clone, Default)]
pub(crate) struct Args {
    /// An expression of type `&'static str`.
    pub(crate) group: Option<TokenStream>,
    /// A string literal that is not empty.
    pub(crate) name: Option<Literal>,
    pub(crate) skip: bool,
    pub(crate) predicate: Option<Predicate>,
    /// An expression of type `u32`: one call in this many is timed.
    pub(crate) sample: Option<TokenStream>,
    pub(crate) objective: Option<Objective>,
    /// The path of the crate `prof-runtime`; `::prof_runtime` if there is none.
    pub(crate) runtime: Option<TokenStream>,
}

/// The user's own idea of a failure: an expression that can be called with a reference to the returned value.
#[derive(Clone)]
pub(crate) enum Predicate {
    /// A call succeeded if this holds for the returned value.
    Ok(TokenStream),
    /// A call failed if this holds for the returned value.
    Err(TokenStream),
}

impl Predicate {
    pub(crate) fn expression(&self) -> &TokenStream {
        match self {
            Self::Ok(expression) | Self::Err(expression) => expression,
        }
    }
}

impl Args {
    /// Reads the tokens between the parentheses. All mistakes are reported together.
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut args = Self::default();
        let mut mistakes = Mistakes::default();
        let seen = keys::read(&mut Input::new(tokens), &KEYS, &mut mistakes, |key, input| args.read(key, input));
        let other = seen.iter().find(|key| !is_word(key, "skip"));
        if let Some(other) = other.filter(|_| args.skip && mistakes.is_empty()) {
            let message = "`skip` stands alone: a skipped function has no settings";
            mistakes.append(Mistakes::new(other.span(), message));
        }
        if mistakes.is_empty() { Ok(args) } else { Err(mistakes) }
    }

    /// Reads what follows `key` into its field.
    fn read(&mut self, key: &Ident, input: &mut Input) -> Result<()> {
        let name = key.to_string();
        match name.as_str() {
            "skip" => {
                self.skip = true;
                return Ok(());
            }
            "objective" => {
                self.objective = Some(Objective::parse(key, input)?);
                return Ok(());
            }
            _ => input.equals(key)?,
        }
        match name.as_str() {
            "group" => self.group = Some(parse_group(input)?),
            "name" => self.name = Some(parse_text(input, key, "a string literal")?),
            "sample" => self.sample = Some(parse_sample(input)?),
            "crate" => self.runtime = Some(parse_crate(input)?),
            "ok" => self.set_predicate(key, Predicate::Ok(input.expression()))?,
            _ => self.set_predicate(key, Predicate::Err(input.expression()))?,
        }
        Ok(())
    }

    fn set_predicate(&mut self, key: &Ident, predicate: Predicate) -> Result<()> {
        match self.predicate.replace(predicate) {
            Some(_) => Err(Mistakes::new(key.span(), "`ok` and `err` exclude each other: one predicate decides")),
            None => Ok(()),
        }
    }

    /// The arguments of a member of a block: its own, and the block's where it has none.
    pub(crate) fn inherit(mut self, block: &Args) -> Self {
        self.group = self.group.or_else(|| block.group.clone());
        self.sample = self.sample.or_else(|| block.sample.clone());
        self.objective = self.objective.or(block.objective);
        self.runtime = self.runtime.or_else(|| block.runtime.clone());
        self
    }

    /// Checks that there is no argument that is for one function only, since these arguments are a block's.
    pub(crate) fn check_for_block(&self) -> Result<()> {
        if let Some(name) = &self.name {
            let message = "`name` names one function: give it to a function inside the block";
            return Err(Mistakes::new(name.span(), message));
        }
        let Some(predicate) = &self.predicate else { return Ok(()) };
        Err(Mistakes::on(
            predicate.expression(),
            "`ok` and `err` are about the result of one function: give them to a function inside the block",
        ))
    }
}

/// A group is a string literal or the path of a `const`.
fn parse_group(input: &mut Input) -> Result<TokenStream> {
    let expected = "a string literal or the path of a `const`";
    match parse_path_of_const(input, "group", expected)? {
        Some(path) => Ok(path),
        None => Ok(TokenTree::from(parse_text(input, "group", expected)?).into()),
    }
}

/// A sample is a positive number or the path of a `const`.
fn parse_sample(input: &mut Input) -> Result<TokenStream> {
    let expected = "a number from 1 to 4294967295 or the path of a `const` of type `u32`";
    if let Some(path) = parse_path_of_const(input, "sample", expected)? {
        return Ok(path);
    }
    let span = input.span();
    let literal = input.literal();
    match literal.as_ref().and_then(integer).map(u32::try_from) {
        Some(Ok(1..)) => Ok(literal.map(TokenTree::from).into_iter().collect()),
        _ => Err(Mistakes::new(span, format!("`sample` must be {expected}"))),
    }
}

/// Reads the path of a `const`, if a path is next.
fn parse_path_of_const(input: &mut Input, key: &str, expected: &str) -> Result<Option<TokenStream>> {
    let Some(path) = input.path() else { return Ok(None) };
    match input.is_at_end_of_value() {
        true => Ok(Some(path)),
        false => Err(Mistakes::on(&path, format!("`{key}` must be {expected}"))),
    }
}

/// Reads the path of a crate.
pub(super) fn parse_crate(input: &mut Input) -> Result<TokenStream> {
    let span = input.span();
    input.path().ok_or_else(|| Mistakes::new(span, "`crate` must be the path of a crate"))
}

/// Reads a string literal that is not empty.
pub(super) fn parse_text(input: &mut Input, key: impl std::fmt::Display, expected: &str) -> Result<Literal> {
    let span = input.span();
    let literal = input.literal().and_then(|literal| text(&literal).map(|text| (literal, text)));
    match literal {
        Some((_, text)) if text.is_empty() => Err(Mistakes::new(span, format!("`{key}` must not be empty"))),
        Some((literal, _)) => Ok(literal),
        None => Err(Mistakes::new(span, format!("`{key}` must be {expected}"))),
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;
    use quote::quote;

    fn errors(tokens: TokenStream) -> Vec<String> {
        match Args::parse(tokens) {
            Ok(_) => Vec::new(),
            Err(mistakes) => mistakes.into_iter().map(|mistake| mistake.message).collect(),
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
