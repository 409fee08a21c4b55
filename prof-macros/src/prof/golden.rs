//! Compares the generated code with the files of `golden/`, one shape per file. `GOLDEN=overwrite cargo test -p
//! prof-macros` writes the files; review a difference as a change of the interface.

use std::path::Path;

use super::item;

/// Each file holds the input, a line of dashes, and the output.
const SEPARATOR: &str = "\n// --------\n";

#[track_caller]
fn check(shape: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(shape).with_extension("rs");
    let text = std::fs::read_to_string(&path).unwrap();
    let input = text.split(SEPARATOR).next().unwrap().trim_end();
    let (attribute, function) = input.split_once('\n').unwrap();
    let arguments = attribute.trim_start_matches("#[prof").trim_end_matches(']');
    let arguments = arguments.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or_default();
    let output = item::annotate(arguments.parse().unwrap(), &function.parse().unwrap());
    let output = prettyplease::unparse(&syn::parse2(output).expect("what is generated parses"));
    let now = format!("{input}\n{SEPARATOR}\n{output}");
    if std::env::var_os("GOLDEN").is_some() {
        return std::fs::write(&path, &now).unwrap();
    }
    assert_eq!(text, now, "{} differs: see the head of this file", path.display());
}

#[test]
fn a_plain_function() {
    check("plain");
}

#[test]
fn a_function_that_may_fail_at_its_end() {
    check("fallible");
}

#[test]
fn a_function_that_may_leave_early() {
    check("early");
}

#[test]
fn an_async_function() {
    check("async");
}

#[test]
fn an_async_function_that_may_leave_early() {
    check("async_early");
}

#[test]
fn a_function_that_another_macro_reads_later() {
    check("followed");
}

#[test]
fn a_function_that_returns_an_opaque_type() {
    check("opaque");
}

#[test]
fn a_function_that_never_returns() {
    check("never");
}

#[test]
fn functions_that_return_a_future() {
    check("future");
    check("boxed_future");
}

#[test]
fn a_method_with_a_predicate() {
    check("predicate");
}

#[test]
fn a_sampled_function() {
    check("sampled");
}

#[test]
fn a_block() {
    check("block");
}

#[test]
fn a_block_with_an_objective() {
    check("objective");
}

#[test]
fn a_mistake() {
    check("mistake");
}
