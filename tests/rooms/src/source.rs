//! One file of a crate, read.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path as FilePath, PathBuf};

use proc_macro2::TokenStream;

use crate::paths::{Path, Tokens};

/// One file of a crate.
#[derive(Debug)]
pub struct Source {
    /// Where it is, relative to the crate's `src`.
    file: PathBuf,
    /// Its module, from the root of the library or of a program.
    pub(crate) module: Module,
    pub(crate) paths: Vec<Path>,
    pub(crate) macros: Vec<String>,
    has_unsafe: bool,
    text: String,
    /// How many lines are not for tests alone.
    lines: usize,
}

/// A module: the root that it is reached from, and its path from there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Module {
    /// The file of the root, such as `lib.rs`.
    pub(crate) root: PathBuf,
    pub(crate) path: Vec<String>,
}

/// A file that cannot be read, or that is no Rust.
#[derive(Debug)]
pub struct ReadError {
    file: PathBuf,
    cause: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}: {}", self.file.display(), self.cause)
    }
}

impl std::error::Error for ReadError {}

impl Source {
    /// Reads all files of the crate whose sources are in `src`, code for tests left out.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is no Rust.
    pub(crate) fn read_all(src: &FilePath) -> Result<Vec<Self>, ReadError> {
        let mut sources = Vec::new();
        for root in roots(src) {
            let module = Module { root: root.clone(), path: Vec::new() };
            Self::read(src, root, module, &mut sources)?;
        }
        Ok(sources)
    }

    /// Reads one file and those of its modules.
    fn read(src: &FilePath, file: PathBuf, module: Module, into: &mut Vec<Self>) -> Result<(), ReadError> {
        let failed = |cause: String| ReadError { file: src.join(&file), cause };
        let text = fs::read_to_string(src.join(&file)).map_err(|error: io::Error| failed(error.to_string()))?;
        let tokens: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| failed(error.to_string()))?;
        let tokens = Tokens::read(tokens);
        let modules: Vec<(PathBuf, Module)> = tokens
            .modules
            .iter()
            .filter_map(|(name, path)| {
                let file = module_file(src, &file, name, path.as_deref())?;
                let path = module.path.iter().cloned().chain([name.clone()]).collect();
                Some((file, Module { root: module.root.clone(), path }))
            })
            .collect();
        let in_tests: BTreeSet<usize> = tokens.test_lines.into_iter().flatten().collect();
        let lines = text.lines().count() - in_tests.len();
        let Tokens { paths, macros, has_unsafe, .. } = tokens;
        into.push(Self { file, module, paths, macros, has_unsafe, text, lines });
        modules.into_iter().try_for_each(|(file, module)| Self::read(src, file, module, into))
    }

    /// Returns where the file is, relative to the crate's `src`.
    pub fn file(&self) -> &FilePath {
        &self.file
    }

    /// Returns the number of lines, without modules for tests.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Returns whether code that is not for tests has the word `unsafe`.
    pub fn has_unsafe(&self) -> bool {
        self.has_unsafe
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The roots of a library and of its programs, where they are.
fn roots(src: &FilePath) -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = ["lib.rs", "main.rs"].map(PathBuf::from).into();
    let programs = fs::read_dir(src.join("bin")).into_iter().flatten().flatten();
    roots.extend(programs.map(|program| FilePath::new("bin").join(program.file_name()).join("main.rs")));
    roots.retain(|root| src.join(root).is_file());
    roots
}

/// The file of the module `name` that `parent` declares; none where there is no such file, as for one that a macro
/// makes.
fn module_file(src: &FilePath, parent: &FilePath, name: &str, path: Option<&str>) -> Option<PathBuf> {
    let directory = parent.parent().unwrap_or(FilePath::new(""));
    let stem = parent.file_stem().unwrap_or_default();
    let own =
        if ["lib", "main", "mod"].iter().any(|root| stem == *root) { directory.into() } else { directory.join(stem) };
    let candidates = match path {
        Some(path) => vec![directory.join(path)],
        None => vec![own.join(name).with_extension("rs"), own.join(name).join("mod.rs")],
    };
    candidates.into_iter().find(|file| src.join(file).is_file())
}
