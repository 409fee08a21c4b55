//! Values are dropped in the order of the plain function: each case is written once and compiled twice, plain and
//! annotated, and what the two log is compared. `followed` is about functions that another macro reads later.

#![allow(dropping_copy_types, unused_must_use, clippy::all, clippy::pedantic)]

use std::cell::RefCell;
use std::rc::Rc;

use prof_tests::{block_on, poll_once, yield_now};

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<&'static str>>>);

impl Log {
    fn note(&self, name: &'static str) {
        self.0.borrow_mut().push(name);
    }

    fn value(&self, name: &'static str) -> Noisy {
        Noisy { log: self.clone(), name }
    }

    fn pair(&self, first: &'static str, second: &'static str) -> (Noisy, Noisy) {
        (self.value(first), self.value(second))
    }
}

/// Logs its name when it is dropped.
struct Noisy {
    log: Log,
    name: &'static str,
}

impl Drop for Noisy {
    fn drop(&mut self) {
        self.log.note(self.name);
    }
}

/// Declares the same functions twice.
macro_rules! twice {
    ($($items:tt)*) => {
        mod plain {
            use super::*;
            $($items)*
        }

        #[prof_runtime::prof]
        mod annotated {
            use super::*;
            $($items)*
        }
    };
}

/// Runs the same expression in both modules and compares the logs.
macro_rules! check {
    (|$log:ident| $call:expr) => {{
        let run_plain = || {
            use plain::*;
            let $log = Log::default();
            drop($call);
            let seen = $log.0.borrow().clone();
            seen
        };
        let run_annotated = || {
            use annotated::*;
            let $log = Log::default();
            drop($call);
            let seen = $log.0.borrow().clone();
            seen
        };
        let plain = run_plain();
        assert!(!plain.is_empty(), "nothing was dropped");
        assert_eq!(run_annotated(), plain);
    }};
}

mod asynchronous;
mod followed;
mod synchronous;
