//! A daemon that is not there, or not as fast as it should be.

use std::net::UdpSocket;

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
fn a_daemon_that_is_not_there_holds_up_nothing() {
    let absent = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut program = service(&format!("statsd:{absent}")).start();
    assert_eq!(program.ask("work 100"), "done");
    program.ask("flush");
    let ended = program.end().succeeded();
    assert_eq!(ended.said("did not end"), 0, "{ended:?}");
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
