//! Entering and leaving: results, panics, order.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    thread,
};

use prof_runtime::{MetricsContext, context::ContextFailure};

use super::{metrics, recorded_context};

fn error(type_name: &'static str, message: &str) -> ContextFailure {
    ContextFailure::Error { type_name, message: message.to_owned() }
}

fn panic() -> ContextFailure {
    ContextFailure::Panic { message: None }
}

#[test]
fn in_progress_from_the_first_entry_to_the_last() {
    let (context, _records) = recorded_context();
    assert!(!context.in_progress());
    let outer = context.enter();
    let nested = context.enter();
    drop(nested);
    assert!(context.in_progress());
    drop(outer);
    assert!(!context.in_progress());
}

#[test]
fn each_outermost_entry_starts_clean() {
    let (context, records) = recorded_context();
    context.enter().set("m1", 1).unwrap();
    let first = records.take_one();
    assert_eq!(first.metrics, metrics([("m1", 1.into())]));
    context.enter().set("m2", 2).unwrap();
    let second = records.take_one();
    assert_eq!(second.metrics, metrics([("m2", 2.into())]));
    assert!(first.start_ns <= first.end_ns);
    assert!(first.start_ns > 1_600_000_000_000_000_000, "nanoseconds since the epoch");
    assert_eq!(u128::from(second.end_ns - second.start_ns), second.duration().as_nanos());
}

#[test]
fn run_returns_what_the_closure_returned() {
    let (context, records) = recorded_context();
    assert_eq!(context.run(|ctx| ctx.set("m", 1).map(|()| 7)), Ok(7));
    assert_eq!(records.take_one().error, None);
    assert_eq!(context.run(|_| None::<u8>), None);
    assert_eq!(records.take_one().error, None);
    context.run(|_| ());
    assert_eq!(records.take_one().error, None);
}

#[test]
fn the_err_of_run_is_the_error() {
    let (context, records) = recorded_context();
    let result = context.run(|ctx| -> Result<(), std::num::ParseIntError> {
        ctx.set("m", 1).unwrap();
        "x".parse::<i32>()?;
        Ok(())
    });
    assert!(result.is_err());
    let record = records.take_one();
    assert_eq!(record.metrics, metrics([("m", 1.into())]));
    assert_eq!(record.error, Some(error("core::num::error::ParseIntError", "invalid digit found in string")));
}

#[test]
fn a_nested_err_that_was_dealt_with_is_not_the_error() {
    let (context, records) = recorded_context();
    context.run(|ctx| {
        ctx.run(|_| Err::<(), _>("nested")).unwrap_err();
    });
    assert_eq!(records.take_one().error, None);
}

#[test]
fn a_panic_in_run_goes_on_unchanged_and_is_the_error() {
    let (context, records) = recorded_context();
    let payload = catch_unwind(|| {
        context.run(|ctx| {
            ctx.set("m", 1).unwrap();
            if ctx.in_progress() {
                panic_any(42_u8);
            }
        });
    })
    .unwrap_err();
    assert_eq!(payload.downcast_ref::<u8>(), Some(&42));
    let record = records.take_one();
    assert_eq!((record.metrics, record.error), (metrics([("m", 1.into())]), Some(panic())));
}

#[test]
fn unwinding_through_nested_runs_reports_once_with_the_message() {
    let (context, records) = recorded_context();
    let work = |n: i32| context.run(|ctx| ctx.run(|ctx| ctx.run(|_| assert_eq!(n, 0, "n is {n}"))));
    catch_unwind(AssertUnwindSafe(|| work(3))).unwrap_err();
    let error = records.take_one().error.unwrap();
    assert!(error.to_string().contains("n is 3"), "{error}");
    assert!(!context.in_progress());
}

#[test]
fn unwinding_through_nested_guards_reports_once() {
    let (context, records) = recorded_context();
    let result = catch_unwind(|| {
        let outer = context.enter();
        outer.set("m1", 1).unwrap();
        let _nested = context.enter();
        let nested = context.enter();
        nested.set("m2", 2).unwrap();
        panic_any("unwind");
    });
    assert!(result.is_err());
    let record = records.take_one();
    assert_eq!(record.metrics, metrics([("m1", 1.into()), ("m2", 2.into())]));
    assert_eq!(record.error, Some(panic()));

    context.enter().set("m1", 3).unwrap();
    let record = records.take_one();
    assert_eq!((record.metrics, record.error), (metrics([("m1", 3.into())]), None));
}

#[test]
fn a_caught_nested_panic_is_not_the_error() {
    let (context, records) = recorded_context();
    let outer = context.enter();
    assert!(catch_unwind(|| context.run(|_| -> () { panic_any("nested") })).is_err());
    drop(outer);
    assert_eq!(records.take_one().error, None);
}

#[test]
fn an_entry_inside_of_a_drop_while_unwinding_has_not_panicked() {
    struct RunsOnDrop(MetricsContext);
    impl Drop for RunsOnDrop {
        fn drop(&mut self) {
            assert!(thread::panicking());
            self.0.enter().set("m", 1).unwrap();
        }
    }
    let (context, records) = recorded_context();
    let in_drop = RunsOnDrop(context);
    assert!(
        catch_unwind(AssertUnwindSafe(move || {
            let _in_drop = in_drop;
            panic_any("unwind")
        }))
        .is_err()
    );
    assert_eq!(records.take_one().error, None);
}

#[test]
fn guards_dropped_out_of_order_report_at_the_last() {
    let (context, records) = recorded_context();
    let first = context.enter();
    let second = context.enter();
    let third = context.enter();
    drop(first);
    third.set("m1", 1).unwrap();
    drop(third);
    assert_eq!(records.len(), 0);
    second.set("m2", 2).unwrap();
    drop(second);
    assert_eq!(records.take_one_metrics(), metrics([("m1", 1.into()), ("m2", 2.into())]));
    assert!(MetricsContext::current().is_none());
}

#[test]
fn fail_is_the_error_of_the_outermost_entry() {
    let (context, records) = recorded_context();
    let outer = context.enter();
    context.enter().fail("nested");
    outer.fail(String::from("outer"));
    assert_eq!(records.take_one().error, Some(error("alloc::string::String", "outer")));
}

#[test]
fn the_error_of_the_outermost_entry_is_kept_when_it_ends_early() {
    let (context, records) = recorded_context();
    let outer = context.enter();
    let nested = context.enter();
    outer.fail("outer");
    nested.fail("nested");
    assert_eq!(records.take_one().error, Some(error("&str", "outer")));
}

#[test]
fn the_error_of_the_last_entry_counts_if_the_outermost_had_none() {
    let (context, records) = recorded_context();
    let outer = context.enter();
    let nested = context.enter();
    drop(outer);
    nested.fail("nested");
    assert_eq!(records.take_one().error, Some(error("&str", "nested")));
}

#[test]
fn an_error_whose_display_panics_stays_the_callers() {
    struct Undisplayable;
    impl std::fmt::Display for Undisplayable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic_any("no display")
        }
    }
    let (context, records) = recorded_context();
    assert!(context.run(|_| Err::<(), _>(Undisplayable)).is_err());
    let failure = records.take_one().error.unwrap();
    assert_eq!(failure.to_string(), "(displaying the error panicked)");
}

#[test]
fn current_is_the_innermost_of_this_thread() {
    let (a, a_records) = recorded_context();
    let (b, b_records) = recorded_context();
    let count = || {
        MetricsContext::current().unwrap().increment("count", 1).unwrap();
    };
    let in_a = a.enter();
    count();
    let in_b = b.enter();
    count();
    count();
    drop(in_a);
    count();
    thread::spawn(|| assert!(MetricsContext::current().is_none())).join().unwrap();
    drop(in_b);
    assert!(MetricsContext::current().is_none());
    assert_eq!(a_records.take_one_metrics(), metrics([("count", 1.into())]));
    assert_eq!(b_records.take_one_metrics(), metrics([("count", 3.into())]));
}

#[test]
fn entering_while_the_threads_locals_are_destroyed_works() {
    struct EntersOnDrop(MetricsContext);
    impl Drop for EntersOnDrop {
        fn drop(&mut self) {
            self.0.enter().increment("m", 1).unwrap();
        }
    }
    thread_local!(static LATE: std::cell::RefCell<Vec<EntersOnDrop>> = const { std::cell::RefCell::new(Vec::new()) });
    let (context, records) = recorded_context();
    let late = EntersOnDrop(context.clone());
    let thread = thread::spawn(move || {
        LATE.with(|locals| locals.borrow_mut().push(late));
        drop(context.enter());
    });
    thread.join().unwrap();
    assert_eq!(records.len(), 2);
}
