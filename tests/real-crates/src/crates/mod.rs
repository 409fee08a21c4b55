//! Annotates every function of published crates, builds them, and runs their own test suites, beside the plain crates.

mod annotate;
mod blame;
mod build;
mod list;
mod listening;
mod report;
mod source;

pub(crate) use source::work;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use annotate::{Place, Text};
use build::Findings;
use list::{CRATES, Crate};
use listening::Listening;
use report::{Comparison, Totals};

use crate::subject::{self, SUBJECTS, Subject};

/// How often functions that do not compile are left alone and the rest is tried again.
const ROUNDS: usize = 16;

/// How many times as long as all tests of the plain crate a test binary may run.
const PATIENCE: u32 = 20;

/// Compares what `arguments` ask for, and returns whether `prof` made no difference.
pub(crate) fn run(arguments: &[String]) -> Result<bool, String> {
    let Asked { subjects, place, listening, chosen } = parse(arguments)?;
    let mut plain = Plain::default();
    let mut all = Vec::new();
    for subject in subjects {
        let Some(attribute) = attribute(subject, place) else {
            return Err(format!("{} has no attribute for `impl` blocks", subject.name));
        };
        if listening > Listening::Nothing && !subject.is_ours() {
            return Err(format!("what listens to `prof` does not listen to {}", subject.name));
        }
        let with_tests = listening > Listening::Nothing;
        let text = Text { attribute, place, with_tests, in_tests: listening.in_tests() };
        report::head(subject, place, listening);
        let mut totals = Totals::default();
        for known in &chosen {
            let comparison = compare(known, subject, text, listening, &mut plain);
            comparison.print(known);
            totals.add(&comparison);
        }
        all.push((subject, totals));
    }
    report::summary(&all, place);
    Ok(all.iter().all(|(subject, totals)| !subject.is_ours() || totals.is_without_difference()))
}

/// What the arguments ask for.
struct Asked {
    subjects: Vec<&'static Subject>,
    place: Place,
    listening: Listening,
    chosen: Vec<&'static Crate>,
}

fn parse(arguments: &[String]) -> Result<Asked, String> {
    let (mut subjects, mut place, mut listening, mut chosen) =
        (Vec::new(), Place::Functions, Listening::Nothing, Vec::new());
    for argument in arguments {
        match argument.as_str() {
            "--on" => listening = Listening::Aggregator,
            "--scoped" => listening = Listening::Scopes,
            "functions" => place = Place::Functions,
            "impls" => place = Place::Impls,
            "all" => subjects.extend(&SUBJECTS),
            name => {
                let subject = subject::named(name);
                let known = CRATES.iter().find(|known| known.name == name);
                if subject.is_none() && known.is_none() {
                    return Err(format!(
                        "expected `--on`, `--scoped`, an attribute, `all`, `functions`, `impls`, or a crate of the list, \
                         found `{name}`"
                    ));
                }
                subjects.extend(subject);
                chosen.extend(known);
            }
        }
    }
    if subjects.is_empty() {
        subjects.extend(subject::named(subject::OURS));
    }
    if chosen.is_empty() {
        chosen.extend(&CRATES);
    }
    Ok(Asked { subjects, place, listening, chosen })
}

fn attribute(subject: &Subject, place: Place) -> Option<&'static str> {
    match place {
        Place::Functions => Some(subject.function),
        Place::Impls => subject.on_impl,
    }
}

/// The plain crates, each built and tested once: as published, and with the prelude of `std` if they do without.
#[derive(Default)]
struct Plain(HashMap<(&'static str, bool), Findings>);

impl Plain {
    fn findings(&mut self, known: &Crate, source: &Path, with_std: bool) -> &Findings {
        let copy = source::copy(source, &work().join("plain").join(known.name));
        let differs = with_std && source::allow_std(&copy);
        self.0.entry((known.name, differs)).or_insert_with(|| {
            let plain = build::test(known, &copy, Duration::MAX);
            // Nothing would be compared.
            assert!(
                !plain.tests.is_empty(),
                "{}: no test runs of the plain crate: {:#?}",
                known.name,
                plain.errors.keys()
            );
            plain
        })
    }
}

fn compare(known: &Crate, subject: &Subject, text: Text, listening: Listening, plain: &mut Plain) -> Comparison {
    let source = source::fetch(known);
    let plain = plain.findings(known, &source, !subject.is_ours());
    let limit = plain.took * PATIENCE + Duration::from_secs(60);
    let mut comparison = Comparison::default();
    let mut without = BTreeSet::new();
    // What does not compile as soon as the crate depends on the attribute's, whether or not that stands anywhere.
    let mut unrelated = BTreeMap::new();
    for round in 0..=ROUNDS {
        let copy = prepare(known, subject, listening, &source);
        let annotated = annotate::all(&copy, text, &without);
        let changed = build::test(known, &copy, limit);
        if round == 0 {
            if !changed.errors.is_empty() {
                unrelated = build::test(known, &prepare(known, subject, listening, &source), limit).errors;
            }
            let related = changed.errors.keys().filter(|error| !unrelated.contains_key(*error));
            (comparison.annotated, comparison.errors) = (annotated.len(), related.count());
        }
        let related = changed.errors.iter().filter(|(error, _)| !unrelated.contains_key(*error));
        let blamed = blame::sites(related.map(|(_, places)| places), &annotated);
        for site in &blamed {
            eprintln!("{} {}: does not compile: {}:{}", subject.name, known.name, site.file.display(), site.start.line);
        }
        without.extend(blamed.iter().cloned());
        if changed.errors.is_empty() || blamed.is_empty() {
            comparison.compare(plain, &changed);
            break;
        }
    }
    comparison.not_compiling = without.len();
    comparison.listening = listening;
    comparison.tell(subject, known);
    comparison
}

/// A copy of a crate that depends on what the attribute needs.
fn prepare(known: &Crate, subject: &Subject, listening: Listening, source: &Path) -> PathBuf {
    let copy = source::copy(source, &work().join(subject.name).join(known.name));
    if !subject.is_ours() {
        source::allow_std(&copy);
    }
    source::depend(&copy, subject);
    listening.link(&copy);
    copy
}
