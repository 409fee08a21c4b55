//! Terminals, wide and narrow, and names of any kind.

use unicode_width::UnicodeWidthStr as _;

use crate::program::{Ended, Setup, service};

/// The program after it has done what the widest lines come of.
fn widest(setup: Setup) -> Ended {
    let mut program = setup.start();
    for line in ["work 20000", "fail 3", "wide", "catch", "put largest 1e300", "put smallest 1.5e-300", "put sum 0.1"] {
        assert_eq!(program.ask(line), "done");
    }
    for name in ["sum 0.2", &format!("{} 1", "long.".repeat(100)), "שלום-עולם 1", "e\u{301}e\u{301} 7", "👩‍👩‍👧 1"]
    {
        assert_eq!(program.ask(&format!("put {name}")), "done");
    }
    program.end().succeeded()
}

/// The table, without the line of the panic that it has caught.
fn table(ended: &Ended) -> String {
    let start = ended.stderr.find("prof:").unwrap_or_else(|| panic!("no table in {ended:?}"));
    ended.stderr[start..].replace('\r', "")
}

#[test]
fn no_line_wraps_whatever_the_terminal() {
    for columns in [40, 60, 80, 100, 120, 160, 200, 300] {
        let table = table(&widest(service("report").terminal(columns)));
        for line in table.lines() {
            assert!(line.width() <= usize::from(columns), "{} of {columns} columns: {line}", line.width());
        }
        for shown in ["20,00", "1e300", "1.5e-300", " 0.3\n", "…", "calls", "total"] {
            assert!(table.contains(shown) || (shown == " 0.3\n" && table.contains(" 0.3 ")), "{shown}: {table}");
        }
        let has_all = ["cancelled", "p50", "p99", "max", "group"].iter().all(|title| table.contains(title));
        assert_eq!(has_all, columns >= 160 || table.contains("Left out for lack of room"), "{table}");
    }
}

#[test]
fn no_line_wraps_on_the_narrowest_terminals() {
    for columns in [5, 6, 9, 12, 20, 26, 30] {
        let table = table(&widest(service("report").terminal(columns)));
        for line in table.lines() {
            assert!(line.width() <= usize::from(columns), "{} of {columns} columns: {line}", line.width());
        }
        assert!(table.contains('…'), "{table}");
    }
}

/// As where a shell has exported the width that the window had before.
#[test]
fn a_variable_that_is_wrong_wraps_no_line() {
    let table = table(&widest(service("report").terminal(80).env("COLUMNS", "200")));
    assert!(table.lines().all(|line| line.width() <= 80), "{table}");
}

#[test]
fn what_goes_to_no_terminal_has_a_fixed_width() {
    let ended = widest(service("report"));
    let table_of_pipe = table(&ended);
    assert!(table_of_pipe.lines().all(|line| line.width() <= 160), "{table_of_pipe}");
    assert!(!table_of_pipe.contains("Left out"), "{table_of_pipe}");
    let narrow = table(&widest(service("report").env("COLUMNS", "60")));
    assert!(narrow.lines().all(|line| line.width() <= 60), "{narrow}");
    assert!(narrow.contains("Left out for lack of room: "), "{narrow}");
}
