//! The manifests of the crates that are published.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::root;

/// What cargo says of the packages that a registry takes.
fn published() -> Vec<Value> {
    let args = ["metadata", "--no-deps", "--offline", "--format-version=1"];
    let output = Command::new(env!("CARGO")).args(args).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let Value::Array(mut packages) = metadata["packages"].take() else { panic!("cargo lists packages") };
    // `null` is any registry, an empty list none.
    packages.retain(|package| package["publish"].is_null());
    packages
}

#[test]
fn three_packages_are_published() {
    let mut names: Vec<String> = published().iter().map(|package| package["name"].to_string()).collect();
    names.sort();
    assert_eq!(names, ["\"prof-macros\"", "\"prof-runtime\"", "\"timer-watchdog\""]);
}

#[test]
fn a_registry_has_what_it_shows() {
    for package in published() {
        let name = package["name"].as_str().unwrap();
        for key in ["description", "license", "readme", "repository", "rust_version"] {
            assert!(package[key].is_string(), "{name} has no {key}");
        }
        for key in ["categories", "keywords"] {
            let words = package[key].as_array().unwrap();
            assert!((1..=5).contains(&words.len()), "{name} has {} {key}, and a registry takes 1 to 5", words.len());
        }
        let docs_rs = &package["metadata"]["docs"]["rs"];
        assert_eq!(docs_rs["all-features"], true, "docs.rs documents {name} without its features");
    }
}

#[test]
fn a_package_has_its_readme_and_the_licenses() {
    for package in published() {
        let directory = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned();
        for file in [package["readme"].as_str().unwrap(), "LICENSE-MIT", "LICENSE-APACHE"] {
            assert!(directory.join(file).is_file(), "{} has no {file}", directory.display());
        }
    }
}

/// The attributes and the crates that re-export them speak a private protocol, which any version may change.
#[test]
fn the_macros_are_pinned() {
    let packages = published();
    let macros = packages.iter().find(|package| package["name"] == "prof-macros").unwrap();
    let pinned = format!("={}", macros["version"].as_str().unwrap());
    for package in packages.iter().filter(|package| package["name"] != "prof-macros") {
        let dependencies = package["dependencies"].as_array().unwrap();
        let on_macros = dependencies.iter().find(|dependency| dependency["name"] == "prof-macros").unwrap();
        assert_eq!(on_macros["req"], pinned, "{}", package["name"]);
    }
}
