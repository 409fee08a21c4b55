//! Whole blocks: every function of an impl, a trait or a module, and of the blocks nested in them.
//!
//! Every other item keeps its tokens, without being parsed.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, Meta, Token};

use crate::arguments::prof::Args;
use crate::expand;
use crate::parse::attribute::{has_macro, is_called};
use crate::parse::condition::split;
use crate::parse::start::{Container, Start, start};
use crate::parse::{Ending, Function, Parsed, arguments, take_until_body};

/// Annotates the functions of the block in `input`, of which `attrs` are the attributes. Another macro may read the
/// result, if one stands on the block, or if `is_read_by_macro` is set because one stands on a block around it.
pub(crate) fn annotate(
    args: &Args,
    attrs: &[Attribute],
    container: Container,
    is_read_by_macro: bool,
    input: ParseStream<'_>,
) -> syn::Result<TokenStream> {
    let is_read_by_macro = is_read_by_macro || has_macro(attrs);
    let mut tokens = quote!(#(#attrs)*);
    match take_until_body(input, &mut tokens)? {
        Ending::Semicolon if container == Container::Module => Err(Error::new_spanned(
            tokens,
            "`#[prof]` needs the module's body here: annotate the functions in its file, or write the module inline",
        )),
        Ending::Semicolon => Ok(tokens),
        Ending::Body(body) => {
            let mut members = TokenStream::new();
            (|input: ParseStream<'_>| annotate_members(args, is_read_by_macro, input, &mut members))
                .parse2(body.stream())?;
            let mut annotated = Group::new(Delimiter::Brace, members);
            annotated.set_span(body.span());
            annotated.to_tokens(&mut tokens);
            Ok(tokens)
        }
    }
}

fn annotate_members(
    args: &Args,
    is_read_by_macro: bool,
    input: ParseStream<'_>,
    out: &mut TokenStream,
) -> syn::Result<()> {
    for attr in input.call(Attribute::parse_inner)? {
        attr.to_tokens(out);
    }
    while !input.is_empty() {
        let attrs = input.call(Attribute::parse_outer)?;
        let item = take_item(input)?;
        annotate_member(args, is_read_by_macro, attrs, &item)?.to_tokens(out);
    }
    Ok(())
}

/// Annotates one member, by the `#[prof]` that it carries and by that of the block.
fn annotate_member(
    args: &Args,
    is_read_by_macro: bool,
    mut attrs: Vec<Attribute>,
    item: &TokenStream,
) -> syn::Result<TokenStream> {
    if let Some(split) = split(&attrs) {
        return Ok(split.annotate(item, |attrs| annotate_member(args, is_read_by_macro, attrs, item)));
    }
    let own = attrs.iter().position(|attr| is_called(attr, "prof"));
    let own = match own.map(|at| attrs.remove(at)) {
        Some(Attribute { meta: Meta::List(list), .. }) => arguments(list.tokens)?,
        _ => Args::default(),
    };
    if let Some(second) = attrs.iter().find(|attr| is_called(attr, "prof")) {
        return Err(Error::new_spanned(second, "`#[prof]` is given twice on this item"));
    }
    if own.skip {
        return Ok(quote!(#(#attrs)* #item));
    }
    (|input: ParseStream<'_>| match start(input) {
        Start::Function => match Function::parse(attrs.clone(), input)? {
            Parsed::Declared(tokens) => Ok(tokens),
            Parsed::Defined(function) => Ok(expand_or_pass(&own.inherit(args), is_read_by_macro, *function)),
        },
        Start::Container(container) => {
            own.check_for_block()?;
            annotate(&own.inherit(args), &attrs, container, is_read_by_macro, input)
        }
        Start::Other => {
            let rest: TokenStream = input.parse()?;
            Ok(quote!(#(#attrs)* #rest))
        }
    })
    .parse2(item.clone())
}

/// Expands one function of a block. A function that cannot be measured stays as it is, without an error: the attribute
/// stands on the block, not on this function.
fn expand_or_pass(args: &Args, is_read_by_macro: bool, function: Function) -> TokenStream {
    if function.signature.constness.is_some() || function.is_naked() {
        return function.into_token_stream();
    }
    expand::function(args, function, is_read_by_macro)
}

/// The tokens of one item, without its attributes.
fn take_item(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    let ahead = input.fork();
    ahead.parse::<syn::Visibility>()?;
    // These items may hold braces in the middle, and always end in `;`.
    let is_value = (ahead.peek(Token![const]) && start(input) != Start::Function)
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
