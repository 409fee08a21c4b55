//! How long files and comments are, and where `unsafe` is.

use std::fs;
use std::path::{Path, PathBuf};

use prof_rooms::{CRATES, Crate, Page};

/// The most lines of a file, without modules for tests.
const MOST_LINES: usize = 320;
/// The most columns of a line of comment, which `rustfmt` does not break. Rows of tables cannot be broken.
const MOST_COLUMNS: usize = 120;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn page() -> Page {
    Page::new(fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap())
}

fn crates() -> Vec<Crate> {
    CRATES.map(|name| Crate::read(&root().join(name), Some(&page())).unwrap()).into()
}

/// Every file of every crate, from the root of the workspace, and whether it has `unsafe`.
fn files() -> Vec<(PathBuf, usize, bool)> {
    let of = |read: &Crate| {
        let src = Path::new(read.name()).join("src");
        let of = read.sources().iter().map(|source| (src.join(source.file()), source.lines(), source.has_unsafe()));
        of.collect::<Vec<_>>()
    };
    crates().iter().flat_map(of).collect()
}

#[test]
fn files_are_short() {
    let long = files().into_iter().filter(|(_, lines, _)| *lines > MOST_LINES);
    let long: Vec<String> = long.map(|(file, lines, _)| format!("{}: {lines} lines", file.display())).collect();
    assert!(long.is_empty(), "longer than {MOST_LINES} lines, split them by what they are about:\n{}", long.join("\n"));
}

#[test]
fn unsafe_is_where_architecture_says() {
    let listed = page().unsafe_files().unwrap();
    // The macros write `unsafe` for other crates, and have none.
    let with: Vec<PathBuf> = files().into_iter().filter(|(_, _, has)| *has).map(|(file, _, _)| file).collect();
    let with: Vec<PathBuf> = with.into_iter().filter(|file| !file.starts_with("prof-macros")).collect();
    for file in &with {
        assert!(Page::lists(&listed, file), "ARCHITECTURE.md does not list {}, which has `unsafe`", file.display());
    }
    for entry in &listed {
        let has = with.iter().any(|file| Page::lists(std::slice::from_ref(entry), file));
        assert!(has, "ARCHITECTURE.md lists {entry}, which has no `unsafe`");
    }
}

#[test]
fn the_names_that_architecture_explains_exist() {
    let crates = crates();
    let has_word = |text: &str, word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
            !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
        })
    };
    let (terms, walk) = (page().terms().unwrap(), page().walk().unwrap());
    assert!(terms.len() > 30 && walk.len() > 10, "{terms:?} {walk:?}");
    for name in terms.iter().chain(&walk) {
        // A path stands for its last name, and a file or directory for itself.
        let is_there = match name.rsplit("::").next().unwrap_or(name) {
            file if file.contains('/') || file.contains('.') && !file.contains("::") && file.ends_with("rs") => {
                let roots = ["", "prof-runtime/src", "prof-macros/src", "timer-watchdog/src"];
                roots.iter().any(|at| root().join(at).join(file).exists())
            }
            word => {
                let word = word.split('.').next_back().unwrap_or(word);
                crates.iter().flat_map(Crate::sources).any(|source| has_word(source.text(), word))
            }
        };
        assert!(is_there, "ARCHITECTURE.md explains `{name}`, which is in no source");
    }
}

#[test]
fn comments_are_narrow() {
    let mut directories = vec![root()];
    let mut wide = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let is_comment = |line: &str| line.trim_start().starts_with("//") && !line.contains(" | ");
                let is_wide = |line: &&str| is_comment(line) && line.chars().count() > MOST_COLUMNS;
                let numbered = text.lines().enumerate().filter(|(_, line)| is_wide(line));
                wide.extend(numbered.map(|(number, _)| format!("{}:{}", path.display(), number + 1)));
            }
        }
    }
    assert!(wide.is_empty(), "comments wider than {MOST_COLUMNS} columns:\n{}", wide.join("\n"));
}
