//! Writes an attribute in front of functions, into the text of source files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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

/// An item that can be annotated: where it starts in the published file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Site {
    /// Under the crate's directory.
    pub(crate) file: PathBuf,
    pub(crate) start: LineColumn,
    pub(crate) last_line: usize,
}

/// Annotates the files under `src` of a crate, but for the sites in `without`, and returns where an attribute was written.
/// No line is added or removed.
pub(crate) fn all(directory: &Path, attribute: &str, place: Place, without: &BTreeSet<Site>) -> Vec<Site> {
    let files = WalkDir::new(directory.join("src")).into_iter().filter_map(Result::ok);
    let sources = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs"));
    let mut written = Vec::new();
    for source in sources {
        let file = source.path().strip_prefix(directory).expect("an entry is in what is walked");
        let mut sites = sites(source.path(), file, place);
        sites.retain(|site| !without.contains(site));
        write(source.path(), attribute, &sites);
        written.append(&mut sites);
    }
    written
}

fn sites(path: &Path, file: &Path, place: Place) -> Vec<Site> {
    let Ok(text) = fs::read_to_string(path) else { return Vec::new() };
    // A file that is included into an expression, or a template, is not a module.
    let Ok(parsed) = syn::parse_file(&text) else { return Vec::new() };
    let mut found = Found { file, place, sites: Vec::new() };
    found.visit_file(&parsed);
    found.sites.sort();
    found.sites
}

fn write(path: &Path, attribute: &str, sites: &[Site]) {
    if sites.is_empty() {
        return;
    }
    let text = fs::read_to_string(path).expect("a copy can be read");
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for Site { start, .. } in sites.iter().rev() {
        let line = &mut lines[start.line - 1];
        let at = line.char_indices().nth(start.column).map_or(line.len(), |(at, _)| at);
        line.insert_str(at, &format!("#[{attribute}] "));
    }
    fs::write(path, lines.join("\n")).expect("a copy can be written");
}

struct Found<'a> {
    file: &'a Path,
    place: Place,
    sites: Vec<Site>,
}

impl Found<'_> {
    fn function(&mut self, visibility: Option<Span>, signature: &syn::Signature, body: &syn::Block) {
        if self.place == Place::Functions && signature.constness.is_none() {
            self.push(visibility.unwrap_or_else(|| signature.span()), body.brace_token.span.close());
        }
    }

    fn push(&mut self, first: Span, last: Span) {
        let (file, start, last_line) = (self.file.to_owned(), first.start(), last.end().line);
        self.sites.push(Site { file, start, last_line });
    }
}

/// The span of a visibility that is written down.
fn written(visibility: &syn::Visibility) -> Option<Span> {
    match visibility {
        syn::Visibility::Inherited => None,
        visibility => Some(visibility.span()),
    }
}

impl<'ast> Visit<'ast> for Found<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(written(&function.vis), &function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(written(&function.vis), &function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.function(None, &function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let has_function = block.items.iter().any(|item| matches!(item, syn::ImplItem::Fn(_)));
        if self.place == Place::Impls && has_function {
            let qualifier = block.unsafety.as_ref().map(Spanned::span);
            self.push(qualifier.unwrap_or_else(|| block.impl_token.span()), block.brace_token.span.close());
        }
        visit::visit_item_impl(self, block);
    }
}
