//! Tries attributes on the cases of `shapes` and `lints`, one at a time.
//!
//! A case of `shapes` is a module, compiled alone under `#![deny(warnings)]`, with its tests. A case of `lints` is one
//! annotated item of a file, about which clippy has to say what it says without the attribute; nothing else is
//! annotated.

mod compile;
mod report;
mod take_apart;

use compile::Compiler;
use report::{Tally, Verdict};
use take_apart::{Case, Way};

use crate::subject::{self, SUBJECTS, Subject};

const EDITIONS: [&str; 2] = ["2021", "2024"];

/// Tries the attributes that `arguments` name, or all, on the cases that they name, or all, and returns whether `prof`
/// passed everything.
pub(crate) fn run(arguments: &[String]) -> Result<bool, String> {
    let mut subjects: Vec<&Subject> = arguments.iter().filter_map(|name| subject::named(name)).collect();
    if subjects.is_empty() {
        subjects.extend(&SUBJECTS);
    }
    let (mut cases, ours) = take_apart::all();
    let chosen: Vec<&String> = arguments.iter().filter(|name| subject::named(name).is_none()).collect();
    if let Some(unknown) = chosen.iter().find(|name| !cases.iter().any(|case| case.id == ***name)) {
        return Err(format!("expected an attribute or a case, found `{unknown}`"));
    }
    cases.retain(|case| chosen.is_empty() || chosen.contains(&&case.id));
    let compiler = Compiler::new();
    let mut tallies: Vec<Tally<'_>> = Vec::new();
    for edition in EDITIONS {
        let tried: Vec<(&Case, Vec<String>)> =
            cases.iter().filter_map(|case| plain(&compiler, case, edition)).collect();
        for subject in &subjects {
            let mut tally = Tally::new(subject, edition);
            for (case, plain) in &tried {
                tally.add(case, verdict(&compiler, case, plain, subject, edition));
            }
            tallies.push(tally);
        }
    }
    report::print(&tallies, &cases, ours);
    Ok(tallies.iter().all(|tally| !tally.subject.is_ours() || tally.passed_all()))
}

/// What is said of the case without an attribute; or `None`, if the edition does not have what it is about.
fn plain<'a>(compiler: &Compiler, case: &'a Case, edition: &str) -> Option<(&'a Case, Vec<String>)> {
    let found = compiler.diagnostics(case, &case.without_attribute(), edition);
    let is_clean = match case.way {
        Way::Clean => found.is_empty(),
        Way::AsBefore => !found.iter().any(|message| message.starts_with("error")),
    };
    if !is_clean {
        eprintln!("not in edition {edition}: {}: {found:#?}", case.id);
    }
    is_clean.then_some((case, found))
}

fn verdict(compiler: &Compiler, case: &Case, plain: &[String], subject: &Subject, edition: &str) -> Verdict {
    let Some(text) = case.with_attribute(subject) else {
        return Verdict::NotSupported;
    };
    let found = compiler.diagnostics(case, &text, edition);
    let (caused, lost) = (without(&found, plain), without(plain, &found));
    if !(caused.is_empty() && lost.is_empty()) {
        eprintln!("{} {} in edition {edition}: causes {caused:#?}, loses {lost:#?}", subject.name, case.id);
    }
    Verdict::Tried { causes: !caused.is_empty(), loses: !lost.is_empty() }
}

/// What is in `left` more often than in `right`.
fn without<'a>(left: &'a [String], right: &[String]) -> Vec<&'a String> {
    let count = |list: &[String], message: &String| list.iter().filter(|known| *known == message).count();
    let mut more: Vec<&String> = left.iter().filter(|message| count(left, message) > count(right, message)).collect();
    more.dedup();
    more
}
