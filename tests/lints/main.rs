//! The attribute neither causes a lint nor loses one: the files in `cases` are compiled by clippy as they are, and with
//! an attribute that does nothing in the place of `#[prof]`, and what is reported is compared. The same goes for
//! errors, in `errors`.

mod documentation;

use std::path::Path;

use prof_tests::compiler;
use serde_json::Value;

/// Lints of rustc that are off unless asked for, and could have something to say about generated code.
const RUSTC: &[&str] = &[
    "rust_2018_idioms",
    "rust_2021_compatibility",
    "rust_2024_compatibility",
    "unused",
    "absolute_paths_not_starting_with_crate",
    "ambiguous_negative_literals",
    "closure_returning_async_block",
    "deprecated_in_future",
    "elided_lifetimes_in_paths",
    "explicit_outlives_requirements",
    "impl_trait_redundant_captures",
    "keyword_idents",
    "let_underscore_drop",
    "macro_use_extern_crate",
    "meta_variable_misuse",
    "missing_abi",
    "missing_copy_implementations",
    "missing_debug_implementations",
    "missing_docs",
    "missing_unsafe_on_extern",
    "non_ascii_idents",
    "redundant_imports",
    "redundant_lifetimes",
    "single_use_lifetimes",
    "tail_expr_drop_order",
    "trivial_casts",
    "trivial_numeric_casts",
    "unit_bindings",
    "unnameable_types",
    "unreachable_pub",
    "unsafe_code",
    "unsafe_op_in_unsafe_fn",
    "unused_extern_crates",
    "unused_import_braces",
    "unused_lifetimes",
    "unused_macro_rules",
    "unused_qualifications",
    "unused_results",
    "variant_size_differences",
];

/// All groups of clippy but `clippy::cargo`, which looks at manifests and not at code.
const CLIPPY: &[&str] = &["clippy::pedantic", "clippy::nursery", "clippy::restriction"];

/// What clippy says of `text`, as `level code line: message`, sorted.
fn diagnostics(case: &str, text: &str, edition: &str, lints: &[&str]) -> Vec<String> {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{case}-{edition}-{}", lints.len()));
    std::fs::create_dir_all(&scratch).unwrap();
    let source = scratch.join("lib.rs");
    std::fs::write(&source, text).unwrap();
    let mut command = compiler("clippy-driver", &["prof_runtime", "prof_tests_stand_in"]);
    command.args([
        "--crate-type=lib",
        "--crate-name=case",
        "--emit=metadata",
        "--error-format=json",
        "--cap-lints=warn",
    ]);
    command.arg("--edition").arg(edition).arg("--out-dir").arg(&scratch);
    command.args(lints.iter().flat_map(|lint| ["-W", lint])).arg(&source);
    let output = command.output().expect("clippy is a component of the toolchain");
    let stderr = String::from_utf8(output.stderr).unwrap();
    let mut found: Vec<String> = stderr.lines().filter_map(described).collect();
    found.sort();
    let has_error = found.iter().any(|message| message.starts_with("error"));
    assert_eq!(output.status.success(), !has_error, "{case}: {stderr}");
    found
}

fn described(line: &str) -> Option<String> {
    let message: Value = serde_json::from_str(line).ok()?;
    let span = message["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?;
    // A syntax error has no code.
    let (code, line) = (message["code"]["code"].as_str().unwrap_or("syntax"), &span["line_start"]);
    Some(format!("{} {code} {line}: {}", message["level"].as_str()?, message["message"].as_str()?))
}

/// What is in `left` more often than in `right`.
fn without<'a>(left: &'a [String], right: &[String]) -> Vec<&'a String> {
    let mut right: Vec<&String> = right.iter().collect();
    let is_new = |message: &&String| match right.iter().position(|known| known == message) {
        Some(at) => {
            right.swap_remove(at);
            false
        }
        None => true,
    };
    left.iter().filter(is_new).collect()
}

fn errors(text: &str) -> (Vec<String>, Vec<String>) {
    let case = text.lines().next().and_then(|line| line.strip_prefix("//! ")).expect("a case starts with its name");
    let (plain, annotated) = compare(case, text, "2024", &[]);
    let only_errors = |found: Vec<String>| found.into_iter().filter(|message| message.starts_with("error")).collect();
    (only_errors(plain), only_errors(annotated))
}

/// Errors are as many as in the plain code, of the same kind, on the same lines.
#[test]
fn errors_are_where_they_were() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("lints/errors");
    let mut checked = 0;
    for case in std::fs::read_dir(cases).unwrap().filter_map(Result::ok) {
        let text = std::fs::read_to_string(case.path()).unwrap();
        let (plain, annotated) = errors(&text);
        assert!(!plain.is_empty(), "{} has no error", case.path().display());
        assert_eq!(annotated, plain, "{}", case.path().display());
        checked += 1;
    }
    assert!(checked > 0);
}

/// A mistake is one error, in words of this crate, whatever the paths of the edition lead to.
#[test]
fn mistakes_are_told_in_every_edition() {
    let text = "extern crate prof_runtime;\npub mod inner {\n    #[::prof_runtime::prof(gruop = \"x\")]\n    pub fn f() {}\n}\n";
    for edition in ["2015", "2018", "2021", "2024"] {
        let said = diagnostics("mistakes", text, edition, &[]);
        assert_eq!(said.len(), 1, "in edition {edition}: {said:#?}");
        assert!(said[0].starts_with("error syntax 3: unknown argument `gruop`: did you mean `group`?"), "{said:#?}");
    }
}

fn compare(case: &str, text: &str, edition: &str, lints: &[&str]) -> (Vec<String>, Vec<String>) {
    // An attribute that does nothing, so that the lines around it look the same.
    let plain = |line| if str::starts_with(line, "#[prof(") { "#[rustfmt::skip]" } else { line };
    let plain = text.lines().map(plain).collect::<Vec<_>>().join("\n");
    let plain = plain.replace("#[prof]", "#[rustfmt::skip]").replace("use prof_runtime::prof;", "");
    (diagnostics(&format!("{case}-plain"), &plain, edition, lints), diagnostics(case, text, edition, lints))
}

/// Lints that look at a function as a whole, and so do not fire on one whose body stands inside another: see
/// `docs/limits.md`.
const LOST: [&str; 2] = ["clippy::needless_return", "clippy::manual_async_fn"];

/// Lints that fire on the attribute instead of the body's last line, if that returns an `impl Trait`.
const MOVED: [&str; 1] = ["clippy::implicit_return"];

/// d04: who writes every `return` hears nothing of it.
#[test]
fn explicit_returns_are_seen() {
    let (plain, annotated) = compare("returns", include_str!("cases/returns.rs"), "2024", CLIPPY);
    for found in [plain, annotated] {
        assert!(!found.iter().any(|message| message.contains("implicit_return")), "{found:#?}");
    }
}

#[track_caller]
fn check_both(plain: &[String], annotated: &[String], how: &str) {
    let (caused, mut lost) = (without(annotated, plain), without(plain, annotated));
    lost.retain(|message| !LOST.iter().any(|lint| message.contains(lint)));
    assert!(caused.is_empty() && lost.is_empty(), "{how}: caused {caused:#?}, lost {lost:#?}");
}

/// The case, each attribute followed by another macro, which keeps the signature from being changed.
fn followed(text: &str) -> String {
    text.replace("#[prof]", "#[prof] #[prof_tests_stand_in::nothing]")
}

/// Nothing is reported that the plain code does not report; by default, nothing is missing either. The same goes where
/// another macro follows, in the last edition.
#[track_caller]
fn check(case: &str, text: &str, editions: &[&str]) {
    check_one(case, text, editions);
    check_one(&format!("{case}-followed"), &followed(text), &editions[editions.len() - 1..]);
}

#[track_caller]
fn check_one(case: &str, text: &str, editions: &[&str]) {
    for edition in editions {
        let (plain, annotated) = compare(case, text, edition, &[]);
        check_both(&plain, &annotated, &format!("by default, in edition {edition}"));
        let (plain, annotated) = compare(case, text, edition, &[RUSTC, CLIPPY].concat());
        let of_clippy = |message: &String| message.contains(" clippy::");
        let (clippy_plain, rustc_plain): (Vec<_>, Vec<_>) = plain.into_iter().partition(of_clippy);
        let (clippy_annotated, rustc_annotated): (Vec<_>, Vec<_>) = annotated.into_iter().partition(of_clippy);
        check_both(
            &rustc_plain,
            &rustc_annotated,
            &format!("with the lints of rustc that are off by default, in edition {edition}"),
        );
        let mut caused = without(&clippy_annotated, &clippy_plain);
        caused.retain(|message| !MOVED.iter().any(|lint| message.contains(lint)));
        assert!(caused.is_empty(), "caused in edition {edition}: {caused:#?}");
    }
}

#[test]
fn lints_on_the_users_code_are_kept() {
    let text = include_str!("cases/kept.rs");
    let (_, annotated) = compare("kept-by-name", text, "2021", &[]);
    let kept =
        ["dead_code", "unused_variables", "unused_mut", "unreachable_code", "unused_assignments", "unused_must_use"];
    for lint in kept {
        assert!(annotated.iter().any(|message| message.contains(lint)), "{lint} is not in {annotated:#?}");
    }
    assert!(!annotated.iter().any(|message| message.contains("unfulfilled")), "{annotated:#?}");
    check("kept", text, &["2018", "2021", "2024"]);
}

#[test]
fn bodies_cause_no_lint() {
    check("bodies", include_str!("cases/bodies.rs"), &["2018", "2021", "2024"]);
}

#[test]
fn signatures_cause_no_lint() {
    check("signatures", include_str!("cases/signatures.rs"), &["2018", "2021", "2024"]);
}

#[test]
fn arguments_cause_no_lint() {
    check("arguments", include_str!("cases/arguments.rs"), &["2018", "2021", "2024"]);
}

/// d11, d12.
#[test]
fn migrations_between_editions_cause_no_lint() {
    check("migrations", include_str!("cases/migrations.rs"), &["2018", "2021"]);
}
