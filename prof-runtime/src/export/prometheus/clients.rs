//! Clients that are no scrapers, or bad ones. Within all that they do, scrapes are answered.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::connections::Limits;
use super::tests::collector;
use super::{PrometheusServer, TextFormat};

fn server(limits: Limits) -> PrometheusServer {
    PrometheusServer::builder().limits(limits).start("127.0.0.1:0", collector()).unwrap()
}

/// A connection that has sent this.
fn connection(server: &PrometheusServer, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut connection = TcpStream::connect(server.local_addr()).unwrap();
    // What does not come by then fails the test instead of holding it up for ever.
    connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // It may be closed before everything was sent.
    let _ = connection.write_all(bytes.as_ref());
    connection
}

/// What comes until the server closes the connection, if it does not reset it.
fn rest(mut connection: TcpStream) -> String {
    let mut rest = Vec::new();
    match connection.read_to_end(&mut rest) {
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8_lossy(&rest).into_owned(),
    }
}

const SCRAPE: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[track_caller]
fn is_scraped(server: &PrometheusServer) {
    let answer = rest(connection(server, SCRAPE));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\"abc\"} 1\n"), "{answer}");
}

#[test]
fn connections_that_are_held_open_keep_no_scrape_from_being_answered() {
    for half in ["", "G", "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-A: b"] {
        let server = server(Limits::default());
        let held: Vec<_> = (0..300).map(|_| connection(&server, half)).collect();
        for _ in 0..3 {
            is_scraped(&server);
        }
        drop(held);
        is_scraped(&server);
    }
}

#[test]
fn a_scraper_that_waits_for_its_next_scrape_keeps_its_connection() {
    let server = server(Limits::default());
    let keep_alive = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut scraper = connection(&server, keep_alive);
    let mut first = [0; 15];
    scraper.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let held: Vec<_> = (0..100).map(|_| connection(&server, "GET /metr")).collect();
    is_scraped(&server);
    scraper.write_all(SCRAPE.as_bytes()).unwrap();
    let rest = rest(scraper);
    assert_eq!(rest.matches("HTTP/1.1 200 OK").count(), 1, "{rest}");
    drop(held);
}

#[test]
fn a_head_that_takes_too_long_is_not_waited_for() {
    let server = server(Limits { head: Duration::from_millis(50), ..Limits::default() });
    assert_eq!(rest(connection(&server, "")), "");
    assert_eq!(rest(connection(&server, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n")), "");
    // A client that sends one byte at a time has no more time.
    let trickling = connection(&server, "GET /metrics HTTP/1.1\r\nX-A: ");
    let mut writer = trickling.try_clone().unwrap();
    let (_sleeper, never) = std::sync::mpsc::channel::<()>();
    let trickle = std::thread::spawn(move || {
        while writer.write_all(b"x").is_ok() {
            let _ = never.recv_timeout(Duration::from_millis(5));
        }
    });
    assert_eq!(rest(trickling), "");
    trickle.join().unwrap();
    is_scraped(&server);
}

#[test]
fn heads_without_an_end_are_refused() {
    let server = server(Limits::default());
    let start = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n";
    for flood in [
        format!("{start}Accept: {}\r\n\r\n", "text/plain,".repeat(100_000)),
        format!("{start}{}\r\n", "X-A: b\r\n".repeat(100_000)),
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1_000_000)),
        "a".repeat(1_000_000),
    ] {
        let answer = rest(connection(&server, flood));
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        is_scraped(&server);
    }
}

#[test]
fn what_is_not_http_is_turned_away() {
    let server = server(Limits { head: Duration::from_millis(50), ..Limits::default() });
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..],
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"\0\xff\xfe\r\n\r\n",
        b"GET /metrics\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
    ] {
        let answer = rest(connection(&server, bytes));
        assert!(!answer.contains(" 200 "), "{answer}");
        is_scraped(&server);
    }
}

#[test]
fn requests_that_come_together_are_answered_one_after_the_other() {
    let server = server(Limits::default());
    let keep_alive = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answers = rest(connection(&server, keep_alive.repeat(9) + SCRAPE));
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 10);
    // Clients that do not read their answers do not hold up others.
    let greedy: Vec<_> = (0..20).map(|_| connection(&server, keep_alive.repeat(300))).collect();
    is_scraped(&server);
    drop(greedy);
}

#[test]
fn an_answer_that_nobody_reads_is_not_kept_for_ever() {
    let long = Duration::from_secs(3600);
    let limits = Limits { answer: Duration::from_millis(50), head: long, idle: long, ..Limits::default() };
    let server = server(limits);
    let mut greedy = connection(&server, SCRAPE.replace("Connection: close", "X-A: b").repeat(2000));
    // It is closed, though there are requests left that it sent.
    while greedy.write_all(b"GET ").is_ok() {
        std::thread::yield_now();
    }
    is_scraped(&server);
}

#[test]
fn a_body_that_does_not_end_is_not_read_to_its_end() {
    let server = server(Limits { head: Duration::from_millis(50), ..Limits::default() });
    let post = "POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut posting = connection(&server, post);
    let mut start = [0; 12];
    posting.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 405");
    while posting.write_all(b"1\r\nx\r\n").is_ok() {}
    is_scraped(&server);
}

#[test]
fn a_server_on_loopback_answers_to_loopback_names() {
    let request = |server: &PrometheusServer, host: &str| {
        rest(connection(server, format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")))
    };
    let strict = server(Limits::default());
    for host in ["localhost", "127.0.0.1:9464", "[::1]"] {
        assert!(request(&strict, host).starts_with("HTTP/1.1 200 OK\r\n"), "{host}");
    }
    let refused = request(&strict, "rebound.example:9464");
    assert!(refused.starts_with("HTTP/1.1 403 Forbidden\r\n") && !refused.contains("prof_"), "{refused}");
    let builder = PrometheusServer::builder().allow_host("Metrics.Example");
    let told = builder.start("127.0.0.1:0", collector()).unwrap();
    assert!(request(&told, "metrics.example:80").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(request(&told, "rebound.example").starts_with("HTTP/1.1 403 Forbidden\r\n"));
    let open = PrometheusServer::start("0.0.0.0:0", collector()).unwrap();
    let address = format!("127.0.0.1:{}", open.local_addr().port());
    let mut any = TcpStream::connect(address).unwrap();
    any.write_all(SCRAPE.replace("localhost", "any.example").as_bytes()).unwrap();
    assert!(rest(any).starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn several_accept_headers_are_one_list() {
    let server = server(Limits::default());
    let accept = "Accept: text/html\r\nAccept: application/openmetrics-text; version=\"1.0.0\"\r\nConnection: close";
    let answer = rest(connection(&server, SCRAPE.replace("Connection: close", accept)));
    assert!(answer.contains(TextFormat::OpenMetrics.content_type()), "{answer}");
}
