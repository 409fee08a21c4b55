//! The annotated item: a function, an impl, a trait or a module.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error};

use super::block;
use crate::arguments::prof::Args;
use crate::expand;
use crate::parse::attribute::is_called;
use crate::parse::condition::split;
use crate::parse::start::{Start, start};
use crate::parse::{Function, Parsed, arguments, error};

/// The annotated item; after a mistake, the errors and the unchanged item.
pub(crate) fn annotate(args: TokenStream, item: &TokenStream) -> TokenStream {
    let annotated = arguments(args).and_then(|args| {
        if args.skip {
            return Ok(item.clone());
        }
        (|input: ParseStream<'_>| annotate_item(&args, input)).parse2(item.clone())
    });
    annotated.unwrap_or_else(|mistakes| {
        let errors = error::code(mistakes);
        quote!(#errors #item)
    })
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
            Parsed::Defined(function) => refuse_or_expand(args, *function),
            Parsed::Declared(declared) => Err(Error::new_spanned(
                declared,
                "`#[prof]` needs a body to measure: annotate the implementations, or give this method a default body",
            )),
        },
        Start::Container(container) => {
            args.check_for_block()?;
            block::annotate(args, &attrs, container, false, input)
        }
        Start::Other => Err(Error::new(
            input.span(),
            "`#[prof]` measures functions: expected a function, an `impl`, a `trait` or a `mod` with a body",
        )),
    }
}

/// Expands one function that the attribute stands on. A function that cannot be measured is an error.
fn refuse_or_expand(args: &Args, function: Function) -> syn::Result<TokenStream> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
