//! One function, taken apart: attributes, visibility, signature, and the body as the user's tokens.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, Error, Signature, Visibility};

use crate::body::Body;

/// A function with a body.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// `default`, on specialisable members of a trait impl.
    pub(crate) defaultness: Option<Ident>,
    pub(crate) signature: Signature,
    pub(crate) body: Body,
}

/// A function, or one that is only declared.
pub(crate) enum Parsed {
    Defined(Box<Function>),
    /// Ends in `;`; the tokens are unchanged.
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
        let signature: Signature = input.parse()?;
        match input.parse::<TokenTree>()? {
            TokenTree::Punct(semi) if semi.as_char() == ';' => {
                let declared = quote!(#(#attrs)* #vis #defaultness #signature #semi);
                Ok(Parsed::Declared(declared))
            }
            TokenTree::Group(group) if block_of(&group).is_some() => {
                let body = Body::new(block_of(&group).unwrap_or(group));
                Ok(Parsed::Defined(Box::new(Self { attrs, vis, defaultness, signature, body })))
            }
            other => Err(Error::new(other.span(), "expected the body of the function")),
        }
    }

    /// Whether this is a function that no code can be added to.
    pub(crate) fn is_naked(&self) -> bool {
        self.attrs.iter().any(|attr| {
            let naked = |tokens: &TokenStream| tokens.to_string() == "naked";
            match &attr.meta {
                syn::Meta::Path(path) => path.is_ident("naked"),
                syn::Meta::List(list) => list.path.is_ident("unsafe") && naked(&list.tokens),
                syn::Meta::NameValue(_) => false,
            }
        })
    }
}

/// The block that `group` is: itself, or what is in the invisible group that `$body:block` of a `macro_rules!` makes.
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
    /// The function as it came.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, defaultness, signature, body } = self;
        let mut block = Group::new(Delimiter::Brace, {
            let inner_attrs = &body.inner_attrs;
            let rest = body.block.stream();
            quote!(#inner_attrs #rest)
        });
        block.set_span(body.block.span());
        // A body without inner attributes is the user's own token.
        let block = if body.inner_attrs.is_empty() { &body.block } else { &block };
        tokens.extend(quote!(#(#attrs)* #vis #defaultness #signature #block));
    }
}
