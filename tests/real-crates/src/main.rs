//! Annotates every function of published crates, builds them, and runs their own test suites, beside the plain crates.
//!
//! `cargo run -p prof-real-crates -- [ATTRIBUTE] [functions|impls] [CRATE…]`, where ATTRIBUTE is `prof` (the default) or
//! one of the peers in [`subject`]. Prints a row of a Markdown table for each crate, and what differs to stderr. Needs a
//! registry and many minutes. Ends with 1 if anything differs.

mod annotate;
mod run;
mod subject;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use annotate::Place;
use run::Findings;
use subject::{CRATES, Crate, Subject};

fn main() -> ExitCode {
    let mut subject = subject::named("prof").expect("prof is a subject");
    let mut place = Place::Functions;
    let mut chosen: Vec<&Crate> = Vec::new();
    for argument in std::env::args().skip(1) {
        if let Some(named) = subject::named(&argument) {
            subject = named;
        } else if argument == "functions" || argument == "impls" {
            place = if argument == "impls" { Place::Impls } else { Place::Functions };
        } else if let Some(named) = CRATES.iter().find(|known| known.name == argument) {
            chosen.push(named);
        } else {
            eprintln!("expected an attribute, `functions`, `impls` or a crate of the list, found `{argument}`");
            return ExitCode::from(2);
        }
    }
    if chosen.is_empty() {
        chosen.extend(&CRATES);
    }
    println!("| crate | annotated | errors | new warnings | tests | changed results |");
    println!("|---|--:|--:|--:|--:|--:|");
    let differences: usize = chosen.into_iter().map(|known| compare(known, &subject, place)).sum();
    ExitCode::from(u8::from(differences > 0))
}

/// Prints the row of one crate and returns how much differs.
fn compare(known: &Crate, subject: &Subject, place: Place) -> usize {
    let work = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/real-crates"));
    let source = run::fetch(known, work);
    let plain = run::findings(known, &run::copy(&source, &work.join("plain").join(known.name)));
    if plain.tests.is_empty() {
        // Nothing would be compared.
        eprintln!("{}: the plain crate has no tests that run: {:#?}", known.name, plain.errors);
        return 1;
    }
    let copy = run::copy(&source, &work.join(subject.name).join(known.name));
    let annotated = annotate::all(&copy.join("src"), subject.attribute, place);
    run::depend(&copy, subject.dependency);
    let changed = run::findings(known, &copy);

    let warnings = extra(&plain.warnings, &changed.warnings);
    let errors = extra(&plain.errors, &changed.errors);
    let results = results(&plain, &changed);
    for difference in errors.iter().chain(&warnings).chain(&results) {
        eprintln!("{}: {difference}", known.name);
    }
    let (version, tests) = (&source.version, plain.tests.len());
    let row = [annotated, errors.len(), warnings.len(), tests, results.len()].map(|n| n.to_string());
    println!("| {} {version} | {} |", known.name, row.join(" | "));
    errors.len() + warnings.len() + results.len()
}

/// What is in the second list and not in the first, counting repetitions.
fn extra(plain: &[String], changed: &[String]) -> Vec<String> {
    let mut plain = plain.to_vec();
    let is_new = |message: &&String| match plain.iter().position(|known| known == *message) {
        Some(at) => {
            plain.swap_remove(at);
            false
        }
        None => true,
    };
    changed.iter().filter(is_new).cloned().collect()
}

/// The tests whose result differs or that are missing.
fn results(plain: &Findings, changed: &Findings) -> Vec<String> {
    let difference: BTreeSet<_> = plain.tests.symmetric_difference(&changed.tests).collect();
    difference.into_iter().map(|test| format!("test differs: {test}")).collect()
}
