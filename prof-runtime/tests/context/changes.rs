//! What each method does to the metrics, beyond the seed.

use std::collections::{BTreeMap, HashMap};

use prof_runtime::{ContextValue, TopN, context::Number};

use super::{metrics, recorded_context};

#[test]
fn increment_starts_from_zero_and_adds() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.increment("int", 2_u8).unwrap();
        context.increment("int", -5).unwrap();
        context.increment("float", 0.5).unwrap();
        context.increment("float", Number::Float(0.25)).unwrap();
    }
    assert_eq!(records.take_one_metrics(), metrics([("int", (-3).into()), ("float", 0.75.into())]));
}

#[test]
fn increments_that_overflow_saturate() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.increment("up", i64::MAX - 1).unwrap();
        context.increment("up", 2).unwrap();
        context.increment("down", i64::MIN).unwrap();
        context.increment("down", -1).unwrap();
        context.increment("wide", u64::MAX).unwrap();
        context.increment("back", i64::MAX).unwrap();
        context.increment("back", i64::MAX).unwrap();
        context.increment("back", -1).unwrap();
    }
    let expected = metrics([
        ("up", i64::MAX.into()),
        ("down", i64::MIN.into()),
        ("wide", i64::MAX.into()),
        ("back", (i64::MAX - 1).into()),
    ]);
    assert_eq!(records.take_one_metrics(), expected);
}

#[test]
fn an_incremented_metric_counts_as_set() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.increment("m", 1).unwrap();
        assert!(context.set("m", 5).is_err());
        context.increment("m", 1).unwrap();
    }
    assert_eq!(records.take_one_metrics(), metrics([("m", 2.into())]));
}

#[test]
fn a_set_number_can_be_incremented() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.set("m", 40).unwrap();
        context.increment("m", 2).unwrap();
    }
    assert_eq!(records.take_one_metrics(), metrics([("m", 42.into())]));
}

#[test]
fn set_overwrite_replaces_value_and_kind() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.set_overwrite("m", 1).unwrap();
        context.set_overwrite("m", "text").unwrap();
        context.set_overwrite("other", true).unwrap();
    }
    assert_eq!(records.take_one_metrics(), metrics([("m", "text".into()), ("other", true.into())]));
}

#[test]
fn update_takes_any_pairs() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.update(HashMap::from([("a".to_owned(), 0.5)])).unwrap();
        context.update([("b", ContextValue::from(1)), ("c", "text".into())]).unwrap();
        context.update(BTreeMap::<&str, bool>::new()).unwrap();
    }
    assert_eq!(records.take_one_metrics(), metrics([("a", 0.5.into()), ("b", 1.into()), ("c", "text".into())]));
}

#[test]
fn update_overwrite_takes_the_last_of_a_name_given_twice() {
    let (context, records) = recorded_context();
    context.enter().update_overwrite([("m", 1), ("m", 2)]).unwrap();
    assert_eq!(records.take_one_metrics(), metrics([("m", 2.into())]));
}

#[test]
fn update_outer_sets_at_depth_1_and_not_at_depth_2() {
    let (context, records) = recorded_context();
    {
        let outer = context.enter();
        outer.update_outer([("before", 1)]).unwrap();
        {
            let nested = context.enter();
            nested.update_outer([("nested", 1)]).unwrap();
            // Not an error either: nothing is looked at.
            nested.update_outer([("before", 2)]).unwrap();
        }
        assert!(outer.update_outer([("before", 2)]).is_err());
        outer.update_outer([("after", 1)]).unwrap();
    }
    assert_eq!(records.take_one_metrics(), metrics([("before", 1.into()), ("after", 1.into())]));
}

#[test]
fn update_outer_sets_when_only_the_nested_entry_is_left() {
    let (context, records) = recorded_context();
    let outer = context.enter();
    let nested = context.enter();
    drop(outer);
    nested.update_outer([("m", 1)]).unwrap();
    drop(nested);
    assert_eq!(records.take_one_metrics(), metrics([("m", 1.into())]));
}

#[test]
fn add_top_n_keeps_25_unless_set_with_another_number() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.set("two", TopN::<&str, i32>::new(2)).unwrap();
        for n in 0..30 {
            context.add_top_n("default", format!("key {n}"), n).unwrap();
            context.add_top_n("two", n, n).unwrap();
        }
    }
    let mut default = TopN::new(25);
    let mut two = TopN::new(2);
    default.extend((5..30).map(|n| (format!("key {n}"), n)));
    two.extend([(29, 29), (28, 28)]);
    assert_eq!(records.take_one_metrics(), metrics([("default", default.into()), ("two", two.into())]));
}

#[test]
fn a_map_holds_values_of_all_kinds() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.set_key_value("m", "nested", BTreeMap::from([("k", 1)])).unwrap();
        context.set_key_value("m", "text", "t").unwrap();
        context.set_key_value("m", "text", 0.5).unwrap();
    }
    let nested = ContextValue::from(BTreeMap::from([("k", 1)]));
    let expected = BTreeMap::from([("nested", nested), ("text", 0.5.into())]);
    assert_eq!(records.take_one_metrics(), metrics([("m", expected.into())]));
}

#[test]
fn many_metrics_are_all_reported() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        for n in 0..10_000 {
            context.set(&format!("metric {n}"), n).unwrap();
            context.increment(&format!("metric {n}"), 1).unwrap();
        }
    }
    let metrics = records.take_one_metrics();
    assert_eq!(metrics.len(), 10_000);
    assert!((0..10_000).all(|n| metrics[&format!("metric {n}")] == (n + 1).into()));
}
