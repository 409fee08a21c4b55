//! Targets that are not there, do not answer, or want too much: no annotated call waits for one, the end is in time,
//! and what is lost is counted. A test that would wait for ever is one that fails.
#![cfg(all(feature = "json", feature = "otlp", feature = "prometheus", feature = "statsd"))]
// In this crate alone, lints look into the section that an annotated function is listed in.
#![allow(unsafe_code)]

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::process::Command;
use std::time::Duration;

use super::*;
use crate::aggregate::Aggregator;
use crate::export::prometheus::{PrometheusCollector, TextFormat};
use crate::handler::MetricHandler as _;
use crate::model::MetricData;

/// Annotated, and called while its target is in trouble.
#[prof_macros::prof(name = "faults.work", group = "faults")]
fn work() {}

#[test]
fn a_target_that_is_not_there_costs_one_snapshot_and_no_call() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let prof = init(format!("otlp:http://{gone}, statsd:{silent}")).unwrap();
    work();
    prof.flush().unwrap_err();
    let losses = prof.losses().clone();
    let otlp = format!("otlp:http://{gone}");
    assert_eq!(losses.get(&otlp), 0, "a later push would make up for it");
    drop(prof);
    assert_eq!(losses.get(&otlp), 1);
    assert_eq!(losses.get(&format!("statsd:{silent} queue")), 0);
}

#[test]
fn a_target_that_never_answers_holds_up_neither_calls_nor_the_end() {
    // Connections are taken by the system, and no one reads from them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let prof = ProfBuilder::new().otlp(&*url).timeout(Duration::from_millis(10)).start().unwrap();
    assert!(prof.flush().unwrap_err().to_string().ends_with("within 10ms"));
    work();
    let losses = prof.losses().clone();
    drop(prof);
    assert_eq!(losses.get(&format!("otlp:{url}")), 1);
}

#[test]
fn an_unknown_name_is_found_out_at_the_first_push() {
    let prof = init("otlp:http://no-such-host.invalid").unwrap();
    work();
    assert!(prof.flush().unwrap_err().to_string().contains("http://no-such-host.invalid/v1/metrics"));
}

#[test]
fn a_hundred_thousand_names_are_bounded_and_counted() {
    let aggregator = Aggregator::new();
    for i in 0..100_000 {
        aggregator.emit(&MetricData::new("faults", format!("name {i}"), 1));
    }
    let text = PrometheusCollector::new(aggregator).encode(TextFormat::Classic);
    assert_eq!(text.lines().filter(|line| line.starts_with("prof_value{")).count(), 2_000);
    assert!(text.contains("\nprof_values_dropped_total 98000\n"));
}

#[test]
fn one_part_that_cannot_be_started_stops_those_that_were() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("no/file");
    init(format!("prometheus:{address},json:{}", path.display())).unwrap_err();
    // The port is free again.
    drop(init(format!("prometheus:{address}")).unwrap());
}

#[test]
fn a_build_label_that_prometheus_refuses_is_an_error_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls");
    let builder = ProfBuilder::new().prometheus("127.0.0.1:0").json(&path).build_label("git-commit", "abc");
    let error = builder.start().unwrap_err().to_string();
    assert_eq!(
        error,
        "could not start `prometheus`: \"git-commit\" is not the name of a label: letters, digits and underscores are \
         allowed, and no digit comes first"
    );
    assert!(!path.exists());
}

/// Set for the process that [`an_exit_in_the_middle`] starts.
const CHILD: &str = "PROF_TEST_EXITS";

#[test]
fn an_exit_in_the_middle_leaves_whole_lines() {
    if let Some(path) = std::env::var_os(CHILD) {
        let _prof = ProfBuilder::new().json(&path).snapshots(path).start().unwrap();
        std::thread::spawn(|| {
            loop {
                work();
            }
        });
        (0..1000).for_each(|_| work());
        // No guard is dropped.
        std::process::exit(7);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lines");
    let name = "startup::faults::an_exit_in_the_middle_leaves_whole_lines";
    let program = std::env::current_exe().unwrap();
    let status = Command::new(program).args(["--exact", name]).env(CHILD, &path).output().unwrap().status;
    assert_eq!(status.code(), Some(7));
    let text = fs::read_to_string(path).unwrap();
    let (lines, rest) = text.rsplit_once('\n').unwrap_or_default();
    // The last write may have been cut short by the system, none before it.
    for line in lines.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(rest.is_empty() || rest.starts_with('{'), "{rest}");
}
