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

/// What is written into a crate.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    pub(crate) attribute: &'static str,
    pub(crate) place: Place,
    /// The integration tests are annotated too, not only what is under `src`.
    pub(crate) with_tests: bool,
    /// A statement at the head of every test that is not `async`.
    pub(crate) in_tests: Option<&'static str>,
}

/// Annotates a crate, but for the sites in `without`, and returns where an attribute was written. No line is added or
/// removed.
pub(crate) fn all(directory: &Path, text: Text, without: &BTreeSet<Site>) -> Vec<Site> {
    let mut files: Vec<PathBuf> = below(&directory.join("src"), usize::MAX).collect();
    if text.with_tests {
        // Deeper, there are sources that tests expect not to compile.
        files.extend(below(&directory.join("tests"), 1));
    }
    let mut written = Vec::new();
    for path in files {
        let file = path.strip_prefix(directory).expect("an entry is in what is walked");
        let mut found = found(&path, file, text.place);
        found.sites.retain(|site| !without.contains(site));
        write(&path, text, &found);
        written.append(&mut found.sites);
    }
    written
}

/// The Rust sources below a directory, which need not be there.
fn below(directory: &Path, depth: usize) -> impl Iterator<Item = PathBuf> {
    let files = WalkDir::new(directory).max_depth(depth).into_iter().filter_map(Result::ok);
    files.map(walkdir::DirEntry::into_path).filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
}

fn found<'a>(path: &Path, file: &'a Path, place: Place) -> Found<'a> {
    let mut found = Found { file, place, sites: Vec::new(), tests: Vec::new() };
    let Ok(text) = fs::read_to_string(path) else { return found };
    // A file that is included into an expression, or a template, is not a module.
    let Ok(parsed) = syn::parse_file(&text) else { return found };
    found.visit_file(&parsed);
    found.sites.sort();
    found
}

fn write(path: &Path, text: Text, found: &Found<'_>) {
    let attribute = format!("#[{}] ", text.attribute);
    let mut insertions: Vec<(LineColumn, &str)> = found.sites.iter().map(|site| (site.start, &*attribute)).collect();
    if let Some(statement) = text.in_tests {
        insertions.extend(found.tests.iter().map(|body| (*body, statement)));
    }
    if insertions.is_empty() {
        return;
    }
    insertions.sort();
    let text = fs::read_to_string(path).expect("a copy can be read");
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for (start, inserted) in insertions.into_iter().rev() {
        let line = &mut lines[start.line - 1];
        let at = line.char_indices().nth(start.column).map_or(line.len(), |(at, _)| at);
        line.insert_str(at, inserted);
    }
    fs::write(path, lines.join("\n")).expect("a copy can be written");
}

struct Found<'a> {
    file: &'a Path,
    place: Place,
    sites: Vec<Site>,
    /// Where the bodies of tests begin.
    tests: Vec<LineColumn>,
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
        let is_test = function.attrs.iter().any(|attr| attr.path().is_ident("test"));
        let has_inner_attributes = function.attrs.iter().any(|attr| matches!(attr.style, syn::AttrStyle::Inner(_)));
        if is_test && !has_inner_attributes && function.sig.asyncness.is_none() {
            self.tests.push(function.block.brace_token.span.open().end());
        }
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
