//! `RuntimeMetricsContext`.

use std::{panic::panic_any, thread};

use prof_runtime::{ContextError, RuntimeMetricsContext};

use super::{Records, metrics};

fn recorded() -> (RuntimeMetricsContext, Records) {
    let records = Records::default();
    (RuntimeMetricsContext::new(records.on_exit()), records)
}

#[test]
fn an_empty_finish_reports_nothing() {
    let (context, records) = recorded();
    context.finish();
    drop(context);
    assert_eq!(records.len(), 0);
}

#[test]
fn finish_reports_and_resets() {
    let (context, records) = recorded();
    context.increment("m", 1, &[]).unwrap();
    context.increment("m", 2, &[]).unwrap();
    context.finish();
    let first = records.take_one();
    assert_eq!((first.metrics, first.error), (metrics([("m", 3.into())]), None));
    assert!(first.start_ns <= first.end_ns);

    context.finish();
    assert_eq!(records.len(), 0);
    context.increment("m", 0.5, &[]).unwrap();
    context.finish();
    assert_eq!(records.take_one_metrics(), metrics([("m", 0.5.into())]));
}

#[test]
fn extra_fills_only_absent_names_with_present_values() {
    let (context, records) = recorded();
    context.increment("m", 1, &[("m", Some(100.into())), ("a", Some("first".into())), ("b", None)]).unwrap();
    context.increment("m", 1, &[("a", Some("second".into())), ("b", Some(true.into())), ("c", None)]).unwrap();
    context.finish();
    let expected = metrics([("m", 2.into()), ("a", "first".into()), ("b", true.into())]);
    assert_eq!(records.take_one_metrics(), expected);
}

#[test]
fn a_mismatch_changes_nothing() {
    let (context, records) = recorded();
    context.increment("m", 1, &[("text", Some("t".into()))]).unwrap();
    let error = context.increment("text", 1, &[("extra", Some(1.into()))]).unwrap_err();
    assert!(matches!(error, ContextError::KindMismatch { .. }), "{error}");
    assert!(context.increment("m", 0.5, &[]).is_err());
    context.finish();
    assert_eq!(records.take_one_metrics(), metrics([("m", 1.into()), ("text", "t".into())]));
}

#[test]
fn increments_saturate() {
    let (context, records) = recorded();
    context.increment("m", i64::MAX, &[]).unwrap();
    context.increment("m", 1, &[]).unwrap();
    context.finish();
    assert_eq!(records.take_one_metrics(), metrics([("m", i64::MAX.into())]));
}

#[test]
fn dropping_it_reports_what_it_holds() {
    let (context, records) = recorded();
    context.increment("m", 1, &[]).unwrap();
    drop(context);
    assert_eq!(records.take_one_metrics(), metrics([("m", 1.into())]));
}

#[test]
fn a_panicking_on_exit_leaves_it_clean() {
    let records = Records::default();
    let record_it = records.on_exit();
    let context = RuntimeMetricsContext::new(move |record| {
        if record.metrics.contains_key("bad") {
            panic_any("bad");
        }
        record_it(record);
    });
    context.increment("bad", 1, &[]).unwrap();
    context.finish();
    context.increment("good", 1, &[]).unwrap();
    context.finish();
    assert_eq!(records.take_one_metrics(), metrics([("good", 1.into())]));
}

#[test]
fn threads_share_it_and_nothing_is_lost() {
    let (context, records) = recorded();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..500 {
                    context.increment("m", 1, &[]).unwrap();
                    if n % 50 == 0 {
                        context.finish();
                    }
                }
            });
        }
    });
    context.finish();
    let records = records.0.lock().unwrap();
    let total: f64 = records.iter().map(|record| record.metrics["m"].as_f64().unwrap()).sum();
    assert!((total - 2000.0).abs() < f64::EPSILON, "{total}");
}
