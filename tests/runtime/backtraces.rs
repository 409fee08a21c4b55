//! r12: a measured function adds at most one frame to a backtrace.

use std::backtrace::Backtrace;

use prof_runtime::prof;
use prof_tests::block_on;

/// How many frames there are.
#[inline(never)]
fn frames() -> usize {
    let backtrace = Backtrace::force_capture().to_string();
    backtrace.lines().filter(|line| !line.trim_start().starts_with("at ")).count()
}

/// How many frames `f` adds to those of its caller.
#[inline(never)]
fn added(f: impl FnOnce() -> usize) -> usize {
    f()
}

mod plain {
    pub(super) fn value() -> usize {
        super::frames()
    }

    pub(super) fn early(fail: bool) -> Result<usize, ()> {
        if fail {
            return Err(());
        }
        Ok(super::frames())
    }

    pub(super) async fn later() -> usize {
        super::frames()
    }

    pub(super) async fn early_later(fail: bool) -> Result<usize, ()> {
        if fail {
            return Err(());
        }
        Ok(super::frames())
    }
}

#[prof]
mod annotated {
    pub(super) fn value() -> usize {
        super::frames()
    }

    pub(super) fn early(fail: bool) -> Result<usize, ()> {
        if fail {
            return Err(());
        }
        Ok(super::frames())
    }

    pub(super) async fn later() -> usize {
        super::frames()
    }

    pub(super) async fn early_later(fail: bool) -> Result<usize, ()> {
        if fail {
            return Err(());
        }
        Ok(super::frames())
    }
}

#[test]
fn a_body_without_early_exits_adds_no_frame() {
    assert_eq!(added(annotated::value), added(plain::value));
    assert_eq!(added(|| block_on(annotated::later())), added(|| block_on(plain::later())));
}

#[test]
fn a_body_that_may_leave_early_adds_one() {
    assert_eq!(added(|| annotated::early(false).unwrap()), added(|| plain::early(false).unwrap()) + 1);
    let (annotated, plain) = (annotated::early_later(false), plain::early_later(false));
    assert_eq!(added(|| block_on(annotated).unwrap()), added(|| block_on(plain).unwrap()) + 1);
}
