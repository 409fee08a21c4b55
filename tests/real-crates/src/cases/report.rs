//! What is printed: Markdown.

use super::take_apart::{Case, Way};
use crate::subject::Subject;

/// What became of a case.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    /// Whether the compiler says something more, or something less, than of the plain code.
    Tried { causes: bool, loses: bool },
    /// The attribute is not meant for where it would stand.
    NotSupported,
}

/// The cases of one edition, with one attribute.
pub(crate) struct Tally<'a> {
    pub(crate) subject: &'a Subject,
    edition: &'static str,
    shapes: Counts,
    lints: Counts,
}

#[derive(Default)]
struct Counts {
    tried: usize,
    not_supported: usize,
    /// The ids of those that the compiler says more of.
    causes: Vec<String>,
    /// The ids of those that it says less of.
    loses: Vec<String>,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(subject: &'a Subject, edition: &'static str) -> Self {
        Self { subject, edition, shapes: Counts::default(), lints: Counts::default() }
    }

    pub(crate) fn add(&mut self, case: &Case, verdict: Verdict) {
        let counts = match case.way {
            Way::Clean => &mut self.shapes,
            Way::AsBefore => &mut self.lints,
        };
        match verdict {
            Verdict::Tried { causes, loses } => {
                counts.tried += 1;
                counts.causes.extend(causes.then(|| case.id.clone()));
                counts.loses.extend(loses.then(|| case.id.clone()));
            }
            Verdict::NotSupported => counts.not_supported += 1,
        }
    }

    /// Whether nothing is said that is not said of the plain code.
    pub(crate) fn passed_all(&self) -> bool {
        [&self.shapes, &self.lints].iter().all(|counts| counts.causes.is_empty() && counts.not_supported == 0)
    }
}

/// Prints a table of all attributes, and the ids behind its numbers.
pub(crate) fn print(tallies: &[Tally<'_>], cases: &[Case], ours: usize) {
    println!("{} cases; {ours} more are about what only `prof` has.\n", cases.len());
    println!("| attribute | edition | shapes: pass | fail | not supported | lints | caused in | lost in |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|");
    for Tally { subject, edition, shapes, lints } in tallies {
        println!(
            "| `{}` {} | {edition} | {} | {} | {} | {} | {} | {} |",
            subject.name,
            subject.version,
            shapes.tried - shapes.causes.len(),
            shapes.causes.len(),
            shapes.not_supported,
            lints.tried,
            lints.causes.len(),
            lints.loses.len(),
        );
    }
    println!();
    for Tally { subject, edition, shapes, lints } in tallies {
        for (what, ids) in [("fails", &shapes.causes), ("causes", &lints.causes), ("loses", &lints.loses)] {
            if !ids.is_empty() {
                println!("- `{}` in {edition} {what}: {}", subject.name, ids.join(", "));
            }
        }
    }
}
