//! One context, many threads.

use std::{sync::Barrier, thread};

use prof_runtime::{ContextError, ContextRecord, MetricsContext, RuntimeMetricsContext};

use super::{metrics, recorded_context};

#[test]
fn contexts_and_records_are_send_and_sync() {
    fn check<T: Send + Sync + 'static>() {}
    check::<MetricsContext>();
    check::<RuntimeMetricsContext>();
    check::<ContextRecord>();
    check::<ContextError>();
}

#[test]
fn threads_of_one_unit_of_work_share_the_record() {
    let (context, records) = recorded_context();
    context.run(|ctx| {
        thread::scope(|scope| {
            for worker in 0..4 {
                scope.spawn(move || {
                    for n in 0..500 {
                        ctx.increment("count", 1).unwrap();
                        ctx.add_to_set("workers", worker).unwrap();
                        ctx.add_top_n("top", format!("{worker}/{n}"), n).unwrap();
                    }
                });
            }
        });
    });
    let record = records.take_one();
    assert_eq!(record.metrics["count"], 2000.into());
    assert_eq!(record.metrics["workers"], std::collections::BTreeSet::from([0, 1, 2, 3]).into());
    let prof_runtime::ContextValue::TopN(top) = &record.metrics["top"] else { panic!("{record:?}") };
    assert_eq!(top.iter().next(), Some((&"3/499".into(), &499.into())));
}

#[test]
fn entries_that_overlap_are_one_record_which_the_last_reports() {
    let (context, records) = recorded_context();
    let (entered, left) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let ctx = context.enter();
            entered.wait();
            left.wait();
            ctx.set("m2", 2).unwrap();
        });
        entered.wait();
        context.run(|ctx| ctx.set("m1", 1)).unwrap();
        assert_eq!(records.len(), 0);
        left.wait();
    });
    assert_eq!(records.take_one_metrics(), metrics([("m1", 1.into()), ("m2", 2.into())]));
}

#[test]
fn update_outer_looks_at_the_calling_threads_nesting() {
    let (context, records) = recorded_context();
    let (entered, updated) = (Barrier::new(2), Barrier::new(2));
    let outer = context.enter();
    thread::scope(|scope| {
        scope.spawn(|| {
            context.update_outer([("helper", 1)]).unwrap();
            let worker = context.enter();
            worker.update_outer([("worker", 1)]).unwrap();
            entered.wait();
            updated.wait();
        });
        entered.wait();
        // The worker is in the context, and does not make this a nested entry.
        outer.update_outer([("outer", 1)]).unwrap();
        updated.wait();
    });
    drop(outer);
    assert_eq!(records.take_one_metrics(), metrics([("helper", 1.into()), ("outer", 1.into())]));
}

#[test]
fn every_record_of_racing_entries_is_reported_once() {
    let (context, records) = recorded_context();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let ctx = context.enter();
                    ctx.increment("count", 1).unwrap();
                    let _nested = ctx.enter();
                    ctx.increment("count", 1).unwrap();
                }
            });
        }
    });
    let records = records.0.lock().unwrap();
    let total: f64 = records.iter().map(|record| record.metrics["count"].as_f64().unwrap()).sum();
    assert!((total - 4000.0).abs() < f64::EPSILON, "{total}");
}
