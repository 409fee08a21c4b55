//! Writes an attribute in front of functions, into the text of source files.

use std::fs;
use std::path::Path;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use walkdir::WalkDir;

/// Where the attribute is put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On every function with a body that is not `const`, wherever it stands outside macros.
    Functions,
    /// On every `impl` block that has a function.
    Impls,
}

/// Annotates the files under `directory` and returns how many attributes were written. No line is added or removed.
pub(crate) fn all(directory: &Path, attribute: &str, place: Place) -> usize {
    let files = WalkDir::new(directory).into_iter().filter_map(Result::ok);
    let sources = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs"));
    sources.map(|source| file(source.path(), attribute, place)).sum()
}

fn file(path: &Path, attribute: &str, place: Place) -> usize {
    let Ok(text) = fs::read_to_string(path) else { return 0 };
    // A file that is included into an expression, or a template, is not a module.
    let Ok(parsed) = syn::parse_file(&text) else { return 0 };
    let mut found = Found { place, places: Vec::new() };
    found.visit_file(&parsed);
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    found.places.sort_by_key(|place| (place.line, place.column));
    for place in found.places.iter().rev() {
        let line = &mut lines[place.line - 1];
        let at = line.char_indices().nth(place.column).map_or(line.len(), |(at, _)| at);
        line.insert_str(at, &format!("#[{attribute}] "));
    }
    fs::write(path, lines.join("\n")).expect("a copy can be written");
    found.places.len()
}

struct Found {
    place: Place,
    places: Vec<LineColumn>,
}

impl Found {
    fn function(&mut self, starts: &[Option<Span>], signature: &syn::Signature) {
        if self.place == Place::Functions && signature.constness.is_none() {
            let first = starts.iter().flatten().next().copied();
            self.places.push(first.unwrap_or_else(|| signature.span()).start());
        }
    }
}

/// The span of a visibility that is written down.
fn written(visibility: &syn::Visibility) -> Option<Span> {
    match visibility {
        syn::Visibility::Inherited => None,
        visibility => Some(visibility.span()),
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&[written(&function.vis)], &function.sig);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&[written(&function.vis)], &function.sig);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if function.default.is_some() {
            self.function(&[], &function.sig);
        }
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let has_function = block.items.iter().any(|item| matches!(item, syn::ImplItem::Fn(_)));
        if self.place == Place::Impls && has_function {
            let qualifier = block.unsafety.as_ref().map(Spanned::span);
            self.places.push(qualifier.unwrap_or_else(|| block.impl_token.span()).start());
        }
        visit::visit_item_impl(self, block);
    }
}
