//! Runs a program as a user would, and reads what it prints.

use std::process::{Command, Output};

pub(crate) fn run(program: &str, args: &[&str]) -> Output {
    // The tables are to have all of their columns.
    Command::new(program).args(args).env_remove("COLUMNS").output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The cells of the row that begins with `name`.
pub(crate) fn row<'a>(report: &'a str, name: &str) -> Vec<&'a str> {
    let row = report.lines().find(|line| line.split_whitespace().next() == Some(name));
    row.unwrap_or_else(|| panic!("no row for {name} in\n{report}")).split_whitespace().collect()
}

/// calls, ok, failed, panicked, cancelled
#[track_caller]
pub(crate) fn check_row(report: &str, name: &str, counts: [&str; 5]) {
    assert_eq!(row(report, name)[1..6], counts, "{name} in\n{report}");
}
