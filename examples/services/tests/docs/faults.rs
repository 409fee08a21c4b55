//! prof-runtime/FAULTS.md: the tests that it names are where it says, and each row has one that starts a program.

use std::fs;
use std::path::Path;

use super::page::{Page, quoted};

#[test]
fn the_tests_of_the_faults_exist() {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../prof-runtime");
    let mut found = 0;
    for row in Page::read("prof-runtime/FAULTS.md").rows() {
        let [fault, _, shown_by] = <[String; 3]>::try_from(row).unwrap();
        let (mut tests, mut searched) = (Vec::new(), false);
        assert!(shown_by.contains("`../tests/process/"), "{fault}: no test starts a program");
        for name in quoted(&shown_by) {
            if Path::new(name).extension().is_none() {
                // After a file, a list of tests begins anew.
                if std::mem::take(&mut searched) {
                    tests.clear();
                }
                tests.push(name);
                continue;
            }
            let text = fs::read_to_string(crate_root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            for test in &tests {
                let is_there =
                    text.contains(&format!("fn {test}(")) || text.contains(&format!("println!(\"test {test} "));
                assert!(is_there, "{fault}: {test} is not in {name}");
                found += 1;
            }
            searched = true;
        }
        assert!(searched, "{fault} names no file");
    }
    assert!(found >= 25, "{found}");
}
