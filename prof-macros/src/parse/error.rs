//! Mistakes in the annotated item, and the code that has the compiler report them.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::Error;

use crate::arguments::mistake::{self, Mistakes};

/// The code that reports every mistake.
pub(crate) fn code(mistakes: Error) -> TokenStream {
    mistake::in_any_edition(mistakes.into_compile_error())
}

impl From<Mistakes> for Error {
    /// Mistakes in the arguments, so that they can be reported like those in the item.
    fn from(mistakes: Mistakes) -> Self {
        let errors = mistakes.into_iter().map(|mistake| {
            let (first, last) = (mistake.start, mistake.end);
            let mut tokens = quote_spanned!(first=> _);
            tokens.extend(quote_spanned!(last=> _));
            Self::new_spanned(tokens, mistake.message)
        });
        errors
            .reduce(|mut all, error| {
                all.combine(error);
                all
            })
            .unwrap_or_else(|| Self::new(Span::call_site(), "the arguments are wrong"))
    }
}
