//! Attributes that are not this crate's: those that change what it generates, and macros that read what it generates.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::Attribute;
use syn::parse::Parser;

use crate::tokens::at_commas;

/// Attributes that rustc itself reads and that no macro can replace. The list leaves out `test`, `bench` and `derive`,
/// because a `use` can give these names to other macros, such as `tokio::test`.
const BUILT_IN: [&str; 37] = [
    "allow",
    "automatically_derived",
    "cfg",
    "cold",
    "coverage",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "export_name",
    "forbid",
    "ignore",
    "inline",
    "instruction_set",
    "link",
    "link_name",
    "link_section",
    "macro_export",
    "macro_use",
    "must_use",
    "naked",
    "no_implicit_prelude",
    "no_mangle",
    "non_exhaustive",
    "optimize",
    "panic_handler",
    "path",
    "proc_macro",
    "proc_macro_attribute",
    "proc_macro_derive",
    "repr",
    "sanitize",
    "should_panic",
    "target_feature",
    "track_caller",
    "used",
    "warn",
];

/// Tools that have attributes of their own, which expand to nothing.
const TOOLS: [&str; 5] = ["clippy", "diagnostic", "miri", "rust_analyzer", "rustfmt"];

/// One attribute without its `#[…]`. A `cfg_attr` holds several, between commas.
pub(super) struct Entry {
    path: Vec<String>,
    /// The tokens in the parentheses after the path.
    pub(super) arguments: Option<TokenStream>,
}

impl Entry {
    pub(super) fn parse(tokens: TokenStream) -> Self {
        let mut entry = Self { path: Vec::new(), arguments: None };
        for token in tokens {
            match token {
                TokenTree::Ident(segment) => entry.path.push(segment.to_string()),
                TokenTree::Punct(colon) if colon.as_char() == ':' => {}
                TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                    entry.arguments = Some(group.stream());
                    break;
                }
                _ => break,
            }
        }
        entry
    }

    pub(super) fn is(&self, name: &str) -> bool {
        matches!(&*self.path, [only] if only == name)
    }

    /// The name without the path to it.
    fn last(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The attributes of a `cfg_attr`, which follow its condition; `None` for any other attribute.
    pub(super) fn behind_condition(&self) -> Option<Vec<TokenStream>> {
        let arguments = self.arguments.clone().filter(|_| self.is("cfg_attr"))?;
        Some(at_commas(arguments).into_iter().skip(1).collect())
    }

    /// Whether `test` holds for this entry, or for one inside of it.
    pub(super) fn any(&self, test: &impl Fn(&Self) -> bool) -> bool {
        let inside = self.behind_condition().unwrap_or_default();
        test(self) || inside.into_iter().any(|entry| Self::parse(entry).any(test))
    }

    /// Whether the name cannot be that of a macro.
    fn is_inert(&self) -> bool {
        match &*self.path {
            [only] => {
                // Only attributes of rustc are written `unsafe(…)`, and the prefix is reserved for rustc.
                let is_reserved = only == "unsafe" || only == "cfg_attr" || only.starts_with("rustc_");
                is_reserved || BUILT_IN.binary_search(&only.as_str()).is_ok()
            }
            [tool, ..] => TOOLS.contains(&tool.as_str()),
            [] => false,
        }
    }

    fn is_naked(&self) -> bool {
        let inside = self.arguments.clone().filter(|_| self.is("unsafe"));
        self.is("naked") || inside.is_some_and(|inside| Self::parse(inside).is("naked"))
    }

    /// Whether the generated code depends on this attribute.
    pub(super) fn decides(&self) -> bool {
        self.is_naked() || self.is("track_caller") || self.last() == "prof"
    }
}

pub(super) fn entry(attr: &Attribute) -> Entry {
    Entry::parse(attr.meta.to_token_stream())
}

/// Whether an attribute is called `name`, whatever its path.
pub(crate) fn is_called(attr: &Attribute, name: &str) -> bool {
    entry(attr).last() == name
}

/// Whether one of the attributes is `naked`: no code can be added to such a function.
pub(crate) fn has_naked(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| entry(attr).is_naked())
}

/// Whether one of the attributes is or may be a macro, which then reads the generated code.
pub(crate) fn has_macro(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| entry(attr).any(&|entry| !entry.is_inert()))
}

/// Whether the tokens inside the brackets of an attribute are or may be a macro.
pub(crate) fn is_macro(attribute: &Group) -> bool {
    Entry::parse(attribute.stream()).any(&|entry| !entry.is_inert())
}

pub(super) fn attribute(inside: &TokenStream) -> Option<Attribute> {
    let mut parsed = Attribute::parse_outer.parse2(quote!(#[#inside])).ok()?;
    parsed.pop()
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // So that the cases read without `&`.
pub(super) mod tests {
    use super::*;

    pub(crate) fn attrs(tokens: TokenStream) -> Vec<Attribute> {
        Attribute::parse_outer.parse2(tokens).unwrap()
    }

    pub(crate) fn text(attrs: &[Attribute]) -> String {
        quote!(#(#attrs)*).to_string()
    }

    #[test]
    fn names_of_rustc_are_sorted() {
        assert!(BUILT_IN.is_sorted());
    }

    #[test]
    fn macros_are_told_from_what_rustc_reads() {
        for inert in [
            quote!(),
            quote!(#[inline] #[doc = "x"] #[must_use = "y"]),
            quote!(#[cfg_attr(x, inline, allow(unused))]),
            quote!(#[unsafe(no_mangle)] #[rustfmt::skip] #[rustc_on_unimplemented(x)]),
            quote!(#[cfg_attr(x, cfg_attr(y, cold))]),
        ] {
            assert!(!has_macro(&attrs(inert.clone())), "{inert}");
        }
        for foreign in [
            quote!(#[rstest]),
            quote!(#[inline] #[tracing::instrument(skip(x))]),
            quote!(#[test]),
            quote!(#[cfg_attr(x, inline, cached)]),
            quote!(#[cfg_attr(x, cfg_attr(all(y, z), inline, ::a::b(c)))]),
        ] {
            assert!(has_macro(&attrs(foreign.clone())), "{foreign}");
        }
    }
}
