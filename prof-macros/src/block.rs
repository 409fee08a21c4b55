//! Whole blocks: every function of an impl, a trait or a module, and of what is nested in them.
//!
//! Only functions are looked into; every other item is passed on as the tokens that it came as.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Meta, Token};

use crate::args::Args;
use crate::expand;
use crate::function::{Function, Parsed, block_of};
use crate::item::{self, Start};
use crate::params::is_called;

/// An item that holds functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Container {
    Impl,
    Trait,
    Module,
}

/// Annotates the functions of the block that follows its attributes in `input`.
pub(crate) fn annotate(
    args: &Args,
    attrs: &[Attribute],
    container: Container,
    input: ParseStream<'_>,
) -> syn::Result<TokenStream> {
    let mut tokens = quote!(#(#attrs)*);
    match take_until_body(input, &mut tokens)? {
        Ending::Semicolon if container == Container::Module => Err(Error::new_spanned(
            tokens,
            "`#[prof]` needs the module's body here: annotate the functions in its file, or write the module inline",
        )),
        Ending::Semicolon => Ok(tokens),
        Ending::Body(body) => {
            let mut members = TokenStream::new();
            (|input: ParseStream<'_>| annotate_members(args, input, &mut members)).parse2(body.stream())?;
            let mut annotated = Group::new(Delimiter::Brace, members);
            annotated.set_span(body.span());
            annotated.to_tokens(&mut tokens);
            Ok(tokens)
        }
    }
}

fn annotate_members(args: &Args, input: ParseStream<'_>, out: &mut TokenStream) -> syn::Result<()> {
    for attr in input.call(Attribute::parse_inner)? {
        attr.to_tokens(out);
    }
    while !input.is_empty() {
        let attrs = input.call(Attribute::parse_outer)?;
        let item = take_item(input)?;
        annotate_member(args, attrs, &item)?.to_tokens(out);
    }
    Ok(())
}

/// Annotates one member, according to the attributes of ours that it carries.
fn annotate_member(args: &Args, mut attrs: Vec<Attribute>, item: &TokenStream) -> syn::Result<TokenStream> {
    let own = attrs.iter().position(|attr| is_called(attr, "prof"));
    let own = match own.map(|at| attrs.remove(at)) {
        None => match attrs.iter().find_map(conditional_override) {
            Some((condition, attr)) => return annotate_both_ways(args, &attrs, &condition, &attr, item),
            None => Args::default(),
        },
        Some(attr) => match &attr.meta {
            Meta::List(list) => Args::parse(list.tokens.clone())?,
            _ => Args::default(),
        },
    };
    if let Some(second) = attrs.iter().find(|attr| is_called(attr, "prof")) {
        return Err(Error::new_spanned(second, "`#[prof]` is given twice on this item"));
    }
    if own.skip {
        return Ok(quote!(#(#attrs)* #item));
    }
    (|input: ParseStream<'_>| match item::start(input) {
        Start::Function => match Function::parse(attrs.clone(), input)? {
            Parsed::Declared(tokens) => Ok(tokens),
            Parsed::Defined(function) => Ok(annotate_function(&own.inherit(args), *function)),
        },
        Start::Container(container) => match own.single_function_only() {
            Some(error) => Err(error),
            None => annotate(&own.inherit(args), &attrs, container, input),
        },
        Start::Other => {
            let rest: TokenStream = input.parse()?;
            Ok(quote!(#(#attrs)* #rest))
        }
    })
    .parse2(item.clone())
}

/// In a block, what cannot be measured is passed over in silence: the attribute was not put there for it.
fn annotate_function(args: &Args, function: Function) -> TokenStream {
    if function.signature.constness.is_some() || function.is_naked() {
        return function.into_token_stream();
    }
    expand::function(args, function)
}

/// `(condition, prof(…))` of `#[cfg_attr(condition, prof(…))]`.
fn conditional_override(attr: &Attribute) -> Option<(Meta, Meta)> {
    if !attr.path().is_ident("cfg_attr") {
        return None;
    }
    let parts = attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
    let mut parts = parts.into_iter();
    let condition = parts.next()?;
    let named = |meta: &Meta| meta.path().segments.last().is_some_and(|last| last.ident == "prof");
    Some((condition, parts.find(named)?))
}

/// Whether a `cfg_attr` holds cannot be known here, so the member is written once for either case.
fn annotate_both_ways(
    args: &Args,
    attrs: &[Attribute],
    condition: &Meta,
    conditional: &Meta,
    item: &TokenStream,
) -> syn::Result<TokenStream> {
    let others = |attr: &&Attribute| conditional_override(attr).is_none();
    let mut with: Vec<Attribute> = attrs.iter().filter(others).cloned().collect();
    let mut without = with.clone();
    with.push(syn::parse_quote!(#[cfg(#condition)]));
    with.push(syn::parse_quote!(#[#conditional]));
    without.push(syn::parse_quote!(#[cfg(not(#condition))]));
    let with = annotate_member(args, with, item)?;
    let without = annotate_member(args, without, item)?;
    Ok(quote!(#with #without))
}

/// How an item ends.
enum Ending {
    Semicolon,
    Body(Group),
}

/// The tokens of one item, without its attributes.
fn take_item(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    let ahead = input.fork();
    ahead.parse::<syn::Visibility>()?;
    // These may hold braces in the middle and always end in `;`; a `const fn` or `unsafe extern` block does not.
    let is_value = (ahead.peek(Token![const]) && item::start(input) != Start::Function)
        || ahead.peek(Token![static])
        || ahead.peek(Token![type])
        || ahead.peek(Token![use])
        || (ahead.peek(Token![extern]) && ahead.peek2(Token![crate]));
    if is_value {
        loop {
            let token: TokenTree = input.parse()?;
            let ends = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ';');
            tokens.extend([token]);
            if ends {
                return Ok(tokens);
            }
        }
    }
    if let Ending::Body(body) = take_until_body(input, &mut tokens)? {
        body.to_tokens(&mut tokens);
    }
    Ok(tokens)
}

/// Moves tokens to `out` until the item's body, which is returned, or its `;`, which is moved as well.
///
/// A brace between angle brackets is a const argument, not the body.
fn take_until_body(input: ParseStream<'_>, out: &mut TokenStream) -> syn::Result<Ending> {
    let mut depth = 0_usize;
    let mut after_dash = false;
    loop {
        match input.parse::<TokenTree>()? {
            TokenTree::Group(group) if depth == 0 && block_of(&group).is_some() => {
                return Ok(Ending::Body(block_of(&group).unwrap_or(group)));
            }
            token => {
                let punct = match &token {
                    TokenTree::Punct(punct) => punct.as_char(),
                    _ => ' ',
                };
                match punct {
                    '<' => depth += 1,
                    '>' if !after_dash => depth = depth.saturating_sub(1),
                    _ => {}
                }
                after_dash = matches!(punct, '-' | '=');
                out.extend([token]);
                if punct == ';' {
                    return Ok(Ending::Semicolon);
                }
            }
        }
    }
}
