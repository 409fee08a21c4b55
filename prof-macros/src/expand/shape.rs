//! The shapes of code around a body that stays where it is: something is begun before it, and ended after it.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;

use crate::parse::{Body, Function};

/// The function with other statements in it.
pub(crate) fn with_statements(function: &Function, statements: &TokenStream) -> TokenStream {
    let Function { attrs, vis, defaultness, body, .. } = function;
    let signature = function.signature();
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
///     let __prof_value: private::Is<i32> = match () { () => { a + b } };
///     return <end>;
/// }
/// ```
///
/// The value is bound before the end, so that the temporaries of the tail expression are gone by then. The `match` keeps
/// lints quiet that would have something to say of a block as a value: that its braces are unused, or that it diverges.
/// `Is` keeps those quiet that would judge the type a second time.
pub(crate) fn in_place(
    begin: &TokenStream,
    private: &TokenStream,
    output: &Type,
    block: &Group,
    end: &TokenStream,
    is_read_later: bool,
) -> TokenStream {
    let end = give_back(end, is_read_later);
    quote_spanned! {Span::mixed_site()=>
        #begin
        let __prof_value: #private::Is<#output> = match () { () => #block };
        #end
    }
}

/// The end of the function, which gives back its value.
///
/// As a `return`, it is no business of lints about the ends of functions. A macro that reads it may put the body where a
/// `return` means something else, as tests of properties do; for that, it is the value.
pub(crate) fn give_back(end: &TokenStream, is_read_later: bool) -> TokenStream {
    if !is_read_later {
        return quote_spanned!(Span::mixed_site()=> #[allow(unreachable_code)] return #end;);
    }
    quote_spanned! {Span::mixed_site()=>
        #[allow(unreachable_code)]
        let __prof_value = #end;
        __prof_value
    }
}

/// ```text
/// // Input:
/// fn adder(n: u8) -> impl Fn(u8) -> u8 { move |x| x + n }
/// // Output:
/// fn adder(n: u8) -> impl Fn(u8) -> u8 {
///     { <begin> move |x| x + n }
/// }
/// ```
///
/// A closure learns its signature from the `impl Fn` that it is returned as, so it has to be returned directly; a function
/// that never returns has no value, and no end. The inner braces are of this crate's edition, in which the temporaries of
/// the tail are dropped before what was begun.
pub(crate) fn guarded(begin: &TokenStream, body: &Body) -> TokenStream {
    let tail = body.as_tail();
    quote_spanned!(Span::mixed_site()=> { #begin #tail })
}
