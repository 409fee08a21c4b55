//! docs/json.md

use std::collections::BTreeMap;
use std::fs;

use prof_runtime::{Histogram, Snapshot};
use serde_json::Value;

use super::features;
use super::page::Page;
use super::service::{CALLS, FAILURES, Line, SUCCESSES};

fn page() -> Page {
    let page = Page::read("docs/json.md");
    page.check_languages(&["toml", "sh", "json"]);
    page
}

/// The keys of an object, and of which kind their values are.
fn shape(line: &str) -> BTreeMap<String, &'static str> {
    let object: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
    let kind = |value: &Value| match value {
        Value::Number(number) if number.is_u64() => "whole number",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        other => panic!("{other} is nothing that a data point has"),
    };
    object.iter().map(|(key, value)| (key.clone(), kind(value))).collect()
}

/// The part of a data point's name that says what it is.
fn what(line: &str) -> String {
    let object: Value = serde_json::from_str(line).unwrap();
    let name = object["name"].as_str().unwrap();
    ["success", "failure", "duration.ms"].into_iter().find(|what| name.ends_with(what)).unwrap_or(name).to_owned()
}

#[test]
fn the_feature_is_there() {
    assert_eq!(features::check(&page()), "json");
}

#[test]
fn the_lines_write_what_the_page_shows() {
    let page = page();
    let [points, snapshots] = <[Line; 2]>::try_from(Line::all(&page)).unwrap();
    assert_eq!(points.comment, "a line for each data point");
    let dir = tempfile::tempdir().unwrap();
    points.run(dir.path());
    let written = fs::read_to_string(dir.path().join("points.json")).unwrap();
    for sample in page.block("json").lines() {
        let like_it: Vec<&str> = written.lines().filter(|line| what(line) == what(sample)).collect();
        let expect = match &*what(sample) {
            "success" => SUCCESSES,
            "duration.ms" => CALLS,
            other => panic!("no one knows how often there is a {other}"),
        };
        assert_eq!(like_it.len() as u64, expect, "{sample}");
        for line in like_it {
            assert_eq!(shape(line), shape(sample), "{line}");
        }
    }

    snapshots.run(dir.path());
    assert_eq!(snapshots.comment, "one line every 10 s");
    let written = fs::read_to_string(dir.path().join("numbers.json")).unwrap();
    let read_back: Vec<Snapshot> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failures = read_back.iter().filter_map(|snapshot| Some(snapshot.function("load")?.failure));
    assert_eq!(failures.sum::<u64>(), FAILURES);
}

#[test]
fn the_buckets_are_those_of_the_table() {
    let rows = page().rows();
    assert!(rows.len() >= 5, "{rows:?}");
    for row in rows {
        let [bucket, from, below] = <[String; 3]>::try_from(row).unwrap();
        let histogram: Histogram = serde_json::from_str(&format!("[[{bucket},1]]")).unwrap();
        let actual = histogram.buckets().next().unwrap();
        assert_eq!(actual.lower_ns.to_string(), from, "bucket {bucket}");
        // The last one has no end.
        if below != "–" {
            assert_eq!(actual.upper_ns.to_string(), below, "bucket {bucket}");
        }
        let number: u64 = bucket.parse().unwrap();
        if let Some(before) = number.checked_sub(1) {
            let (exponent, sixteenths) = (before / 16, before % 16);
            assert_eq!(((16 + sixteenths) << exponent).div_ceil(16), actual.lower_ns, "the formula, for {bucket}");
        }
    }
}
