//! A daemon that is not there, or not as fast as it should be.

use std::net::UdpSocket;
use std::process::Command;

use crate::program::service;

/// What a daemon was sent by a program that has ended.
pub(crate) fn received(daemon: &UdpSocket) -> String {
    daemon.set_nonblocking(true).unwrap();
    let (mut received, mut datagram) = (String::new(), vec![0; 65536]);
    while let Ok(length) = daemon.recv(&mut datagram) {
        received.push_str(str::from_utf8(&datagram[..length]).unwrap());
        received.push('\n');
    }
    received
}

#[test]
fn a_daemon_that_is_not_there_holds_up_nothing_and_costs_what_is_counted() {
    let absent = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut program = service(&format!("statsd:{absent}")).start();
    assert_eq!(program.ask("work 100"), "done");
    let error = program.ask("flush");
    assert!(error.contains("could not be sent: Connection refused"), "{error}");
    assert_eq!(program.lost("statsd"), 100);
    // One that comes later receives what comes then, and once more it is gone.
    let daemon = UdpSocket::bind(absent).unwrap();
    program.ask("work 20");
    assert_eq!(program.ask("flush"), "flushed");
    assert_eq!(received(&daemon).matches("work.success:1|c").count(), 20);
    drop(daemon);
    program.ask("work 3");
    let ended = program.end().succeeded();
    assert_eq!(ended.said("did not end"), 0, "{ended:?}");
    let expect = format!("prof: 103 calls were lost on their way to statsd:{absent}\n");
    assert_eq!(ended.said(&expect), 1, "{ended:?}");
}

#[test]
fn where_there_is_no_network_what_is_sent_is_counted() {
    let tried = Command::new("unshare").args(["-rn", "true"]).status();
    if !tried.is_ok_and(|status| status.success()) {
        // The system takes the network of no other process away.
        return;
    }
    let mut program = service("statsd:127.0.0.1:8125").under("unshare", &["-rn"]).start();
    program.ask("work 5");
    let error = program.ask("flush");
    assert!(error.contains("5 calls could not be sent: Network is unreachable"), "{error}");
    assert_eq!(program.lost("statsd"), 5);
    let ended = program.end().succeeded();
    assert_eq!(ended.said("prof: 5 calls were lost on their way to statsd:127.0.0.1:8125\n"), 1, "{ended:?}");
}

#[test]
fn a_metric_that_is_longer_than_a_datagram_is_counted_and_told_once() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut program = service(&format!("dogstatsd:{}", daemon.local_addr().unwrap())).start();
    for length in [400, 500, 600, 10_000] {
        program.ask(&format!("put {}", "n".repeat(length)));
    }
    let error = program.ask("flush");
    assert!(error.contains("3 data points could not be sent: a metric of "), "{error}");
    assert_eq!(program.lost("dogstatsd"), 3);
    let ended = program.end().succeeded();
    assert_eq!(ended.said("is longer than a datagram of 512, and is lost on its way to"), 1, "{ended:?}");
    daemon.set_nonblocking(true).unwrap();
    let mut datagram = vec![0; 65536];
    while let Ok(length) = daemon.recv(&mut datagram) {
        assert!(length <= 512, "{length}");
    }
}

#[test]
fn what_is_held_back_at_the_end_arrives() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut program = service(&format!("statsd:{}", daemon.local_addr().unwrap())).start();
    program.ask("work 3");
    program.end().succeeded();
    let received = received(&daemon);
    assert_eq!(received.matches("work.success:1|c").count(), 3, "{received}");
    assert_eq!(received.matches("work.duration:").count(), 3, "{received}");
}

#[test]
fn an_unknown_name_starts_nothing() {
    let ended = service("report,statsd:no-such-host.invalid:8125").spawn().wait();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let expect = "service: could not start `statsd:no-such-host.invalid:8125`: ";
    assert!(ended.stderr.starts_with(expect), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "no report either: {ended:?}");
}
