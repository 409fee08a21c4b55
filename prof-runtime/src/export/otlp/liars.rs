//! Peers that are no collector, or a broken one: none counts as one that has received anything, none holds the exporter
//! up for longer than its timeout, and what they send acts on no terminal.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use super::peer::{Peer, Turn};
use super::tests::exporter_by;
use super::*;
use crate::aggregate::Aggregator;
use crate::base::text::hostile;

/// Reads the head of a request, and its body if it says how long it is.
fn read_request(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).is_ok_and(|read| read > 0) {
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    connection.read_exact(&mut body).unwrap();
    head
}

/// Does as it likes with each connection, after its request; returns its address and the heads of the requests.
fn liar(answer: impl Fn(&mut TcpStream) + Send + 'static) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (send, requests) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // No one may be waiting to hear of it.
            let _ = send.send(read_request(&mut connection));
            answer(&mut connection);
        }
    });
    (address, requests)
}

fn answers(answer: impl Into<Vec<u8>>) -> String {
    let answer = answer.into();
    let (address, _) = liar(move |connection| drop(connection.write_all(&answer)));
    address
}

/// Neither an error nor what it comes of acts on a terminal.
#[track_caller]
fn is_plain(error: &(dyn std::error::Error + 'static)) {
    for error in std::iter::successors(Some(error), |error| error.source()) {
        hostile::check(&error.to_string(), 0);
        hostile::check(&format!("{error:?}"), 0);
    }
}

fn export_to(address: &str, protocol: Protocol) -> Result<(), ExportError> {
    let short = [("OTEL_EXPORTER_OTLP_TIMEOUT", "300")];
    exporter_by(&format!("http://{address}"), protocol, &short).export(&Aggregator::new().snapshot())
}

#[track_caller]
fn refused(answer: impl Into<Vec<u8>>, expect: &str) {
    let error = export_to(&answers(answer), Protocol::Http).unwrap_err();
    assert!(matches!(error, ExportError::Refused { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(expect), "{text}");
    is_plain(&error);
}

#[track_caller]
fn unreachable(address: &str, expect: &str) {
    let error = export_to(address, Protocol::Http).unwrap_err();
    assert!(matches!(error, ExportError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(expect), "{error}");
    is_plain(&error);
}

fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

#[test]
fn what_answers_and_is_no_collector_has_received_nothing() {
    refused(
        response("200 OK", "content-type: text/html; charset=utf-8\r\n", "<!doctype html><title>shop</title>"),
        "it answered 200 OK with content of type `text/html`: it is no OpenTelemetry collector",
    );
    refused(response("200 OK", "content-type: TEXT/HTML\r\n", ""), "content of type `text/html`");
    refused(response("200 OK", "content-type: application/json\r\n", "{\"status\":\"ok\"}"), "`application/json`");
    refused(response("200 OK", "", "ok"), "content that is no OTLP");
    refused(response("200 OK", "content-type: application/x-protobuf\r\n", "<html>"), "content that is no OTLP");
    refused(response("202 Accepted", "content-type: text/plain\r\n", "queued"), "it answered 202 Accepted with");
    refused(response("200 OK", "content-type: te\u{9b}31mxt\r\n", "hi"), "it answered 200 OK with content of type");
    refused(response("206 Partial Content", "", ""), "it answered 206 Partial Content");
    refused(
        response("200 OK", "content-type: application/x-protobuf\r\n", &"x".repeat(70_000)),
        "more than 65536 bytes",
    );
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    refused(chunked + &format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(3), "more than 65536 bytes");
}

#[test]
fn an_answer_without_a_body_is_one() {
    for status in ["200 OK", "202 Accepted", "204 No Content"] {
        export_to(&answers(response(status, "", "")), Protocol::Http).unwrap();
    }
    let text = response("200 OK", "content-type: text/plain\r\n", "");
    export_to(&answers(text), Protocol::Http).unwrap();
}

#[test]
fn no_one_has_metrics_sent_elsewhere() {
    let (elsewhere, requests) = liar(|_| {});
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        refused(response(status, &format!("location: http://{elsewhere}/\r\n"), ""), "it answered 30");
    }
    assert!(requests.try_recv().is_err());
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n";
    unreachable(&answers(format!("{head}content-length: 10\r\n\r\nab")), "its answer broke off");
    unreachable(&answers(format!("{head}transfer-encoding: chunked\r\n\r\nzzzz\r\njunk")), "its answer broke off");
    unreachable(&answers(""), "");
    unreachable(&answers("SSH-2.0-OpenSSH_9.9\r\n"), "");
    unreachable(&answers("HTTP/1.1 200 \u{1b}[31m\u{202e}\r\n\u{1b}]0;x\u{7}: y\r\n\r\n"), "");
    unreachable(&answers("HTTP/1.1 \u{1b}[31m OK\r\n\r\n"), "");
    unreachable(&answers([0x15, 3, 1, 0, 2, 2, 70, 0xff]), "");
}

#[test]
fn a_head_that_does_not_end_is_not_read_to_its_end() {
    let many = "x-header: value\r\n".repeat(100_000);
    unreachable(&answers(format!("HTTP/1.1 200 OK\r\n{many}\r\n")), "");
    unreachable(&answers(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(10_000_000))), "");
}

/// Sends a piece again and again, until the other side has gone.
fn trickles(first: &'static str, piece: &'static str) -> String {
    let (address, _) = liar(move |connection| {
        let _ = connection.write_all(first.as_bytes());
        let (_sleeper, never) = channel::<()>();
        while connection.write_all(piece.as_bytes()).is_ok() {
            let _ = never.recv_timeout(Duration::from_millis(20));
        }
    });
    address
}

#[test]
fn an_answer_that_takes_too_long_is_given_up() {
    unreachable(&trickles("HTTP/1.1 200 OK\r\n", "x: y\r\n"), "timeout");
    unreachable(&trickles("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\n\0\r\n"), "");
    unreachable(&trickles("", "HTTP/1.1 100 Continue\r\n\r\n"), "");
    unreachable(&trickles("", "HTTP/1.1 102 Processing\r\n\r\n"), "");
    // Connections are taken by the system, and no one reads from them.
    let half_open = TcpListener::bind("127.0.0.1:0").unwrap();
    unreachable(&half_open.local_addr().unwrap().to_string(), "timeout");
}

#[test]
fn all_messages_of_a_push_have_one_time_limit() {
    let (address, requests) = liar(|connection| {
        let mut end = [0];
        let _ = connection.read(&mut end);
    });
    let variables = [("OTEL_EXPORTER_OTLP_TIMEOUT", "60000"), ("OTEL_METRIC_EXPORT_TIMEOUT", "50")];
    let mut exporter = exporter_by(&format!("http://{address}"), Protocol::Http, &variables);
    let error = exporter.export(&Aggregator::new().snapshot()).unwrap_err();
    assert!(error.to_string().contains(": timeout after "), "{error}");
    requests.recv().unwrap();
}

#[test]
fn a_time_to_come_back_is_in_seconds_or_a_date() {
    let after =
        |headers: &str| match export_to(&answers(response("503 Service Unavailable", headers, "")), Protocol::Http)
            .unwrap_err()
        {
            ExportError::Unreachable { retry_after, .. } => retry_after.map(|after| after.as_secs()),
            error => panic!("{error}"),
        };
    assert_eq!(after(""), None);
    assert_eq!(after("retry-after: 7\r\n"), Some(7));
    assert_eq!(after("retry-after: 99999999999999999999999\r\n"), Some(3600));
    assert_eq!(after("retry-after: -1\r\n"), None);
    assert_eq!(after("retry-after: soon\u{1b}\r\n"), None);
    let date = "date: Thu, 26 Nov 2026 03:00:00 GMT\r\n";
    assert_eq!(after(&format!("{date}retry-after: Thu, 26 Nov 2026 03:01:30 GMT\r\n")), Some(90));
    assert_eq!(after(&format!("{date}retry-after: Thursday, 26-Nov-26 03:01:30 GMT\r\n")), Some(90));
    assert_eq!(after(&format!("{date}retry-after: Thu, 26 Nov 2026 02:00:00 GMT\r\n")), Some(0));
    assert_eq!(after(&format!("{date}retry-after: Fri, 27 Nov 2026 02:00:00 GMT\r\n")), Some(3600));
    let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1000));
    assert!((900..=1000).contains(&after(&format!("retry-after: {soon}\r\n")).unwrap()));
}

#[test]
fn what_is_refused_at_the_end_is_counted_as_lost() {
    let page = response("200 OK", "content-type: text/html\r\n", "<html></html>");
    let address = answers(page);
    let exporter = exporter_by(&format!("http://{address}"), Protocol::Http, &[]);
    let periodic =
        crate::export::PeriodicExporter::start("otlp", Aggregator::new(), Duration::from_secs(1 << 30), exporter);
    let periodic = periodic.unwrap();
    periodic.export_now(Duration::from_secs(60)).unwrap_err();
    assert_eq!(periodic.lost(), 0, "a later push may make up for it");
    periodic.shutdown(Duration::from_secs(60)).unwrap();
    assert_eq!(periodic.lost(), 1);
}

#[cfg(feature = "otlp-grpc")]
#[test]
fn what_answers_grpc_and_is_no_collector_has_received_nothing() {
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", "", "SSH-2.0-OpenSSH_9.9\r\n"] {
        let (address, _) = raw(answer);
        let error = export_to(&address, Protocol::Grpc).unwrap_err();
        assert!(matches!(error, ExportError::Unreachable { .. }), "{error}");
        is_plain(&error);
    }
    let peer = Peer::start(Protocol::Grpc);
    peer.turns([Turn::Page, Turn::Reset]);
    let mut exporter = exporter_by(&peer.url, Protocol::Grpc, &[]);
    let snapshot = Aggregator::new().snapshot();
    let error = exporter.export(&snapshot).unwrap_err();
    assert!(matches!(error, ExportError::Refused { .. }), "{error}");
    let error = exporter.export(&snapshot).unwrap_err();
    assert!(matches!(error, ExportError::Unreachable { .. }), "{error}");
}

/// Answers at once, whatever it is asked.
#[cfg(feature = "otlp-grpc")]
fn raw(answer: &'static str) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.write_all(answer.as_bytes());
        let _ = connection.shutdown(std::net::Shutdown::Write);
        let _ = std::io::copy(&mut connection, &mut std::io::sink());
    });
    (address, thread)
}

mod proxies {
    use super::*;
    use crate::export::otlp::config::Config;

    /// A collector that only the proxy knows.
    fn exporter(protocol: Protocol, variables: &[(&str, &str)]) -> OtlpExporter {
        let read = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        let url = "http://user:key@collector.invalid:4318";
        OtlpExporter::new(Config::new(Some(url), Some(protocol), &read).unwrap()).unwrap()
    }

    #[test]
    fn a_proxy_for_http_is_asked_for_the_whole_url() {
        let (address, requests) = liar(|connection| {
            let _ = connection.write_all(response("200 OK", "", "").as_bytes());
        });
        let proxy = format!("http://me:secret@{address}");
        let mut exporter = exporter(Protocol::Http, &[("http_proxy", &proxy)]);
        for _ in 0..2 {
            exporter.export(&Aggregator::new().snapshot()).unwrap();
            let request = requests.recv().unwrap().to_ascii_lowercase();
            assert!(request.starts_with("post http://collector.invalid:4318/v1/metrics http/1.1\r\n"), "{request}");
            assert!(request.contains("\r\nhost: collector.invalid:4318\r\n"), "{request}");
            assert!(request.contains("\r\nproxy-authorization: basic bwu6c2vjcmv0\r\n"), "{request}");
            assert!(request.contains("\r\nauthorization: basic dxnlcjprzxk=\r\n"), "{request}");
        }
        assert!(!format!("{exporter:?}").contains("secret"));
    }

    #[test]
    fn a_proxy_that_refuses_is_told_by_what_it_answers() {
        let proxy = answers(response("407 Proxy Authentication Required", "", ""));
        let mut exporter = exporter(Protocol::Http, &[("http_proxy", &proxy)]);
        let error = exporter.export(&Aggregator::new().snapshot()).unwrap_err();
        let expect = "http://…@collector.invalid:4318/v1/metrics refused metrics: it answered 407 Proxy Authentication";
        assert!(error.to_string().starts_with(expect), "{error}");
    }

    #[test]
    fn loopback_is_reached_without_the_proxy() {
        let peer = Peer::start(Protocol::Http);
        let (proxy, requests) = liar(|_| {});
        let variables = [("http_proxy", &*proxy), ("HTTPS_PROXY", &proxy), ("ALL_PROXY", &proxy)];
        exporter_by(&peer.url, Protocol::Http, &variables).export(&Aggregator::new().snapshot()).unwrap();
        assert_eq!(peer.store.lock().unwrap().stored, 1);
        assert!(requests.try_recv().is_err());
    }

    #[cfg(feature = "otlp-grpc")]
    #[test]
    fn a_proxy_for_grpc_is_asked_for_a_connection() {
        let peer = Peer::start(Protocol::Grpc);
        let collector = peer.url.trim_start_matches("http://").to_owned();
        let (proxy, requests) = liar(move |connection| {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            let behind = TcpStream::connect(&collector).unwrap();
            let (mut up, mut down) = (connection.try_clone().unwrap(), behind.try_clone().unwrap());
            let upward = std::thread::spawn(move || drop(std::io::copy(&mut up, &mut down)));
            let _ = std::io::copy(&mut &behind, connection);
            upward.join().unwrap();
        });
        let proxy = format!("http://me:secret@{proxy}");
        exporter(Protocol::Grpc, &[("HTTP_PROXY", &proxy)]).export(&Aggregator::new().snapshot()).unwrap();
        let request = requests.recv().unwrap().to_ascii_lowercase();
        assert!(request.starts_with("connect collector.invalid:4318 http/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nproxy-authorization: basic bwu6c2vjcmv0\r\n"), "{request}");
        assert_eq!(peer.store.lock().unwrap().stored, 1);
    }

    #[cfg(feature = "otlp-tls")]
    #[test]
    fn a_proxy_for_https_is_asked_for_a_connection() {
        let (proxy, requests) = liar(|connection| drop(connection.write_all(response("403 No", "", "").as_bytes())));
        let read = |name: &str| (name == "HTTPS_PROXY").then(|| proxy.clone().into());
        let config = Config::new(Some("https://collector.invalid"), Some(Protocol::Http), &read).unwrap();
        let error = OtlpExporter::new(config).unwrap().export(&Aggregator::new().snapshot()).unwrap_err();
        assert!(matches!(error, ExportError::Unreachable { .. }), "{error}");
        let request = requests.recv().unwrap();
        assert!(request.starts_with("CONNECT collector.invalid:443 HTTP/1.1\r\n"), "{request}");
    }
}
