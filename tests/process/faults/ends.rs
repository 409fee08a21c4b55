//! What cannot be started, and how a program ends.

use std::fs;
use std::net::TcpListener;

use crate::program::service;

#[test]
fn a_port_that_is_taken_starts_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let part = format!("prometheus:{}", taken.local_addr().unwrap());
    let ended = service(&format!("report,{part}")).spawn().wait();
    assert_eq!(ended.status.code(), Some(1));
    let expect = format!("service: could not start `{part}`: could not listen on ");
    assert!(ended.stderr.starts_with(&expect) && ended.stderr.contains("Address already in use"), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "no report either: {ended:?}");
}

#[test]
fn one_part_that_cannot_be_started_starts_none() {
    let dir = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let prof = format!("prometheus:{free},console,statsd:127.0.0.1:9,prometheus:{taken}");
    let ended = service(&prof).directory(dir.path()).spawn().wait();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.starts_with(&format!("service: could not start `prometheus:{taken}`: ")), "{ended:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_panic_in_main_prints_the_report_and_keeps_its_status() {
    let mut program = service("report").start();
    program.ask("work 3");
    program.tell("panic");
    let ended = program.wait();
    assert_eq!(ended.status.code(), Some(101), "{ended:?}");
    assert!(ended.stderr.contains("prof: 4 calls of 2 functions in "), "{ended:?}");
}
