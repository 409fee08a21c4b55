//! What the pages say to write into `Cargo.toml`, against the manifest of `prof-runtime`.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::page::Page;

/// What cargo says of `prof-runtime`.
pub(crate) fn manifest() -> Value {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../prof-runtime/Cargo.toml");
    let args = ["metadata", "--no-deps", "--offline", "--format-version=1", "--manifest-path", manifest];
    let output = Command::new(env!("CARGO")).args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().find(|package| package["name"] == "prof-runtime").unwrap().clone()
}

/// The features that users can ask for.
pub(crate) fn features() -> BTreeSet<String> {
    manifest()["features"].as_object().unwrap().keys().cloned().collect()
}

/// Checks the only dependency of a page: its name, its version, and every feature that it or the page names.
/// Returns the first of them.
#[track_caller]
pub(crate) fn check(page: &Page) -> String {
    let (manifest, known) = (manifest(), features());
    let line = page.block("toml");
    let dependency = line.trim().strip_prefix("prof-runtime = { version = \"").expect("it is a dependency");
    let (version, rest) = dependency.split_once("\", features = [").expect("it has a version and features");
    let actual = manifest["version"].as_str().unwrap();
    assert!(actual.starts_with(&format!("{version}.")), "{version} asks for another version than {actual}");
    let named: Vec<&str> = rest.split('"').skip(1).step_by(2).collect();
    for feature in &named {
        assert!(known.contains(*feature), "{feature} is no feature of prof-runtime: {known:?}");
    }
    for feature in page.features() {
        assert!(known.contains(&feature), "{feature} is no feature of prof-runtime: {known:?}");
    }
    named.first().expect("it names a feature").to_string()
}
