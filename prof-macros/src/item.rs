//! What the attribute stands on: a function, an impl, a trait or a module.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, Token, Visibility};

use crate::args::Args;
use crate::attributes::{is_called, split};
use crate::block::{self, Container};
use crate::expand;
use crate::function::{Function, Parsed};
use crate::mistake;

/// The annotated item; after a mistake, its errors and the item unchanged.
pub(crate) fn annotate(args: TokenStream, item: &TokenStream) -> TokenStream {
    let annotated = Args::parse(args).and_then(|args| {
        if args.skip {
            return Ok(item.clone());
        }
        (|input: ParseStream<'_>| annotate_item(&args, input)).parse2(item.clone())
    });
    annotated.unwrap_or_else(|error| {
        let error = mistake::code(error);
        quote!(#error #item)
    })
}

/// What an item starts with, after its attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Start {
    Function,
    Container(Container),
    Other,
}

fn annotate_item(args: &Args, input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let attrs = input.call(Attribute::parse_outer)?;
    let Some(split) = split(&attrs) else { return annotate_parsed(args, attrs, input) };
    let item: TokenStream = input.parse()?;
    Ok(split.annotate(&item, |attrs| {
        (|input: ParseStream<'_>| annotate_item(args, input)).parse2(quote!(#(#attrs)* #item))
    }))
}

fn annotate_parsed(args: &Args, attrs: Vec<Attribute>, input: ParseStream<'_>) -> syn::Result<TokenStream> {
    if let Some(second) = attrs.iter().find(|attr| is_called(attr, "prof")) {
        return Err(Error::new_spanned(second, "`#[prof]` is given twice on this item"));
    }
    match start(input) {
        Start::Function => match Function::parse(attrs, input)? {
            Parsed::Defined(function) => annotate_function(args, *function),
            Parsed::Declared(declared) => Err(Error::new_spanned(
                declared,
                "`#[prof]` needs a body to measure: annotate the implementations, or give this method a default body",
            )),
        },
        Start::Container(container) => {
            if let Some(error) = args.single_function_only() {
                return Err(error);
            }
            block::annotate(args, &attrs, container, false, input)
        }
        Start::Other => Err(Error::new(
            input.span(),
            "`#[prof]` measures functions: expected a function, an `impl`, a `trait` or a `mod` with a body",
        )),
    }
}

fn annotate_function(args: &Args, function: Function) -> syn::Result<TokenStream> {
    if let Some(constness) = &function.signature.constness {
        return Err(Error::new(
            constness.span,
            "`#[prof]` cannot measure a `const fn`: it may run at compile time, where there is no clock",
        ));
    }
    if function.is_naked() {
        return Err(Error::new(
            function.signature.ident.span(),
            "`#[prof]` cannot measure a naked function: no code can be added to it",
        ));
    }
    Ok(expand::function(args, function, false))
}

/// Looks at what comes next, past visibility and qualifiers.
pub(crate) fn start(input: ParseStream<'_>) -> Start {
    let ahead = input.fork();
    if ahead.parse::<Visibility>().is_err() {
        return Start::Other;
    }
    loop {
        if ahead.peek(Token![fn]) {
            return Start::Function;
        } else if ahead.peek(Token![impl]) {
            return Start::Container(Container::Impl);
        } else if ahead.peek(Token![trait]) {
            return Start::Container(Container::Trait);
        } else if ahead.peek(Token![mod]) {
            return Start::Container(Container::Module);
        }
        let qualifier = ahead.parse::<Option<Token![const]>>().is_ok_and(|t| t.is_some())
            || ahead.parse::<Option<Token![async]>>().is_ok_and(|t| t.is_some())
            || ahead.parse::<Option<Token![unsafe]>>().is_ok_and(|t| t.is_some())
            || ahead.parse::<Option<Token![auto]>>().is_ok_and(|t| t.is_some())
            || ahead.parse::<Option<Token![default]>>().is_ok_and(|t| t.is_some())
            || ahead.parse::<Option<syn::Abi>>().is_ok_and(|t| t.is_some());
        if !qualifier {
            return Start::Other;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tokens: TokenStream, expect: Start) {
        let found = (|input: ParseStream<'_>| {
            let found = start(input);
            input.parse::<TokenStream>()?;
            Ok(found)
        })
        .parse2(tokens);
        assert_eq!(found.unwrap(), expect);
    }

    #[test]
    fn items_are_told_apart() {
        check(
            quote!(
                fn f() {}
            ),
            Start::Function,
        );
        check(
            quote!(
                pub(in crate::a) const unsafe extern "C" fn f() {}
            ),
            Start::Function,
        );
        check(quote!(default async fn f() {}), Start::Function);
        check(
            quote!(
                unsafe impl Send for X {}
            ),
            Start::Container(Container::Impl),
        );
        check(
            quote!(
                pub unsafe trait T {}
            ),
            Start::Container(Container::Trait),
        );
        check(
            quote!(
                pub mod m {}
            ),
            Start::Container(Container::Module),
        );
        check(
            quote!(
                struct S;
            ),
            Start::Other,
        );
        check(
            quote!(
                const X: u8 = 1;
            ),
            Start::Other,
        );
        check(
            quote!(
                unsafe extern "C" {}
            ),
            Start::Other,
        );
        check(
            quote!(
                extern crate alloc;
            ),
            Start::Other,
        );
    }
    /// A limit: see `docs/limits.md`.
    #[test]
    fn syntax_that_syn_does_not_know_comes_out_unchanged_beside_an_error() {
        let items = [
            quote!(
                gen fn numbers() -> u8 {
                    yield 1;
                }
            ),
            quote!(
                fn pinned(&pin mut self) {}
            ),
            quote!(
                fn bound<T: Load<load(..): Send>>() {}
            ),
        ];
        for item in items {
            let out = annotate(TokenStream::new(), &item).to_string();
            assert!(out.contains("compile_error"), "{out}");
            assert!(out.ends_with(&item.to_string()), "{out}");
        }
    }
}
