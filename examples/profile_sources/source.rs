//! The steps, each of them annotated: find, read, parse.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use prof_runtime::prof;
use walkdir::{DirEntry, WalkDir};

/// What can go wrong with one file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("could not walk {path}: {source}")]
    Walk { path: PathBuf, source: io::Error },
    #[error("could not read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not valid UTF-8")]
    Encoding { path: PathBuf },
    #[error("could not parse {path}:{line}: {source}")]
    Parse { path: PathBuf, line: usize, source: syn::Error },
}

impl SourceError {
    /// One word for the kind of failure.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Walk { .. } => "walk",
            Self::Read { .. } => "read",
            Self::Encoding { .. } => "encoding",
            Self::Parse { .. } => "parse",
        }
    }
}

/// Every Rust source below `dir`, and every place that could not be looked into.
#[prof]
pub(crate) fn walk(dir: &Path) -> (Vec<PathBuf>, Vec<SourceError>) {
    let mut sources = Vec::new();
    let mut errors = Vec::new();
    for entry in WalkDir::new(dir).sort_by_file_name().into_iter().filter_entry(is_worth_a_look) {
        match entry {
            Ok(entry) if entry.file_type().is_file() && is_rust(entry.path()) => sources.push(entry.into_path()),
            Ok(_) => {}
            Err(error) => {
                let path = error.path().unwrap_or(dir).to_owned();
                let source = error.into_io_error().unwrap_or_else(|| io::Error::other("a loop of links"));
                errors.push(SourceError::Walk { path, source });
            }
        }
    }
    (sources, errors)
}

/// Build output and what version control keeps are not sources.
fn is_worth_a_look(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    entry.depth() == 0 || !(name == "target" || name.starts_with('.'))
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

#[prof]
pub(crate) fn read(path: &Path) -> Result<String, SourceError> {
    let bytes = fs::read(path).map_err(|source| SourceError::Read { path: path.to_owned(), source })?;
    String::from_utf8(bytes).map_err(|_| SourceError::Encoding { path: path.to_owned() })
}

#[prof]
pub(crate) fn parse(path: &Path, text: &str) -> Result<syn::File, SourceError> {
    syn::parse_file(text).map_err(|source| {
        let line = source.span().start().line;
        SourceError::Parse { path: path.to_owned(), line, source }
    })
}
