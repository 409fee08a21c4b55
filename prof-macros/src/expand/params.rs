//! The parameters: a closure or an async block takes them over, and they are dropped when they were before.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{FnArg, Pat, PatIdent, PatType, ReceiverKind, Signature, Type};

use crate::parse::parameter::{ParameterAttributes, split_attributes};

/// Returns the statements by which the block that holds the body takes the parameters over.
///
/// A function drops its parameters after its locals: the last parameter first, and of each the bindings before the
/// parts that its pattern does not bind. A block that captures them would drop them in the order in which it mentions
/// them, or not at all. So the block binds each again, in order, as rustc does for `async fn`:
///
/// ```text
/// fn f(a: A, _: B, (c, _): C, mut d: &str) { body }
/// ```
/// becomes
/// ```text
/// fn f(a′: A, __arg1′: B, __arg2′: C, d′: &str) {
///     … move || {
///         let a = a′;
///         let __arg1′ = __arg1′;
///         let __arg2′ = __arg2′;
///         let (c, _) = __arg2′;
///         let mut d = d′;
///         body
///     } …
/// ```
/// where `′` marks hygienic names, which the body cannot see. Immutable parameters without drop glue stay as they are.
///
/// Where another macro may read the signature, the signature stays as it is, and the block binds the same names again:
///
/// ```text
/// fn f(a: A, _: B, (c, _): C, mut d: &str) {
///     … move || { let a = a; let c = c; let _ = &mut d; let mut d = d; body } …
/// ```
/// The parts that a pattern does not bind have no name. They stay with the function, which drops them last.
pub(crate) fn take_over(signature: &mut Signature, is_read_by_macro: bool) -> TokenStream {
    let mut lets = TokenStream::new();
    let mut taken = Vec::new();
    for (index, input) in signature.inputs.iter_mut().enumerate() {
        if let FnArg::Typed(input) = input {
            match is_read_by_macro {
                true => bind_again(input).to_tokens(&mut lets),
                false => rebind(index, input, &mut taken).to_tokens(&mut lets),
            }
        }
    }
    lets
}

fn rebind(index: usize, input: &mut PatType, taken: &mut Vec<String>) -> TokenStream {
    let span = Span::mixed_site();
    let trivial = has_no_drop_glue(&input.ty);
    let binds_mutably = matches!(&*input.pat, Pat::Ident(PatIdent { mutability: Some(_), .. }));
    if trivial && !binds_mutably {
        return TokenStream::new();
    }
    let ParameterAttributes { conditions, lints } = split_attributes(&mut input.attrs);
    let pat = std::mem::replace(&mut *input.pat, Pat::Verbatim(TokenStream::new()));
    let hidden = hidden_name(index, &pat, taken);
    let lets = match &pat {
        Pat::Ident(PatIdent { by_ref: None, subpat: None, ident, .. }) => {
            // A lint would find `let _x = x` to have no effect.
            if ident.to_string().starts_with('_') {
                quote_spanned!(span=> #(#conditions)* #(#lints)* let (#pat,) = (#hidden,);)
            } else {
                quote_spanned!(span=> #(#conditions)* #(#lints)* let #pat = #hidden;)
            }
        }
        Pat::Wild(_) => quote_spanned!(span=> #(#conditions)* let #hidden = #hidden;),
        _ => quote_spanned! {span=>
            #(#conditions)* let #hidden = #hidden;
            #(#conditions)* #(#lints)* let #pat = #hidden;
        },
    };
    *input.pat =
        Pat::Ident(PatIdent { attrs: Vec::new(), by_ref: None, mutability: None, ident: hidden, subpat: None });
    input.attrs = conditions;
    lets
}

/// Binds the names of a parameter's pattern again. The pattern stays as it is.
fn bind_again(input: &mut PatType) -> TokenStream {
    let span = Span::mixed_site();
    let has_drop_glue = !has_no_drop_glue(&input.ty);
    let mut names = Vec::new();
    bound_by_value(&input.pat, &mut names);
    names.retain(|name| has_drop_glue || name.mutability.is_some());
    if names.is_empty() {
        return TokenStream::new();
    }
    let ParameterAttributes { conditions, lints } = split_attributes(&mut input.attrs);
    // Uses the parameter's own `mut`, of which a lint would say that it is unused.
    let mutable = names.iter().filter(|name| name.mutability.is_some()).map(|name| &name.ident);
    let needs = mutable.map(|ident| quote_spanned!(span=> #(#conditions)* let _ = &mut #ident;));
    let values = names.iter().map(|name| &name.ident);
    let patterns = names.iter().map(|Name { mutability, ident }| quote!(#mutability #ident));
    let again = match &*names {
        // A lint would find `let _x = x` to have no effect.
        [only] if !only.ident.to_string().starts_with('_') => quote_spanned!(span=> let #(#patterns)* = #(#values)*;),
        _ => quote_spanned!(span=> let (#(#patterns,)*) = (#(#values,)*);),
    };
    quote_spanned! {span=>
        #(#needs)*
        // These lints look at names, and the names are the user's.
        #(#conditions)* #(#lints)*
        #[allow(clippy::shadow_reuse, clippy::shadow_same, clippy::used_underscore_binding)]
        #again
    }
}

/// A name that a pattern binds by value.
struct Name {
    mutability: Option<syn::Token![mut]>,
    ident: Ident,
}

/// Finds the names that a pattern binds by value.
fn bound_by_value(pat: &Pat, names: &mut Vec<Name>) {
    match pat {
        Pat::Ident(PatIdent { by_ref: None, mutability, ident, .. }) => {
            names.push(Name { mutability: *mutability, ident: ident.clone() });
        }
        Pat::Paren(paren) => bound_by_value(&paren.pat, names),
        Pat::Reference(reference) => bound_by_value(&reference.pat, names),
        Pat::Slice(slice) => slice.elems.iter().for_each(|pat| bound_by_value(pat, names)),
        Pat::Struct(pat) => pat.fields.iter().for_each(|field| bound_by_value(&field.pat, names)),
        Pat::Tuple(tuple) => tuple.elems.iter().for_each(|pat| bound_by_value(pat, names)),
        Pat::TupleStruct(pat) => pat.elems.iter().for_each(|pat| bound_by_value(pat, names)),
        // All cases bind the same names.
        Pat::Or(or) => or.cases.first().into_iter().for_each(|pat| bound_by_value(pat, names)),
        _ => {}
    }
}

/// A name for a parameter that the user's code cannot see.
///
/// Documentation shows it, so it has the letters of the user's name, or of the name that rustc gives to a pattern of an
/// `async fn`. Two names of the user's may differ by hygiene only; hidden names differ by their letters as well.
fn hidden_name(index: usize, pat: &Pat, taken: &mut Vec<String>) -> Ident {
    let mut ident = match pat {
        Pat::Ident(pat) => {
            let mut ident = pat.ident.clone();
            ident.set_span(Span::mixed_site().located_at(pat.ident.span()));
            ident
        }
        _ => format_ident!("__arg{}", index, span = Span::mixed_site()),
    };
    while taken.iter().any(|name| ident == name) {
        ident = format_ident!("_{}_{}", ident.unraw(), index, span = ident.span());
    }
    taken.push(ident.to_string());
    ident
}

/// Whether the spelling of a type tells that its values have no drop glue, so that no code observes where they are
/// dropped.
fn has_no_drop_glue(ty: &Type) -> bool {
    match ty {
        Type::Reference(_) | Type::Ptr(_) | Type::FnPtr(_) | Type::Never(_) => true,
        Type::Group(group) => has_no_drop_glue(&group.elem),
        Type::Paren(paren) => has_no_drop_glue(&paren.elem),
        Type::Path(path) => path.path.get_ident().is_some_and(|ident| {
            let name = ident.to_string();
            let digits = name.trim_start_matches(['i', 'u', 'f']);
            matches!(name.as_str(), "bool" | "char" | "isize" | "usize")
                || (digits.len() < name.len() && digits.parse::<u8>().is_ok())
        }),
        _ => false,
    }
}

/// Captures all of a `self` that is taken by value, not only the fields that the body mentions.
pub(crate) fn capture_self(signature: &Signature, body_mentions_self: bool) -> TokenStream {
    let Some(receiver) = signature.receiver().filter(|_| body_mentions_self) else {
        return TokenStream::new();
    };
    let by_value = match &receiver.kind {
        ReceiverKind::Value => true,
        ReceiverKind::Typed(_, ty) => !has_no_drop_glue(ty),
        _ => false,
    };
    let this = &receiver.self_token;
    if by_value { quote_spanned!(Span::mixed_site()=> let _ = &#this;) } else { TokenStream::new() }
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // So that the cases read without `&`.
mod tests {
    use super::*;
    use syn::parse_quote;

    #[track_caller]
    fn check(
        is_read_by_macro: bool,
        mut signature: Signature,
        expect_signature: TokenStream,
        expect_lets: TokenStream,
    ) {
        let lets = take_over(&mut signature, is_read_by_macro);
        assert_eq!(signature.to_token_stream().to_string(), expect_signature.to_string());
        assert_eq!(lets.to_string(), expect_lets.to_string());
    }

    #[test]
    fn parameters_are_bound_again_in_order() {
        check(
            false,
            parse_quote!(fn f(a: A, _: B, (c, _): C, mut d: &str, e: &E, n: u8)),
            quote!(fn f(a: A, __arg1: B, __arg2: C, d: &str, e: &E, n: u8)),
            quote! {
                let a = a;
                let __arg1 = __arg1;
                let __arg2 = __arg2;
                let (c, _) = __arg2;
                let mut d = d;
            },
        );
    }

    #[test]
    fn hidden_names_differ() {
        check(
            false,
            parse_quote!(fn f(_: A, __arg0: B, __arg0: C)),
            quote!(fn f(__arg0: A, ___arg0_1: B, ___arg0_2: C)),
            quote!(let __arg0 = __arg0; let (__arg0,) = (___arg0_1,); let (__arg0,) = (___arg0_2,);),
        );
    }

    #[test]
    fn conditions_go_along_and_lints_move() {
        check(
            false,
            parse_quote!(fn f(#[cfg(x)] a: A, #[expect(unused)] b: B)),
            quote!(fn f(#[cfg(x)] a: A, b: B)),
            quote!(#[cfg(x)] let a = a; #[expect(unused)] let b = b;),
        );
    }

    #[test]
    fn a_signature_that_is_read_by_macro_stays_as_it_is() {
        let signature = quote! {
            fn f(
                a: A,
                _: B,
                (b, [c, mut d], _): C,
                mut e: &str,
                #[case] _g: G,
                (E(h) | F { h }): H,
                whole @ (_, _): W,
                ref r: R,
                &i: &I,
                n: u8
            )
        };
        let lints = quote!(#[allow(clippy::shadow_reuse, clippy::shadow_same, clippy::used_underscore_binding)]);
        check(
            true,
            syn::parse2(signature.clone()).unwrap(),
            signature,
            quote! {
                #lints let a = a;
                let _ = &mut d;
                #lints let (b, c, mut d,) = (b, c, d,);
                let _ = &mut e;
                #lints let mut e = e;
                #lints let (_g,) = (_g,);
                #lints let h = h;
                #lints let whole = whole;
            },
        );
        check(
            true,
            parse_quote!(fn f(#[cfg(x)] #[case] #[allow(y)] mut a: A, #[expect(z)] b: B)),
            quote!(fn f(#[cfg(x)] #[case] #[allow(y)] mut a: A, b: B)),
            quote! {
                #[cfg(x)] let _ = &mut a;
                #[cfg(x)] #[allow(y)] #lints let mut a = a;
                #[expect(z)] #lints let b = b;
            },
        );
    }

    #[test]
    fn self_is_captured_whole_when_taken_by_value() {
        let text = |signature: Signature| capture_self(&signature, true).to_string();
        assert_eq!(text(parse_quote!(fn f(self))), quote!(let _ = &self;).to_string());
        assert_eq!(text(parse_quote!(fn f(self: Box<Self>))), quote!(let _ = &self;).to_string());
        assert_eq!(text(parse_quote!(fn f(&mut self))), "");
        assert_eq!(text(parse_quote!(fn f(self: &Self))), "");
    }
}
