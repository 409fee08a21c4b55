//! Scrapers that are not as they should be.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::program::{LONG, Program, service};

fn connect(program: &mut Program) -> TcpStream {
    let stream = TcpStream::connect(program.ask("metrics")).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// What is served; all of it.
pub(crate) fn scrape(program: &mut Program) -> String {
    let mut stream = connect(program);
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    text
}

/// The value of a line.
fn value(text: &str, series: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)).unwrap_or_else(|| panic!("{series}: {text}"));
    line.trim().parse().unwrap()
}

const SUCCESSES: &str = "prof_calls_total{function=\"work\",group=\"faults\",outcome=\"success\"}";

#[test]
fn scrapes_while_threads_record_lose_nothing_and_never_go_back() {
    let mut program = service("prometheus:0").start();
    program.ask("background 2");
    let mut before = 0;
    for _ in 0..20 {
        let now = value(&scrape(&mut program), SUCCESSES);
        assert!(now >= before, "{now} after {before}");
        before = now;
    }
    let calls: u64 = program.ask("stop").parse().unwrap();
    assert_eq!(value(&scrape(&mut program), SUCCESSES), calls);
    program.end().succeeded();
}

#[test]
fn clients_that_say_nothing_or_half_of_it_stop_no_scrape_and_no_end() {
    let mut program = service("prometheus:0").start();
    let mut silent = connect(&mut program);
    let mut half = connect(&mut program);
    half.write_all(b"GET /metrics HTTP/1.1\r\nhost: loc").unwrap();
    program.ask("work 3");
    assert_eq!(value(&scrape(&mut program), SUCCESSES), 3);
    let ended = program.end().succeeded();
    assert_eq!(ended.said("did not end"), 0, "{ended:?}");
    for stream in [&mut silent, &mut half] {
        assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)), "it was hung up");
    }
}

#[test]
fn connections_that_are_held_open_keep_no_scrape_from_being_answered() {
    let mut program = service("prometheus:0").start();
    program.ask("work 3");
    let halves = ["", "GET /metrics HTTP/1.1\r\nhost: loc", "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n"];
    for half in halves {
        let held: Vec<TcpStream> = (0..200)
            .map(|_| {
                let mut stream = connect(&mut program);
                // One that has to give way may be closed by now.
                let _ = stream.write_all(half.as_bytes());
                stream
            })
            .collect();
        for _ in 0..3 {
            assert_eq!(value(&scrape(&mut program), SUCCESSES), 3);
        }
        drop(held);
    }
    program.end().succeeded();
}

#[test]
fn clients_that_are_no_scrapers_stop_no_scrape() {
    let mut program = service("prometheus:0").start();
    program.ask("work 3");
    let head = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n";
    let mut greedy = Vec::new();
    for bytes in [
        format!("{head}{}\r\n", "x-a: b\r\n".repeat(100_000)),
        format!("{head}accept: {}\r\n\r\n", "text/plain,".repeat(100_000)),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\0\u{1}".to_owned(),
        "a".repeat(1_000_000),
        // The answers to these are not read.
        format!("{head}\r\n").repeat(300),
        "POST /metrics HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n".to_owned(),
    ] {
        let mut stream = connect(&mut program);
        // It may be closed before all of it was sent.
        let _ = stream.write_all(bytes.as_bytes());
        greedy.push(stream);
        assert_eq!(value(&scrape(&mut program), SUCCESSES), 3);
    }
    program.end().succeeded();
}

#[test]
fn a_page_with_a_name_of_its_own_for_this_machine_reads_nothing() {
    let mut program = service("prometheus:0").start();
    let mut stream = connect(&mut program);
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: rebound.example\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 403 Forbidden\r\n") && !text.contains("prof_"), "{text}");
    program.end().succeeded();
}

#[test]
fn a_hundred_thousand_names_are_bounded_and_counted() {
    let mut program = service("prometheus:0").start();
    program.ask("names 100000");
    let text = scrape(&mut program);
    assert_eq!(text.lines().filter(|line| line.starts_with("prof_value{")).count(), 2_000);
    assert_eq!(value(&text, "prof_values_dropped_total"), 98_000);
    program.end().succeeded();
}
