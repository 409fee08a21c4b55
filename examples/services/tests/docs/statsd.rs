//! docs/statsd.md

use std::io::ErrorKind;
use std::net::UdpSocket;

use super::features;
use super::page::Page;
use super::service::{CALLS, Line, REQUESTS, SUCCESSES};

/// Where the page says that a daemon listens.
const DAEMON: &str = "127.0.0.1:8125";

fn page() -> Page {
    let page = Page::read("docs/statsd.md");
    page.check_languages(&["toml", "sh", "text"]);
    page
}

/// Runs a line to its end, and returns the lines that arrived.
fn received(line: Line) -> Vec<String> {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    line.instead_of(DAEMON, &daemon.local_addr().unwrap().to_string()).run(dir.path());
    // On loopback, what was sent has arrived.
    daemon.set_nonblocking(true).unwrap();
    let (mut datagram, mut lines) = ([0; 1024], Vec::new());
    loop {
        match daemon.recv(&mut datagram) {
            Ok(length) => {
                assert!(length <= 512, "the page says that datagrams have up to 512 bytes, one has {length}");
                lines.extend(str::from_utf8(&datagram[..length]).unwrap().lines().map(str::to_owned));
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return lines;
            }
        }
    }
}

/// A line without the function's name and with `0` for its value, which has to be a number: `.duration:0|ms`.
fn shape(line: &str) -> String {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line} has no value"));
    let (value, rest) = value.split_once('|').unwrap_or_else(|| panic!("{line} has no type"));
    value.parse::<f64>().unwrap_or_else(|error| panic!("{line}: {error}"));
    format!("{}:0|{rest}", name.rfind('.').map_or("", |at| &name[at..]))
}

#[test]
fn the_feature_is_there() {
    assert_eq!(features::check(&page()), "statsd");
}

#[test]
fn the_lines_send_what_the_page_shows() {
    let page = page();
    let [plain, _] = <[Line; 2]>::try_from(Line::all(&page)).unwrap();
    let received = received(plain);
    for sample in page.block("text").lines() {
        let like_it = received.iter().filter(|line| shape(line) == shape(sample)).count();
        let expect = match &*shape(sample) {
            ".success:0|c" => SUCCESSES,
            ".duration:0|ms" => CALLS,
            other => panic!("no one knows how often there is a {other}"),
        };
        assert_eq!(like_it as u64, expect, "{sample}");
    }
}

#[test]
fn groups_are_the_tag_that_the_page_shows() {
    let page = page();
    let [_, tagged] = <[Line; 2]>::try_from(Line::all(&page)).unwrap();
    let tag = tagged.comment.strip_prefix("the group as a tag, ").expect("it shows a tag").to_owned();
    let received = received(tagged);
    let of_store: Vec<&String> = received.iter().filter(|line| line.starts_with("load.")).collect();
    assert_eq!(of_store.len() as u64, 2 * REQUESTS);
    for line in of_store {
        assert!(line.ends_with(&tag), "{line} does not end with {tag}");
    }
}
