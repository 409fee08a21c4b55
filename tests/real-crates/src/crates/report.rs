//! What is printed: Markdown.

use std::collections::BTreeSet;
use std::time::Duration;

use super::annotate::Place;
use super::build::Findings;
use super::list::Crate;
use super::listening::Listening;
use crate::subject::Subject;

/// One crate, with an attribute and without.
#[derive(Default)]
pub(crate) struct Comparison {
    pub(crate) annotated: usize,
    /// With the attribute everywhere.
    pub(crate) errors: usize,
    /// From which the attribute had to be taken until the crate compiled.
    pub(crate) not_compiling: usize,
    pub(crate) listening: Listening,
    /// Of the rest, and `None` if the crate never compiled.
    rest: Option<Rest>,
    differences: Vec<String>,
}

struct Rest {
    warnings: usize,
    tests: usize,
    changed: usize,
    /// How long the tests ran, plain and annotated.
    took: (Duration, Duration),
    counted: (u64, u64),
}

impl Comparison {
    pub(crate) fn compare(&mut self, plain: &Findings, changed: &Findings) {
        self.differences.extend(changed.errors.keys().cloned());
        if !changed.errors.is_empty() {
            return;
        }
        let warnings: Vec<&String> = changed.warnings.difference(&plain.warnings).collect();
        let results: BTreeSet<&String> = plain.tests.symmetric_difference(&changed.tests).collect();
        // A test with another result is in both lists.
        let names: BTreeSet<&str> =
            results.iter().filter_map(|test| test.rsplit_once(' ')).map(|test| test.0).collect();
        self.rest = Some(Rest {
            warnings: warnings.len(),
            tests: plain.tests.len(),
            changed: names.len(),
            took: (plain.took, changed.took),
            counted: changed.counted,
        });
        self.differences.extend(warnings.into_iter().cloned());
        self.differences.extend(results.into_iter().map(|test| format!("test differs: {test}")));
    }

    /// Prints what differs to stderr.
    pub(crate) fn tell(&self, subject: &Subject, known: &Crate) {
        for difference in &self.differences {
            eprintln!("{} {}: {difference}", subject.name, known.name);
        }
    }

    pub(crate) fn print(&self, known: &Crate) {
        let rest = match &self.rest {
            Some(Rest { warnings, tests, changed, .. }) => format!("{warnings} | {tests} | {changed}"),
            None => "never built | not run | not run".to_owned(),
        };
        let listened = match &self.rest {
            Some(rest) if self.listening > Listening::Nothing => {
                let (took, counted) = (rest.took, rest.counted);
                format!(
                    " {} | {} | {:.2} s | {:.2} s |",
                    counted.0,
                    counted.1,
                    took.0.as_secs_f64(),
                    took.1.as_secs_f64()
                )
            }
            _ => String::new(),
        };
        let Self { annotated, errors, not_compiling, .. } = self;
        println!("| {} {} | {annotated} | {errors} | {not_compiling} | {rest} |{listened}", known.name, known.version);
    }

    fn is_without_difference(&self) -> bool {
        let nothing = |rest: &Rest| {
            // What was not counted was not tried.
            let was_tried = match self.listening {
                Listening::Nothing => true,
                Listening::Aggregator => rest.counted.0 > 0,
                Listening::Scopes => rest.counted.1 > 0,
            };
            rest.warnings + rest.changed == 0 && was_tried
        };
        self.errors + self.not_compiling == 0 && self.rest.as_ref().is_some_and(nothing)
    }
}

/// All crates, with one attribute.
#[derive(Default)]
pub(crate) struct Totals {
    crates: usize,
    without_difference: usize,
    never_built: usize,
    annotated: usize,
    not_compiling: usize,
    warnings: usize,
    changed: usize,
}

impl Totals {
    pub(crate) fn add(&mut self, comparison: &Comparison) {
        self.crates += 1;
        self.without_difference += usize::from(comparison.is_without_difference());
        self.annotated += comparison.annotated;
        self.not_compiling += comparison.not_compiling;
        match &comparison.rest {
            Some(rest) => {
                self.warnings += rest.warnings;
                self.changed += rest.changed;
            }
            None => self.never_built += 1,
        }
    }

    pub(crate) fn is_without_difference(&self) -> bool {
        self.without_difference == self.crates
    }
}

fn things(place: Place) -> &'static str {
    match place {
        Place::Functions => "functions",
        Place::Impls => "impl blocks",
    }
}

/// The head of the table of one attribute.
pub(crate) fn head(subject: &Subject, place: Place, listening: Listening) {
    let (heads, columns) = match listening {
        Listening::Nothing => ("", ""),
        _ => (" counted | in scopes | tests, plain | tests, annotated |", "--:|--:|--:|--:|"),
    };
    println!("\n`{}` {}, on {}\n", subject.name, subject.version, things(place));
    println!("| crate | {} | errors | do not compile | new warnings | tests | changed results |{heads}", things(place));
    println!("|---|--:|--:|--:|--:|--:|--:|{columns}");
}

/// The table of all attributes.
pub(crate) fn summary(all: &[(&Subject, Totals)], place: Place) {
    println!(
        "\n| attribute | {} | do not compile | new warnings | changed tests | crates without a difference |",
        things(place)
    );
    println!("|---|--:|--:|--:|--:|--:|");
    for (subject, totals) in all {
        let Totals { crates, without_difference, never_built, annotated, not_compiling, warnings, changed } = totals;
        let never = if *never_built == 0 { String::new() } else { format!(" ({never_built} never built)") };
        println!(
            "| `{}` {} | {annotated} | {not_compiling} | {warnings} | {changed} | {without_difference} of {crates}{never} |",
            subject.name, subject.version
        );
    }
}
