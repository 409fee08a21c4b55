//! The arguments of `#[prof]`, with the expressions in them parsed.

use proc_macro2::TokenStream;
use syn::Expr;

use crate::arguments::prof::Args;

/// Reads the tokens between the parentheses of an attribute.
///
/// A predicate that does not parse as an expression is a mistake: the code around it would not parse either.
pub(crate) fn arguments(tokens: TokenStream) -> syn::Result<Args> {
    let args = Args::parse(tokens)?;
    if let Some(predicate) = &args.predicate {
        syn::parse2::<Expr>(predicate.expression().clone())?;
    }
    Ok(args)
}
