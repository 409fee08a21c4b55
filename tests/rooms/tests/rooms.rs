//! A room uses the rooms above it in ARCHITECTURE's tables, and none below.

use std::fs;
use std::path::{Path, PathBuf};

use prof_rooms::{CRATES, Crate, Page};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn crates() -> Vec<Crate> {
    let page = Page::new(fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap());
    CRATES.map(|name| Crate::read(&root().join(name), Some(&page)).unwrap()).into()
}

/// Every use of a room below, as a line for a person.
fn uses_of_rooms_below(read: &Crate) -> Vec<String> {
    let down = read.arrows().into_iter().filter(prof_rooms::Arrow::is_down);
    let line = |one: &prof_rooms::Use| {
        format!("{}/src/{}:{}: {} is {}", read.name(), one.file.display(), one.line, one.path, one.used.display())
    };
    down.flat_map(|arrow| arrow.uses.iter().map(line).collect::<Vec<_>>()).collect()
}

#[test]
fn a_room_uses_none_below_it() {
    let found: Vec<String> = crates().iter().flat_map(uses_of_rooms_below).collect();
    assert!(found.is_empty(), "rooms use rooms below them, by the order of ARCHITECTURE.md:\n{}", found.join("\n"));
}

#[test]
fn no_circle_of_files_leaves_its_room() {
    for read in crates() {
        for circle in read.circles() {
            assert_eq!(read.rooms_of(&circle).len(), 1, "{}: these use each other: {circle:?}", read.name());
        }
    }
}

#[test]
fn every_file_has_a_room() {
    for read in crates() {
        for source in read.sources() {
            let file = source.file();
            assert!(
                read.room_of(file).is_some(),
                "ARCHITECTURE.md has no room for {}/src/{}",
                read.name(),
                file.display()
            );
        }
    }
}

#[test]
fn every_room_has_a_file() {
    for read in crates() {
        for entry in read.rooms().iter().flatten() {
            let has_one = read.sources().iter().any(|source| Page::lists(std::slice::from_ref(entry), source.file()));
            assert!(has_one, "ARCHITECTURE.md has {entry}, which is not in {}/src", read.name());
        }
    }
}

#[test]
fn the_first_line_of_a_file_says_what_it_is_for() {
    for read in crates() {
        for source in read.sources() {
            let file = source.file();
            assert!(source.text().starts_with("//! "), "{}/src/{} has no such line", read.name(), file.display());
        }
    }
}

/// A crate in a temporary directory, with `above.rs` and `below.rs`, of which `above.rs` has this text.
fn planted(above: &str) -> (tempfile::TempDir, Crate) {
    let directory = tempfile::tempdir().unwrap();
    let src = directory.path().join("planted/src");
    fs::create_dir_all(&src).unwrap();
    let files = [
        ("lib.rs", "mod above;\nmod below;\npub use self::below::Below;\n"),
        ("above.rs", above),
        (
            "below.rs",
            "use crate::above::Above;\npub struct Below(Above);\n#[macro_export]\nmacro_rules! below { () => {} }\n",
        ),
    ];
    for (file, text) in files {
        fs::write(src.join(file), text).unwrap();
    }
    let page = "`planted/src`:\n\n| room | what |\n|---|---|\n| `above.rs` | |\n| `below.rs` | |\n| `lib.rs` | |\n";
    let read = Crate::read(&directory.path().join("planted"), Some(&Page::new(page))).unwrap();
    (directory, read)
}

#[test]
fn a_use_of_a_room_below_is_found_however_it_is_written() {
    let texts = [
        "use crate::below::Below;",
        "use crate::{below::Below as Other, above};",
        "pub(crate) use super::below;",
        "use crate::Below;",
        "use crate::below::*;",
        "fn f() -> crate::below::Below { todo!() }",
        "fn f() { let _ = vec![crate::Below]; }",
        "mod inner { use super::super::below::Below; }",
        "fn f() { crate::below!(); }",
        "#[cfg(not(test))] use crate::below;",
        "#[cfg(feature = \"x\")] fn f(a: u8, b: crate::Below) {}",
        "impl Above { fn f(&self) { self::Above; super::below::Below } }",
        "fn f() { planted::below::f() }",
    ];
    for text in texts {
        let (_directory, read) = planted(text);
        let found = uses_of_rooms_below(&read);
        // The crate's own name counts for those crates that name themselves.
        let expected = usize::from(!text.contains("planted::"));
        assert_eq!(found.len().min(1), expected, "{text}: {found:?}");
        if expected == 1 {
            assert!(found[0].starts_with("planted/src/above.rs:1: "), "{found:?}");
            assert_eq!(read.circles(), [[Path::new("above.rs"), Path::new("below.rs")]], "{text}");
        }
    }
}

#[test]
fn what_is_for_tests_or_for_the_code_of_others_is_left_out() {
    let texts = [
        "#[cfg(test)] use crate::below::Below;",
        "#[cfg(test)] mod tests { use crate::below::Below; fn f() {} }",
        "#[cfg(all(test, loom))] mod model { use crate::below::Below; }",
        "#[cfg(test)] impl<A, B> Above<A, B> { fn f() { crate::below::f() } }",
        "macro_rules! m { () => { $crate::below::Below } }",
        "// crate::below::Below\n/// [`crate::below::Below`]\npub struct Above;",
        "const TEXT: &str = \"crate::below::Below\";",
    ];
    for text in texts {
        let (_directory, read) = planted(text);
        assert_eq!(uses_of_rooms_below(&read), [""; 0], "{text}");
    }
}

#[test]
fn a_use_after_code_for_tests_is_found() {
    let texts = [
        "#[cfg(test)] mod tests { fn f() {} }\nuse crate::below::Below;",
        "#[cfg(test)] use std::fmt;\nuse crate::below::Below;",
        "struct Above { #[cfg(test)] a: u8, b: crate::Below }",
    ];
    for text in texts {
        let (_directory, read) = planted(text);
        assert_eq!(uses_of_rooms_below(&read).len(), 1, "{text}");
    }
}
