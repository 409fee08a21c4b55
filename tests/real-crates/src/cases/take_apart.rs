//! Takes the files of cases apart, as text, so that lines and macros stay as they are.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;

use crate::subject::Subject;

/// How a case passes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It compiles, and nothing is said of it.
    Clean,
    /// What is said of it is what is said without the attribute.
    AsBefore,
}

impl Way {
    /// What stands where an attribute does not. Lints look at lines that are left empty, and name resolution does not.
    fn nothing(self) -> &'static str {
        match self {
            Self::Clean => "",
            Self::AsBefore => "#[rustfmt::skip]",
        }
    }
}

/// Code, and where the attribute stands in it.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) way: Way,
    text: String,
    /// In the order of the text.
    attributes: Vec<(Range<usize>, Position)>,
    /// Of these, the one that is tried, if it is not all of them.
    only: Option<usize>,
}

/// What an attribute stands on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Function,
    Impl,
    Trait,
    Mod,
}

impl Case {
    /// The text without an attribute.
    pub(crate) fn without_attribute(&self) -> String {
        self.replaced(|_| self.way.nothing().to_owned())
    }

    /// The text with the attribute of a subject, or `None` if that has none for a position of this case.
    pub(crate) fn with_attribute(&self, subject: &Subject) -> Option<String> {
        let path = |position| match position {
            Position::Function => Some(subject.function),
            Position::Impl => subject.on_impl,
            Position::Trait => subject.on_trait,
            Position::Mod => subject.on_mod,
        };
        let mut tried = self.attributes.iter().enumerate().filter(|(at, _)| self.only.is_none_or(|only| only == *at));
        let is_supported = tried.all(|(_, (_, position))| path(*position).is_some());
        is_supported.then(|| self.replaced(|position| format!("#[{}]", path(position).unwrap_or_default())))
    }

    fn replaced(&self, by: impl Fn(Position) -> String) -> String {
        let mut text = self.text.clone();
        for (at, (range, position)) in self.attributes.iter().enumerate().rev() {
            let is_tried = self.only.is_none_or(|only| only == at);
            text.replace_range(range.clone(), &if is_tried { by(*position) } else { self.way.nothing().to_owned() });
        }
        text
    }
}

/// All cases that are not about what only this crate has, and how many are.
pub(crate) fn all() -> (Vec<Case>, usize) {
    let (mut cases, mut ours) = (Vec::new(), 0);
    let tests = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut shapes = files(&tests.join("shapes/cases"));
    shapes.extend(["before_2024.rs", "edition_2024.rs"].map(|file| tests.join("shapes").join(file)));
    for (file, text) in shapes.iter().map(|path| read(path)) {
        for module in modules(&file, &text) {
            match module {
                Some(case) => cases.push(case),
                None => ours += 1,
            }
        }
    }
    for (file, text) in files(&tests.join("lints/cases")).iter().map(|path| read(path)) {
        match items(&file, &text) {
            Some(items) => cases.extend(items),
            None => ours += 1,
        }
    }
    (cases, ours)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the cases are in this repository").filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| !path.ends_with("mod.rs")).collect();
    files.sort();
    files
}

fn read(path: &Path) -> (String, String) {
    let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
    (name, fs::read_to_string(path).expect("a case can be read"))
}

/// The modules of a file of `shapes`, at the path that they have there; `None` for each that only this crate can pass.
fn modules(file: &str, text: &str) -> Vec<Option<Case>> {
    let parsed = syn::parse_file(text).expect("a case is Rust");
    let modules = parsed.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_some() => Some((module.ident.to_string(), module.span())),
        _ => None,
    });
    let case = |(name, span): (String, proc_macro2::Span)| {
        let module = &text[span.byte_range()];
        let text = format!(
            "#![deny(warnings)]\n#![allow(unsafe_code)]\nmod cases {{ mod {file} {{\n{}\n}} }}\n",
            module.replace("use prof_runtime::prof;", "")
        );
        let found = Found::in_text(&text);
        (!found.is_ours).then_some(Case { id: name, way: Way::Clean, text, attributes: found.attributes, only: None })
    };
    modules.map(case).collect()
}

/// One case for each attribute in a file of `lints`; `None` if only this crate can pass it.
fn items(file: &str, text: &str) -> Option<Vec<Case>> {
    let text = text.replace("use prof_runtime::prof;", "");
    let Found { attributes, is_ours } = Found::in_text(&text);
    let case = |only: usize| {
        let line = text[..attributes[only].0.start].lines().count() + 1;
        let (id, text, attributes) = (format!("{file}:{line}"), text.clone(), attributes.clone());
        Case { id, way: Way::AsBefore, text, attributes, only: Some(only) }
    };
    (!is_ours).then(|| (0..attributes.len()).map(case).collect())
}

/// The attributes of this crate in a text.
#[derive(Default)]
struct Found {
    attributes: Vec<(Range<usize>, Position)>,
    /// Whether it names anything of this crate but the attribute without arguments.
    is_ours: bool,
}

impl Found {
    fn in_text(text: &str) -> Self {
        let mut found = Self::default();
        found.tokens(text.parse().expect("a case is Rust"));
        found
    }

    /// Macros are looked into as well: what they make is annotated like anything else.
    fn tokens(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => match tokens[..at].last() {
                    Some(TokenTree::Punct(hash)) if hash.as_char() == '#' && is_attribute(&group.stream()) => {
                        let range = hash.span().byte_range().start..group.span().byte_range().end;
                        self.attributes.push((range, position(&tokens[at + 1..])));
                    }
                    _ => self.tokens(group.stream()),
                },
                TokenTree::Ident(ident) if ident == "prof" || ident == "prof_runtime" => {
                    // A module of the user's may be called so.
                    let declares = matches!(tokens[..at].last(), Some(TokenTree::Ident(word)) if word == "mod");
                    self.is_ours |= !declares;
                }
                _ => {}
            }
        }
    }
}

fn is_attribute(stream: &TokenStream) -> bool {
    ["prof", "::prof_runtime::prof", "prof_runtime::prof"].contains(&stream.to_string().replace(' ', "").as_str())
}

/// What the attribute in front of `rest` stands on.
fn position(rest: &[TokenTree]) -> Position {
    let words = rest.iter().filter_map(|token| match token {
        TokenTree::Ident(word) => Some(word.to_string()),
        _ => None,
    });
    // Attributes and visibilities in parentheses are groups; a function made by a macro may begin with a variable.
    let mut words = words.filter(|word| !["pub", "unsafe", "vis"].contains(&word.as_str()));
    match words.next().as_deref() {
        Some("impl") => Position::Impl,
        Some("trait") => Position::Trait,
        Some("mod") => Position::Mod,
        _ => Position::Function,
    }
}
