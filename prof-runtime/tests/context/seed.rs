//! The cases of `test_metrics_context.py`, under their names.

use std::collections::{BTreeMap, BTreeSet};

use prof_runtime::{ContextValue, TopN};

use super::{metrics, recorded_context};

#[test]
fn context_exists() {
    let (context, records) = recorded_context();
    let errors = [
        context.increment("m", 1).unwrap_err(),
        context.set("m", 1).unwrap_err(),
        context.update([("m", 1)]).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("outside of a MetricsContext"), "{error}");
    }
    assert_eq!(records.len(), 0);
}

#[test]
fn nested_context() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        {
            let context = context.enter();
            context.set("m1", 1).unwrap();
        }
        assert_eq!(records.len(), 0);
        context.set("m2", 2).unwrap();
    }
    assert_eq!(records.take_one_metrics(), metrics([("m1", 1.into()), ("m2", 2.into())]));
}

#[test]
fn set() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.set("m1", 1).unwrap();
        context.set("m2", 2).unwrap();
        context.update([("m3", 3), ("m4", 4)]).unwrap();
    }
    let expected = metrics([("m1", 1.into()), ("m2", 2.into()), ("m3", 3.into()), ("m4", 4.into())]);
    assert_eq!(records.take_one_metrics(), expected);
}

#[test]
fn set_disallow_overwrite() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.set("m1", 1).unwrap();
        let error = context.set("m1", 2).unwrap_err();
        assert!(error.to_string().contains("already been set"), "{error}");
    }
    assert_eq!(records.take_one_metrics(), metrics([("m1", 1.into())]));
}

#[test]
fn update_disallow_overwrite() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.update([("m1", 1), ("m2", 2)]).unwrap();
        let error = context.update([("m1", 7), ("m3", 3)]).unwrap_err();
        assert!(error.to_string().contains("already been set"), "{error}");
    }
    assert_eq!(records.take_one_metrics(), metrics([("m1", 1.into()), ("m2", 2.into())]));
}

#[test]
fn update_allow_overwrite() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.update([("m1", 1), ("m2", 2)]).unwrap();
        context.update_overwrite([("m1", 7), ("m3", 3)]).unwrap();
    }
    assert_eq!(records.take_one_metrics(), metrics([("m1", 7.into()), ("m2", 2.into()), ("m3", 3.into())]));
}

#[test]
fn add_to_set() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.add_to_set("m1", 1).unwrap();
        context.add_to_set("m1", 2).unwrap();
        context.add_to_set("m2", 3).unwrap();
        context.add_to_set("m2", 4).unwrap();
    }
    let expected = metrics([("m1", BTreeSet::from([1, 2]).into()), ("m2", BTreeSet::from([3, 4]).into())]);
    let metrics = records.take_one_metrics();
    assert_eq!(metrics, expected);
    assert!(metrics.values().all(|value| matches!(value, ContextValue::Set(_))));
}

#[test]
fn set_key_value() {
    let (context, records) = recorded_context();
    {
        let context = context.enter();
        context.set_key_value("feature_usage", "k", true).unwrap();
        // Overrides allowed
        context.set_key_value("feature_usage", "k2", true).unwrap();
        context.set_key_value("feature_usage", "k2", false).unwrap();
    }
    let expected = BTreeMap::from([("k", true), ("k2", false)]);
    assert_eq!(records.take_one_metrics(), metrics([("feature_usage", expected.into())]));
}

#[test]
fn top_n() {
    let mut top_n = TopN::new(3);
    for (key, value) in [("seven", 7), ("four", 4), ("five", 5), ("six", 6), ("eight", 8)] {
        top_n.add(key, value);
    }
    assert_eq!(top_n.len(), 3);
    assert_eq!(top_n.into_iter().collect::<Vec<_>>(), [("eight", 8), ("seven", 7), ("six", 6)]);
}
