//! Tokens by one name: those of `proc_macro2`, which unit tests can make, or the compiler's own in a build without
//! dependencies.

#[cfg(not(feature = "enabled"))]
pub(crate) use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
#[cfg(feature = "enabled")]
pub(crate) use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
