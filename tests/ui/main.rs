//! What the attribute says of mistakes in its use: one error for each, on the token, and the item is still there.

#[test]
fn messages() {
    let cases = trybuild::TestCases::new();
    for case in ["arguments", "items", "objectives", "predicates"] {
        cases.compile_fail(format!("ui/{case}.rs"));
    }
}
