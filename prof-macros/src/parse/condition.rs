//! Attributes behind a condition: `#[cfg_attr(condition, …)]` on an item.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Attribute;

use super::attribute::{Entry, attribute, entry};
use super::error;
use crate::tokens::at_commas;

/// The attributes of an item where a condition holds, and where it does not. A `#[cfg(…)]` in front says which.
pub(crate) struct Split {
    with: Vec<Attribute>,
    without: Vec<Attribute>,
}

impl Split {
    /// Annotates the item once for each case. Only the case with a mistake is an error.
    pub(crate) fn annotate(
        self,
        item: &TokenStream,
        annotate: impl Fn(Vec<Attribute>) -> syn::Result<TokenStream>,
    ) -> TokenStream {
        let case = |attrs: Vec<Attribute>| {
            annotate(attrs.clone()).unwrap_or_else(|error| {
                let conditions: Vec<_> = attrs.iter().filter(|attr| entry(attr).is("cfg")).collect();
                let errors = error.into_iter().map(|error| {
                    let error = error::code(error);
                    quote!(#(#conditions)* #error)
                });
                quote!(#(#errors)* #(#attrs)* #item)
            })
        };
        [case(self.with), case(self.without)].into_iter().collect()
    }
}

/// Splits at the first `cfg_attr` that holds an attribute on which the generated code depends.
///
/// A macro cannot know whether the condition holds, so it writes the item once for each case.
pub(crate) fn split(attrs: &[Attribute]) -> Option<Split> {
    let decides = |attr: &Attribute| entry(attr).is("cfg_attr") && entry(attr).any(&Entry::decides);
    let at = attrs.iter().position(decides)?;
    let mut parts = at_commas(entry(&attrs[at]).arguments?).into_iter();
    let condition = parts.next()?;
    let inside: Vec<Attribute> = parts.map(|inside| attribute(&inside)).collect::<Option<_>>()?;
    // The condition comes first, so that rustc evaluates it before a macro sees the item.
    let (yes, no) = (attribute(&quote!(cfg(#condition)))?, attribute(&quote!(cfg(not(#condition))))?);
    let with = [&[yes], &attrs[..at], &inside, &attrs[at + 1..]].concat();
    let without = [&[no], &attrs[..at], &attrs[at + 1..]].concat();
    Some(Split { with, without })
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // So that the cases read without `&`.
mod tests {
    use super::*;
    use crate::parse::attribute::tests::{attrs, text};

    #[track_caller]
    fn check_split(before: TokenStream, with: TokenStream, without: TokenStream) {
        let split = split(&attrs(before)).unwrap();
        assert_eq!(text(&split.with), with.to_string());
        assert_eq!(text(&split.without), without.to_string());
    }

    #[test]
    fn what_decides_behind_a_condition_is_written_for_either_case() {
        check_split(
            quote!(#[a] #[cfg_attr(x, inline, unsafe(naked), cold)] #[b]),
            quote!(#[cfg(x)] #[a] #[inline] #[unsafe(naked)] #[cold] #[b]),
            quote!(#[cfg(not(x))] #[a] #[b]),
        );
        check_split(
            quote!(#[cfg_attr(all(x, y), cfg_attr(z, track_caller))]),
            quote!(#[cfg(all(x, y))] #[cfg_attr(z, track_caller)]),
            quote!(#[cfg(not(all(x, y)))]),
        );
        check_split(
            quote!(#[cfg_attr(x, prof_runtime::prof(skip))]),
            quote!(#[cfg(x)] #[prof_runtime::prof(skip)]),
            quote!(#[cfg(not(x))]),
        );
        for undecided in [quote!(#[naked]), quote!(#[cfg_attr(x, inline, must_use = "a, b")]), quote!(#[cfg_attr(x)])] {
            assert!(split(&attrs(undecided.clone())).is_none(), "{undecided}");
        }
    }
}
