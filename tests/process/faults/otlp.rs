//! A collector that is not as it should be.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message as _;

use crate::peers::{Absent, Answer, Busy, Peer, Request, http, lie, ok};
use crate::program::{Setup, service};

/// The calls of `work` that a push has, and whether they are since the push before.
pub(crate) fn calls(request: &Request) -> (i64, bool) {
    let message = ExportMetricsServiceRequest::decode(&*request.body).expect("it is a push");
    let metrics = message.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let metrics = metrics.flat_map(|scope| &scope.metrics).filter(|metric| metric.name == "prof.calls");
    let (mut sum, mut is_delta) = (0, false);
    for metric in metrics {
        let Some(Data::Sum(calls)) = &metric.data else { panic!("calls are a sum") };
        is_delta = calls.aggregation_temporality == 1;
        for point in &calls.data_points {
            let is_work = point.attributes.iter().any(|attribute| {
                let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
                attribute.key == "code.function.name" && value == Some(&Attribute::StringValue("work".into()))
            });
            if let (true, Some(Value::AsInt(count))) = (is_work, point.value) {
                sum += count;
            }
        }
    }
    (sum, is_delta)
}

/// How many data points a push has.
fn points(request: &Request) -> u64 {
    let message = ExportMetricsServiceRequest::decode(&*request.body).expect("it is a push");
    let metrics = message.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let of_metric = |data: &Data| match data {
        Data::Sum(sum) => sum.data_points.len(),
        Data::Gauge(gauge) => gauge.data_points.len(),
        Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
        other => panic!("{other:?}"),
    };
    metrics.flat_map(|scope| &scope.metrics).filter_map(|metric| metric.data.as_ref()).map(of_metric).sum::<usize>()
        as u64
}

fn otlp(url: &str) -> String {
    format!("otlp:{url}")
}

#[test]
fn a_collector_that_is_not_there_costs_one_snapshot() {
    let absent = Absent::new();
    let mut program = service(&otlp(&absent.url())).start();
    program.ask("work 3");
    let error = program.ask("flush");
    assert!(
        error.starts_with(&format!("could not flush: could not flush metrics to otlp:{}: ", absent.url())),
        "{error}"
    );
    assert_eq!(program.lost("otlp"), 0, "a later push would make up for it");
    let ended = program.end().succeeded();
    assert_eq!(ended.said("lost on"), 1, "{ended:?}");
}

#[test]
fn a_collector_that_comes_later_receives_everything() {
    let absent = Absent::new();
    let mut program = service(&otlp(&absent.url())).start();
    program.ask("work 3");
    program.ask("flush");
    let peer = Peer::on(absent.listen(), |_| ok());
    program.ask("work 4");
    assert_eq!(program.ask("flush"), "flushed");
    let request = peer.request();
    assert!(request.head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(calls(&request), (7, false));
    let ended = program.end().succeeded();
    assert_eq!(ended.said("lost"), 0, "{ended:?}");
}

#[test]
fn differences_make_up_for_a_collector_that_was_gone() {
    let peer = Peer::always(ok());
    let address = peer.address;
    let service = service(&otlp(&peer.url())).env("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta");
    let mut program = service.start();
    program.ask("work 3");
    assert_eq!(program.ask("flush"), "flushed");
    assert_eq!(calls(&peer.request()), (3, true));
    drop(peer);
    program.ask("work 4");
    assert!(program.ask("flush").starts_with("could not flush"));
    let peer = Peer::on(Absent::at(address).listen(), |_| ok());
    program.ask("work 5");
    assert_eq!(program.ask("flush"), "flushed");
    assert_eq!(calls(&peer.request()), (9, true));
    program.end().succeeded();
}

/// Each takes the connection; none may hold up the calls, the flush or the end for longer than their limit.
#[test]
fn a_collector_that_gives_no_whole_answer_holds_up_neither_calls_nor_the_end() {
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let body = [&head[..], b"content-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n"].concat();
    let cut = [&head[..], b"content-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\nxy"].concat();
    for answer in [
        Answer::Silence,
        Answer::Trickle(head.clone()),
        Answer::Trickle(body.clone()),
        Answer::Flood(head.clone(), b"x-more: and more\r\n".to_vec()),
        Answer::Flood(body, b"4\r\nmore\r\n".to_vec()),
        Answer::Last(head),
        Answer::Last(cut),
        Answer::Last(Vec::new()),
    ] {
        let peer = Peer::always(answer.clone());
        let service = service(&otlp(&peer.url())).arg("timeout-ms=300").env("OTEL_EXPORTER_OTLP_TIMEOUT", "200");
        let mut program = service.start();
        assert_eq!(program.ask("work 1000"), "done");
        let error = program.ask("flush");
        assert!(error.starts_with("could not flush"), "{answer:?}: {error}");
        let ended = program.end().succeeded();
        assert_eq!(ended.said("lost on"), 1, "{answer:?}: {ended:?}");
    }
}

#[test]
fn a_collector_that_takes_no_connection_holds_up_neither_calls_nor_the_end() {
    let busy = Busy::new();
    for protocol in ["http/protobuf", "grpc"] {
        let service = service(&otlp(&busy.url())).arg("timeout-ms=300").env("OTEL_EXPORTER_OTLP_TIMEOUT", "200");
        let mut program = service.env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol).start();
        assert_eq!(program.ask("work 1000"), "done");
        assert!(program.ask("flush").starts_with("could not flush"), "{protocol}");
        let ended = program.end().succeeded();
        assert_eq!(ended.said("lost on"), 1, "{protocol}: {ended:?}");
    }
}

/// The same over gRPC, which begins as http/2 does.
#[test]
fn a_collector_that_is_none_over_grpc_holds_up_neither_calls_nor_the_end() {
    // Settings, and a stream that is answered and goes on without an end.
    let settings = b"\0\0\0\x04\0\0\0\0\0".to_vec();
    for answer in [
        Answer::Silence,
        ok(),
        lie(),
        Answer::Last(Vec::new()),
        Answer::Last(settings.clone()),
        Answer::Trickle(settings.clone()),
        Answer::Flood(settings.clone(), settings.clone()),
        Answer::Flood(settings, b"\0\0\x08\x06\0\0\0\0\0pingpong".to_vec()),
        Answer::Flood(Vec::new(), b"\xff".to_vec()),
    ] {
        let peer = Peer::always(answer.clone());
        let service = service(&otlp(&peer.url())).arg("timeout-ms=300").env("OTEL_EXPORTER_OTLP_TIMEOUT", "200");
        let mut program = service.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").start();
        assert_eq!(program.ask("work 1000"), "done");
        let error = program.ask("flush");
        assert!(error.starts_with("could not flush"), "{answer:?}: {error}");
        let ended = program.end().succeeded();
        assert_eq!(ended.said("lost on"), 1, "{answer:?}: {ended:?}");
        assert!(ended.stderr.lines().all(|line| line.len() < 1000), "{ended:?}");
    }
}

#[test]
fn a_collector_that_is_busy_receives_a_newer_snapshot() {
    let mut answers = vec![ok(), http("503 Service Unavailable", "retry-after: 1\r\n", b"")];
    let peer = Peer::answering(move |_| answers.pop().unwrap_or_else(ok));
    // The first push is that of the interval; the collector says when the second is due.
    let mut program = service(&otlp(&peer.url())).arg("interval-ms=1").start();
    assert_eq!(calls(&peer.request()), (0, false));
    program.stderr_with("it answered 503");
    program.ask("work 3");
    let requests = std::iter::repeat_with(|| calls(&peer.request()).0);
    assert!(requests.take(10_000).any(|calls| calls == 3), "it is tried again, with newer numbers");
    let ended = program.end().succeeded();
    assert_eq!(
        (ended.said("it answered 503"), ended.said("again, after 1 failure"), ended.said("lost")),
        (1, 1, 0),
        "{ended:?}"
    );
}

#[test]
fn what_a_collector_rejects_is_counted() {
    let partial = ExportMetricsPartialSuccess { rejected_data_points: 5, error_message: "too many".into() };
    let body = ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let peer = Peer::always(http("200 OK", "content-type: application/x-protobuf\r\n", &body));
    let mut program = service(&otlp(&peer.url())).start();
    program.ask("work 3");
    program.ask("flush");
    let rejected = format!("otlp:{} rejected", peer.url());
    assert_eq!(program.lost(&rejected), 5);
    let ended = program.end().succeeded();
    let expect = format!("10 data points were lost on their way to {rejected}");
    assert_eq!(ended.said(&expect), 1, "{ended:?}");
}

/// Says that more was rejected than was sent, and less than nothing.
#[test]
fn a_collector_that_rejects_more_than_it_was_sent_is_not_believed() {
    for (rejected, expect) in [(i64::MAX, false), (-3, true)] {
        let partial = ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message: "no".repeat(9000) };
        let body = ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        let peer = Peer::always(http("200 OK", "content-type: application/x-protobuf\r\n", &body));
        let mut program = service(&otlp(&peer.url())).start();
        program.ask("work 3");
        program.ask("flush");
        let sent = points(&peer.request());
        let lost = program.lost(&format!("otlp:{} rejected", peer.url()));
        assert!(lost <= sent && (lost == 0) == expect, "{lost} of {sent} data points for {rejected}");
        let ended = program.end().succeeded();
        assert!(ended.stderr.lines().all(|line| line.len() < 1000), "{ended:?}");
    }
}

#[test]
fn what_says_200_and_is_no_collector_has_received_nothing() {
    let html = "content-type: text/html\r\n";
    let protobuf = "content-type: application/x-protobuf\r\n";
    for answer in [
        lie(),
        http("200 OK", html, b""),
        http("200 OK", protobuf, b"<html>"),
        http("200 OK", "content-type: application/json\r\n", b"{}"),
        http("302 Found", "location: http://127.0.0.1:9/\r\n", b""),
    ] {
        let peer = Peer::always(answer.clone());
        let mut program = service(&otlp(&peer.url())).start();
        program.ask("work 3");
        let error = program.ask("flush");
        assert!(error.starts_with("could not flush"), "{answer:?}: {error}");
        let ended = program.end().succeeded();
        assert_eq!(ended.said("lost on"), 1, "{answer:?}: {ended:?}");
    }
}

#[test]
fn an_unknown_name_is_as_a_collector_that_is_not_there() {
    let mut program = service("otlp:http://no-such-host.invalid:4318").start();
    program.ask("work 3");
    let error = program.ask("flush");
    assert!(error.contains("no-such-host.invalid"), "{error}");
    let ended = program.end().succeeded();
    assert_eq!(ended.said("lost on"), 1, "{ended:?}");
}

#[test]
fn a_push_that_is_more_than_a_collector_takes_arrives_in_several() {
    let too_large = |request: &Request| request.body.len() > 100_000;
    let peer = Peer::answering(move |request| match too_large(request) {
        true => http("413 Payload Too Large", "", b""),
        false => ok(),
    });
    let mut program = service(&otlp(&peer.url())).start();
    program.ask("names 1900");
    program.ask("work 3");
    assert_eq!(program.ask("flush"), "flushed");
    let ended = program.end().succeeded();
    assert_eq!(ended.said("lost"), 0, "{ended:?}");
    let taken: Vec<Request> = peer.requests.try_iter().filter(|request| !too_large(request)).collect();
    assert!(taken.len() > 2, "{} messages", taken.len());
    assert_eq!(taken.iter().map(|request| calls(request).0).max(), Some(3));
}

#[test]
fn an_operator_switches_it_off() {
    let peer = Peer::always(ok());
    let disabled = service(&otlp(&peer.url())).env("OTEL_SDK_DISABLED", "TRUE");
    let none = service("otlp").env("OTEL_METRICS_EXPORTER", "none").env("OTEL_EXPORTER_OTLP_ENDPOINT", peer.url());
    for setup in [disabled, none] {
        let mut program = setup.start();
        program.ask("work 3");
        assert_eq!(program.ask("flush"), "flushed");
        program.end().succeeded();
    }
    assert_eq!(peer.requests.try_iter().count(), 0);
}

#[test]
fn a_collector_on_loopback_is_behind_no_proxy_and_others_are_asked_for_by_their_url() {
    let (peer, proxy) = (Peer::always(ok()), Peer::always(ok()));
    let variables = ["http_proxy", "HTTPS_PROXY", "all_proxy"];
    let with_proxy = |url: &str| variables.iter().fold(service(&otlp(url)), |setup, name| setup.env(name, proxy.url()));
    let mut program = with_proxy(&peer.url()).start();
    assert_eq!(program.ask("flush"), "flushed");
    program.end().succeeded();
    assert!(peer.request().head.starts_with("POST /v1/metrics HTTP/1.1\r\n"));
    assert_eq!(proxy.requests.try_iter().count(), 0);
    let mut program = with_proxy("http://collector.invalid:4318").start();
    assert_eq!(program.ask("flush"), "flushed");
    program.end().succeeded();
    let request = proxy.request();
    assert!(request.head.starts_with("POST http://collector.invalid:4318/v1/metrics HTTP/1.1\r\n"), "{}", request.head);
}

#[test]
fn what_cannot_be_is_found_at_the_start_and_no_secret_is_told() {
    let check = |setup: Setup, expect: &str| {
        let ended = setup.spawn().wait();
        assert_eq!((ended.said(expect), ended.said("S3CRET")), (1, 0), "{expect}: {ended:?}");
    };
    check(service("otlp:http://user:S3CRET@h:port"), "its port is not a number from 1 to 65535");
    check(service("otlp:http://user:S3CRET/1@h"), "its port is not a number from 1 to 65535");
    check(service("otlp").env("OTEL_EXPORTER_OTLP_HEADERS", "S3CRET"), "OTEL_EXPORTER_OTLP_HEADERS=");
    check(service("otlp").env("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), "OTEL_EXPORTER_OTLP_TIMEOUT=\"soon\"");
    let proxy = service("otlp:http://h").env("HTTP_PROXY", "http://user:S3CRET@p:x");
    check(proxy, "HTTP_PROXY=\"http://…@p:x\" is not possible");
    let bytes = service("otlp").env("OTEL_EXPORTER_OTLP_HEADERS", OsStr::from_bytes(b"a=S3CRET\xff"));
    check(bytes, "the value of OTEL_EXPORTER_OTLP_HEADERS is not Unicode");
}

#[test]
fn a_flush_asks_all_parts_at_once() {
    let (silent, peer) = (Peer::always(Answer::Silence), Peer::always(ok()));
    // Nothing is given up while the test runs.
    let service = service(&format!("{},{}", otlp(&silent.url()), otlp(&peer.url())));
    let mut program = service.arg("timeout-ms=100000000").env("OTEL_EXPORTER_OTLP_TIMEOUT", "100000000").start();
    program.ask("work 3");
    program.tell("flush");
    assert_eq!(calls(&peer.request()).0, 3);
}

/// None of them has received anything, and none is sent to where it says.
#[test]
fn a_collector_that_lies_has_received_nothing() {
    let elsewhere = Peer::always(ok());
    let location = format!("location: {}/v1/metrics\r\n", elsewhere.url());
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n";
    for answer in [
        http("307 Temporary Redirect", &location, b""),
        http("303 See Other", &location, b""),
        http("200 OK", "content-type: application/x-protobuf\r\n", &vec![b'x'; 100_000]),
        http("206 Partial Content", "", b""),
        Answer::Last(format!("{head}transfer-encoding: chunked\r\n\r\nzzzz\r\n").into_bytes()),
        Answer::Last(format!("{head}content-length: 9\r\n\r\n1234").into_bytes()),
        Answer::Last(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
    ] {
        let peer = Peer::always(answer.clone());
        let mut program = service(&otlp(&peer.url())).start();
        program.ask("work 3");
        let error = program.ask("flush");
        assert!(error.starts_with("could not flush"), "{answer:?}: {error}");
        let ended = program.end().succeeded();
        assert_eq!(ended.said("lost on"), 1, "{answer:?}: {ended:?}");
    }
    assert_eq!(elsewhere.requests.try_iter().count(), 0);
}

#[test]
fn differences_add_up_to_the_programs_own_whatever_becomes_of_pushes() {
    // Which pushes arrive: by a fixed series without a pattern.
    let fates: Vec<u32> = (1..40_u32).map(|n| n.wrapping_mul(2_654_435_761) >> 29).collect();
    let mut next = fates.clone().into_iter();
    let peer = Peer::answering(move |_| match next.next() {
        Some(0) => http("503 Service Unavailable", "", b""),
        Some(1) => http("400 Bad Request", "", b""),
        Some(2) => http("200 OK", "content-type: text/html\r\n", b"<html></html>"),
        _ => ok(),
    });
    let setup = service(&otlp(&peer.url())).env("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta");
    let mut program = setup.start();
    let mut made = 0;
    for (n, fate) in (1..).zip(&fates) {
        program.ask(&format!("work {n}"));
        made += n;
        assert_eq!(program.ask("flush") == "flushed", *fate > 2, "push {n}");
    }
    let ended = program.end().succeeded();
    assert_eq!(ended.said("lost"), 0, "{ended:?}");
    let requests: Vec<Request> = peer.requests.try_iter().collect();
    // The last is that of the end.
    let fates = fates.into_iter().chain([7]);
    let arrived: i64 =
        requests.iter().zip(fates).filter(|(_, fate)| *fate > 2).map(|(request, _)| calls(request).0).sum();
    assert_eq!(arrived, made);
}
