//! Attributes of others: those that decide what is generated, and those that may expand after this crate's.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::Attribute;

use crate::mistake;
use syn::parse::Parser;

/// Attributes that rustc itself reads and that no macro can replace. `test`, `bench` and `derive` are missing: a `use`
/// can give these names to the macros of others, such as `tokio::test`.
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

/// One attribute without its `#[…]`: what stands between the commas of a `cfg_attr`.
struct Entry {
    path: Vec<String>,
    /// What is in the parentheses after the path.
    arguments: Option<TokenStream>,
}

impl Entry {
    fn parse(tokens: TokenStream) -> Self {
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

    fn is(&self, name: &str) -> bool {
        matches!(&*self.path, [only] if only == name)
    }

    /// The name without the path to it.
    fn last(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// What is in a `cfg_attr` behind its condition.
    fn behind_condition(&self) -> Option<Vec<TokenStream>> {
        let arguments = self.arguments.clone().filter(|_| self.is("cfg_attr"))?;
        Some(at_commas(arguments).into_iter().skip(1).collect())
    }

    /// Whether `test` holds for this entry, or for one of those in it.
    fn any(&self, test: &impl Fn(&Self) -> bool) -> bool {
        let inside = self.behind_condition().unwrap_or_default();
        test(self) || inside.into_iter().any(|entry| Self::parse(entry).any(test))
    }

    /// Whether no macro can be behind the name.
    fn is_inert(&self) -> bool {
        match &*self.path {
            [only] => {
                // Only attributes of rustc are called unsafe, and only rustc may take names with its prefix.
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

    /// Whether what is generated depends on this attribute.
    fn decides(&self) -> bool {
        self.is_naked() || self.is("track_caller") || self.last() == "prof"
    }
}

/// The tokens between the commas.
fn at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for token in tokens {
        match (&token, parts.last_mut()) {
            (TokenTree::Punct(comma), _) if comma.as_char() == ',' => parts.push(TokenStream::new()),
            (_, Some(last)) => last.extend([token]),
            (_, None) => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn entry(attr: &Attribute) -> Entry {
    Entry::parse(attr.meta.to_token_stream())
}

/// Whether an attribute is called `name`, whatever its path.
pub(crate) fn is_called(attr: &Attribute, name: &str) -> bool {
    entry(attr).last() == name
}

/// Whether one of the attributes is that of functions that no code can be added to.
pub(crate) fn has_naked(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| entry(attr).is_naked())
}

/// Whether one of the attributes is or may be a macro, which then gets what this crate generates.
pub(crate) fn has_macro(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| entry(attr).any(&|entry| !entry.is_inert()))
}

/// Whether the tokens inside the brackets of an attribute are or may be a macro.
pub(crate) fn is_macro(attribute: &Group) -> bool {
    Entry::parse(attribute.stream()).any(&|entry| !entry.is_inert())
}

/// The attributes of an item in either case of a condition, which stands in front as a `#[cfg(…)]`.
pub(crate) struct Split {
    with: Vec<Attribute>,
    without: Vec<Attribute>,
}

impl Split {
    /// The item, written once for either case. A mistake is one only in the case that it is made in.
    pub(crate) fn annotate(
        self,
        item: &TokenStream,
        annotate: impl Fn(Vec<Attribute>) -> syn::Result<TokenStream>,
    ) -> TokenStream {
        let case = |attrs: Vec<Attribute>| {
            annotate(attrs.clone()).unwrap_or_else(|error| {
                let conditions: Vec<_> = attrs.iter().filter(|attr| entry(attr).is("cfg")).collect();
                let errors = error.into_iter().map(|error| {
                    let error = mistake::code(error);
                    quote!(#(#conditions)* #error)
                });
                quote!(#(#errors)* #(#attrs)* #item)
            })
        };
        [case(self.with), case(self.without)].into_iter().collect()
    }
}

/// The first `cfg_attr` that holds what decides, taken apart.
///
/// Whether its condition holds cannot be known here, so the item has to be written once for either case.
pub(crate) fn split(attrs: &[Attribute]) -> Option<Split> {
    let decides = |attr: &Attribute| entry(attr).is("cfg_attr") && entry(attr).any(&Entry::decides);
    let at = attrs.iter().position(decides)?;
    let mut parts = at_commas(entry(&attrs[at]).arguments?).into_iter();
    let condition = parts.next()?;
    let inside: Vec<Attribute> = parts.map(|inside| attribute(&inside)).collect::<Option<_>>()?;
    // In front, so that rustc looks at the condition before a macro sees the item.
    let (yes, no) = (attribute(&quote!(cfg(#condition)))?, attribute(&quote!(cfg(not(#condition))))?);
    let with = [&[yes], &attrs[..at], &inside, &attrs[at + 1..]].concat();
    let without = [&[no], &attrs[..at], &attrs[at + 1..]].concat();
    Some(Split { with, without })
}

fn attribute(inside: &TokenStream) -> Option<Attribute> {
    let mut parsed = Attribute::parse_outer.parse2(quote!(#[#inside])).ok()?;
    parsed.pop()
}

/// The attributes of a parameter, by what becomes of them where the parameter is bound once more.
pub(crate) struct OfParameter {
    /// Conditions under which the parameter is there, which hold for what is made of it too.
    pub(crate) conditions: Vec<Attribute>,
    /// Lints, which the new binding causes.
    pub(crate) lints: Vec<Attribute>,
}

/// Takes the attributes of a parameter apart. They stay on it, but for `expect`: the parameter itself causes no lint any
/// more.
pub(crate) fn of_parameter(attrs: &mut Vec<Attribute>) -> OfParameter {
    let pick_all = |wanted: &dyn Fn(&Entry) -> bool| {
        let picked = attrs.iter().filter_map(|attr| pick(attr.meta.to_token_stream(), wanted));
        picked.filter_map(|inside| attribute(&inside)).collect::<Vec<_>>()
    };
    let conditions = pick_all(&|entry| entry.is("cfg"));
    let lints = pick_all(&|entry| LINTS.iter().any(|lint| entry.is(lint)));
    *attrs = pick_all(&|entry| !entry.is("expect"));
    OfParameter { conditions, lints }
}

const LINTS: [&str; 5] = ["allow", "deny", "expect", "forbid", "warn"];

/// The attribute, if it is wanted; of a `cfg_attr`, those in it that are.
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

    fn attrs(tokens: TokenStream) -> Vec<Attribute> {
        Attribute::parse_outer.parse2(tokens).unwrap()
    }

    fn text(attrs: &[Attribute]) -> String {
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

    #[test]
    fn of_the_attributes_of_a_parameter_only_expectations_move() {
        let mut on = attrs(quote! {
            #[cfg(a)] #[case] #[allow(b)] #[expect(c)] #[cfg_attr(d, allow(e), values(1), expect(f), cfg(g))]
        });
        let OfParameter { conditions, lints } = of_parameter(&mut on);
        assert_eq!(text(&conditions), quote!(#[cfg(a)] #[cfg_attr(d, cfg(g))]).to_string());
        let expect = quote!(#[allow(b)] #[expect(c)] #[cfg_attr(d, allow(e), expect(f))]);
        assert_eq!(text(&lints), expect.to_string());
        let expect = quote!(#[cfg(a)] #[case] #[allow(b)] #[cfg_attr(d, allow(e), values(1), cfg(g))]);
        assert_eq!(text(&on), expect.to_string());
    }
}
