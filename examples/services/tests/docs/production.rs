//! docs/production.md. Its Rust is compiled by the `readme` tests of the `tests` package.

use std::collections::BTreeSet;

use super::features;
use super::page::{Page, quoted};
use super::service::{CALLS, Line};

fn page() -> Page {
    let page = Page::read("docs/production.md");
    page.check_languages(&["rust", "sh", "rust"]);
    page
}

#[test]
fn the_line_starts_both_parts() {
    let [line] = <[Line; 1]>::try_from(Line::all(&page())).unwrap();
    assert_eq!(line.variable("PROF").split(',').count(), 2);
    let dir = tempfile::tempdir().unwrap();
    // The system chooses a port that is free.
    let mut service = line.instead_of("prometheus:9464", "prometheus:0").serve(dir.path());
    service.line();
    let served_at = service.line();
    let url = served_at.strip_prefix("metrics are at ").expect("it serves");
    let text = ureq::get(url).call().unwrap().into_body().read_to_string().unwrap();
    assert!(text.contains("\nprof_calls_total{function=\"load\""), "{text}");
    let report = String::from_utf8(service.end().stderr).unwrap();
    assert!(report.starts_with(&format!("prof: {CALLS} calls of 3 functions in ")), "{report}");
}

/// The parts of the table are all that there are, with the features that they need and the pages about them.
#[test]
fn the_table_lists_every_part() {
    let (page, known) = (page(), features::features());
    let mut listed = BTreeSet::new();
    for row in page.rows() {
        let [parts, needs, more] = <[String; 3]>::try_from(row).unwrap();
        listed.extend(quoted(&parts).into_iter().map(str::to_owned));
        for feature in quoted(&needs) {
            assert!(known.contains(feature), "{feature} is no feature of prof-runtime: {known:?}");
        }
        if let Some(name) = more.strip_prefix('[').and_then(|more| more.strip_suffix(']')) {
            let page: &'static str = format!("docs/{name}").leak();
            let feature = features::check(&Page::read(page));
            assert_eq!(quoted(&needs).first(), Some(&&*feature), "what {page} says to write into Cargo.toml");
        }
    }
    let error = prof_runtime::init("nonsense").unwrap_err().to_string();
    let allowed = error.split_once("allowed are ").unwrap().1;
    assert_eq!(listed, quoted(allowed).into_iter().map(str::to_owned).collect());
}

#[test]
fn the_default_is_what_the_section_says() {
    assert!(page().contains("Default is `report` alone"));
    assert_eq!(features::manifest()["features"]["default"], serde_json::json!(["enabled", "report"]));
}
