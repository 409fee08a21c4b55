//! Handlers and predicates that do harm.

use crate::program::service;

#[test]
fn a_handler_that_panics_is_switched_off_and_harms_no_call() {
    let mut program = service("report").start();
    program.ask("handler panics");
    assert_eq!(program.ask("work 100"), "done");
    assert_eq!(program.ask("handled"), "3");
    let ended = program.end().succeeded();
    let line = ended.stderr.lines().find(|line| line.contains("switched off")).unwrap().to_owned();
    assert!(line.starts_with("prof: the handler `faults_service::Bad`, installed at "), "{ended:?}");
    assert!(line.contains("service.rs:") && line.ends_with(", panicked 3 times and is switched off"), "{ended:?}");
    assert_eq!(ended.said("is switched off"), 1, "{ended:?}");
    assert!(ended.stderr.contains("prof: 100 calls of 1 function in "), "{ended:?}");
}

#[test]
fn a_handler_that_panics_in_every_request_is_told_of_rarely() {
    let mut program = service("report").start();
    program.ask("hush");
    program.ask("scopes 123");
    assert_eq!(program.ask("handled"), (123 * 3).to_string());
    let ended = program.end().succeeded();
    let told: Vec<&str> = ended.stderr.lines().filter(|line| line.contains("switched off")).collect();
    assert!(told.len() == 3 && told[0].ends_with(" and is switched off"), "{ended:?}");
    assert!(told[1].ends_with(" and is switched off, as 10 were from there"), "{ended:?}");
    assert!(told[2].ends_with(" and is switched off, as 100 were from there"), "{ended:?}");
}

#[test]
fn a_handler_that_blocks_holds_up_its_callers_only() {
    let mut program = service("report").start();
    program.ask("handler blocks");
    program.ask("block");
    program.ask("background 2");
    // This thread's calls go elsewhere.
    assert_eq!(program.ask("work 1000"), "done");
    program.ask("unblock");
    program.ask("work 10");
    let calls: u64 = program.ask("stop").parse().unwrap();
    let handled: u64 = program.ask("handled").parse().unwrap();
    assert_eq!(handled, 2 * (calls + 10), "nothing is lost");
    let ended = program.end().succeeded();
    assert!(ended.stderr.contains("prof: "), "{ended:?}");
}

#[test]
fn a_handler_that_calls_annotated_code_does_not_recurse() {
    let mut program = service("report").start();
    program.ask("handler calls");
    program.ask("work 10");
    assert_eq!(program.ask("handled"), "20", "two data points for each call, and none for those of the handler");
    assert_eq!(program.ask("counted work"), "10 0");
    program.end().succeeded();
}

#[test]
fn a_panic_is_counted_and_goes_on() {
    let mut program = service("report").start();
    assert_eq!(program.ask("catch"), "done");
    let ended = program.end().succeeded();
    let row = ended.stderr.lines().find(|line| line.trim_start().starts_with("panics ")).unwrap().to_owned();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[1..6], ["1", "0", "0", "1", "0"], "{ended:?}");
}

#[test]
fn a_predicate_that_panics_is_told_of_rarely_and_by_name() {
    let mut program = service("report").start();
    // Those panics are the program's own to be silent about; ours are not.
    program.ask("hush");
    program.ask("judge 1234");
    assert_eq!(program.ask("counted judged"), "1234 0");
    let ended = program.end().succeeded();
    let told: Vec<&str> = ended.stderr.lines().filter(|line| line.contains("predicate")).collect();
    let expect = "prof: the predicate of `faults_service::judged` panicked";
    assert_eq!(told[0], format!("{expect}; the call counts as a success"), "{ended:?}");
    let times = ["10", "100", "1000"].map(|times| format!("{expect} {times} times; each call counts as a success"));
    assert_eq!(told[1..], times, "{ended:?}");
}

#[test]
fn a_handler_that_blocks_is_replaced_and_what_it_lost_is_told() {
    let mut program = service("").start();
    assert_eq!(program.ask("replace-blocked 3"), "done");
    let ended = program.end().succeeded();
    let lost = "prof: buffered did not end within 50ms; 3 calls were lost on their way to buffered\n";
    assert_eq!(ended.said(lost), 1, "{ended:?}");
}
