//! How an item starts: whether it is a function, or a block that holds functions.

use syn::parse::ParseStream;
use syn::{Token, Visibility};

/// What an item starts with, after its attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Start {
    Function,
    Container(Container),
    Other,
}

/// An item that holds functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Container {
    Impl,
    Trait,
    Module,
}

/// Tells how the item in `input` starts, after visibility and qualifiers. Reads nothing.
pub(crate) fn start(input: ParseStream<'_>) -> Start {
    let ahead = input.fork();
    if ahead.parse::<Visibility>().is_err() {
        return Start::Other;
    }
    loop {
        if ahead.peek(Token![fn]) {
            return Start::Function;
        } else if ahead.peek(Token![impl]) {
            return Start::Container(Container::Impl);
        } else if ahead.peek(Token![trait]) {
            return Start::Container(Container::Trait);
        } else if ahead.peek(Token![mod]) {
            return Start::Container(Container::Module);
        }
        let qualifier = ahead.parse::<Option<Token![const]>>().is_ok_and(|t| t.is_some())
            || ahead.parse::<Option<Token![async]>>().is_ok_and(|t| t.is_some())
            || ahead.parse::<Option<Token![unsafe]>>().is_ok_and(|t| t.is_some())
            || ahead.parse::<Option<Token![auto]>>().is_ok_and(|t| t.is_some())
            || ahead.parse::<Option<Token![default]>>().is_ok_and(|t| t.is_some())
            || ahead.parse::<Option<syn::Abi>>().is_ok_and(|t| t.is_some());
        if !qualifier {
            return Start::Other;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::TokenStream;
    use quote::quote;
    use syn::parse::Parser;

    #[track_caller]
    fn check(tokens: TokenStream, expect: Start) {
        let found = (|input: ParseStream<'_>| {
            let found = start(input);
            input.parse::<TokenStream>()?;
            Ok(found)
        })
        .parse2(tokens);
        assert_eq!(found.unwrap(), expect);
    }

    #[test]
    fn items_are_told_apart() {
        check(
            quote!(
                fn f() {}
            ),
            Start::Function,
        );
        check(
            quote!(
                pub(in crate::a) const unsafe extern "C" fn f() {}
            ),
            Start::Function,
        );
        check(quote!(default async fn f() {}), Start::Function);
        check(
            quote!(
                unsafe impl Send for X {}
            ),
            Start::Container(Container::Impl),
        );
        check(
            quote!(
                pub unsafe trait T {}
            ),
            Start::Container(Container::Trait),
        );
        check(
            quote!(
                pub mod m {}
            ),
            Start::Container(Container::Module),
        );
        check(
            quote!(
                struct S;
            ),
            Start::Other,
        );
        check(
            quote!(
                const X: u8 = 1;
            ),
            Start::Other,
        );
        check(
            quote!(
                unsafe extern "C" {}
            ),
            Start::Other,
        );
        check(
            quote!(
                extern crate alloc;
            ),
            Start::Other,
        );
    }
}
