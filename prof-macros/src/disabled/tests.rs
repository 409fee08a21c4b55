//! What the attributes do in a build without them.
#![allow(clippy::needless_pass_by_value)] // So that the cases read without `&`.

use super::*;
use quote::quote;

#[track_caller]
fn check(item: TokenStream, expect: TokenStream) {
    assert_eq!(prof(TokenStream::new(), item).to_string(), expect.to_string());
}

#[test]
fn an_item_comes_out_as_it_came() {
    for item in [
        quote!(
            #[inline]
            pub async fn f<'a, const N: usize>(x: &'a [u8; N]) -> impl Fn() + use<'a, N> {
                #[prof]
                fn g() {}
            }
        ),
        quote!(
            impl<T> From<[T; { 1 }]> for S<{ 2 }>
            where
                T: Fn() -> u8,
            {
                const X: u8 = { 1 };
                fn f(&self) {}
            }
        ),
        quote!(
            trait T {
                type X;
                #[cfg(x)]
                fn f();
                fn g() {}
            }
        ),
        quote!(
            struct S;
        ),
        quote!(
            mod m;
        ),
    ] {
        check(item.clone(), item);
    }
}

#[test]
fn attributes_inside_a_block_are_taken_off() {
    check(
        quote! {
            mod m {
                #![allow(x)]
                #[prof(skip)] #[inline] fn f() -> Map<u8, u8> { #[prof] fn g() {} }
                const X: u8 = { 1 };
                #[::prof_runtime::prof(group = "a")]
                impl<T> S<{ 1 }, T> { #[doc = "x"] #[prof(name = "b")] pub fn g(self) {} }
                macro_rules! m { () => { #[prof] fn h() {} } }
                #[cfg_attr(x, inline, prof(skip), cold)] #[cfg_attr(y, cold)] pub(crate) trait T { #[prof] fn i(); }
                struct S { #[prof] field: u8 }
            }
        },
        quote! {
            mod m {
                #![allow(x)]
                #[inline] fn f() -> Map<u8, u8> { #[prof] fn g() {} }
                const X: u8 = { 1 };
                impl<T> S<{ 1 }, T> { #[doc = "x"] pub fn g(self) {} }
                macro_rules! m { () => { #[prof] fn h() {} } }
                #[cfg_attr(x, inline, cold,)] #[cfg_attr(y, cold)] pub(crate) trait T { fn i(); }
                struct S { #[prof] field: u8 }
            }
        },
    );
}

#[test]
fn fragments_of_macros_are_looked_into() {
    let fragment = |tokens| TokenTree::from(Group::new(Delimiter::None, tokens));
    let item = fragment(quote!(
        #[prof(skip)]
        fn f() {}
    ));
    let body = fragment(quote!({ 1 }));
    check(quote!(impl S { #item fn g() #body #[prof] fn h() {} }), {
        let item = fragment(quote!(
            fn f() {}
        ));
        quote!(impl S { #item fn g() #body fn h() {} })
    });
}

#[track_caller]
fn check_errors(args: TokenStream, item: TokenStream, expect: &[&str]) {
    let out = prof(args, item.clone()).to_string();
    let errors: TokenStream = expect.iter().map(|message| quote!(::core::compile_error! { #message })).collect();
    assert!(out.starts_with(&errors.to_string()), "{out}");
    assert_eq!(out.matches("compile_error").count(), expect.len(), "{out}");
}

#[test]
fn arguments_are_checked_wherever_they_stand() {
    check_errors(
        quote!(name = ""),
        quote!(
            fn f() {}
        ),
        &["`name` must not be empty"],
    );
    let block = "`name` names one function: give it to a function inside the block";
    check_errors(
        quote!(name = "x"),
        quote!(
            unsafe impl T for S {}
        ),
        &[block],
    );
    check_errors(
        quote!(),
        quote!(
            mod m {
                #[prof(name = "x")]
                impl S {}
            }
        ),
        &[block],
    );
    check_errors(
        quote!(),
        quote!(impl S { #[prof(sample = 0)] fn f() {} #[prof(name = 1)] fn g() {} }),
        &[
            "`sample` must be a number from 1 to 4294967295 or the path of a `const` of type `u32`",
            "`name` must be a string literal",
        ],
    );
    check_errors(
        quote!(),
        quote!(impl S { #[cfg_attr(x, prof(name = 1))] fn f() {} }),
        &["`name` must be a string literal"],
    );
    let twice = "`#[prof]` is given twice on this item";
    check_errors(
        quote!(),
        quote!(
            #[prof]
            fn f() {}
        ),
        &[twice],
    );
    check_errors(quote!(), quote!(impl S { #[prof] #[prof] fn f() {} }), &[twice]);
    check_errors(quote!(skip), quote!(impl S { #[prof(name = 1)] fn f() {} }), &[]);
}
