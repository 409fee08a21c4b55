//! What the attribute says of mistakes in its use: one error for each, on the token, and the item is still there. And
//! what the compiler says of what the attribute cannot do, in `limits`.
//!
//! Each case stands beside what the compiler prints for it. `GOLDEN=overwrite cargo test -p prof-tests --test ui`
//! writes that anew.
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use prof_tests::compiler;
use serde_json::Value;

/// The directory of the cases, from the root of the workspace, where cargo runs the compiler too.
const CASES: &str = "tests/ui";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn messages() {
    let paths = fs::read_dir(root().join(CASES)).unwrap().map(|entry| entry.unwrap().path());
    let is_case =
        |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("main.rs");
    let mut checked = 0;
    for case in paths.filter(is_case) {
        check(&case);
        checked += 1;
    }
    assert!(checked > 0);
}

#[track_caller]
fn check(case: &Path) {
    let actual = messages_of(case.file_name().unwrap().to_str().unwrap());
    let path = case.with_extension("stderr");
    if std::env::var_os("GOLDEN").is_some() {
        return fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert!(
        actual == expected,
        "{} differs: see the head of this file. The compiler prints\n\n{actual}",
        path.display()
    );
}

/// Returns what the compiler prints for a case, which it must refuse.
fn messages_of(case: &str) -> String {
    let mut command = compiler("rustc", &["prof_runtime", "prof_tests_stand_in"]);
    command.args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "--error-format=json", "--out-dir"]);
    command.args([env!("CARGO_TARGET_TMPDIR"), &format!("{CASES}/{case}")]).current_dir(root());
    let output = command.output().expect("rustc is a part of the toolchain");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "the compiler accepts {case}: {stderr}");
    let messages = stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect("messages are JSON"));
    // The last ones only count the errors, and list their codes.
    let has_place = |message: &Value| message["spans"].as_array().is_some_and(|spans| !spans.is_empty());
    let shown = messages.filter(has_place).map(|message| Rendered(message["rendered"].as_str().unwrap()).shown());
    shown.collect::<String>().trim_end().to_owned() + "\n"
}

/// A message of the compiler, as a terminal shows it.
struct Rendered<'a>(&'a str);

impl Rendered<'_> {
    /// Returns the message without what changes with every line of the runtime: line numbers in files outside the case,
    /// and the width that they take of the margin.
    fn shown(&self) -> String {
        let is_place = |line: &&str| line.trim_start().starts_with("--> ");
        let Some(place) = self.0.lines().find(is_place) else { return self.0.to_owned() };
        let width = place.len() - place.trim_start().len();
        let (mut lines, mut is_of_case, mut shown_width) = (Vec::new(), true, 1);
        for line in self.0.lines() {
            // Titles and dots begin at the edge; in the margin, there is nothing but numbers.
            let Some((margin, rest)) = line.split_at_checked(width).filter(|(margin, _)| is_margin(margin)) else {
                // Dots stand for lines of the same file.
                is_of_case |= line != "...";
                lines.push((None, line.to_owned()));
                continue;
            };
            let place = rest.strip_prefix("--> ").or_else(|| rest.strip_prefix("::: "));
            is_of_case = place.map_or(is_of_case, |place| place.starts_with(CASES));
            let number = if is_of_case { margin.trim() } else { "" };
            shown_width = shown_width.max(number.len());
            let outside = place
                .filter(|_| !is_of_case)
                .map(|place| format!("{}{}", &rest[..4], place.split(':').next().unwrap_or_default()));
            lines.push((Some(number), outside.unwrap_or_else(|| rest.to_owned())));
        }
        let shown = |(number, text): (Option<&str>, String)| match number {
            Some(number) => format!("{number:shown_width$}{text}\n"),
            None => text + "\n",
        };
        lines.into_iter().map(shown).collect()
    }
}

fn is_margin(text: &str) -> bool {
    text.chars().all(|letter| letter == ' ' || letter.is_ascii_digit())
}
