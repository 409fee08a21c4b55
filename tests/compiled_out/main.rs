//! A library or a program that is annotated and not measured: the crates without their feature `enabled`.
#![allow(missing_docs)]

mod package;

use std::process::Command;

use package::{Package, succeed};
use prof_tests::compiler;

/// The places of panics, and so the columns of what is after an attribute, are in the program.
const PROGRAM: &str = include_str!("program.rs");

/// What is there for the attributes only.
const ATTRIBUTES: [&str; 8] = [
    "use prof_runtime::prof;",
    "use timer_watchdog::expires;",
    "#[prof]",
    "#[prof(skip)]",
    "#[prof(err = |row: &Option<u64>| row.is_none(), sample = 64)]",
    "#[prof(group = \"totals\")]",
    "#[prof(objective(success = 99.9))]",
    "#[expires(\"5s\")]",
];

/// The program without attributes, with every other token where it was.
fn plain() -> String {
    ATTRIBUTES.iter().fold(PROGRAM.to_owned(), |program, attribute| {
        assert!(program.contains(attribute), "the program has no {attribute}");
        program.replace(attribute, &" ".repeat(attribute.len()))
    })
}

#[test]
fn a_release_build_is_that_of_the_plain_program_to_the_byte() {
    let package = Package::new("bytes");
    assert!(!plain().contains("prof"), "{}", plain());
    let annotated = package.build(PROGRAM);
    assert!(annotated == package.build(&plain()), "the attributes left something in the program");
    // The comparison sees a number that changes.
    assert!(annotated != package.build(&plain().replace("% 1009", "% 1013")));
}

#[test]
fn a_program_with_the_dependencies_is_that_without_them_to_the_byte() {
    let package = Package::new("dependencies");
    // Builds the dependencies. Cargo gives a package with others another id, which is in every symbol: rustc is asked
    // itself.
    package.build(PROGRAM);
    let annotated = package.compile(PROGRAM, &["prof_runtime", "timer_watchdog"]);
    assert!(annotated == package.compile(&plain(), &[]), "the dependencies left something in the program");
}

#[test]
fn a_library_that_is_annotated_builds_the_macro_crate_and_nothing_else() {
    let package = Package::new("tree");
    let tree = package.cargo(&["tree", "--edges=normal,build", "--prefix=none", "--format={p}", "--no-dedupe"]);
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["compiled-out", "prof-runtime", "prof-macros", "timer-watchdog", "prof-macros"], "{tree}");
}

/// What a library and a `main` may name, whether the feature is there or not.
const BOTH_WAYS: &str = r#"
use prof_runtime::{Fallible, InitError, MetricStream, ProfGuard, prof, put_metric};

struct Status(u16);

impl Fallible for Status {
    fn is_failure(&self) -> bool { self.0 >= 500 }
}

#[prof(group = "http")]
fn answer(stream: &MetricStream) -> Status {
    put_metric!("pages", 3);
    put_metric!("load", 0.5, stream.group_name());
    put_metric("took", std::time::Duration::from_millis(1), "http");
    stream.add_value("rank", 1);
    Status(503)
}

fn start() -> Result<ProfGuard, InitError> {
    let _ = prof_runtime::init("console,off").map_err(|error| error.to_string());
    prof_runtime::init_from_env()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _prof = start()?;
    let _report = prof_runtime::report_at_exit();
    assert!(answer(&prof_runtime::stream("http")).is_failure());
    prof_runtime::flush()?;
    Ok(())
}
"#;

#[test]
fn the_same_program_compiles_and_runs_with_the_feature_and_without() {
    let package = Package::new("both-ways");
    package.build(BOTH_WAYS);
    let without = succeed(Command::new(package.program()).env("PROF", "report"));
    assert_eq!(String::from_utf8_lossy(&without.stderr), "");

    let source = package.source();
    let program = source.with_file_name("measured");
    succeed(compiler("rustc", &["prof_runtime"]).args(["--edition=2024", "-o"]).arg(&program).arg(&source));
    let with = succeed(&mut Command::new(program));
    assert!(String::from_utf8_lossy(&with.stderr).contains(".answer"), "{with:?}");
}

/// The errors of the attribute's own in a compiler's output, each with its place.
fn errors(output: &str) -> Vec<String> {
    let lines: Vec<&str> = output.lines().collect();
    let errors = lines.windows(2).filter(|pair| pair[0].starts_with("error: ") && pair[1].contains("-->"));
    errors.map(|pair| format!("{}{}", pair[0], pair[1].rsplit_once(".rs").unwrap().1)).collect()
}

#[test]
fn mistakes_in_arguments_are_the_same_errors() {
    let package = Package::new("mistakes");
    for (program, messages) in [
        (include_str!("../ui/arguments.rs"), include_str!("../ui/arguments.stderr")),
        (include_str!("../ui/objectives.rs"), include_str!("../ui/objectives.stderr")),
    ] {
        assert!(errors(messages).len() > 10);
        assert_eq!(errors(&package.fail(program)), errors(messages));
    }
}
