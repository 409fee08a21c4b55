//! Runs every service as a user would, and compares what it prints and exports.
#![allow(missing_docs)]

#[path = "../../tests/program.rs"]
mod program;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use prof_runtime::Snapshot;

use program::{check_row, run, stderr, stdout};

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
    let message = "observed_service: `promtheus:…` is not known; allowed are `report`";
    assert!(stderr(&output).lines().any(|line| line.starts_with(message)), "{output:?}");
}
