//! A crate outside the workspace that depends on `prof-runtime` by path, in every edition.
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = r#"
#![deny(warnings)]
use prof_runtime::prof;

struct Counter(u32);

impl Counter {
    #[prof]
    fn step(&mut self) -> Result<&mut u32, String> {
        if self.0 > 2 {
            return Err("too far".to_string());
        }
        self.0 += 1;
        Ok(&mut self.0)
    }
}

#[prof]
fn twice(n: u32) -> u32 { n * 2 }

fn main() {
    let aggregator = prof_runtime::Aggregator::new();
    prof_runtime::configure(aggregator.clone());
    let mut counter = Counter(0);
    while let Ok(n) = counter.step() {
        twice(*n);
    }
    for function in aggregator.snapshot().functions {
        println!("{} {}: {} ok, {} failed", function.group, function.name, function.success, function.failure);
    }
}
"#;

/// Writes the crate `outside` with this `src/main.rs`.
fn write_crate(dir: &Path, edition: &str, program: &str) {
    let root = root();
    let runtime = root.join("prof-runtime");
    fs::create_dir_all(dir.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n\n\
         [dependencies]\nprof-runtime = {{ path = '{}' }}\n\n[workspace]\n",
        runtime.display()
    );
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    fs::write(dir.join("src/main.rs"), program).unwrap();
    // The versions that the workspace was built with are there; nothing else need be.
    fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn tmp() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("outside")
}

fn cargo(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).args(["--quiet", "--offline"]).current_dir(dir);
    command.env("CARGO_TARGET_DIR", tmp().join("target"));
    command
}

#[test]
fn a_crate_outside_the_workspace_needs_one_dependency_and_one_use() {
    for edition in ["2015", "2018", "2021", "2024"] {
        let dir = tmp().join(edition);
        // What every crate of that edition has, for each of its dependencies.
        let program = if edition == "2015" {
            PROGRAM.replacen("use", "extern crate prof_runtime;\nuse", 1)
        } else {
            PROGRAM.into()
        };
        write_crate(&dir, edition, &program);
        let output = cargo(&dir, &["run"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "edition {edition}:\n{stderr}");
        let expect = "outside Counter.step: 3 ok, 1 failed\noutside outside.twice: 3 ok, 0 failed\n";
        assert_eq!(String::from_utf8_lossy(&output.stdout), expect, "edition {edition}");
        assert_eq!(stderr, "", "edition {edition}");
    }
}

#[test]
fn a_function_of_one_line_becomes_twenty() {
    let dir = tmp().join("expanded");
    write_crate(&dir, "2024", "#[prof_runtime::prof]\nfn add(a: i32, b: i32) -> i32 { a + b }\nfn main() {}\n");
    // Only unstable compilers print what macros expand to, or those that are told to pretend.
    let arguments = ["rustc", "--bin=outside", "--", "-Zunpretty=expanded"];
    let output = cargo(&dir, &arguments[..2]).args(&arguments[2..]).env("RUSTC_BOOTSTRAP", "1").output().unwrap();
    let expanded = String::from_utf8_lossy(&output.stdout);
    let lines = expanded.lines().skip_while(|line| !line.starts_with("fn add")).collect::<Vec<_>>();
    let end = lines.iter().position(|line| *line == "}").unwrap_or_else(|| panic!("{output:?}"));
    assert!(end < 20, "{expanded}");
}
