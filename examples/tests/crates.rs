//! What a first look at the toolkit builds, as cargo resolves it for a command at the root of the workspace.
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Returns what cargo says of the dependencies that this platform builds, with the depth of each, in a command at the
/// root.
fn tree(options: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["tree", "--offline", "--locked", "--edges=normal,build", "--no-dedupe", "--prefix=depth"])
        .args(options);
    let output = cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the names of the crates that a package in such a tree needs, itself included.
fn crates(tree: &str, package: &str) -> BTreeSet<String> {
    let root = format!("0{package} ");
    let below = tree.lines().skip_while(|line| !line.starts_with(&root));
    let needed = below.enumerate().take_while(|(at, line)| *at == 0 || !line.starts_with('0'));
    let name = |line: &str| {
        line.trim_start_matches(|letter: char| letter.is_ascii_digit()).split(' ').next().map(str::to_owned)
    };
    needed.filter_map(|(_, line)| name(line)).collect()
}

/// A first look at the toolkit takes seconds, with whichever program: no server, no format of an exporter.
#[test]
fn programs_build_few_crates() {
    // Where a command names no package, features are those of all that it selects.
    let crates = crates(&tree(&[]), "prof-examples");
    assert!(crates.contains("prof-runtime") && crates.contains("clap_derive"), "{crates:?}");
    assert!(crates.len() <= 60, "{}: {crates:?}", crates.len());
    for heavy in ["axum", "http", "hyper", "prost", "protox", "tokio", "tonic", "ureq"] {
        assert!(!crates.contains(heavy), "{heavy} is built");
    }
}

/// What a user adds to a program by `cargo add prof-runtime`. Each crate is argued for in `ARCHITECTURE.md`.
#[test]
#[cfg(unix)]
fn the_default_features_need_few_crates() {
    let crates = crates(&tree(&["--package=prof-runtime"]), "prof-runtime");
    assert!(crates.contains("anstream") && crates.contains("syn"), "{crates:?}");
    assert!(crates.len() <= 28, "{}: {crates:?}", crates.len());
}
