//! What rustdoc says of an annotated function is what it says of the plain one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use prof_tests::compiler;

/// The pages of the crate that `text` is, by name, without those of the source.
fn pages(case: &str, text: &str) -> BTreeMap<String, String> {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("documentation-{case}"));
    fs::create_dir_all(&scratch).unwrap();
    let source = scratch.join("lib.rs");
    fs::write(&source, text).unwrap();
    let mut command = compiler("rustdoc", &["prof_runtime"]);
    command.args(["--edition=2024", "--crate-name=case", "--cap-lints=allow"]).arg(&source);
    command.arg("--out-dir").arg(scratch.join("doc"));
    let output = command.output().expect("rustdoc is a part of the toolchain");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let entries = fs::read_dir(scratch.join("doc/case")).unwrap().filter_map(Result::ok);
    let page = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        fs::read_to_string(entry.path()).ok().map(|text| (name, text))
    };
    entries.filter_map(page).collect()
}

#[test]
fn is_as_before() {
    let text = include_str!("documented.rs");
    // A dependency shows in what it implements for every type, whether or not its attribute stands anywhere.
    let plain =
        text.replace("#[prof]", "#[rustfmt::skip]").replace("use prof_runtime::prof;", "use prof_runtime as _;");
    let plain = pages("plain", &plain);
    let annotated = pages("annotated", text);
    assert!(plain.contains_key("fn.early.html"));
    assert_eq!(annotated.keys().collect::<Vec<_>>(), plain.keys().collect::<Vec<_>>());
    for (name, page) in &annotated {
        assert!(page == &plain[name], "{name} differs");
    }
}

/// A limit: see `docs/limits.md`.
#[test]
fn parameters_that_are_taken_apart_have_a_name_instead() {
    let text = "pub fn f(_: String, (a, b): (u8, u8)) -> Result<u8, u8> { if a == b { return Err(a); } Ok(b) }";
    let page = &pages("limit", &format!("#[prof_runtime::prof]\n{text}"))["fn.f.html"];
    assert!(page.contains("__arg0: ") && page.contains("__arg1: "), "{page}");
}
