//! Children that are forked from a program, and end as programs do. (`../forking.rs` has one that drops the guard and
//! looks at what was lost.)

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::exits::{Everything, reported};
use crate::program::{LONG, service};

/// A child that ends in some way writes nothing, and the parent everything once.
#[track_caller]
fn writes_nothing(how: &str, status: i32) {
    let everything = Everything::new();
    let mut program = everything.service("").start();
    program.ask("work 3");
    program.ask("flush");
    assert_eq!(program.ask(&format!("fork {how}")), (status << 8).to_string(), "{}", program.stderr_with(""));
    program.ask("work 2");
    let ended = program.end().succeeded();
    everything.has(&ended, 5);
}

#[test]
fn a_child_that_returns_from_main_writes_nothing() {
    writes_nothing("returns", 1);
}

#[test]
fn a_child_that_exits_writes_nothing() {
    writes_nothing("exits", 3);
}

#[test]
fn a_child_that_panics_writes_nothing() {
    writes_nothing("panics", 101);
}

/// Whatever the other threads are doing at that moment.
#[test]
fn no_child_hangs_that_is_forked_while_other_threads_record() {
    let everything = Everything::new();
    let mut program = everything.service("").start();
    assert_eq!(program.ask("fork-often 100"), "0", "{}", program.stderr_with(""));
    program.end().succeeded();
}

#[test]
fn a_child_prints_no_report_of_its_parents() {
    for how in ["returns", "exits"] {
        let mut program = service("").start();
        program.ask("report");
        program.ask("work 3");
        program.ask(&format!("fork {how}"));
        program.ask("work 2");
        let ended = program.end().succeeded();
        assert_eq!(reported(&ended), Some(5), "{ended:?}");
    }
}

#[test]
fn a_child_that_starts_parts_of_its_own_reports_its_own_calls() {
    let mut program = service("report").start();
    program.ask("work 3");
    assert_eq!(program.ask("fork starts"), (3 << 8).to_string());
    assert!(program.stderr_with(" in ").contains("prof: 7 calls of 1 function in "));
    program.ask("work 2");
    let ended = program.end().succeeded();
    assert_eq!(ended.said("prof: 5 calls of 1 function in "), 1, "{ended:?}");
}

#[test]
fn a_child_has_neither_the_port_nor_the_connections_of_its_parent() {
    let mut program = service("prometheus:0").start();
    let address = program.ask("metrics");
    let mut connection = TcpStream::connect(&address).unwrap();
    connection.set_read_timeout(Some(LONG)).unwrap();
    std::io::Write::write_all(&mut connection, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(connection.read(&mut [0; 1]).unwrap() > 0, "it is served");
    program.ask("fork waits");
    program.ask("drop");
    // The child lives, and what was the parent's alone is gone.
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).unwrap();
    drop(TcpListener::bind(&address).unwrap());
    drop(program);
    assert!(TcpStream::connect_timeout(&address.parse().unwrap(), Duration::from_secs(1)).is_err());
}
