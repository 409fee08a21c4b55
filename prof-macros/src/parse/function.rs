//! One function, taken apart: attributes, visibility, signature, and the body as the user's tokens.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::parse::discouraged::Speculative as _;
use syn::{Attribute, Error, Signature, Visibility};

use super::attribute;
use super::body::Body;
use super::edition_2015::modern;

/// A function with a body.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// `default`, on specializable members of a trait impl.
    pub(crate) defaultness: Option<Ident>,
    pub(crate) signature: Signature,
    /// The tokens of the signature, if `signature` was parsed from others: see `edition_2015.rs`.
    pub(crate) original: Option<TokenStream>,
    pub(crate) body: Body,
}

/// A function with a body, or a declaration.
pub(crate) enum Parsed {
    Defined(Box<Function>),
    /// The unchanged tokens, which end in `;`.
    Declared(TokenStream),
}

impl Function {
    /// Parses what follows the attributes.
    pub(crate) fn parse(attrs: Vec<Attribute>, input: ParseStream<'_>) -> syn::Result<Parsed> {
        let vis: Visibility = input.parse()?;
        let defaultness = match input.fork().call(Ident::parse_any) {
            Ok(word) if word == "default" => Some(input.call(Ident::parse_any)?),
            _ => None,
        };
        let ahead = input.fork();
        let mut original = None;
        let signature = match ahead.parse::<Signature>() {
            Ok(signature) => {
                input.advance_to(&ahead);
                signature
            }
            Err(error) => {
                let tokens = original.insert(TokenStream::new());
                if let Ending::Semicolon = take_until_body(&input.fork(), tokens)? {
                    let declared: TokenStream = input.parse()?;
                    return Ok(Parsed::Declared(quote!(#(#attrs)* #vis #defaultness #declared)));
                }
                // The body remains to be read.
                input.step(|cursor| {
                    let mut rest = *cursor;
                    for _ in tokens.clone() {
                        rest = rest.token_tree().map_or(rest, |(_, rest)| rest);
                    }
                    Ok(((), rest))
                })?;
                syn::parse2(modern(tokens.clone())).map_err(|_| error)?
            }
        };
        match input.parse::<TokenTree>()? {
            TokenTree::Punct(semi) if semi.as_char() == ';' => {
                let declared = quote!(#(#attrs)* #vis #defaultness #signature #semi);
                Ok(Parsed::Declared(declared))
            }
            TokenTree::Group(group) if block_of(&group).is_some() => {
                let body = Body::new(block_of(&group).unwrap_or(group));
                Ok(Parsed::Defined(Box::new(Self { attrs, vis, defaultness, signature, original, body })))
            }
            other => Err(Error::new(other.span(), "expected the body of the function")),
        }
    }

    /// The signature as tokens.
    pub(crate) fn signature(&self) -> TokenStream {
        self.original.clone().unwrap_or_else(|| self.signature.to_token_stream())
    }

    /// Whether no code can be added to the function.
    pub(crate) fn is_naked(&self) -> bool {
        attribute::has_naked(&self.attrs)
    }
}

/// How an item ends.
pub(crate) enum Ending {
    Semicolon,
    Body(Group),
}

/// Moves tokens to `out` up to the item's body, which it returns, or up to its `;`, which it moves as well.
///
/// A brace between angle brackets is a const argument, not the body.
pub(crate) fn take_until_body(input: ParseStream<'_>, out: &mut TokenStream) -> syn::Result<Ending> {
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

/// `group`, if it is a block, or the block in the invisible group that `$body:block` of a `macro_rules!` makes.
pub(crate) fn block_of(group: &Group) -> Option<Group> {
    match group.delimiter() {
        Delimiter::Brace => Some(group.clone()),
        Delimiter::None => match group.stream().into_iter().next()? {
            TokenTree::Group(inner) => block_of(&inner),
            _ => None,
        },
        _ => None,
    }
}

impl ToTokens for Function {
    /// The unchanged function.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, defaultness, body, .. } = self;
        let signature = self.signature();
        let mut block = Group::new(Delimiter::Brace, {
            let inner_attrs = &body.inner_attrs;
            let rest = body.block.stream();
            quote!(#inner_attrs #rest)
        });
        block.set_span(body.block.span());
        // A body without inner attributes is still the user's own token.
        let block = if body.inner_attrs.is_empty() { &body.block } else { &block };
        tokens.extend(quote!(#(#attrs)* #vis #defaultness #signature #block));
    }
}
