//! Runs every example as a user would, and compares what it prints.
#![allow(missing_docs)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use prof_runtime::Snapshot;

fn run(program: &str, args: &[&str]) -> Output {
    // The tables are to have all of their columns.
    Command::new(program).args(args).env_remove("COLUMNS").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The cells of the row that begins with `name`.
fn row<'a>(report: &'a str, name: &str) -> Vec<&'a str> {
    let row = report.lines().find(|line| line.split_whitespace().next() == Some(name));
    row.unwrap_or_else(|| panic!("no row for {name} in\n{report}")).split_whitespace().collect()
}

/// calls, ok, failed, panicked, cancelled
#[track_caller]
fn check_row(report: &str, name: &str, counts: [&str; 5]) {
    assert_eq!(row(report, name)[1..6], counts, "{name} in\n{report}");
}

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
fn async_service() {
    let output = run(env!("CARGO_BIN_EXE_async_service"), &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stdout(&output), "69 answered, 20 failed, 10 timed out, 1 panicked\n");
    let report = stderr(&output);
    check_row(&report, "async_service.handle", ["100", "69", "20", "1", "10"]);
    check_row(&report, "async_service.parse", ["100", "89", "10", "1", "0"]);
    check_row(&report, "Database.query", ["89", "69", "10", "0", "10"]);
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

/// What PROF chooses, each compared with the same requests.
#[test]
fn observed_service_exports_what_prof_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let daemon = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let statsd = daemon.local_addr().unwrap();
    let prof = format!("report,json:{},snapshots:{},prometheus:0,statsd:{statsd}", path("points"), path("snapshots"));
    let mut service = Command::new(env!("CARGO_BIN_EXE_observed_service"));
    service.args(["--requests", "200", "--serve"]).env("PROF", prof).env_remove("COLUMNS");
    let mut service = service.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "190 requests answered, 10 failed");
    let served = lines.next().unwrap();
    let metrics = ureq::get(served.strip_prefix("metrics are at ").unwrap()).call().unwrap();
    let metrics = metrics.into_body().read_to_string().unwrap();
    for (labels, count) in [
        ("function=\"GET /orders\",group=\"http\",outcome=\"failure\"", 10),
        ("function=\"load\",group=\"store\",outcome=\"success\"", 190),
        ("function=\"DELETE /orders\",group=\"http\",outcome=\"success\"", 0),
    ] {
        assert!(metrics.contains(&format!("\nprof_calls_total{{{labels}}} {count}\n")), "{metrics}");
    }
    drop(service.stdin.take());
    let output = service.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");

    let report = stderr(&output);
    check_row(&report, "load", ["store", "200", "190", "10", "0"]);
    let points = fs::read_to_string(path("points")).unwrap();
    assert_eq!(points.matches("\"name\":\"load.success\",\"count\":1}").count(), 190);
    assert_eq!(points.matches("\"name\":\"GET /orders.duration.ms\"").count(), 200);
    let snapshots = fs::read_to_string(path("snapshots")).unwrap();
    let snapshots = snapshots.lines().map(|line| serde_json::from_str::<Snapshot>(line).unwrap());
    let failures = snapshots.filter_map(|snapshot| Some(snapshot.function("load")?.failure));
    assert_eq!(failures.sum::<u64>(), 10);
    let mut datagram = [0; 1024];
    let length = daemon.recv(&mut datagram).unwrap();
    assert!(str::from_utf8(&datagram[..length]).unwrap().contains("load.duration:"), "{datagram:?}");
}

#[test]
fn observed_service_writes_what_its_functions_promise() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (rules, dashboard) = (path("rules.yml"), path("dashboard.json"));
    let output = run(env!("CARGO_BIN_EXE_observed_service"), &["--rules", &rules, "--dashboard", &dashboard]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let rules = fs::read_to_string(rules).unwrap();
    let names: Vec<_> = rules.lines().filter_map(|line| line.strip_prefix("- name: ")).collect();
    let expect = [
        "\"GET /orders (http): 90% succeed\"",
        "\"render (http): 99.9% succeed\"",
        "\"load (store): 95% within 50ms\"",
    ];
    assert_eq!(names, expect);
    let dashboard: serde_json::Value = serde_json::from_str(&fs::read_to_string(dashboard).unwrap()).unwrap();
    assert_eq!(
        (&dashboard["title"], &dashboard["panels"][0]["title"]),
        (&"Observed service".into(), &"Objectives".into())
    );
    let output = run(env!("CARGO_BIN_EXE_observed_service"), &["--rules", "/nowhere/rules.yml"]);
    assert!(stderr(&output).starts_with("observed_service: could not write /nowhere/rules.yml: "), "{output:?}");
}

#[test]
fn observed_service_says_what_prof_cannot_be() {
    let mut service = Command::new(env!("CARGO_BIN_EXE_observed_service"));
    let output = service.args(["--requests", "1"]).env("PROF", "report,promtheus:0").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with("observed_service: `promtheus:…` is not known; allowed are `report`"),
        "{output:?}"
    );
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
