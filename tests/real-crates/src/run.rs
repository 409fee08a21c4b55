//! Fetches, copies, builds and tests crates.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use walkdir::WalkDir;

use crate::subject::Crate;

/// Where a published crate lies, and which version it is.
pub(crate) struct Source {
    directory: PathBuf,
    pub(crate) version: String,
}

/// What building and testing a crate says, without what attributes change of themselves: columns.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) errors: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// Name and result.
    pub(crate) tests: BTreeSet<String>,
}

fn cargo(directory: &Path, arguments: &[&str]) -> Output {
    let target = directory.ancestors().find(|path| path.ends_with("real-crates")).unwrap_or(directory).join("target");
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(directory).env("CARGO_TARGET_DIR", target);
    command.output().expect("cargo can be run")
}

/// Downloads the sources of a crate.
pub(crate) fn fetch(known: &Crate, work: &Path) -> Source {
    let directory = work.join("fetch");
    fs::create_dir_all(directory.join("src")).expect("the target directory can be written");
    let name = known.name;
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n{name} = \"{}\"\n[workspace]\n",
        known.version
    );
    fs::write(directory.join("Cargo.toml"), manifest).expect("the target directory can be written");
    fs::write(directory.join("src/lib.rs"), "").expect("the target directory can be written");
    let metadata = cargo(&directory, &["metadata", "--format-version", "1"]);
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo prints metadata");
    let packages = metadata["packages"].as_array().expect("metadata has packages");
    let package = packages.iter().find(|package| package["name"] == name).expect("the crate was fetched");
    let manifest = Path::new(package["manifest_path"].as_str().expect("a path is a text"));
    let version = package["version"].as_str().expect("a version is a text").to_owned();
    Source { directory: manifest.parent().expect("a manifest is in a directory").to_owned(), version }
}

/// Copies the sources to `to`, as a workspace of their own.
pub(crate) fn copy(source: &Source, to: &Path) -> PathBuf {
    let _ = fs::remove_dir_all(to);
    for entry in WalkDir::new(&source.directory).into_iter().filter_map(Result::ok) {
        let inside = entry.path().strip_prefix(&source.directory).expect("an entry is in what is walked");
        let target = to.join(inside);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target).expect("the target directory can be written");
        } else {
            let text = fs::read(entry.path()).expect("a source can be read");
            fs::write(&target, text).expect("the target directory can be written");
        }
    }
    let manifest = to.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("a crate has a manifest");
    fs::write(&manifest, text + "\n[workspace]\n").expect("the target directory can be written");
    to.to_owned()
}

/// Adds a dependency to the manifest of a copy.
pub(crate) fn depend(copy: &Path, dependency: &str) {
    let manifest = copy.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("a crate has a manifest");
    let runtime = concat!(env!("CARGO_MANIFEST_DIR"), "/../../prof-runtime");
    let dependency = dependency.replace("{runtime}", runtime);
    fs::write(&manifest, format!("{text}\n[dependencies.{dependency}\n")).expect("the target directory can be written");
}

/// Builds the tests of a crate and runs them.
pub(crate) fn findings(known: &Crate, directory: &Path) -> Findings {
    let mut findings = Findings::default();
    let targets = ["--lib", "--tests"];
    let build = [&["test", "--no-run", "--message-format=json"], &targets[..], known.arguments].concat();
    let output = cargo(directory, &build);
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        // Dependencies report nothing, since cargo caps their lints; the runtime under test has a path outside.
        if message["reason"] == "compiler-message"
            && message["manifest_path"].as_str() == directory.join("Cargo.toml").to_str()
        {
            findings.add(&message["message"]);
        }
    }
    if !output.status.success() && findings.errors.is_empty() {
        findings.errors.push(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    if output.status.success() {
        let run = [&["test", "--no-fail-fast"], &targets[..], known.arguments].concat();
        findings.read_tests(&String::from_utf8_lossy(&cargo(directory, &run).stdout));
    }
    findings
}

impl Findings {
    fn add(&mut self, message: &Value) {
        let text = message["message"].as_str().unwrap_or_default();
        let spans = message["spans"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(span) = spans.iter().find(|span| span["is_primary"] == true) else { return };
        let code = message["code"]["code"].as_str().unwrap_or_default();
        let described =
            format!("{}:{}: {code}: {text}", span["file_name"].as_str().unwrap_or_default(), span["line_start"]);
        match message["level"].as_str() {
            Some("error") => self.errors.push(described),
            Some("warning") => self.warnings.push(described),
            _ => {}
        }
    }

    fn read_tests(&mut self, output: &str) {
        for line in output.lines() {
            if let Some((name, result)) = line.strip_prefix("test ").and_then(|test| test.rsplit_once(" ... ")) {
                self.tests.insert(format!("{name} {result}"));
            }
        }
    }
}
