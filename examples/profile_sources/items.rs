//! What is in a file.

use std::collections::BTreeMap;

use prof_runtime::prof;
use syn::visit::{self, Visit};

/// How many items of each kind.
#[derive(Default, Debug)]
pub(crate) struct Items(pub(crate) BTreeMap<&'static str, u64>);

/// Measured as a block: `Items.count` and `Items.merge`.
#[prof]
impl Items {
    /// Counts the items of a file, at every depth.
    pub(crate) fn count(file: &syn::File) -> Self {
        let mut items = Self::default();
        items.visit_file(file);
        items
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (kind, count) in other.0 {
            *self.0.entry(kind).or_default() += count;
        }
    }
}

impl<'ast> Visit<'ast> for Items {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let kind = match item {
            syn::Item::Const(_) | syn::Item::Static(_) => "const",
            syn::Item::Enum(_) | syn::Item::Struct(_) | syn::Item::Union(_) => "type",
            syn::Item::Fn(_) => "fn",
            syn::Item::Impl(_) => "impl",
            syn::Item::Macro(_) => "macro",
            syn::Item::Mod(_) => "mod",
            syn::Item::Trait(_) | syn::Item::TraitAlias(_) => "trait",
            syn::Item::Type(_) => "alias",
            syn::Item::Use(_) | syn::Item::ExternCrate(_) => "use",
            _ => "other",
        };
        *self.0.entry(kind).or_default() += 1;
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, method: &'ast syn::ImplItemFn) {
        *self.0.entry("method").or_default() += 1;
        visit::visit_impl_item_fn(self, method);
    }
}
