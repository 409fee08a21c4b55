//! The attributes of a parameter.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Attribute;

use super::attribute::{Entry, attribute};
use crate::tokens::at_commas;

/// The attributes that go to the new binding of a parameter.
pub(crate) struct ParameterAttributes {
    /// Conditions under which the parameter exists. The binding has the same.
    pub(crate) conditions: Vec<Attribute>,
    /// Levels of lints, since the new binding is what causes them.
    pub(crate) lints: Vec<Attribute>,
}

/// Copies the attributes of a parameter that its new binding needs. `expect` moves there: the parameter itself no
/// longer causes the lint.
pub(crate) fn split_attributes(attrs: &mut Vec<Attribute>) -> ParameterAttributes {
    let pick_all = |wanted: &dyn Fn(&Entry) -> bool| {
        let picked = attrs.iter().filter_map(|attr| pick(attr.meta.to_token_stream(), wanted));
        picked.filter_map(|inside| attribute(&inside)).collect::<Vec<_>>()
    };
    let conditions = pick_all(&|entry| entry.is("cfg"));
    let lints = pick_all(&|entry| LINTS.iter().any(|lint| entry.is(lint)));
    *attrs = pick_all(&|entry| !entry.is("expect"));
    ParameterAttributes { conditions, lints }
}

const LINTS: [&str; 5] = ["allow", "deny", "expect", "forbid", "warn"];

/// The attribute, if it is wanted. A `cfg_attr` keeps those of its attributes that are wanted.
fn pick(tokens: TokenStream, wanted: &dyn Fn(&Entry) -> bool) -> Option<TokenStream> {
    let entry = Entry::parse(tokens.clone());
    match entry.behind_condition() {
        None => wanted(&entry).then_some(tokens),
        Some(inside) => {
            let condition = entry.arguments.map(at_commas)?.into_iter().next()?;
            let picked: Vec<_> = inside.into_iter().filter_map(|tokens| pick(tokens, wanted)).collect();
            (!picked.is_empty()).then(|| quote!(cfg_attr(#condition, #(#picked),*)))
        }
    }
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // So that the cases read without `&`.
mod tests {
    use super::*;
    use crate::parse::attribute::tests::{attrs, text};

    #[test]
    fn of_the_attributes_of_a_parameter_only_expectations_move() {
        let mut on = attrs(quote! {
            #[cfg(a)] #[case] #[allow(b)] #[expect(c)] #[cfg_attr(d, allow(e), values(1), expect(f), cfg(g))]
        });
        let ParameterAttributes { conditions, lints } = split_attributes(&mut on);
        assert_eq!(text(&conditions), quote!(#[cfg(a)] #[cfg_attr(d, cfg(g))]).to_string());
        let expect = quote!(#[allow(b)] #[expect(c)] #[cfg_attr(d, allow(e), expect(f))]);
        assert_eq!(text(&lints), expect.to_string());
        let expect = quote!(#[cfg(a)] #[case] #[allow(b)] #[cfg_attr(d, allow(e), values(1), cfg(g))]);
        assert_eq!(text(&on), expect.to_string());
    }
}
