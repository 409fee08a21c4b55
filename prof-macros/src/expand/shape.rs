//! Shapes in which the body stays in the function: code before it begins something, and code after it ends that.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;

use crate::parse::{Body, Function};

/// The function with `statements` as its body.
pub(crate) fn with_statements(function: &Function, statements: &TokenStream) -> TokenStream {
    let Function { attrs, vis, defaultness, body, .. } = function;
    let signature = function.signature();
    let inner_attrs = &body.inner_attrs;
    let mut block = Group::new(Delimiter::Brace, quote!(#inner_attrs #statements));
    // The span of the body, for messages about the end of the function and for coverage.
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
/// The value is bound before the end, so that the temporaries of the tail expression are dropped by then. The `match`
/// silences lints about a block as a value: that its braces are unused, or that it diverges. `Is` silences lints about
/// the type, which look at the signature already.
pub(crate) fn in_place(
    begin: &TokenStream,
    private: &TokenStream,
    output: &Type,
    block: &Group,
    end: &TokenStream,
    is_read_by_macro: bool,
) -> TokenStream {
    let end = give_back(end, is_read_by_macro);
    quote_spanned! {Span::mixed_site()=>
        #begin
        let __prof_value: #private::Is<#output> = match () { () => #block };
        #end
    }
}

/// The end of the function, which returns its value.
///
/// It is a `return`, so that lints about the tail of functions do not apply. Another macro may put the body where a
/// `return` means something else, as property tests do: for such a macro, the value is the tail.
pub(crate) fn give_back(end: &TokenStream, is_read_by_macro: bool) -> TokenStream {
    if !is_read_by_macro {
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
/// A closure learns its signature from the `impl Fn` of the return type, so it has to be the tail. A function that
/// never returns has no value, and no end. The inner braces have this crate's edition, in which the temporaries of the
/// tail are dropped before the locals.
pub(crate) fn guarded(begin: &TokenStream, body: &Body) -> TokenStream {
    let tail = body.as_tail();
    quote_spanned!(Span::mixed_site()=> { #begin #tail })
}
