//! What a first look at the toolkit builds, as cargo resolves it for a command at the root of the workspace.
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Returns the names of the crates that cargo builds for the programs of a package of the workspace, itself included, where
/// the command names no package: features are then those of all packages that a plain command selects.
fn crates(package: &str) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--locked", "--edges=normal,build", "--no-dedupe", "--prefix=depth"]);
    let output = cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let root = format!("0{package} ");
    let below = text.lines().skip_while(|line| !line.starts_with(&root));
    let tree = below.enumerate().take_while(|(at, line)| *at == 0 || !line.starts_with('0'));
    let name = |line: &str| {
        line.trim_start_matches(|letter: char| letter.is_ascii_digit()).split(' ').next().map(str::to_owned)
    };
    tree.filter_map(|(_, line)| name(line)).collect()
}

/// A first look at the toolkit takes seconds, with whichever program: no server, no format of an exporter.
#[test]
fn programs_build_few_crates() {
    let crates = crates("prof-examples");
    assert!(crates.contains("prof-runtime") && crates.contains("clap_derive"), "{crates:?}");
    assert!(crates.len() <= 60, "{}: {crates:?}", crates.len());
    for heavy in ["axum", "http", "hyper", "prost", "protox", "tokio", "tonic", "ureq"] {
        assert!(!crates.contains(heavy), "{heavy} is built");
    }
}
