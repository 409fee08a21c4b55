//! What a daemon receives, and what is known to be lost.

use std::net::UdpSocket;
use std::time::Duration;

use super::*;
use crate::model::Outcome;
use crate::site::{Callsite, UntimedCall};

static LOAD: Callsite = Callsite::new("load", || "shop::store::load::item", "shop::store", file!(), line!());

/// What a daemon receives.
fn received(change: fn(StatsdHandler) -> StatsdHandler, emit: impl FnOnce(&StatsdHandler)) -> String {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let statsd = change(StatsdHandler::to(daemon.local_addr().unwrap()).unwrap());
    emit(&statsd);
    statsd.flush().unwrap();
    assert_eq!(statsd.lost(), 0);
    let mut datagram = [0; 1024];
    let length = daemon.recv(&mut datagram).unwrap();
    String::from_utf8(datagram[..length].to_vec()).unwrap()
}

fn calls(statsd: &StatsdHandler) {
    statsd.record_call(&CallRecord::new(&LOAD, Outcome::Success, Duration::from_micros(1500)));
    statsd.record_call(&CallRecord::new(&LOAD, Outcome::Panic, Duration::from_nanos(250)));
}

fn points(statsd: &StatsdHandler) {
    statsd.emit(&MetricData::new("a|b", "größe: #1\n", 3));
    statsd.emit(&MetricData::new("g", "load", -0.5));
    statsd.emit(&MetricData::new("g", "wait", Duration::from_millis(2)));
}

#[test]
fn calls_are_counters_and_timers() {
    let expect = "store.load.success:1|c\nstore.load.duration:1.5|ms\n\
                  store.load.failure:1|c\nstore.load.duration:0.00025|ms\n";
    assert_eq!(received(|statsd| statsd, calls), expect);
}

#[test]
fn a_sampled_duration_stands_for_others() {
    static SAMPLED: Callsite =
        Callsite::new("load", || "shop::store::load::item", "shop::store", file!(), line!()).with_sample(4);
    let calls = |statsd: &StatsdHandler| {
        statsd.record_call(&CallRecord::new(&SAMPLED, Outcome::Success, Duration::from_micros(1500)));
        statsd.record_untimed_call(&UntimedCall::new(&SAMPLED, Outcome::Failure));
    };
    let expect = "store.load.success:1|c\nstore.load.duration:1.5|ms|@0.25\nstore.load.failure:1|c\n";
    assert_eq!(received(|statsd| statsd, calls), expect);
}

#[test]
fn groups_are_tags() {
    let received = received(StatsdHandler::dogstatsd, calls);
    assert_eq!(received.lines().next(), Some("store.load.success:1|c|#group:shop"));
    assert!(received.lines().all(|line| line.ends_with("|#group:shop")), "{received}");
}

#[test]
fn data_points_keep_their_kind_and_cannot_forge_others() {
    let expect = "größe___1_:3|c\nload:0|g\nload:-0.5|g\nwait:2|ms\n";
    assert_eq!(received(|statsd| statsd, points), expect);
    let expect = "größe___1_:3|c|#group:a_b\nload:-0.5|g|#group:g\nwait:2|ms|#group:g\n";
    assert_eq!(received(StatsdHandler::dogstatsd, points), expect);
}

#[test]
fn an_unknown_name_is_an_error() {
    let error = StatsdHandler::to("no such host.invalid:8125").unwrap_err();
    assert!(error.to_string().starts_with("no such host.invalid:8125 is not the address of a StatsD daemon: "));
    StatsdHandler::to("127.0.0.1").unwrap_err();
}

#[test]
fn what_nobody_received_is_counted_as_far_as_the_system_says() {
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let losses = Losses::new();
    let statsd = StatsdHandler::to(gone).unwrap().losses(&losses, "statsd");
    (0..1000).for_each(|_| calls(&statsd));
    points(&statsd);
    let error = statsd.flush().unwrap_err().to_string();
    let expect =
        "could not flush metrics to statsd: 2000 calls and 3 data points could not be sent: Connection refused";
    assert!(error.starts_with(expect), "{error}");
    assert_eq!((losses.get("statsd"), statsd.lost()), (2003, 2003));
    statsd.flush().unwrap();
    // One that comes later receives what comes then.
    let daemon = UdpSocket::bind(gone).unwrap();
    points(&statsd);
    statsd.flush().unwrap();
    assert!(daemon.recv(&mut [0; 512]).unwrap() > 0);
    assert_eq!(statsd.lost(), 2003);
}

#[test]
fn datagrams_have_512_bytes_at_most_and_what_is_longer_is_counted() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_nonblocking(true).unwrap();
    let statsd = StatsdHandler::to(daemon.local_addr().unwrap()).unwrap();
    for length in [1, 100, 300, 507, 508, 10_000] {
        // `NAME:1|c`, and the end of a line.
        statsd.emit(&MetricData::new("g", "n".repeat(length), 1));
        statsd.emit(&MetricData::new("g", "ö".repeat(length / 2), 1));
    }
    let error = statsd.flush().unwrap_err().to_string();
    let expect = ": 4 data points could not be sent: a metric of 513 bytes is longer than a datagram of 512";
    assert!(error.ends_with(expect), "{error}");
    let (mut received, mut datagram) = (String::new(), vec![0; 65_536]);
    while let Ok(length) = daemon.recv(&mut datagram) {
        assert!(length <= 512, "{length}");
        received.push_str(str::from_utf8(&datagram[..length]).unwrap());
    }
    assert_eq!(received.lines().count(), 8, "{received}");
    assert_eq!(statsd.lost(), 4);

    let statsd = statsd.max_datagram_bytes(20_000);
    statsd.emit(&MetricData::new("g", "n".repeat(10_000), 1));
    statsd.flush().unwrap();
    assert_eq!(daemon.recv(&mut datagram).unwrap(), 10_005);
}

#[test]
fn a_number_that_is_not_finite_is_lost_and_others_are_not() {
    let emit = |statsd: &StatsdHandler| {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300] {
            statsd.emit(&MetricData::new("g", "n", value));
        }
        assert_eq!(statsd.lost(), 3);
        let error = statsd.flush().unwrap_err().to_string();
        let expect = ": 3 data points could not be sent: NaN is no number that StatsD takes";
        assert!(error.ends_with(expect), "{error}");
    };
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    emit(&StatsdHandler::to(daemon.local_addr().unwrap()).unwrap());
    let mut datagram = [0; 512];
    let length = daemon.recv(&mut datagram).unwrap();
    assert_eq!(str::from_utf8(&datagram[..length]).unwrap(), format!("n:0|g\nn:1{}|g\n", "0".repeat(300)));
}

#[test]
fn what_is_held_back_is_sent_at_the_end() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let statsd = StatsdHandler::to(daemon.local_addr().unwrap()).unwrap();
    points(&statsd);
    drop(statsd);
    assert!(daemon.recv(&mut [0; 512]).unwrap() > 0);
}

#[test]
fn a_name_of_nothing_is_sent_as_one_that_daemons_take() {
    assert_eq!(received(|statsd| statsd, |statsd| statsd.emit(&MetricData::new("", "", 1))), "_:1|c\n");
}
