//! A crate outside the workspace that depends on `prof-runtime` alone, in every edition.
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use prof_tests::compiler;

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

/// Returns the compiler at work on the crate `outside` with this `main.rs`, whose only dependency is `prof-runtime`.
fn compile(name: &str, edition: &str, program: &str) -> (Command, PathBuf) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside").join(name);
    fs::create_dir_all(&directory).unwrap();
    let source = directory.join("main.rs");
    fs::write(&source, program).unwrap();
    let mut command = compiler("rustc", &["prof_runtime"]);
    // Lints are not capped, as they are not for the crate that a user works on.
    command.args(["--crate-name=outside", "--edition", edition]).arg(source).arg("--out-dir").arg(&directory);
    (command, directory.join("outside"))
}

#[test]
fn a_crate_outside_the_workspace_needs_one_dependency_and_one_use() {
    for edition in ["2015", "2018", "2021", "2024"] {
        // What every crate of that edition has, for each of its dependencies.
        let program = if edition == "2015" {
            PROGRAM.replacen("use", "extern crate prof_runtime;\nuse", 1)
        } else {
            PROGRAM.into()
        };
        let (mut compiler, program) = compile(edition, edition, &program);
        let compilation = compiler.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&compilation.stderr), "", "edition {edition}");
        let output = Command::new(program).env_remove("PROF").output().unwrap();
        let expect = "outside Counter.step: 3 ok, 1 failed\noutside outside.twice: 3 ok, 0 failed\n";
        assert_eq!(String::from_utf8_lossy(&output.stdout), expect, "edition {edition}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "edition {edition}");
        assert!(output.status.success(), "edition {edition}: {output:?}");
    }
}

#[test]
fn a_function_of_one_line_becomes_twenty() {
    let program = "#[prof_runtime::prof]\nfn add(a: i32, b: i32) -> i32 { a + b }\nfn main() {}\n";
    let (mut compiler, _) = compile("expanded", "2024", program);
    // Only unstable compilers print what macros expand to, or those that are told to pretend.
    let output = compiler.arg("-Zunpretty=expanded").env("RUSTC_BOOTSTRAP", "1").output().unwrap();
    let expanded = String::from_utf8_lossy(&output.stdout);
    let lines = expanded.lines().skip_while(|line| !line.starts_with("fn add")).collect::<Vec<_>>();
    let end = lines.iter().position(|line| *line == "}").unwrap_or_else(|| panic!("{output:?}"));
    assert!(end < 20, "{expanded}");
}
