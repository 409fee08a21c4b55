//! What the attribute says of mistakes in its use: one error for each, on the token, and the item is still there. And what
//! the compiler says of what the attribute cannot do, in `limits`.

#[test]
fn messages() {
    let cases = trybuild::TestCases::new();
    for case in ["arguments", "items", "limits", "objectives", "predicates"] {
        cases.compile_fail(format!("ui/{case}.rs"));
    }
}
