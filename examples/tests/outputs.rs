//! Runs every example as a user would, and compares what it prints.
#![allow(missing_docs)]

mod program;

use std::fs;
use std::path::Path;

use prof_runtime::Snapshot;

use program::{check_row, row, run, stderr, stdout};

#[test]
fn quickstart() {
    let output = run(env!("CARGO_BIN_EXE_quickstart"), &[]);
    assert!(output.status.success());
    let expect = "\
        fibonacci: 14367024566711730244\n\
        withdrew 300, 200 left\n\
        could not withdraw 300: 100 cents are missing\n\
        failures: 1\n";
    assert_eq!(stdout(&output), expect);
    let report = stderr(&output);
    check_row(&report, "quickstart.fibonacci", ["1,000", "1,000", "0", "0", "0"]);
    check_row(&report, "Account.deposit", ["1", "1", "0", "0", "0"]);
    check_row(&report, "Account.withdraw", ["2", "1", "1", "0", "0"]);
    assert_eq!(row(&report, "balance")[1..3], ["quickstart", "1"]);
}

#[test]
fn hung_workers() {
    let output = run(env!("CARGO_BIN_EXE_hung_workers"), &[]);
    assert!(output.status.success(), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("healthy: "), "{text}");
    // Each is reported with the place of its scope in the source.
    let source = include_str!("../hung_workers.rs");
    for (hung, scope) in [("count lines", "COUNT"), ("settle", "SETTLE"), ("update the total", "LOCK")] {
        let report = text.lines().find(|line| line.contains(&format!("hangs: {hung:?} at hung_workers.rs:")));
        let report = report.unwrap_or_else(|| panic!("{hung} is not reported in\n{text}"));
        let line: usize = report.split(':').nth(2).unwrap().split(',').next().unwrap().parse().unwrap();
        let place = source.lines().nth(line - 1).unwrap();
        assert!(place.contains(&format!("watch_in(&{scope},")), "{report:?} is not the place of {scope}: {place:?}");
    }
}

/// Three sources, of which one cannot be parsed and one is not text, and things to pass by.
fn sources(dir: &Path) {
    let write = |name: &str, text: &[u8]| {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("good.rs", b"struct A;\nimpl A { fn f() {} }\nmod m { pub fn g() {} }\n");
    write("deep/bad.rs", b"fn broken( {\n");
    write("deep/binary.rs", b"\xff\xfe\x00");
    write("target/debug/generated.rs", b"fn ignored() {}");
    write("notes.txt", b"not a source");
}

#[test]
fn profile_sources_reports_failures() {
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path());
    let output = run(env!("CARGO_BIN_EXE_profile_sources"), &[dir.path().to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let text = stdout(&output);
    assert!(
        text.starts_with("3 files, 3 lines, 55 bytes\nitems: 1 fn, 1 impl, 1 method, 1 mod, 1 type\nfailures: 2\n"),
        "{text}"
    );
    assert!(text.contains("bad.rs:1: ") && text.contains("binary.rs is not valid UTF-8"), "{text}");
    let report = stderr(&output);
    check_row(&report, "run.profile_file", ["3", "1", "2", "0", "0"]);
    check_row(&report, "source.read", ["3", "2", "1", "0", "0"]);
    check_row(&report, "source.parse", ["2", "1", "1", "0", "0"]);
    check_row(&report, "Items.count", ["1", "1", "0", "0", "0"]);
}

#[test]
fn profile_sources_as_json() {
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path());
    let args = [dir.path().to_str().unwrap(), "--json", "--threads", "2"];
    let output = run(env!("CARGO_BIN_EXE_profile_sources"), &args);
    let snapshot: Snapshot = serde_json::from_str(&stderr(&output)).unwrap();
    let parse = snapshot.function("source.parse").unwrap();
    assert_eq!((parse.success, parse.failure), (1, 1));
}

/// The record of a run over this repository against a count of its own.
#[test]
fn profile_sources_record_is_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = run(env!("CARGO_BIN_EXE_profile_sources"), &[root.to_str().unwrap(), "--record"]);
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 1, "{text}");
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (mut files, mut bytes, mut broken) = (0, 0, 0);
    count(&root, &mut |path| {
        let text = fs::read_to_string(path).unwrap();
        files += 1;
        match syn::parse_file(&text) {
            Ok(_) => bytes += text.len(),
            Err(_) => broken += 1,
        }
    });
    let metrics = &record["metrics"];
    assert_eq!(metrics["files"], files, "{text}");
    assert_eq!(metrics["bytes"], bytes, "{text}");
    assert_eq!(metrics["failures"]["parse"].as_u64().unwrap_or(0), broken, "{text}");
    assert!(metrics["item_kinds"].as_array().unwrap().contains(&"trait".into()), "{text}");
    let slowest = metrics["slowest_us"].as_array().unwrap();
    assert_eq!(slowest.len(), 10, "{text}");
    assert!(slowest.is_sorted_by(|a, b| a[1].as_i64() >= b[1].as_i64()), "{text}");
}

fn count(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            count(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.is_file() {
            visit(&path);
        }
    }
}

#[test]
fn profile_sources_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(env!("CARGO_BIN_EXE_profile_sources"), &[dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("profile_sources: no Rust source was found in "), "{output:?}");
    let output = run(env!("CARGO_BIN_EXE_profile_sources"), &["/nowhere/at/all"]);
    assert!(stdout(&output).contains("could not walk /nowhere/at/all: "), "{output:?}");
}
