//! What a context refuses, and how it says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::Location,
};

use prof_runtime::{
    ContextError, ContextValue, MetricsContext, TopN,
    context::{SetBefore, ValueKind},
};

use super::{metrics, recorded_context};

#[test]
fn outside_says_what_was_tried_and_on_what() {
    let (context, records) = recorded_context();
    let check = |result: Result<(), ContextError>, expect: &str| {
        assert_eq!(result.unwrap_err().to_string(), format!("cannot {expect} outside of a MetricsContext"));
    };
    check(context.increment("m", 1), "increment `m`");
    check(context.set("m", 1), "set `m`");
    check(context.set_overwrite("m", 1), "set `m`");
    check(context.update([("m1", 1), ("m2", 2)]), "update `m1`, `m2`");
    check(context.update([("m", 1); 0]), "update metrics");
    check(context.update_overwrite([("m", 1)]), "update `m`");
    check(context.update_outer([("m", 1)]), "update `m`");
    check(context.set_key_value("m", "k", 1), "set `m`");
    check(context.add_to_set("m", 1), "add to `m`");
    assert_eq!(records.len(), 0);
}

#[test]
fn add_top_n_outside_does_nothing() {
    let (context, records) = recorded_context();
    context.add_top_n("m", "key", 1).unwrap();
    assert_eq!(records.len(), 0);
    drop(context.enter());
    assert_eq!(records.take_one_metrics(), metrics([]));
}

#[test]
fn outside_is_also_after_the_last_entry() {
    let (context, _records) = recorded_context();
    drop(context.enter());
    assert!(matches!(context.set("m", 1), Err(ContextError::Outside { operation: "set", .. })));
}

/// Sets `m` here, and returns this place.
fn set_here(context: &MetricsContext) -> u32 {
    context.set("m", 1).unwrap();
    Location::caller().line() - 1
}

fn file_and_line(place: &Location<'_>) -> (String, u32) {
    (place.file().to_owned(), place.line())
}

#[test]
fn already_set_names_the_metric_and_both_places() {
    let (context, _records) = recorded_context();
    let context = context.enter();
    let first_line = set_here(&context);
    let (error, again_line) = (context.set("m", 2).unwrap_err(), line!());

    let ContextError::AlreadySet { conflicts, again_at } = &error else { panic!("{error:?}") };
    let [SetBefore { metric, set_at, .. }] = &conflicts[..] else { panic!("{error:?}") };
    assert_eq!(metric, "m");
    assert_eq!(file_and_line(set_at), (file!().to_owned(), first_line));
    assert_eq!(file_and_line(again_at), (file!().to_owned(), again_line));
    assert_eq!(
        error.to_string(),
        format!("metric `m` has already been set at {set_at}; refused to set again at {again_at}")
    );
}

#[test]
fn the_first_place_is_that_of_the_present_value() {
    let (context, _records) = recorded_context();
    let context = context.enter();
    let set_at = |error: ContextError| match error {
        ContextError::AlreadySet { conflicts, .. } => conflicts[0].set_at.line(),
        other => panic!("{other:?}"),
    };

    set_here(&context);
    let (overwritten_line, ()) = (line!(), context.set_overwrite("m", 2).unwrap());
    assert_eq!(set_at(context.set("m", 3).unwrap_err()), overwritten_line);

    let (first_line, ()) = (line!(), context.increment("count", 1).unwrap());
    context.increment("count", 1).unwrap();
    assert_eq!(set_at(context.set("count", 3).unwrap_err()), first_line);

    let (update_line, ()) = (line!(), context.update([("updated", 1)]).unwrap());
    assert_eq!(set_at(context.update_outer([("updated", 3)]).unwrap_err()), update_line);
}

#[test]
fn update_names_every_conflict_and_sets_nothing() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.update([("m1", 1), ("m2", 2)]).unwrap();
        let error = context.update([("new", 0), ("m2", 7), ("m1", 7)]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("metric `m2` has already been set at "), "{message}");
        assert!(message.contains("metric `m1` has already been set at "), "{message}");
        assert!(!message.contains("new"), "{message}");
    }
    assert_eq!(records.take_one_metrics(), metrics([("m1", 1.into()), ("m2", 2.into())]));
}

#[test]
fn update_refuses_a_name_that_is_given_twice() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        let error = context.update([("m", 1), ("other", 2), ("m", 3)]).unwrap_err();
        let ContextError::AlreadySet { conflicts, again_at } = error else { panic!("{error:?}") };
        assert_eq!(conflicts.len(), 1);
        assert_eq!((&*conflicts[0].metric, conflicts[0].set_at), ("m", again_at));
    }
    assert_eq!(records.take_one_metrics(), metrics([]));
}

/// Tries every operation on a metric that holds `value`. Only one that makes the same kind of value may succeed; one
/// that fails must name both kinds and leave the metric as it was.
fn check_kinds(value: impl Into<ContextValue>) {
    type Operation = fn(&MetricsContext) -> Result<(), ContextError>;

    let value = value.into();
    let operations: [(_, Operation); 5] = [
        (ValueKind::Int, |context| context.increment("m", 1)),
        (ValueKind::Float, |context| context.increment("m", 1.0)),
        (ValueKind::Map, |context| context.set_key_value("m", "k", 1)),
        (ValueKind::Set, |context| context.add_to_set("m", 1)),
        (ValueKind::TopN, |context| context.add_top_n("m", "k", 1)),
    ];
    for (wanted, operate) in operations {
        let (context, records) = recorded_context();
        let entered = context.enter();
        entered.set("m", value.clone()).unwrap();
        let result = operate(&entered);
        drop(entered);
        if wanted == value.kind() {
            result.unwrap();
            assert_ne!(records.take_one_metrics(), metrics([("m", value.clone())]));
        } else {
            check_mismatch(&result.unwrap_err(), value.kind(), wanted);
            assert_eq!(records.take_one_metrics(), metrics([("m", value.clone())]));
        }
    }
}

fn check_mismatch(error: &ContextError, expect_held: ValueKind, expect_wanted: ValueKind) {
    let ContextError::KindMismatch { metric, held, set_at, wanted, again_at } = error else { panic!("{error:?}") };
    assert_eq!((metric.as_str(), *held, *wanted), ("m", expect_held, expect_wanted));
    assert_ne!(set_at.line(), again_at.line());
    assert_eq!(
        error.to_string(),
        format!("metric `m` is {held}, set at {set_at}; refused to use it as {wanted} at {again_at}")
    );
}

#[test]
fn mixed_kinds_are_refused_and_nothing_is_lost() {
    check_kinds(1);
    check_kinds(0.5);
    check_kinds(true);
    check_kinds("text");
    check_kinds(BTreeSet::from(["a"]));
    check_kinds(BTreeMap::from([("a", 1)]));
    check_kinds(TopN::<&str, i32>::new(3));
}
