//! The shapes of code around a body that stays where it is: something is begun before it, and ended after it.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;

use crate::function::Function;

/// The function with other statements in it.
pub(crate) fn with_statements(function: &Function, statements: &TokenStream) -> TokenStream {
    let Function { attrs, vis, defaultness, signature, body } = function;
    let inner_attrs = &body.inner_attrs;
    let mut block = Group::new(Delimiter::Brace, quote!(#inner_attrs #statements));
    // As the body of the function, for messages about the function's end and for coverage.
    block.set_span(body.block.span());
    quote!(#(#attrs)* #vis #defaultness #signature #block)
}

/// ```text
/// // Input:
/// fn add(a: i32, b: i32) -> i32 { a + b }
/// // Output:
/// fn add(a: i32, b: i32) -> i32 {
///     <begin>
///     let __prof_value: i32 = match () { () => { a + b } };
///     return <end>;
/// }
/// ```
///
/// The value is bound before the end, so that the temporaries of the tail expression are gone by then. The `match` keeps
/// lints quiet that would have something to say of a block as a value: that its braces are unused, or that it diverges.
pub(crate) fn in_place(begin: &TokenStream, output: &Type, block: &Group, end: &TokenStream) -> TokenStream {
    let ty = match output {
        // A type annotation `_` is one too many for some lints.
        Type::Infer(_) => None,
        output => Some(quote_spanned!(Span::mixed_site()=> : #output)),
    };
    quote_spanned! {Span::mixed_site()=>
        #begin
        let __prof_value #ty = match () { () => #block };
        #[allow(unreachable_code)]
        return #end;
    }
}

/// ```text
/// // Input:
/// fn adder(n: u8) -> impl Fn(u8) -> u8 { move |x| x + n }
/// // Output:
/// fn adder(n: u8) -> impl Fn(u8) -> u8 {
///     <begin>
///     return { (); { move |x| x + n } };
/// }
/// ```
///
/// A closure learns its signature from the `impl Fn` that it is returned as, so it has to be returned directly. The unit
/// before the body keeps lints quiet, as the `match` does above.
pub(crate) fn guarded(begin: &TokenStream, block: &Group) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> #begin return { (); #block };)
}

/// A function that never returns, and so has no end.
pub(crate) fn diverging(begin: &TokenStream, block: &Group) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> #begin #block)
}
