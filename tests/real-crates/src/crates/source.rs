//! Fetches and copies crates.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use toml_edit::{DocumentMut, Item, TableLike};
use walkdir::WalkDir;

use super::build::cargo;
use super::list::Crate;
use crate::subject::Subject;

/// What makes a crate one without `std`, under the features that it is built with here.
const WITHOUT_STD: [&str; 2] = ["#![no_std]", "#![cfg_attr(not(doc), no_std)]"];

/// Where all of this happens.
pub(crate) fn work() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/real-crates")).to_owned()
}

/// Downloads the sources of a crate, and returns where they lie.
pub(crate) fn fetch(known: &Crate) -> PathBuf {
    let directory = work().join("fetch");
    fs::create_dir_all(directory.join("src")).expect("the target directory can be written");
    let (name, version) = (known.name, known.version);
    let package = "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
    let manifest = format!("{package}[dependencies]\n{name} = \"={version}\"\n");
    fs::write(directory.join("Cargo.toml"), manifest).expect("the target directory can be written");
    fs::write(directory.join("src/lib.rs"), "").expect("the target directory can be written");
    let output = cargo(&directory, &["metadata", "--format-version", "1"]);
    assert!(output.status.success(), "{name} {version}: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints metadata");
    let packages = metadata["packages"].as_array().expect("metadata has packages");
    let is_asked_for = |package: &&Value| package["name"] == name && package["version"] == version;
    let package = packages.iter().find(is_asked_for).expect("the crate was fetched");
    let manifest = Path::new(package["manifest_path"].as_str().expect("a path is a text"));
    manifest.parent().expect("a manifest is in a directory").to_owned()
}

/// Copies the sources to `to`, as a workspace of their own, without the versions that its authors had locked: what is
/// built is what a user of it gets today.
pub(crate) fn copy(source: &Path, to: &Path) -> PathBuf {
    let _ = fs::remove_dir_all(to);
    for entry in WalkDir::new(source).into_iter().filter_map(Result::ok) {
        let inside = entry.path().strip_prefix(source).expect("an entry is in what is walked");
        let target = to.join(inside);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target).expect("the target directory can be written");
        } else {
            let text = fs::read(entry.path()).expect("a source can be read");
            fs::write(&target, text).expect("the target directory can be written");
        }
    }
    let _ = fs::remove_file(to.join("Cargo.lock"));
    edit(to, |_| {});
    to.canonicalize().expect("what was written is there")
}

/// Changes the manifest of a copy.
pub(crate) fn edit(copy: &Path, change: impl FnOnce(&mut DocumentMut)) {
    let manifest = copy.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("a crate has a manifest");
    let mut document: DocumentMut = text.parse().expect("a published manifest is TOML");
    document.entry("workspace").or_insert_with(toml_edit::table);
    change(&mut document);
    fs::write(&manifest, document.to_string()).expect("the target directory can be written");
}

/// Adds what an attribute needs to the manifest of a copy. A crate that knows the package already gets its version.
pub(crate) fn depend(copy: &Path, subject: &Subject) {
    edit(copy, |document| {
        let dependencies = document.entry("dependencies").or_insert_with(toml_edit::table);
        let known = dependencies.get(subject.package).and_then(Item::as_table_like);
        let is_optional = known.and_then(|known| known.get("optional")).and_then(Item::as_bool);
        let mut dependency = subject.dependency();
        if is_optional == Some(true) {
            // One of its features names it so; it is on by default in the crates here.
            TableLike::insert(&mut dependency, "optional", toml_edit::value(true));
        }
        dependencies[subject.package] = toml_edit::value(dependency);
    });
}

/// Gives a crate that does without `std` the prelude of `std`, and returns whether it did without.
///
/// No peer promises to work without it, and nothing else about the crate changes.
pub(crate) fn allow_std(copy: &Path) -> bool {
    let root = copy.join("src/lib.rs");
    let text = fs::read_to_string(&root).expect("a library has a root");
    let with_std = text.split('\n').map(|line| if WITHOUT_STD.contains(&line.trim()) { "" } else { line });
    let with_std = with_std.collect::<Vec<_>>().join("\n");
    let differs = with_std != text;
    fs::write(&root, with_std).expect("the target directory can be written");
    differs
}
