//! Calls after `main`: in thread-local destructors of the main thread and in exit handlers.
#![allow(missing_docs, unsafe_code)]

use std::cell::RefCell;
use std::process::Command;
use std::sync::OnceLock;

use prof_runtime::{Aggregator, configure, prof};

unsafe extern "C" {
    safe fn atexit(handler: extern "C" fn()) -> i32;
}

static AGGREGATOR: OnceLock<Aggregator> = OnceLock::new();

#[prof(name = "speak")]
fn speak() {}

struct SpeaksLast;

impl Drop for SpeaksLast {
    fn drop(&mut self) {
        speak();
    }
}

thread_local! {
    static LAST: RefCell<Option<SpeaksLast>> = const { RefCell::new(None) };
}

extern "C" fn after_main() {
    speak();
    let snapshot = AGGREGATOR.get().unwrap().snapshot();
    println!("{} calls", snapshot.function("speak").unwrap().calls());
}

/// This test is a program of its own, without a harness, since it is about the end of one.
fn main() {
    if std::env::args().any(|arg| arg == "child") {
        let aggregator = Aggregator::new();
        AGGREGATOR.get_or_init(|| aggregator.clone());
        configure(aggregator);
        assert_eq!(atexit(after_main), 0);
        LAST.with(|cell| cell.replace(Some(SpeaksLast)));
        speak();
        return;
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).arg("child").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    // One in `main`, one in the thread-local destructor, one in the exit handler.
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "3 calls\n", "{:?}", output.stderr);
    println!("test calls_after_main_are_counted ... ok");
}
