//! Compiles one case at a time, against libraries that cargo built once.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use toml_edit::{DocumentMut, value};

use super::take_apart::{Case, Way};
use crate::crates;
use crate::subject::SUBJECTS;

const PACKAGE: &str =
    "[package]\nname = \"cases\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n";

/// What cases use beside the attribute.
const SHARED: &str = concat!(
    "prof-tests = { path = \"",
    env!("CARGO_MANIFEST_DIR"),
    "/..\" }\nprof-tests-stand-in = { path = \"",
    env!("CARGO_MANIFEST_DIR"),
    "/../stand-in\" }\nasync-trait = \"0.1.89\"\ntokio = { version = \"1.54\", features = [\"full\"] }\n"
);

/// Knows where the libraries lie.
pub(crate) struct Compiler {
    directory: PathBuf,
    /// By the name of the crate.
    libraries: BTreeMap<String, PathBuf>,
}

impl Compiler {
    /// Builds the libraries that cases need.
    pub(crate) fn new() -> Self {
        let directory = crates::work().join("cases");
        fs::create_dir_all(directory.join("src")).expect("the target directory can be written");
        fs::write(directory.join("src/lib.rs"), "").expect("the target directory can be written");
        let mut manifest: DocumentMut = (PACKAGE.to_owned() + SHARED).parse().expect("this is TOML");
        for subject in &SUBJECTS {
            manifest["dependencies"][subject.package] = value(subject.dependency());
        }
        fs::write(directory.join("Cargo.toml"), manifest.to_string()).expect("the target directory can be written");
        let mut cargo = Command::new("cargo");
        cargo.args(["check", "--message-format=json"]).current_dir(&directory);
        let output = cargo.env("CARGO_TARGET_DIR", directory.join("target")).output().expect("cargo can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
        let libraries = messages.lines().filter_map(|line| library(&serde_json::from_str(line).ok()?)).collect();
        Self { directory, libraries }
    }

    /// What the compiler says of `text`, sorted, as `level code line: message`. Tests are compiled, and not run.
    pub(crate) fn diagnostics(&self, case: &Case, text: &str, edition: &str) -> Vec<String> {
        let source = self.directory.join("case.rs");
        fs::write(&source, text).expect("the target directory can be written");
        let mut command = Command::new(match case.way {
            Way::Clean => "rustc",
            Way::AsBefore => "clippy-driver",
        });
        command.args(["--crate-name=case", "--crate-type=lib", "--emit=metadata", "--error-format=json"]);
        command.arg("--edition").arg(edition).arg("--out-dir").arg(&self.directory).arg(&source);
        command.arg(match case.way {
            Way::Clean => "--test",
            // What is denied by default is not more of a difference.
            Way::AsBefore => "--cap-lints=warn",
        });
        for (name, file) in &self.libraries {
            command.arg("--extern").arg(format!("{name}={}", file.display()));
        }
        let dependencies = self.libraries.values().find_map(|file| file.parent()).expect("libraries were built");
        command.arg("-L").arg(format!("dependency={}", dependencies.display()));
        let output = command.output().expect("rustc and clippy are components of the toolchain");
        let stderr = String::from_utf8(output.stderr).expect("the compiler writes UTF-8");
        let mut found: Vec<String> = stderr.lines().filter_map(described).collect();
        assert_eq!(output.status.success(), !found.iter().any(|said| said.starts_with("error")), "{stderr}");
        found.sort();
        found
    }
}

/// The name and file of a library that cargo says it has built.
fn library(message: &Value) -> Option<(String, PathBuf)> {
    let file = message["filenames"].as_array()?.first()?.as_str()?;
    (message["reason"] == "compiler-artifact").then_some(())?;
    let name = message["target"]["name"].as_str()?.replace('-', "_");
    let is_asked_for = ["prof_tests", "prof_tests_stand_in", "async_trait", "tokio"].contains(&name.as_str())
        || SUBJECTS.iter().any(|subject| subject.package.replace('-', "_") == name);
    is_asked_for.then(|| (name, PathBuf::from(file)))
}

fn described(line: &str) -> Option<String> {
    let message: Value = serde_json::from_str(line).ok()?;
    let span = message["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?;
    let (code, line) = (message["code"]["code"].as_str().unwrap_or("syntax"), &span["line_start"]);
    Some(format!("{} {code} {line}: {}", message["level"].as_str()?, message["message"].as_str()?))
}
